"""The paper's tables with published figures, as printed: ICCV 2021, "Skeleton2Mesh", Tables 2, 3, 4 and 7.

Figures are text, so that they are shown as printed; a dash is a figure that the paper does not give. They were
measured on the real datasets: nothing that was measured elsewhere belongs beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

# Supervision classes by the paper's symbols: what 3D data a method needs.
SUPERVISION = {
    "P": "paired 3D supervision",
    "U": "unpaired 3D supervision",
    "Pose Prior": "a pose prior learned from 3D data",
    "None": "no 3D data",
}
MISSING = "-"


@dataclass(frozen=True)
class PublishedRow:
    """One line of a table.

    Attributes:
        method: Name of a method.
        values: Figures by column, as printed.
        supervision: A key of :data:`SUPERVISION`, or empty where a table has no such column.
        cited: Its reference and venue, as printed.
        training: The training set, where a table says it.
        mark: A star in the paper, see the note.
        bold: Columns that the paper prints in bold.
    """

    method: str
    values: tuple[str, ...]
    supervision: str = ""
    cited: str = ""
    training: str = ""
    mark: str = ""
    bold: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether it is the paper's own method."""
        return not self.cited

    @property
    def label(self) -> str:
        """Method with its star and reference."""
        return f"{self.mark}{self.method}{f' {self.cited}' if self.cited else ''}"


@dataclass(frozen=True)
class PublishedTable:
    """A table of the paper.

    Attributes:
        dataset: As the converters name it.
        columns: As printed.
        rows: Rows of the table, by name.
        frames: Of the dataset's test set, where all count.
    """

    number: int
    dataset: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    protocol: str
    notes: tuple[str, ...] = ()
    frames: int | None = None

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ValueError(
                    f"Table {self.number}, {row.label}: expected {len(self.columns)} figures, found {len(row.values)}"
                )

    @property
    def name(self) -> str:
        """``table2`` ..."""
        return f"table{self.number}"


_STAR_TEMPORAL = "* uses temporal information"
_P_PAIRED = "P: paired, U: unpaired 3D supervision"
_PA = "PMPJPE: MPJPE after rigid alignment (with scale)"

TABLE2 = PublishedTable(
    number=2,
    dataset="human36m",
    caption="Results on the test set of Human3.6M",
    columns=("MPJPE", "PMPJPE"),
    rows=(
        PublishedRow("HMR", ("87.9", "58.1"), "P", "[22] CVPR'2018"),
        PublishedRow("HoloPose", ("-", "46.5"), "P", "[14] CVPR'2019"),
        PublishedRow("SPIN", ("-", "41.1"), "P", "[27] ICCV'2019"),
        PublishedRow("HybrIK", ("54.4", "34.5"), "P", "[31] CVPR'2021"),
        PublishedRow("SMPLify", ("-", "82.3"), "Pose Prior", "[4] ECCV'2016"),
        PublishedRow("HMR", ("106.8", "67.5"), "U", "[22] CVPR'2018"),
        PublishedRow("SPIN", ("-", "62.0"), "Pose Prior", "[27] ICCV'2019"),
        PublishedRow("VIBE", ("65.6", "41.4"), "U", "[26] CVPR'2020", mark="*"),
        PublishedRow("Lassner et al.", ("-", "93.9"), "None", "[30] CVPR'2017"),
        PublishedRow("PoseNet", ("-", "59.4"), "None", "[48] 3DV'2020", mark="*"),
        PublishedRow("Ours", ("87.1", "55.4"), "None", bold=("MPJPE", "PMPJPE")),
    ),
    protocol=f"mm; {_PA}; 2D joints and silhouettes from detectors; the paper does not say how many joints and "
    "cameras, nor how scale was set for MPJPE",
    notes=(_STAR_TEMPORAL, _P_PAIRED),
)

TABLE3 = PublishedTable(
    number=3,
    dataset="mpi_inf_3dhp",
    caption="Results on the test set of MPI-INF-3DHP",
    columns=("PCK", "AUC", "PMPJPE"),
    rows=(
        PublishedRow("Vnet", ("83.9", "47.3", "98.0"), "P", "[37]", "H3.6M+3DHP"),
        PublishedRow("HMR", ("86.3", "47.8", "89.8"), "P", "[22]", "H3.6M+3DHP"),
        PublishedRow("SPIN", ("92.5", "55.6", "67.5"), "P", "[27]", "Various"),
        PublishedRow("HMR", ("77.1", "40.7", "113.2"), "U", "[22]", "H3.6M+3DHP"),
        PublishedRow("SPIN", ("87.0", "48.5", "80.4"), "U", "[27]", "Various"),
        PublishedRow("PoseNet", ("81.9", "43.2", "102.4"), "None", "[48]", "H3.6M", "*"),
        PublishedRow("Ours", ("83.9", "42.5", "100.8"), "None", "", "H3.6M"),
        PublishedRow("Ours", ("87.0", "50.8", "87.4"), "None", "", "3DHP", bold=("PCK", "AUC", "PMPJPE")),
    ),
    protocol="after rigid alignment; PCK within 150 mm and AUC in %, PMPJPE in mm; the paper does not say how many "
    "joints and thresholds",
    notes=(_STAR_TEMPORAL, _P_PAIRED),
    frames=603 + 540 + 505 + 553 + 276 + 452,  # valid frames of TS1 to TS6, the dataset's README
)

TABLE4 = PublishedTable(
    number=4,
    dataset="surreal",
    caption="Results on the validation set of Surreal",
    columns=("MPJPE", "PMPJPE", "PVE", "PPVE"),
    rows=(
        PublishedRow("Zhe et al.", ("-", "37.1", "-", "-"), "P", "[52]", mark="*"),
        PublishedRow("Tung et al.", ("203.9", "64.4", "-", "74.5"), "P", "[49]", bold=("PPVE",)),
        PublishedRow("Ours", ("99.5", "53.1", "107.8", "75.1"), "None", bold=("PVE",)),
        PublishedRow("Ours(w/o SR)", ("95.1", "52.6", "112.9", "80.8"), "None", bold=("MPJPE", "PMPJPE")),
        PublishedRow("Ours(w/o PR)", ("97.8", "53.9", "111.1", "82.5"), "None"),
    ),
    protocol=f"mm; {_PA}; PVE: per vertex error, PPVE after rigid alignment; ground-truth 2D joints and silhouettes; "
    "the paper does not say how many joints, nor which frames of the validation set (others have lists of their own)",
    notes=("* pose estimation method", "P: paired 3D supervision used in training or pretraining"),
)

TABLE7 = PublishedTable(
    number=7,
    dataset="human36m",
    caption="The analysis on different component modules, test set of Human3.6M",
    columns=("MPJPE", "PMPJPE", "PVE", "PPVE"),
    rows=(
        PublishedRow("without DIK", ("159.1", "111.9", "-", "-")),
        PublishedRow("without SR", ("90.4", "55.3", "122.6", "81.5"), bold=("PMPJPE",)),
        PublishedRow("without adaptive regressor", ("108.6", "63.7", "-", "-")),
        PublishedRow("without PR", ("87.7", "55.3", "121.8", "81.4"), bold=("PMPJPE",)),
        PublishedRow("full", ("87.1", "55.4", "120.8", "80.8"), bold=("MPJPE", "PVE", "PPVE")),
    ),
    protocol=f"mm; {_PA}; PVE: per vertex error, PPVE after rigid alignment",
)

TABLES: dict[str, PublishedTable] = {table.name: table for table in (TABLE2, TABLE3, TABLE4, TABLE7)}
