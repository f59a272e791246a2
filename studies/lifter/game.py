"""What discriminators said of pictures while lifters were trained: ``python -m studies.lifter.game TITLE=RUN -o PNG``.

One panel for each run: the share of training pictures, of unseen people's and of the lifter's re-projections that they
called real.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from s2m.report.figures import save
from studies.lifter.curves import COLOURS, read_curve

LINES = {
    "train/real_called_real": "training pictures",
    "val/real_called_real": "unseen people",
    "train/reprojections_called_real": "the lifter's re-projections",
}
_SMOOTH = 5  # logged steps to each side


def plot(runs: Sequence[tuple[str, Path]], target: Path) -> None:
    """Draw a PNG.

    Args:
        runs: Title and folder of each run.
        target: The file.
    """
    figure = Figure(figsize=(4.4 * len(runs), 3.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for axis, (title, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs, strict=True):
        for colour, (column, label) in zip(COLOURS, LINES.items(), strict=False):
            steps, values = read_curve(run / "metrics.csv", column)
            marker = "o" if column.startswith("val") else None
            shown = values if marker else _smooth(values)
            axis.plot(steps / 1000, 100 * shown, color=colour, label=label, marker=marker, markersize=4, linewidth=1.5)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xlabel("thousand steps", fontsize=9)
        axis.set_ylim(0, 100)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("called real by the discriminator [%]", fontsize=9)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(3, 2 * len(runs) - 1),
        frameon=False,
    )
    save(figure, target)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of neighbours: a batch is a small sample."""
    window = [values[max(0, i - _SMOOTH) : i + _SMOOTH + 1].mean() for i in range(len(values))]
    return np.array(window, np.float64)


def main(arguments: list[str] | None = None) -> int:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.lifter.game", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="TITLE=RUN", help="title, and folder of a finished stage 1")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture")
    options = parser.parse_args(arguments)
    pairs = [text.partition("=") for text in options.runs]
    plot([(title, Path(run)) for title, _, run in pairs], options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
