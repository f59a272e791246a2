"""The study's pages: the paper's Tables 7 and 4, on the open data, beside the figures that the paper printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s2m.evaluation.methods import MEAN_BETAS, MEAN_BOTH, MEAN_PR
from s2m.markdown import image, markdown_table, strong
from s2m.report.checks import Check
from s2m.report.protocol import METHODS, METRICS
from studies.lifter.table_page import show
from studies.mesh.checks import BASE, inferred_share, mesh_checks
from studies.mesh.row_figures import FitRow, RowFigures, StudyResults
from studies.mesh.rows import ALL, FULL
from studies.mesh.signs import COLUMNS, Pair, pairs, published_value
from studies.paper.published import TABLE4, TABLE7, PublishedTable

SHOWN = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "n_pve_mm", "pa_pve_mm", "angle_rad", "iou")
BASELINES = ("mean_pose", "planar", "lifter", BASE, "oracle_shape_and_extremities")
DATASETS = {"human36m": "Human3.6M", "surreal": "Surreal"}

PROTOCOL = """\
Split `test` of the open data: unseen clips, unseen bodies, clean 2D joints and masks. This is none of the paper's data
sets: our columns and the paper's must not be compared number by number; what can be compared is which way a component
moves an error. Mean ± sample standard deviation over {seeds} seeds (rows without it: the first seed alone); a seed
repeats all three stages, and the rows of a seed share their lifter and regressor; two rows are compared over the seeds
that both have. Joints are the 17 of `h36m17`,
relative to the pelvis; MPJPE and PVE are as predicted (scale by a prior), N-: best scale per frame, PA-: Procrustes
without reflection."""

MEANS_NOTE = """\
The full evaluation again with SR's betas, PR's corrections, or both replaced by their mean over the split. What that
loses was inferred from the single image; what is left of the gain on DIK + mean shape is a constant offset that was
learned of all images. Share: (both replaced - as it is) / (DIK + mean shape - as it is); empty where less than
half a percent was gained. The DIK of a row with 27 joints is that on 27 joints."""

FITS_NOTE = """\
The same {frames} evenly spaced frames of the split for all rows, one seed. The optimisers see what the model sees (2D
joints, mask) and no 3D data: Adam on pose, shape and camera of every frame, an angle prior on elbows and knees, a
squared prior on all angles and on betas; from the rest pose turned to four directions, or from DIK's pose. Seconds per
image: one process, batches of {batch}."""

SIGNS_NOTE = """\
Change of the error when a component is taken away, against the full model of the same seed. `agrees`: all seeds move
the way that the paper's figures move; `differs`: all move the other way; `unclear`: seeds disagree, or a
change (ours or the paper's) is below 0.15 %."""


@dataclass(frozen=True)
class Layout:
    """One page.

    Attributes:
        published: The paper's table.
        names: Our row's name -> its row there.
        reference: The full model's name in the paper's table.
        rows: Which to show, in order; all that were trained if None.
        pictures: File and caption.
    """

    title: str
    published: PublishedTable
    names: dict[str, str]
    reference: str
    rows: tuple[str, ...] | None = None
    pictures: tuple[tuple[str, str], ...] = ()


TABLE7_LAYOUT = Layout(
    title="Ablations (the paper's Tables 5 and 7)",
    published=TABLE7,
    names={
        FULL: "full",
        "no_dik": "without DIK",
        "no_sr": "without SR",
        "no_regressor": "without adaptive regressor",
        "no_pr": "without PR",
    },
    reference="full",
    pictures=(
        ("figure6.png", "Ablations side by side, the same frames of the test split (the paper's Fig. 6)."),
        ("figure7.png", "Skeletons that regressors read off true and predicted meshes (the paper's Fig. 7)."),
    ),
)
TABLE4_LAYOUT = Layout(
    title="Shape and pose refinement (the paper's Table 4)",
    published=TABLE4,
    names={FULL: "Ours", "no_sr": "Ours(w/o SR)", "no_pr": "Ours(w/o PR)"},
    reference="Ours",
    rows=(FULL, "no_sr", "no_pr"),
)


@dataclass(frozen=True)
class Page:
    """A layout filled with results.

    Attributes:
        fit_batch: Frames that were fitted at a time.
    """

    layout: Layout
    results: StudyResults
    fit_batch: int = 1

    @property
    def rows(self) -> list[RowFigures]:
        """The rows that are shown."""
        wanted = self.layout.rows or tuple(self.results.rows)
        return [self.results.rows[name] for name in wanted if name in self.results.rows]

    @property
    def signs(self) -> list[Pair]:
        """All comparisons with the paper."""
        others = [row for row in self.rows if row.row.name != FULL]
        return pairs(self.results.rows[FULL], others, self.layout.published, self.layout.names, self.layout.reference)

    @property
    def checks(self) -> list[Check]:
        """All checks."""
        return mesh_checks(self.results.rows, self.results.fits)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "about": self.results.about,
            "rows": [row.to_dict() for row in self.rows],
            "optimisers": {"frames": self.results.fit_frames, "rows": [fit.to_dict() for fit in self.results.fits]},
            "signs": [pair.to_dict() for pair in self.signs],
            "checks": [check.to_dict() for check in self.checks],
            "warnings": list(self.results.warnings),
        }

    def markdown(self, pictures: bool = True) -> str:
        """The text."""
        seeds = len(next(iter(self.results.rows.values())).at(SHOWN[0], FULL).values)  # type: ignore[union-attr]
        blocks = [f"# {self.layout.title}", PROTOCOL.format(seeds=seeds)]
        blocks.append("\n".join(f"- {name}: {value}" for name, value in self.results.about.items()))
        blocks += [strong(warning) for warning in self.results.warnings]
        blocks += ["## Rows", self._rows()]
        blocks += ["## Betas and theta_PR replaced by their means", MEANS_NOTE, self._means()]
        blocks += ["## The paper's signs", SIGNS_NOTE, self._signs()]
        if self.results.fits:
            note = FITS_NOTE.format(frames=self.results.fit_frames, batch=self.fit_batch)
            blocks += ["## Beside an optimiser", note, _fits(self.results.fits)]
        if self.layout.rows is None:
            blocks += ["## Checks", _checks(self.checks)]
        if pictures and self.layout.pictures:
            blocks.append("## Pictures")
            blocks += [f"{caption}\n\n{image(caption, file)}" for file, caption in self.layout.pictures]
        return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"

    def _rows(self) -> str:
        table = self.layout.published
        paper = f"{DATASETS[table.dataset]}, paper's Table {table.number}"
        headings = ["row", *(METRICS[name].heading for name in SHOWN), *(f"{paper}: {c}" for c in table.columns)]
        body = [[row.row.label, *_cells(row, "full"), *self._published(row.row.name)] for row in self.rows]
        full, blank = self.results.rows[FULL], [""] * len(table.columns)
        for method in BASELINES:
            if any(full.at(name, method) for name in SHOWN):
                body.append([f"{METHODS['mesh'][method]}, no stage 3", *_cells(full, method), *blank])
        for row in self.rows:
            if row.row.joint_set == ALL and not row.row.overlay:
                body.append([f"{METHODS['mesh'][BASE]}, 27 joints, no stage 3", *_cells(row, BASE), *blank])
        return markdown_table(headings, body)

    def _published(self, name: str) -> list[str]:
        method = self.layout.names.get(name)
        values = [published_value(self.layout.published, method or "", c) for c in self.layout.published.columns]
        return ["" if value is None else f"{value:.1f}" for value in values]

    def _means(self) -> str:
        methods = (("full", "as it is"), (MEAN_BETAS, "betas"), (MEAN_PR, "theta_PR"), (MEAN_BOTH, "both"))
        headings = ["row"]
        for metric in ("pve_mm", "pa_pve_mm", "pa_mpjpe_mm"):
            label = METRICS[metric].label
            headings += [f"{label} [mm], {what}" for _, what in methods] + [f"share, {label}"]
        body = []
        for row in self.rows:
            cells = [row.row.label]
            for metric in ("pve_mm", "pa_pve_mm", "pa_mpjpe_mm"):
                share = inferred_share({"full": row}, metric=metric)
                cells += [show(row.at(metric, method), 1.0, 2) for method, _ in methods]
                cells.append("" if share is None else f"{share:.2f}")
            body.append(cells)
        return markdown_table(headings, body)

    def _signs(self) -> str:
        labels = {row.row.name: row.row.label for row in self.rows}
        data = DATASETS[self.layout.published.dataset]
        body = [
            [
                labels[pair.row],
                METRICS[COLUMNS[pair.column]].label,
                f"{100 * pair.mean:+.1f} ({', '.join(f'{100 * value:+.1f}' for value in pair.ours)})",
                f"{100 * pair.paper:+.1f}",
                pair.verdict,
            ]
            for pair in self.signs
        ]
        return markdown_table(["without", "metric", "ours [%] (seeds)", f"paper, {data} [%]", "sign"], body)


def _cells(row: RowFigures, method: str) -> list[str]:
    return [show(row.at(name, method), METRICS[name].factor, METRICS[name].digits) for name in SHOWN]


def _fits(fits: Sequence[FitRow]) -> str:
    body = [
        [
            fit.label,
            *(METRICS[name].show(fit.metrics[name]) if name in fit.metrics else "" for name in SHOWN),
            f"{fit.seconds:.4f}",
        ]
        for fit in fits
    ]
    return markdown_table(["method", *(METRICS[name].heading for name in SHOWN), "s per image"], body)


def _checks(checks: Sequence[Check]) -> str:
    body = [
        [
            b.name,
            "" if b.value is None else f"{b.value:.3f}",
            f"{b.sign} {b.bound:.3g}",
            b.verdict,
        ]
        for b in checks
    ]
    return markdown_table(["bar", "value", "bound", "verdict"], body)
