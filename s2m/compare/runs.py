"""A recorded run, wherever it was recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Protocol

from s2m.errors import UserError

# (step, value), by step.
Curve = list[tuple[float, float]]

FINISHED = "finished"
_CURVE_SPLITS = ("train", "val")

_MOST_DIGITS = 40  # a number that float() takes without complaint


class CompareError(UserError, ValueError):
    """Runs cannot be compared; the message names what was looked for, where, and what is there instead."""


@dataclass(frozen=True)
class Run:
    """One stage of one run.

    Attributes:
        identifier: W&B's id of the run.
        name: Of the run folder (W&B's group), or W&B's display name where there is no group.
        stage: Such as ``mesh``.
        state: W&B's word for how it ended.
        started: ISO 8601 in UTC.
        config: Settings by dotted key.
        summary: Last value of each metric, in the unit that its name says.
        source: File or address that it was read from.
        curves: Of metrics of the splits ``train`` and ``val``.
    """

    identifier: str
    name: str
    stage: str
    state: str
    started: str
    config: dict[str, Any]
    summary: dict[str, float]
    source: str
    curves: dict[str, Curve] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Name of the run's folder, RUN in runs/RUN/STAGE; empty where it is not known."""
        output = self.config.get("output")
        return PurePath(str(output)).parent.name if output else ""

    @property
    def curve_names(self) -> set[str]:
        """Metrics that were recorded while training, whether or not the points have been fetched yet."""
        return {name for name in (*self.summary, *self.curves) if is_curve(name)}


@dataclass(frozen=True)
class Found:
    """What a source gave.

    Attributes:
        runs: The finished ones.
        warnings: A line for each one that was passed over.
        place: Where was looked, in words.
    """

    runs: list[Run]
    warnings: list[str]
    place: str


class Source(Protocol):
    """Where runs come from."""

    def load(self) -> Found:
        """All finished runs, of all stages.

        Raises:
            CompareError: When the source cannot be read.
        """
        ...

    def with_curves(self, runs: list[Run], metrics: list[str]) -> list[Run]:
        """The same runs with the curves of these metrics.

        Args:
            runs: Any runs of a source.
            metrics: Names of metrics.
        """
        ...


def is_curve(name: str) -> bool:
    """Whether a metric is logged while training; tested splits have one value.

    Args:
        name: Name of a metric, ``split/metric`` or ``split/method/metric``.
    """
    return name.split("/")[0] in _CURVE_SPLITS


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys; keys that begin with ``_`` are W&B's own and left out.

    Args:
        values: Mappings in mappings.
        prefix: Of all keys.
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def metric_values(values: Mapping[str, Any]) -> dict[str, float]:
    """The metrics among logged values. W&B writes what is not finite as text.

    Args:
        values: Logged values by name.
    """
    metrics: dict[str, float] = {}
    for name, value in values.items():
        number = as_number(value)
        if "/" in name and not name.startswith(("trainer/", "_")) and number is not None:
            metrics[name] = number
    return metrics


def as_number(value: Any) -> float | None:
    """A logged number, or None for anything else.

    Args:
        value: Anything that was logged.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return (
        {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value) if isinstance(value, str) else None
    )


def finite_points(points: Curve) -> Curve:
    """The points that can be drawn, by step; of several at one step the last.

    Args:
        points: Steps and values.
    """
    kept = {step: value for step, value in points if math.isfinite(step) and math.isfinite(value)}
    return sorted(kept.items())


def whole_number(digits: str) -> int:
    """A whole number of a record (``json.loads(..., parse_int=whole_number)``).

    Args:
        digits: As they stand in the file.

    Raises:
        ValueError: It has more digits than any setting: the record is damaged.
    """
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"expected a number of at most {_MOST_DIGITS} digits, found {len(digits)}")
    return int(digits)
