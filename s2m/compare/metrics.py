"""What the name of a logged metric says: unit, direction, and the heading of its column."""

from __future__ import annotations

import difflib
import fnmatch
import math
from collections.abc import Iterable, Sequence

from s2m.compare.runs import CompareError
from s2m.report.protocol import METRICS, MetricText

_HIGHER = ("iou", "auc", "pck", "cosine", "accuracy", "f1")
_LOWER = ("loss", "error", "_mm", "_rad", "_deg", "reversed_depth")
# Preferred columns, most telling first; those that the stage has are shown.
_DEFAULT = ("pve_mm", "pa_pve_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mpjpe_mm", "iou", "local_angle_rad", "pck150", "auc")
_DEFAULT_COUNT = 7


def metric_text(name: str) -> MetricText:
    """How to show ``split/metric`` or ``split/method/metric``; a metric that no protocol describes goes by its name.

    Args:
        name: Name of a metric, ``split/metric`` or ``split/method/metric``.
    """
    split, *method, metric = name.split("/")
    known = METRICS.get(metric)
    words = " ".join([split, *method])
    if known is None:
        return MetricText(f"{words} {metric}", "", _nature(name), "", 1.0, 4)
    better = known.better or _nature(name)
    return MetricText(f"{words} {known.label}", known.unit, better, known.protocol, known.factor, known.digits)


def headings(names: Sequence[str]) -> dict[str, str]:
    """Column headings by metric; a split that all have in common goes without saying.

    Args:
        names: Names of metrics.
    """
    splits = {name.split("/")[0] for name in names}
    drop = f"{splits.pop()} " if len(splits) == 1 else ""
    return {name: metric_text(name).heading.removeprefix(drop) for name in names}


def show(name: str, value: float | None) -> str:
    """A stored value as text in the units of its heading; a dash for none.

    Args:
        name: Name of a metric, ``split/metric`` or ``split/method/metric``.
        value: In the unit of the metric's name.
    """
    if value is None or not math.isfinite(value):
        return "–" if value is None else str(value)
    text = metric_text(name)
    return text.show(value) if name.split("/")[-1] in METRICS else f"{value:.4g}"


def lower_is_better(name: str) -> bool:
    """Whether small values come first in a table; so for a metric that does not tell.

    Args:
        name: Name of a metric, ``split/metric`` or ``split/method/metric``.
    """
    return metric_text(name).better != "higher"


def resolve(wanted: str, known: Iterable[str], option: str) -> list[str]:
    """Metrics for one word of an option: a name, or a pattern such as ``test/*pve_mm``.

    Args:
        wanted: A name or a pattern.
        known: Names that there are.
        option: The option's name, for messages.

    Raises:
        CompareError: Names the nearest ones if there is none.
    """
    names = sorted(known)
    if wanted in names:
        return [wanted]
    matches = fnmatch.filter(names, wanted)
    if matches:
        return matches
    raise CompareError(f"{option}: expected a metric of these runs, found '{wanted}'; {nearest(wanted, names)}")


def nearest(wanted: str, names: Sequence[str]) -> str:
    """The names that look most like a wrong one, in words.

    Args:
        wanted: A name that is not there.
        names: Those that are.
    """
    if not names:
        return "there are none"
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wanted.lower(), folded, n=5, cutoff=0.5)
    if close:
        return "nearest: " + ", ".join(folded[name] for name in close)
    shown = ", ".join(names[:12])
    return f"there are: {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def default_metrics(known: Iterable[str]) -> list[str]:
    """The columns of a table that was not asked for anything: the stage's own result on the first tested split.

    Args:
        known: Names of all metrics that there are.
    """
    names = set(known)
    for split in ("test", *sorted({name.split("/")[0] for name in names} - {"train", "val"}), "val", "train"):
        chosen = [f"{split}/{metric}" for metric in _DEFAULT if f"{split}/{metric}" in names]
        rest = sorted(name for name in names if name.startswith(f"{split}/") and name.count("/") == 1)
        if chosen or rest:
            return (chosen or rest)[:_DEFAULT_COUNT]
    return []


def default_curves(known: Iterable[str], sort: str) -> list[str]:
    """Up to three curves: the sorted metric on the validation split, its loss, and what else there is.

    Args:
        known: Names of all metrics that there are.
        sort: The metric that configurations are sorted by.
    """
    names = sorted(known)
    wanted = [f"val/{sort.partition('/')[2]}", "train/loss", "val/iou", "val/pa_mpjpe_mm"]
    plain = [name for name in names if name.count("/") == 1]
    return list(dict.fromkeys([name for name in wanted if name in names] + plain))[:3]


def _nature(name: str) -> str:
    metric = name.rpartition("/")[2].lower()
    if any(word in metric for word in _HIGHER):
        return "higher"
    return "lower" if any(word in metric for word in _LOWER) or name.startswith("train/") else ""
