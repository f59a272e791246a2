"""Everything that a comparison shows, as plain data; terminal, Markdown, CSV, page and pictures only lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from s2m.compare.ablations import Ablations
from s2m.compare.groups import Group, drop_superseded, find_group, group_runs, repeated_seeds, sort_groups
from s2m.compare.metrics import default_curves, default_metrics, lower_is_better, resolve
from s2m.compare.runs import CompareError, Found, Run, Source
from s2m.compare.select import Selection, runs_of_stage, select
from s2m.compare.settings import DATASET, differing_keys, settings_with_parents, short_names
from s2m.report.datasets import OPEN, OPEN_NOTE


@dataclass(frozen=True)
class Wanted:
    """What a user asks for.

    Attributes:
        selection: Which runs.
        sort: Metric to sort by; the stage's own if ``None``.
        reverse: Whether the worst come first.
        baseline: Name of what the others are compared with.
        metrics: Names or patterns of the columns; empty for those that suit the stage.
        curves: Names or patterns of the curves; empty for those that suit the stage.
    """

    selection: Selection = field(default_factory=Selection)
    sort: str | None = None
    reverse: bool = False
    baseline: str | None = None
    metrics: Sequence[str] = ()
    curves: Sequence[str] = ()


@dataclass(frozen=True)
class Comparison:
    """Configurations of one stage in order.

    Attributes:
        stage: Of all runs.
        place: Where the runs come from, in words.
        groups: The configurations, in order.
        metrics: Names of the columns.
        curves: Names of the metrics that are drawn.
        sort: The metric they are sorted by.
        ascending: Whether its smallest value comes first.
        keys: Settings in which the configurations differ, with short names.
        baseline: What the others are compared with, if anything.
        notes: Warnings, a line each.
    """

    stage: str
    place: str
    groups: list[Group]
    metrics: list[str]
    curves: list[str]
    sort: str
    ascending: bool
    keys: dict[str, str]
    baseline: Group | None
    notes: list[str]

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order of their configurations."""
        return [run for group in self.groups for run in group.runs]

    @property
    def data_note(self) -> str:
        """What must be said of the numbers: empty unless all are on the open data, as the stages noted."""
        known = [run.config.get(DATASET) for run in self.runs]
        return OPEN_NOTE if known and all(dataset == OPEN for dataset in known) else ""

    @property
    def summary(self) -> str:
        """One line on what is compared."""
        n, m = len(self.groups), len(self.runs)
        order = "lowest" if self.ascending else "highest"
        text = (
            f"{n} configuration{'s'[: n != 1]}, {m} run{'s'[: m != 1]} of stage {self.stage}, {order} {self.sort} first"
        )
        return text + (f"; baseline {self.baseline.name}" if self.baseline else "")


def compare(source: Source, wanted: Wanted, ablations: Ablations) -> Comparison:
    """Load, choose, group and sort.

    Args:
        source: Where runs come from.
        wanted: What the user asked for.
        ablations: The overlays by which ablations are recognised.

    Raises:
        CompareError: When something that was asked for is not there.
    """
    found = source.load()
    if not found.runs:
        raise CompareError(_nothing(found))
    stage_runs = runs_of_stage(found.runs, wanted.selection.stage)
    settings = settings_with_parents(stage_runs, found.runs)
    stage_runs, superseded = drop_superseded(stage_runs, settings)
    runs = select(stage_runs, wanted.selection, ablations)
    baseline = None
    if wanted.baseline is not None:
        baseline = find_group(group_runs(stage_runs, settings, ablations), wanted.baseline)
        runs = runs + [run for run in baseline.runs if run not in runs]
    known = {name for run in runs for name in run.summary}
    metrics, sort = _columns(wanted, known)
    curve_names = sorted({name for run in runs for name in run.curve_names})
    asked = [name for word in wanted.curves for name in resolve(word, curve_names, "--curves")]
    curves = list(dict.fromkeys(asked)) or default_curves(curve_names, sort)
    runs = source.with_curves(runs, curves)
    ascending = lower_is_better(sort) != wanted.reverse
    groups = sort_groups(group_runs(runs, settings, ablations), sort, ascending)
    if baseline is not None:
        chosen = baseline.runs[0].identifier
        baseline = next(group for group in groups if any(run.identifier == chosen for run in group.runs))
    return Comparison(
        stage=wanted.selection.stage,
        place=found.place,
        groups=groups,
        metrics=metrics,
        curves=curves,
        sort=sort,
        ascending=ascending,
        keys=short_names(differing_keys([group.settings for group in groups])),
        baseline=baseline,
        notes=[*found.warnings, *superseded, *repeated_seeds(groups)],
    )


def _columns(wanted: Wanted, known: set[str]) -> tuple[list[str], str]:
    if not known:
        raise CompareError(
            "the runs: expected metrics such as test/pve_mm, found none; did the stages get to their end?"
        )
    asked = [name for word in wanted.metrics for name in resolve(word, known, "--metrics")]
    metrics = list(dict.fromkeys(asked)) or default_metrics(known)
    if wanted.sort is None:
        return metrics, metrics[0]
    sort = resolve(wanted.sort, known, "--sort")
    if len(sort) > 1:
        raise CompareError(f"--sort {wanted.sort}: expected one metric, found {len(sort)}: {', '.join(sort[:8])}")
    return (metrics if sort[0] in metrics else [sort[0], *metrics]), sort[0]


def _nothing(found: Found) -> str:
    skipped = f" ({len(found.warnings)} skipped; the first: {found.warnings[0]})" if found.warnings else ""
    return f"{found.place}: expected finished runs, found none{skipped}; `make train RUN=name` makes one"
