"""Learning curves of the study's runs, from their CSV logs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.report.figures import save

# Okabe and Ito's colours, told apart by people with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7A7A7A")
VALIDATION = (("val/n_mpjpe_mm", "N-MPJPE [mm]"), ("val/pa_mpjpe_mm", "PA-MPJPE [mm]"))
REVERSED = ("val/reversed_depth", "reversed depth [%]")
LOSS = "train/loss"
COLUMNS = 3

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def read_curve(path: Path, column: str) -> Curve:
    """Steps and values of one column of a run's ``metrics.csv``; empty where it was never logged.

    Raises:
        UserError: Names the file when it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(row.get("step"), row.get(column)) for row in csv.DictReader(file)]
        points = [(float(step), float(value)) for step, value in rows if step and value]
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: expected a CSV log with the columns step and {column} ({error})") from error
    steps, values = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return steps, values


def plot_curves(logs: Mapping[str, Sequence[Path]], target: Path) -> None:
    """A PNG: validation errors of all rows in the upper panels, the training loss of each row in one of its own below.

    Args:
        logs: Row -> the ``metrics.csv`` of its seeds. Every seed is a line; losses of different rows do not compare.
    """
    names = list(logs)
    lower = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 3.3 + 2.3 * lower), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1 + lower, COLUMNS, height_ratios=[1.5, *([1.0] * lower)])
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    for column, (metric, label) in enumerate((*VALIDATION, REVERSED)):
        axis = figure.add_subplot(grid[0, column])
        factor = 100.0 if metric == REVERSED[0] else 1.0
        for name in names:
            _lines(axis, [read_curve(path, metric) for path in logs[name]], colours[name], factor, name)
        _decorate(axis, f"validation: {label}")
        axis.set_xlim(left=0)
        axis.set_ylim((-3, 103) if metric == REVERSED[0] else (0, 1.08 * axis.dataLim.y1))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(6, max(1, len(names))), frameon=False)
    for i, name in enumerate(names):
        axis = figure.add_subplot(grid[1 + i // COLUMNS, i % COLUMNS])
        _lines(axis, [read_curve(path, LOSS) for path in logs[name]], colours[name], 1.0, name)
        _decorate(axis, f"training loss: {name}")
    save(figure, target)


def _lines(axis: Axes, curves: Sequence[Curve], colour: str, factor: float, label: str) -> None:
    options: dict[str, Any] = {"color": colour, "linewidth": 1.2, "alpha": 0.85}
    for i, (steps, values) in enumerate(curves):
        axis.plot(steps / 1000, factor * values, label=label if i == 0 else None, **options)


def _decorate(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize=10, loc="left")
    axis.set_xlabel("thousand steps", fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
