"""Runs that differ by their seed alone, as one configuration with mean and spread."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from s2m.compare.ablations import Ablations
from s2m.compare.metrics import nearest
from s2m.compare.runs import CompareError, Run
from s2m.compare.settings import Settings, canonical_text, data_names, seed_of


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (None for one run) and number of the runs that have the metric.

    Attributes:
        mean: Over the runs that have the metric.
        std: Sample standard deviation; ``None`` for one run.
        n: Number of these runs.
    """

    mean: float
    std: float | None
    n: int


@dataclass(frozen=True)
class Delta:
    """Difference of two means, and its standard error.

    The error is that of the differences seed by seed where both have the same seeds, since runs of one seed share
    their lifter and the order of their samples; else sqrt(s1^2 / n1 + s2^2 / n2); None without a spread.

    Attributes:
        value: Difference of the means.
        error: Its standard error; ``None`` without a spread.
    """

    value: float
    error: float | None


@dataclass(frozen=True)
class Group:
    """One configuration.

    Attributes:
        name: Distinct in a comparison.
        runs: One per seed, as a rule.
        settings: See :mod:`s2m.compare.settings`.
        ablation: Name of the ablation; ``full`` for none.
        data: Name of the data.
    """

    name: str
    runs: list[Run]
    settings: Settings
    ablation: str
    data: str

    @property
    def seeds(self) -> list[str]:
        """Seeds in the order of the runs."""
        return [seed_of(run) for run in self.runs]

    def spread(self, metric: str) -> Spread | None:
        """The metric over the runs that have it; None if none has. A value that is not finite makes the mean so.

        Args:
            metric: Name of a metric, ``split/metric`` or ``split/method/metric``.
        """
        values = [run.summary[metric] for run in self.runs if metric in run.summary]
        if not values:
            return None
        if not all(map(math.isfinite, values)):
            return Spread(math.nan, None, len(values))
        return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def drop_superseded(runs: Sequence[Run], settings: Mapping[str, Settings]) -> tuple[list[Run], list[str]]:
    """Keep the newest of runs of one name, settings and seed, so that a repeated run is not a second seed.

    Args:
        runs: Any runs of a source.
        settings: Of each run, by its identifier.

    Returns:
        The runs that stay, and a line for each that does not.
    """
    newest: dict[tuple[str, str, str], Run] = {}
    notes: list[str] = []
    for run in sorted(runs, key=lambda run: run.started):
        key = (run.name, seed_of(run), canonical_text(settings[run.identifier]))
        if key in newest:
            older = newest[key]
            notes.append(f"{older.source}: left out: {run.name} was run again with the same settings and seed")
        newest[key] = run
    kept = {run.identifier for run in newest.values()}
    return [run for run in runs if run.identifier in kept], notes


def group_runs(runs: Sequence[Run], settings: Mapping[str, Settings], ablations: Ablations) -> list[Group]:
    """Group runs of equal settings; names are distinct.

    Args:
        runs: Any runs of a source.
        settings: Of each run, by its identifier.
        ablations: The overlays by which ablations are recognised.
    """
    members: dict[str, list[Run]] = {}
    for run in runs:
        members.setdefault(canonical_text(settings[run.identifier]), []).append(run)
    parts = [sorted(part, key=lambda run: (_seed_order(run), run.started)) for part in members.values()]
    names = _distinct([_common_name([run.name for run in part]) for part in parts], parts)
    return [
        Group(name, part, settings[part[0].identifier], ablations.label(part[0]), (data_names(part[0]) or ["–"])[0])
        for name, part in zip(names, parts, strict=True)
    ]


def sort_groups(groups: Sequence[Group], metric: str, ascending: bool) -> list[Group]:
    """By the mean of a metric; what lacks it, or is not finite, comes last.

    Args:
        groups: Configurations with their runs.
        metric: Name of a metric, ``split/metric`` or ``split/method/metric``.
        ascending: Whether the smallest comes first.
    """

    def key(group: Group) -> tuple[bool, float, str]:
        spread = group.spread(metric)
        if spread is None or not math.isfinite(spread.mean):
            return True, 0.0, group.name
        return False, spread.mean if ascending else -spread.mean, group.name

    return sorted(groups, key=key)


def find_group(groups: Sequence[Group], name: str) -> Group:
    """The configuration of a name.

    Args:
        groups: Configurations with their runs.
        name: Of a configuration, a run or an ablation in it, or a W&B id.

    Raises:
        CompareError: If there is none, or several.
    """
    tests = (
        lambda group: group.name == name,
        lambda group: any(
            name in (run.name, run.folder, run.identifier, f"{run.name}-{run.stage}") for run in group.runs
        ),
        lambda group: group.ablation == name,
    )
    for test in tests:
        found = [group for group in groups if test(group)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(group.name for group in found)
            raise CompareError(f"--baseline {name}: expected one configuration, found {len(found)}: {names}")
    known = sorted({group.name for group in groups} | {run.name for group in groups for run in group.runs})
    raise CompareError(f"--baseline {name}: expected a run of this stage, found none; {nearest(name, known)}")


def _names(run: Run) -> tuple[str, ...]:
    """What a user may call a run."""
    return run.name, run.folder, run.identifier, f"{run.name}-{run.stage}"


def delta(group: Group, baseline: Group, metric: str) -> Delta | None:
    """How far a configuration is from the baseline; None unless both have the metric.

    Args:
        group: A configuration and its runs.
        baseline: What it is compared with.
        metric: Name of a metric, ``split/metric`` or ``split/method/metric``.
    """
    own, other = group.spread(metric), baseline.spread(metric)
    if own is None or other is None:
        return None
    pairs = _pairs(group, baseline, metric)
    error = None
    if len(pairs) > 1:
        error = statistics.stdev(a - b for a, b in pairs) / math.sqrt(len(pairs))
    elif own.std is not None and other.std is not None:
        error = math.sqrt(own.std**2 / own.n + other.std**2 / other.n)
    return Delta(own.mean - other.mean, error)


def _pairs(group: Group, baseline: Group, metric: str) -> list[tuple[float, float]]:
    """Values of both at each seed; none unless all seeds are the same, once each, and all values finite."""
    own, other = _by_seed(group, metric), _by_seed(baseline, metric)
    if own is None or other is None or set(own) != set(other):
        return []
    return [(value, other[seed]) for seed, value in own.items()]


def _by_seed(group: Group, metric: str) -> dict[str, float] | None:
    values = {seed_of(run): run.summary.get(metric, math.nan) for run in group.runs}
    return values if len(values) == len(group.runs) and all(map(math.isfinite, values.values())) else None


def repeated_seeds(groups: Sequence[Group]) -> list[str]:
    """Lines on configurations in which a seed occurs more than once: their spread is not that of seeds alone.

    Args:
        groups: Configurations with their runs.
    """
    lines = []
    for group in groups:
        repeated = sorted(seed for seed, count in Counter(group.seeds).items() if count > 1)
        if repeated:
            names = ", ".join(run.name for run in group.runs)
            lines.append(f"{group.name}: seed {', '.join(repeated)} occurs more than once among {names}")
    return lines


def _common_name(names: Sequence[str]) -> str:
    """What the names of runs share, without a dangling ``-seed``: ``full-s0`` and ``full-s1`` are ``full``."""
    if len(set(names)) == 1:
        return names[0]
    common = _common_beginning(names)
    if all(name[len(common) :].isdigit() or name == common for name in names):
        common = common.rstrip("0123456789")
    common = re.sub(r"([-_. ]+(seed|s)?[-_. ]*)$", "", common)
    return common or f"{names[0]} and {len(names) - 1} more"


def _common_beginning(names: Sequence[str]) -> str:
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


def _distinct(names: list[str], parts: Sequence[Sequence[Run]]) -> list[str]:
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} ({part[0].identifier})" for name, part in zip(names, parts, strict=True)
    ]


def _seed_order(run: Run) -> tuple[int, str]:
    seed = seed_of(run)
    first = seed.split("/")[0]
    return (int(first) if first.isdigit() else -1, seed)
