"""The published figures against a second transcription: the tables of the paper as a converter read them."""

from __future__ import annotations

import re

import pytest

from studies.paper.published import SUPERVISION, TABLES, PublishedRow, PublishedTable

# Markup and line breaks as in the text of the paper; cells by tab.
PRINTED = {
    "table2": r"""
Algorithm	3D Data	MPJPE	PMPJPE
HMR [22] CVPR'2018	$\mathcal{P}$	87.9	58.1
HoloPose [14] CVPR'2019	$\mathcal{P}$	-	46.5
SPIN [27] ICCV'2019	$\mathcal{P}$	-	41.1
HybrIK [31] CVPR'2021	$\mathcal{P}$	54.4	34.5
SMPLify [4] ECCV'2016	Pose Prior	-	82.3
HMR [22] CVPR'2018	$\mathcal{U}$	106.8	67.5
SPIN [27] ICCV'2019	Pose Prior	-	62.0
*VIBE [26] CVPR'2020	$\mathcal{U}$	65.6	41.4
Lassner et al. [30] CVPR'2017	None	-	93.9
*PoseNet [48] 3DV'2020	None	-	59.4
Ours	None	<b>87.1</b>	<b>55.4</b>
""",
    "table3": r"""
Algorithm	3D Data	Training Set	PCK	AUC	PMPJPE
Vnet [37]	$\mathcal{P}$	H3.6M+3DHP	83.9	47.3	98.0
HMR [22]	$\mathcal{P}$	H3.6M+3DHP	86.3	47.8	89.8
SPIN [27]	$\mathcal{P}$	Various	92.5	55.6	67.5
HMR [22]	$\mathcal{U}$	H3.6M+3DHP	77.1	40.7	113.2
SPIN [27]	$\mathcal{U}$	Various	87.0	48.5	80.4
*PoseNet [48]	None	H3.6M	81.9	43.2	102.4
Ours	None	H3.6M	83.9	42.5	100.8
Ours	None	3DHP	<b>87.0</b>	<b>50.8</b>	<b>87.4</b>
""",
    "table4": r"""
Algorithm	3D Data	MPJPE	PMPJPE	PVE	PPVE
*Zhe et al. [52]	$\mathcal{P}$	-	37.1	-	-
Tung et al. [49]	$\mathcal{P}$	203.9	64.4	-	<b>74.5</b>
Ours	None	99.5	53.1	<b>107.8</b>	75.1
Ours(w/o SR)	None	<b>95.1</b>	<b>52.6</b>	112.9	80.8
Ours(w/o PR)	None	97.8	53.9	111.1	82.5
""",
    "table7": r"""
DIK	SR	Regressor	PR	MPJPE	PMPJPE	PVE	PPVE
$\times$	$\checkmark$	$\checkmark$	$\checkmark$	159.1	111.9	-	-
$\checkmark$	$\times$	$\checkmark$	$\checkmark$	90.4	<b>55.3</b>	122.6	81.5
$\checkmark$	$\checkmark$	$\times$	$\checkmark$	108.6	63.7	-	-
$\checkmark$	$\checkmark$	$\checkmark$	$\times$	87.7	<b>55.3</b>	121.8	81.4
$\checkmark$	$\checkmark$	$\checkmark$	$\checkmark$	<b>87.1</b>	55.4	<b>120.8</b>	<b>80.8</b>
""",
}
MODULES = ("DIK", "SR", "adaptive regressor", "PR")


def printed(name: str) -> tuple[list[str], list[list[str]]]:
    head, *rows = (line.split("\t") for line in PRINTED[name].strip().splitlines())
    return head, rows


def cells(table: PublishedTable, row: PublishedRow) -> list[str]:
    """A row of ours in the paper's markup."""
    values = [f"<b>{v}</b>" if c in row.bold else v for c, v in zip(table.columns, row.values, strict=True)]
    if table.number == 7:
        return values
    symbol = rf"$\mathcal{{{row.supervision}}}$" if row.supervision in ("P", "U") else row.supervision
    return [row.label, symbol, *([row.training] if row.training else []), *values]


@pytest.mark.parametrize("name", ["table2", "table3", "table4"])
def test_every_row_as_printed(name: str) -> None:
    table = TABLES[name]
    head, rows = printed(name)
    assert head[-len(table.columns) :] == list(table.columns)
    assert [cells(table, row) for row in table.rows] == rows


def test_the_ablation_as_printed() -> None:
    table = TABLES["table7"]
    head, rows = printed("table7")
    assert head[4:] == list(table.columns)
    assert [cells(table, row) for row in table.rows] == [row[4:] for row in rows]
    switched_off = ["".join(m for m, mark in zip(MODULES, row, strict=False) if "times" in mark) for row in rows]
    assert [row.method.removeprefix("without ").replace("full", "") for row in table.rows] == switched_off


def test_every_class_is_explained() -> None:
    for table in TABLES.values():
        assert {row.supervision for row in table.rows} <= {*SUPERVISION, ""}
        assert any("*" in row.mark for row in table.rows) == any("*" in note for note in table.notes)
        for row in table.rows:
            assert all(re.fullmatch(r"-|\d+\.\d", value) for value in row.values)


def test_a_row_of_the_wrong_length() -> None:
    with pytest.raises(ValueError, match="Table 2, HMR x: expected 1 figures, found 2"):
        PublishedTable(2, "human36m", "", ("MPJPE",), (PublishedRow("HMR", ("1", "2"), cited="x"),), "")
