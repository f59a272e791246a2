"""A run's numbers on one split, one row per protocol of the dataset."""

from __future__ import annotations

import math

from s2m.report.contents import ProtocolTable
from s2m.report.dataset_evaluation import RunScores, Score
from s2m.report.dataset_report import protocols_of_dataset
from s2m.report.datasets import TITLES
from s2m.report.text import text_table

_COLUMNS = {"mpjpe_mm": "MPJPE [mm]", "pck150": "PCK@150 [%]", "auc31": "AUC, 31 [%]", "auc11": "AUC, 11 [%]"}
_SURFACE = {
    "pve_mm": ("PVE", "no alignment; scale as predicted"),
    "pa_pve_mm": ("PA-PVE", "rigidly aligned with scale"),
}
_THRESHOLDS = (
    "AUC, 31 and 11",
    "mean PCK at 31 thresholds, 0 to 150 mm in steps of 5, and at 11, in steps of 15 (the dataset authors' code)",
)


def protocol_table(scores: RunScores) -> ProtocolTable:
    """MPJPE, PCK and AUC by protocol; PVE where the truth's bodies were given.

    Args:
        scores: What the protocols say of a run.
    """
    known = {protocol: name for name, protocol in protocols_of_dataset(scores.dataset).items()}
    rows, meanings = [], []
    for score in scores.scores:
        name = known.get(score.protocol, score.protocol.label)
        rows.append((name, *_cells(score), str(score.frames)))
        meanings.append((name, score.protocol.label))
    for metric, (name, how) in _SURFACE.items():
        if metric in scores.surface:
            rows.append(
                (name, f"{scores.surface[metric]:.1f}", *["–"] * (len(_COLUMNS) - 1), str(scores.scores[0].frames))
            )
            meanings.append((name, f"all vertices, relative to the pelvis; {how}; truth on its own gendered body"))
    if not scores.surface:
        meanings.append(("PVE", "not measured: it needs the dataset's own bodies, s2m report RUN --female F --male M"))
    title = f"{TITLES.get(scores.dataset, scores.dataset)}, split {scores.split}: {scores.selection}"
    return ProtocolTable(title, ("protocol", *_COLUMNS.values(), "frames"), rows, [*meanings, _THRESHOLDS])


def _cells(score: Score) -> list[str]:
    values = (score.values[metric] * (1 if metric == "mpjpe_mm" else 100) for metric in _COLUMNS)
    return ["–" if math.isnan(value) else f"{value:.1f}" for value in values]


def as_text(table: ProtocolTable) -> str:
    """For a terminal.

    Args:
        table: One split, by protocol.
    """
    meanings = [f"{name}: {meaning}" for name, meaning in table.meanings]
    return text_table(table.title, table.headings, table.rows, meanings)
