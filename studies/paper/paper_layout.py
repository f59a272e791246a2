"""A published table with a run's own rows below it: for a terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s2m.markdown import Markup, emphasised, escape, number_table, strong
from s2m.metrics.protocols import (
    H36M_LIFTING,
    H36M_LIFTING_PA,
    H36M_MESH,
    H36M_MESH_PA,
    H36M_MESH_PA_FRONTAL,
    MPI3DHP_17_PA,
    MPI3DHP_OFFICIAL_PA,
    Protocol,
)
from s2m.report.dataset_evaluation import RunScores, Score
from s2m.skeletons import LSP14
from studies.paper.published import MISSING, SUPERVISION, PublishedTable

_PERCENT = ("pck150", "auc31", "auc11")
_METRIC_TITLES = {"mpjpe_mm": "MPJPE [mm]", "pck150": "PCK@150 [%]", "auc31": "AUC, 31 [%]", "auc11": "AUC, 11 [%]"}
_TRAINING_TITLES = {"human36m": "H3.6M", "mpi_inf_3dhp": "3DHP", "surreal": "Surreal"}
_TITLES = ("algorithm", "3D data", "training set")


@dataclass(frozen=True)
class Recipe:
    """One way to measure a row of ours: which protocol and metric stand in which column."""

    label: str
    columns: Mapping[str, tuple[Protocol, str]]
    surface: bool = True

    @property
    def protocols(self) -> set[Protocol]:
        """All protocols that it needs."""
        return {protocol for protocol, _ in self.columns.values()}


def _errors(label: str, mpjpe: Protocol, pmpjpe: Protocol, surface: bool = True) -> Recipe:
    return Recipe(label, {"MPJPE": (mpjpe, "mpjpe_mm"), "PMPJPE": (pmpjpe, "mpjpe_mm")}, surface)


def _shares(label: str, protocol: Protocol, area: str) -> Recipe:
    return Recipe(label, {"PCK": (protocol, "pck150"), "AUC": (protocol, area), "PMPJPE": (protocol, "mpjpe_mm")})


_SCALED_14 = Protocol(counted=LSP14.joints, alignment="scale")
_FRONTAL_14 = Protocol(counted=LSP14.joints, alignment="root", cameras="frontal")
_ROOT_17, _PA_17 = Protocol(alignment="root"), Protocol()

RECIPES: dict[str, tuple[Recipe, ...]] = {
    "table2": (
        _errors("14 joints, all cameras, mean of frames", H36M_MESH, H36M_MESH_PA),
        _errors("14 joints, all cameras, MPJPE at the best scale", _SCALED_14, H36M_MESH_PA),
        _errors("14 joints, frontal camera, mean of frames", _FRONTAL_14, H36M_MESH_PA_FRONTAL),
        _errors("17 joints, all cameras, mean of activities", H36M_LIFTING, H36M_LIFTING_PA),
    ),
    "table3": (
        _shares("17 joints, AUC over 31 thresholds", MPI3DHP_17_PA, "auc31"),
        _shares("17 joints, AUC over 11 thresholds (the authors' code)", MPI3DHP_17_PA, "auc11"),
        _shares("14 joints and strict thresholds, as the dataset's script", MPI3DHP_OFFICIAL_PA, "auc31"),
    ),
    "table4": (
        _errors("17 joints, mean of frames", _ROOT_17, _PA_17),
        _errors("14 joints, mean of frames", H36M_MESH, H36M_MESH_PA, surface=False),
    ),
}
_SURFACE = {"PVE": "pve_mm", "PPVE": "pa_pve_mm"}
_SURFACE_MEANINGS = {
    "PVE": "PVE: all vertices, relative to the body's pelvis joint; no alignment; scale as predicted; mean of frames",
    "PPVE": "PPVE: all vertices, rigidly aligned with scale (Procrustes, no reflection); mean of frames",
}
_METRIC_DETAILS = {
    "pck150": "within 150 mm",
    "auc31": "0 to 150 mm in steps of 5",
    "auc11": "0 to 150 mm in steps of 15",
}
_WIDTH = 118


def protocols_of(table: str) -> list[Protocol]:
    """Every protocol that a table's recipes need, each once."""
    found: dict[Protocol, None] = {}
    for recipe in RECIPES[table]:
        found.update(dict.fromkeys(protocol for protocol, _ in recipe.columns.values()))
    return list(found)


@dataclass(frozen=True)
class Line:
    """One line of the finished table.

    Attributes:
        kind: ``published`` or ``measured`` (by us, now).
        protocol: In words.
    """

    cells: tuple[str, ...]
    values: tuple[str, ...]
    bold: tuple[bool, ...]
    kind: str
    protocol: str = ""


def lines_of(table: PublishedTable, runs: Sequence[RunScores]) -> list[Line]:
    """Published lines in the paper's order, then the runs'.

    Args:
        runs: The trainings.
    """
    lines = [
        Line(
            (row.label, row.supervision, row.training),
            row.values,
            tuple(column in row.bold for column in table.columns),
            "published",
            table.protocol,
        )
        for row in table.rows
    ]
    for scores in runs:
        for recipe in RECIPES[table.name]:
            values = tuple(_value(scores, recipe, column) for column in table.columns)
            if set(values) != {MISSING}:
                training = _TRAINING_TITLES.get(scores.trained_on, scores.trained_on)
                cells = (f"{scores.run}: {recipe.label}", "None", training)
                shown = {column for column, value in zip(table.columns, values, strict=True) if value != MISSING}
                lines.append(Line(cells, values, (False,) * len(values), "measured", _meaning(recipe, shown)))
    return lines


def _value(scores: RunScores, recipe: Recipe, column: str) -> str:
    if column in _SURFACE:
        value = scores.surface.get(_SURFACE[column], math.nan) if recipe.surface else math.nan
        return MISSING if math.isnan(value) else f"{value:.1f}"
    protocol, metric = recipe.columns[column]
    return _shown(metric, scores.value(protocol, metric))


def _shown(metric: str, value: float) -> str:
    return MISSING if math.isnan(value) else f"{100 * value if metric in _PERCENT else value:.1f}"


def as_text(table: PublishedTable, lines: Sequence[Line], runs: Sequence[RunScores]) -> str:
    """For a terminal.

    Args:
        runs: The trainings.
    """
    rows = [(*_TITLES, *table.columns), *((*line.cells, *line.values) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    used = [column for column, width in enumerate(widths) if any(row[column] for row in rows[1:])]

    def show(row: Sequence[str]) -> str:
        cells = (row[c].ljust(widths[c]) if c < len(_TITLES) else row[c].rjust(widths[c]) for c in used)
        return "  ".join(cells).rstrip()

    body = [show(row) for row in rows]
    rule = "-" * max(map(len, body))
    published = sum(line.kind == "published" for line in lines)
    about = textwrap.wrap(f"({table.protocol})", _WIDTH)
    parts = [f"Table {table.number}. {table.caption}", *about, rule, body[0], rule]
    parts += [*body[1 : 1 + published], rule, *body[1 + published :]]
    if len(lines) == published:
        return "\n".join([*parts, *table.notes])
    said = dict.fromkeys(f"{line.cells[0].partition(': ')[2]} = {line.protocol}" for line in lines[published:])
    about = [*table.notes, "", "Protocols of the measured rows:", *said, "", *remarks(table, runs)]
    wrapped = [piece for text in about for piece in textwrap.wrap(text, _WIDTH, subsequent_indent="  ") or [""]]
    return "\n".join([*parts, rule, *wrapped])


def as_markdown(table: PublishedTable, lines: Sequence[Line], runs: Sequence[RunScores], command: str) -> str:
    """With what every number means, and results by activity.

    Args:
        runs: The trainings.
    """
    rows = []
    for line in lines:
        first, *others = line.cells
        values = (strong(v) if best else v for v, best in zip(line.values, line.bold, strict=True))
        rows.append([first if line.kind == "published" else emphasised(first), *others, *values])
    blocks = [
        f"# Table {table.number}: {escape(table.caption)}",
        f"Published rows as printed in the paper ({table.protocol}). Rows in italics were measured by `{command}`.",
        number_table([*_TITLES, *table.columns], rows),
        "\n".join(f"- {escape(note)}" for note in (*table.notes, *_explained(table))),
    ]
    if runs:
        blocks += ["## Protocols of the measured rows", "\n".join(_meanings(table, runs))]
    for scores in runs:
        blocks += _by_activity(scores)
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _explained(table: PublishedTable) -> list[str]:
    used = dict.fromkeys(row.supervision for row in table.rows if row.supervision not in ("", "P", "U"))
    return [f"{name}: {SUPERVISION[name]}" for name in used]


def _meanings(table: PublishedTable, runs: Sequence[RunScores]) -> list[str]:
    columns = {*table.columns} if any(scores.surface for scores in runs) else {*table.columns} - _SURFACE.keys()
    found = [f"- {strong(recipe.label)}: {escape(_meaning(recipe, columns))}" for recipe in RECIPES[table.name]]
    return found + [f"- {escape(remark)}" for remark in remarks(table, runs)]


def _meaning(recipe: Recipe, columns: Collection[str]) -> str:
    """What the given columns of a measured row were measured with: joints, alignment, scale, cameras, mean."""
    by_protocol: dict[str, list[str]] = {}
    for column, (protocol, metric) in recipe.columns.items():
        if column in columns:
            details = _METRIC_DETAILS.get(metric)
            name = f"{column} ({details})" if details else column
            by_protocol.setdefault(protocol.label, []).append(name)
    said = [f"{', '.join(names)}: {label}" for label, names in by_protocol.items()]
    said += [_SURFACE_MEANINGS[column] for column in _SURFACE if recipe.surface and column in columns]
    return " | ".join(said)


def remarks(table: PublishedTable, runs: Sequence[RunScores]) -> list[str]:
    """What was measured on what; says so when frames of the test set are missing.

    Args:
        runs: The trainings.
    """
    found = []
    for scores in runs:
        frames = max((score.frames for score in scores.scores), default=0)
        whole = "" if table.frames in (None, frames) else f"; the whole test set has {table.frames}"
        text = (
            f"{scores.run}: trained on {scores.trained_on}, {frames} frames of {scores.dataset} ({scores.split}){whole}"
        )
        found.append(text + (f"; {scores.selection}" if scores.selection else ""))
        if scores.trained_on != scores.dataset:
            found.append(
                f"{scores.run}: its joints, where {scores.trained_on} has them, against {scores.dataset}'s of the same "
                "names; nothing of the run was fitted to them"
            )
        if not scores.surface and _SURFACE.keys() & set(table.columns):
            needed = 'the truth\'s own bodies, TABLE_ARGS="--female F --male M"'
            found.append(f"{scores.run}: no PVE: it needs {needed}, and a run on a body with the same vertices")
    return found


def _by_activity(scores: RunScores) -> list[str]:
    blocks = []
    for score in (s for s in scores.scores if s.by_activity):
        rows = [[name, *_metrics(values)] for name, values in score.by_activity.items()]
        rows.append([Markup(f"{strong('all')} ({score.protocol.average})"), *_metrics(score.values)])
        blocks += [
            f"## {escape(scores.run)} by activity: {escape(score.protocol.label)}",
            number_table(["activity", *_METRIC_TITLES.values()], rows),
        ]
    return blocks


def _metrics(values: Mapping[str, float]) -> list[str]:
    return [_shown(metric, values[metric]) for metric in _METRIC_TITLES]


def as_csv(table: PublishedTable, lines: Sequence[Line]) -> str:
    """One row per line of the table."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["kind", *_TITLES, *table.columns, "protocol"])
    writer.writerows([line.kind, *line.cells, *line.values, line.protocol] for line in lines)
    return stream.getvalue()


def as_data(runs: Iterable[RunScores]) -> list[dict[str, Any]]:
    """Everything measured, for JSON.

    Args:
        runs: The trainings.
    """

    def score(value: Score) -> dict[str, Any]:
        return {
            "protocol": value.protocol.label,
            "frames": value.frames,
            "values": value.values,
            "by_activity": value.by_activity,
        }

    return [
        {
            "run": run.run,
            "trained_on": run.trained_on,
            "dataset": run.dataset,
            "split": run.split,
            "selection": run.selection,
            "surface": run.surface,
            "scores": [score(value) for value in run.scores],
        }
        for run in runs
    ]
