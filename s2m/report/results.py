"""What the stages of a run left behind, read and checked."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from s2m.errors import UserError
from s2m.reading import reading

STAGES = ("lifter", "regressor", "mesh")
MAIN = "full"
_NOT_TESTED = ("train", "val", "data", "epoch", "step")

Curve = list[tuple[float, float]]


class ReportError(UserError, ValueError):
    """A run cannot be reported; the message names the file and what is missing or wrong in it."""


@dataclass(frozen=True)
class StageResults:
    """The numbers of one stage.

    Attributes:
        name: ``lifter``, ``regressor`` or ``mesh``.
        metrics_file: Where they came from.
        tables: Split -> method -> metric -> value, in the units of the metric's name; the stage's own result is the
            method ``full``.
        skipped: "split/reason" -> frames.
        curves: Column -> (step, value).
    """

    name: str
    metrics_file: Path
    tables: dict[str, dict[str, dict[str, float]]]
    skipped: dict[str, int] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)

    def value(self, split: str, metric: str, method: str = MAIN) -> float:
        """One number.

        Args:
            split: Name of a split.
            metric: Name of a metric.
            method: The stage's own result by default.

        Raises:
            ReportError: Names the file and the key when there is none.
        """
        try:
            return self.tables[split][method][metric]
        except KeyError:
            key = f"{split}/{metric}" if method == MAIN else f"{split}/{method}/{metric}"
            raise ReportError(f"{self.metrics_file}: expected the key '{key}', found none") from None


def read_stage(run: Path, name: str) -> StageResults:
    """Read ``RUN/<stage>/metrics.json`` and, if it is there, ``metrics.csv``.

    Args:
        run: Folder of the run.
        name: ``lifter``, ``regressor`` or ``mesh``.

    Raises:
        ReportError: Names what is missing or broken.
    """
    folder = run / name
    path = folder / "metrics.json"
    values = _read_metrics(path, name)
    tables: dict[str, dict[str, dict[str, float]]] = {}
    skipped: dict[str, int] = {}
    for key, value in values.items():
        parts = key.split("/")
        if parts[:2] == ["data", "skipped"]:
            if not math.isfinite(value):
                raise ReportError(f"{path}: {key}: expected a number of frames, found {value}")
            skipped["/".join(parts[2:])] = round(value)
        elif parts[0] not in _NOT_TESTED and len(parts) in (2, 3):
            method = parts[1] if len(parts) == 3 else MAIN
            tables.setdefault(parts[0], {}).setdefault(method, {})[parts[-1]] = value
    return StageResults(name, path, tables, skipped, _read_curves(folder / "metrics.csv"))


def read_run(run: Path) -> dict[str, StageResults]:
    """The stages of a run, by name: all three, or the lifter where the run has no other stage.

    Args:
        run: Folder of the run.
    """
    if not run.is_dir():
        raise ReportError(f"{run}: expected the folder of a run, found none")
    begun = [name for name in STAGES if (run / name).is_dir()]
    return {name: read_stage(run, name) for name in (STAGES[:1] if begun == ["lifter"] else STAGES)}


def _require(path: Path, stage: str) -> None:
    if not path.is_file():
        raise ReportError(f"{path}: expected the results of stage {stage}, found no such file; run the stage first")


def _read_metrics(path: Path, stage: str) -> dict[str, float]:
    _require(path, stage)
    with reading(path, "JSON", ReportError):
        values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ReportError(f"{path}: expected an object of numbers, found {type(values).__name__}")
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ReportError(f"{path}: {key}: expected a number, found {value!r:.80}")
    with reading(path, "numbers", ReportError):  # of integers some are beyond the floats
        return {key: float(value) for key, value in values.items()}


def _read_curves(path: Path) -> dict[str, Curve]:
    """Columns of a CSV file whose rows are sparse; tested splits are no curves.

    A short stage on data without truth has logged nothing, and has no such file.
    """
    curves: dict[str, Curve] = {}
    if not path.is_file():
        return curves
    with reading(path, "a CSV table", ReportError), path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=2):
        for column, text in row.items():
            # Cells beyond the header come as a list under None.
            if column and text and column.split("/")[0] in ("train", "val") and column.count("/") == 1:
                try:
                    point = (float(row.get("step") or ""), float(text))
                except ValueError:
                    raise ReportError(
                        f"{path}: line {line}, {column}: expected a number at a step, found '{text:.80}'"
                    ) from None
                curves.setdefault(column, []).append(point)
    return curves
