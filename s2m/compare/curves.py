"""Learning curves: mean and spread over the seeds of a configuration, overlaid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.compare.comparison import Comparison
from s2m.compare.groups import Group
from s2m.compare.metrics import metric_text
from s2m.compare.runs import Curve

MAX_LINES = 8
COLOURS = ("#2f62ad", "#c4622d", "#2b8a5b", "#8a4fb0", "#b8860b", "#c0397a", "#3a9aa8", "#6b6f7a")


@dataclass(frozen=True)
class Band:
    """Mean and spread of a curve over seeds, in the units that are shown.

    Attributes:
        steps: (S,) training steps.
        mean: (S,) mean over the runs.
        std: (S,) sample standard deviation; zero where one run is.
        n: Number of runs.
    """

    steps: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    n: int


def band(curves: Sequence[Curve], factor: float = 1.0) -> Band | None:
    """The curves of several seeds as one; None if all are empty.

    Steps are all those at which any run has a point; in between, a run is taken to be linear. Outside of its own
    steps a run does not count, so that one that ended early does not flatten the mean.

    Args:
        curves: One per seed.
        factor: From stored values to shown ones.
    """
    known = [np.asarray(curve, dtype=np.float64) for curve in curves if curve]
    if not known:
        return None
    steps = np.unique(np.concatenate([curve[:, 0] for curve in known]))
    rows = np.stack([np.interp(steps, c[:, 0], c[:, 1], left=math.nan, right=math.nan) for c in known]) * factor
    count = (~np.isnan(rows)).sum(0)
    mean = np.nansum(rows, 0) / count
    squares = np.nansum((rows - mean) ** 2, 0)
    std = np.sqrt(np.divide(squares, count - 1, out=np.zeros_like(mean), where=count > 1))
    return Band(steps, mean, std, len(known))


def group_band(group: Group, metric: str) -> Band | None:
    """A configuration's curve of a metric, in the units that are shown.

    Args:
        group: A configuration and its runs.
        metric: Name of a metric, ``split/metric`` or ``split/method/metric``.
    """
    return band([run.curves.get(metric, []) for run in group.runs], metric_text(metric).factor)


def thinned(curve: Band, points: int) -> Band:
    """At most so many points, ends included.

    Args:
        curve: A band.
        points: How many points at most.
    """
    if len(curve.steps) <= points:
        return curve
    keep = np.unique(np.linspace(0, len(curve.steps) - 1, points).round().astype(int))
    return Band(curve.steps[keep], curve.mean[keep], curve.std[keep], curve.n)


def drawn_groups(comparison: Comparison) -> list[Group]:
    """The configurations whose curves are overlaid at first: the best by the sorted metric, and the baseline.

    Args:
        comparison: What is compared.
    """
    first = comparison.groups[:MAX_LINES]
    if comparison.baseline is not None and comparison.baseline not in first:
        first = [*first[: MAX_LINES - 1], comparison.baseline]
    return first


def curves_picture(comparison: Comparison) -> bytes | None:
    """A PNG with one plot per metric; None when there are no curves.

    Args:
        comparison: What is compared.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from s2m.report.figures import png

    groups = drawn_groups(comparison)
    bands = {m: {g.name: b for g in groups if (b := group_band(g, m)) is not None} for m in comparison.curves}
    bands = {metric: drawn for metric, drawn in bands.items() if drawn}
    if not bands:
        return None
    columns = min(3, len(bands))
    rows = -(-len(bands) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows + 0.9), dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    handles: dict[str, Any] = {}
    for axis, (metric, drawn) in zip(axes, bands.items(), strict=False):
        for index, group in enumerate(groups):
            if group.name in drawn:
                label = f"{group.name} (n={len(group.runs)})"
                handles[label] = _draw(axis, drawn[group.name], COLOURS[index % len(COLOURS)])
        _dress(axis, metric)
    for axis in axes[len(bands) :]:
        axis.set_axis_off()
    title = "mean over seeds, band: one standard deviation"
    if len(comparison.groups) > len(groups):
        title += f"; {len(groups)} of {len(comparison.groups)} configurations"
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    figure.legend(handles.values(), handles, loc="outside lower left", ncols=columns, fontsize=8, frameon=False)
    return png(figure)


def _draw(axis: Any, curve: Band, colour: str) -> Any:
    marker = "." if len(curve.steps) < 30 else ""
    (line,) = axis.plot(curve.steps, curve.mean, color=colour, linewidth=1.4, marker=marker)
    if curve.n > 1:
        axis.fill_between(
            curve.steps, curve.mean - curve.std, curve.mean + curve.std, color=colour, alpha=0.18, linewidth=0
        )
    return line


def _dress(axis: Any, metric: str) -> None:
    text = metric_text(metric)
    axis.set_title(text.heading, fontsize=10, loc="left")
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
