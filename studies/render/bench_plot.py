"""What ``make bench-render`` measured, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from s2m.report.figures import save
from studies.render.bench_case import RENDERERS
from studies.render.bench_report import Axis, Result

# Okabe and Ito's colours, told apart by people with any colour vision.
_COLOURS = dict(zip(RENDERERS, ("#D55E00", "#0072B2", "#009E73"), strict=True))
_LABELS = {"size": "image side [px]", "faces": "faces", "batch": "batch"}
_ROWS = (("ms per image, with backward", "both_s", 1000.0), ("peak memory, with backward [MiB]", "both_mib", 1.0))


def plot(axes: Sequence[Axis], results: Sequence[Result], target: Path) -> None:
    """A PNG: time and memory against image side, faces and batch, both scales logarithmic; dashed: a GPU."""
    figure = Figure(figsize=(11, 6), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(_ROWS), len(_LABELS), sharey="row", squeeze=False)
    for row, (title, field, factor) in enumerate(_ROWS):
        for column, name in enumerate(_LABELS):
            for axis in (axis for axis in axes if axis.name == name):
                _lines(panels[row, column], axis, results, field, factor)
            _decorate(panels[row, column], name)
        panels[row, 0].set_ylabel(title, fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    save(figure, target)


def _lines(panel: Axes, axis: Axis, results: Sequence[Result], field: str, factor: float) -> None:
    device = axis.settings[0].device
    for renderer in RENDERERS:
        found = {result.setting: result for result in results if result.renderer == renderer}
        line = [found[setting] for setting in axis.settings if getattr(found[setting].figures, field)]
        x = [r.triangles if axis.name == "faces" else getattr(r.setting, axis.name) for r in line]
        y = [factor * getattr(r.figures, field) for r in line]
        style = "o-" if device == "cpu" else "s--"
        panel.plot(x, y, style, color=_COLOURS[renderer], markersize=4, label=f"{renderer}, {device}")


def _decorate(panel: Axes, name: str) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    ticks = sorted({float(value) for line in panel.lines for value in np.asarray(line.get_xdata())})
    panel.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks], fontsize=8)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter("{x:,g}")
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel(_LABELS[name], fontsize=9)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
