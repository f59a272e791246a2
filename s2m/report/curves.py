"""Training curves of a stage."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from s2m.report.figures import png
from s2m.report.protocol import METRICS
from s2m.report.results import Curve, StageResults

COLUMNS = 3
_COLOURS = {"train": "#3b6fb6", "val": "#c4622d"}


def curves_picture(stage: StageResults) -> bytes | None:
    """A PNG with one small plot per curve, training terms first; ``None`` when nothing was logged.

    Args:
        stage: The numbers of one stage.
    """
    names = sorted(stage.curves, key=lambda name: (not name.startswith("train/"), name != "train/loss", name))
    if not names:
        return None
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 2.3 * rows), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axis, name in zip(axes, names, strict=False):
        _plot(axis, name, stage.curves[name])
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    return png(figure)


def _plot(axis: Axes, name: str, curve: Curve) -> None:
    split, metric = name.split("/", 1)
    steps, values = zip(*curve, strict=True)
    shown = METRICS.get(metric)
    axis.plot(steps, values, color=_COLOURS[split], linewidth=1.3, marker="." if len(curve) < 30 else "")
    axis.set_title(f"{split}: {metric}" if shown is None else f"{split}: {shown.label}", fontsize=9, loc="left")
    if shown is not None and shown.factor == 1.0 and shown.unit:
        axis.set_ylabel(shown.unit, fontsize=8)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
