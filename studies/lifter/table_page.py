"""The study's table for people (Markdown) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s2m.markdown import markdown_table, strong
from s2m.report.checks import Check
from studies.lifter.checks import ALL, SHARED, N
from studies.lifter.conditions import CONDITIONS
from studies.lifter.measured import LINEAR, LINEAR_NOISE, PLANAR, Figure, RowResult
from studies.lifter.published import PUBLISHED
from studies.lifter.rows import SUPERVISED

LABELS = {
    PLANAR: "planar (constant depth)",
    LINEAR: "supervised linear",
    LINEAR_NOISE: "supervised linear, augmented",
    SUPERVISED: "supervised counterpart",
}
# metric, heading, factor, digits
CLEAN = (
    ("mpjpe_mm", "MPJPE [mm]", 1.0, 1),
    (N, "N-MPJPE [mm]", 1.0, 1),
    ("pa_mpjpe_mm", "PA-MPJPE [mm]", 1.0, 1),
    ("reversed_depth", "reversed depth [%]", 100.0, 1),
    ("depth_cosine", "depth cosine", 1.0, 3),
    ("accel_mm_per_frame2", "acceleration [mm/frame²]", 1.0, 1),
    ("accel_mm_per_s2", "acceleration [mm/s²]", 1.0, 0),
)
ENDS = (("ears_mm", "ears - head"), ("hands_mm", "knuckles - wrist"), ("feet_mm", "heels, toes - ankle"))
PA = "pa_mpjpe_mm"

PROTOCOL = """\
Split `test` of the open data: unseen clips, unseen bodies; root-relative, over the 17 joints of `h36m17`. MPJPE is as
predicted, the scale set by a prior on bone length (the mean bone of the 17 joints is as long as the mean body's: no
view tells size, and no height is given). N-: best scale per frame. PA-: Procrustes without reflection. Reversed depth:
share of frames that a mirrored depth would fit better. Acceleration: mean distance between second differences of
predicted (no alignment) and true joints, within recordings, at 30 frames per second. Mean ± sample standard deviation
over {seeds} seeds; planar and linear have none.

Conditions are made from exact labels with a fixed seed, the same for all methods: Gaussian noise in % of the head-root
length in the image; or 5 % of the joints missing and 2 % displaced by 20-60 % of that length.
"""


@dataclass(frozen=True)
class Page:
    """All there is to say.

    Attributes:
        rows: Rows of the table, by name.
        about: command, data, machine, in JSON as it is.
    """

    rows: Sequence[RowResult]
    checks: Sequence[Check]
    seeds: int
    about: dict[str, Any]
    warnings: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "about": self.about,
            "rows": [row.to_dict() for row in self.rows],
            "checks": [check.to_dict() for check in self.checks],
            "published_human36m": [entry.to_dict() for entry in PUBLISHED],
            "warnings": list(self.warnings),
        }

    def markdown(self, picture: str) -> str:
        """The text of the page.

        Args:
            picture: File name of the learning curves.
        """
        blocks = ["# Lifters compared", PROTOCOL.format(seeds=self.seeds), _about(self.about)]
        blocks += [strong(warning) for warning in self.warnings]
        for joint_set in (SHARED, ALL):
            rows = [row for row in self.rows if row.joint_set == joint_set]
            if rows:
                blocks += _joint_set(joint_set, rows)
        blocks += _elevation(self.rows)
        blocks += ["## Checks", _checks(self.checks), "## Learning curves", f"![learning curves]({picture})"]
        blocks += ["## Published figures, other data", PUBLISHED_NOTE, _published()]
        return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


PUBLISHED_NOTE = """\
Human3.6M is another data set, with other skeletons, cameras and motion: these figures say what the methods reached
there and must not be compared with the tables above. An empty cell: we could not verify a figure."""


def show(figure: Figure | None, factor: float = 1.0, digits: int = 1) -> str:
    """``69.1 ± 0.8``; without the spread for a single value.

    Args:
        figure: Over seeds; ``None`` gives a dash.
        factor: From the stored value to the shown one.
        digits: After the point.
    """
    if figure is None:
        return ""
    mean = f"{factor * figure.mean:.{digits}f}"
    return mean if len(figure.values) < 2 else f"{mean} ± {factor * figure.spread:.{digits}f}"


def label(row: RowResult) -> str:
    """A row's method for people.

    Args:
        row: A row of the table.
    """
    return LABELS.get(row.method, row.method)


def _joint_set(joint_set: str, rows: Sequence[RowResult]) -> list[str]:
    blocks = [f"## `{joint_set}`", "Clean input:"]
    body = [[label(r), *(show(r.figures["clean"].get(m), f, d) for m, _, f, d in CLEAN)] for r in rows]
    blocks.append(markdown_table(["method", *(heading for _, heading, _, _ in CLEAN)], body))
    for metric, name in ((N, "N-MPJPE"), (PA, "PA-MPJPE"), ("accel_mm_per_frame2", "acceleration error")):
        unit = "mm/frame²" if metric.startswith("accel") else "mm"
        blocks += [f"{name} [{unit}] by condition:", _by_condition(rows, metric)]
    blocks += ["Reversed depth [%] by condition:", _by_condition(rows, "reversed_depth", 100.0)]
    blocks += ["Depth cosine by condition:", _by_condition(rows, "depth_cosine", 1.0, 3)]
    for reference in (PLANAR, SUPERVISED):
        base = next((row for row in rows if row.method == reference), None)
        if base is not None:
            blocks += [f"N- / PA-MPJPE over that of the {LABELS[reference]}:", _ratios(rows, base)]
    if "ears_mm" in rows[0].figures["clean"]:
        blocks += ["Extremities relative to their joint [mm], after the best scale of the whole skeleton:", _ends(rows)]
    return blocks


def _by_condition(rows: Sequence[RowResult], metric: str, factor: float = 1.0, digits: int = 1) -> str:
    body = [[label(row), *(show(row.figures[c.name].get(metric), factor, digits) for c in CONDITIONS)] for row in rows]
    return markdown_table(["method", *(c.label for c in CONDITIONS)], body)


def _ratios(rows: Sequence[RowResult], base: RowResult) -> str:
    def cell(row: RowResult, condition: str) -> str:
        n, pa = (row.at(condition, metric).mean / base.at(condition, metric).mean for metric in (N, PA))
        return f"{n:.3f} / {pa:.3f}"

    body = [[label(row), *(cell(row, c.name) for c in CONDITIONS)] for row in rows if row is not base]
    return markdown_table(["method", *(c.label for c in CONDITIONS)], body)


def _ends(rows: Sequence[RowResult]) -> str:
    chosen = [c for c in CONDITIONS if c.name in ("clean", "noise_3")]
    heading = ["method", *(f"{name}, {c.label}" for c in chosen for _, name in ENDS)]
    body = [[label(r), *(show(r.figures[c.name].get(m)) for c in chosen for m, _ in ENDS)] for r in rows]
    return markdown_table(heading, body)


def _elevation(rows: Sequence[RowResult]) -> list[str]:
    learned = [row for row in rows if row.elevation]
    if not learned:
        return []
    names = ("learned_mean", "learned_std", "true_mean", "true_std")
    columns = [f"elevation_{name}_deg" for name in names] + ["elevation_abs_error_deg"]
    headings = ["method", "joints", "learned mean", "learned spread", "true mean", "true spread", "mean error"]
    body = [[label(r), r.joint_set, *(show(r.elevation.get(c)) for c in columns)] for r in learned]
    text = "Degrees over the clean frames, positive looks down; spread: standard deviation over frames."
    return ["## Camera elevation", text, markdown_table(headings, body)]


def _checks(checks: Sequence[Check]) -> str:
    def value(check: Check) -> str:
        return "" if check.value is None else f"{check.value:.3f}"

    body = [[b.name, value(b), f"{b.sign} {b.bound:g}", b.verdict] for b in checks]
    return markdown_table(["bar", "value", "bound", "verdict"], body)


def _published() -> str:
    columns = ("detected_mpjpe", "detected_pa", "truth_mpjpe", "truth_pa")
    heading = [
        "method",
        *(f"Human3.6M, published: {what}" for what in ("MPJPE, detected 2D", "PA, detected 2D", "MPJPE, true 2D")),
        "Human3.6M, published: PA, true 2D",
        "source",
    ]
    cells = ((entry, [getattr(entry, column) for column in columns]) for entry in PUBLISHED)
    body = [[e.method, *("" if v is None else f"{v:.1f}" for v in values), e.source] for e, values in cells]
    return markdown_table(heading, body)


def _about(about: dict[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in about.items())
