"""CSV files as people have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.errors import FormatError, UserError
from s2m.formats import tables
from s2m.formats.joints3d import read_all_joints, read_joints
from s2m.formats.keypoints2d import read_keypoints
from s2m.skeletons import BLAZEPOSE33, H36M17

POINTS = np.random.default_rng(0).normal(2, 1, (5, 17, 3)).round(4)


def rows(points: np.ndarray = POINTS) -> list[list[str]]:
    return [[repr(float(value)) for value in frame.ravel()] for frame in points]


def saved(folder: Path, lines: list[list[str]], mark: str = ",", start: str = "") -> Path:
    (folder / "a.csv").write_text(start + "\n".join(mark.join(line) for line in lines) + "\n", encoding="utf-8")
    return folder / "a.csv"


@pytest.mark.parametrize("cell", ["NA", "None", "", " ", "nan", "null", "N/A"])
@pytest.mark.parametrize("row", [0, 3])
def test_a_missing_cell_is_a_missing_joint_in_any_row(tmp_path: Path, cell: str, row: int) -> None:
    lines = rows()
    lines[row][4] = cell
    found = read_joints(saved(tmp_path, lines), H36M17)
    assert found.points.shape == (5, 17, 3)
    assert np.isnan(found.points[row, 1]).all()
    assert (found.confidence == 0).sum() == 1


@pytest.mark.parametrize(("mark", "start"), [(",", "\ufeff"), (";", ""), ("\t", ""), (" ", ""), ("  ", "")])
def test_marks_of_spreadsheets(tmp_path: Path, mark: str, start: str) -> None:
    np.testing.assert_array_equal(read_joints(saved(tmp_path, rows(), mark, start), H36M17).points, POINTS)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_what_spreadsheets_call_unicode(tmp_path: Path, encoding: str) -> None:
    text = saved(tmp_path, rows(), "\t").read_text(encoding="utf-8")
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    np.testing.assert_array_equal(read_joints(tmp_path / "a.csv", H36M17).points, POINTS)


def test_rows_that_end_with_a_separator(tmp_path: Path) -> None:
    found = read_joints(saved(tmp_path, [[*line, ""] for line in rows()]), H36M17)
    np.testing.assert_array_equal(found.points, POINTS)
    lines = [[*line[:-1], ""] for line in rows()]  # here the last cell is one of the 51
    assert np.isnan(read_joints(saved(tmp_path, lines), H36M17).points[:, -1]).all()


@pytest.mark.parametrize(
    ("name", "times", "rate"),
    [
        ("time", np.arange(5) / 120, 120.0),
        ("Time (s)", [0, 0.033, 0.067, 0.1, 0.133], 30.0),
        ("timestamp_ms", [0, 20.83, 41.67, 62.5, 83.33], 48.0),
        ("timestamp", np.arange(5) * 40.0, 25.0),
        ("time", range(5), None),  # a count
        ("time", [0, 1, 7, 8, 30], None),
        ("time", ["12:00", "12:01", "12:02", "12:03", "12:04"], None),
    ],
)
def test_times_tell_the_rate(tmp_path: Path, name: str, times: list[object], rate: float | None) -> None:
    header = [name, *(f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyz")]
    lines = [[str(time), *line] for time, line in zip(times, rows(), strict=True)]
    layout = read_joints(saved(tmp_path, [header, *lines])).layout
    assert (None if layout is None else layout.fps) == rate


def test_several_rows_of_names_are_refused(tmp_path: Path) -> None:
    """Under a first row that names no joint, text would count as missing."""
    names = [[word] * 51 for word in ("DLC", "nose", "x")]
    with pytest.raises(UserError, match=r"a.csv: row 2: expected numbers below one row of names, found nose, nose, "):
        read_joints(saved(tmp_path, [*names, *rows()]), H36M17)


NAMES = [f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyz"]


@pytest.mark.parametrize("header", [[], [NAMES]])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_rows_of_separators_are_frames_without_a_person(tmp_path: Path, header: list[list[str]], mark: str) -> None:
    """So pandas writes rows of NaN; time would run faster without them."""
    nothing = [""] * 51
    lines = rows()
    lines = [*header, nothing, lines[0], nothing, nothing, *lines[1:]]
    found = read_joints(saved(tmp_path, lines, mark), H36M17)
    assert np.isnan(found.points).all((1, 2)).tolist() == [True, False, True, True, False, False, False, False]
    np.testing.assert_array_equal(found.points[[1, 4, 5, 6, 7]], POINTS)
    assert not found.confidence[2].any()


def test_lines_of_nothing_are_no_frames(tmp_path: Path) -> None:
    above, *others = rows()
    lines = [[""], [","] * 3, NAMES, above, [""], *others, ["  "]]
    np.testing.assert_array_equal(read_joints(saved(tmp_path, lines), H36M17).points, POINTS)


@pytest.mark.parametrize(
    ("index", "frames"),
    [
        (range(5), range(5)),
        ([3, 4, 6, 7, 9], range(3, 10)),  # pandas' rows after some were dropped
        ([0, 1, 1, 2, 3], range(5)),
        ([0.5, 1, 2, 3, 4], range(5)),
    ],
)
def test_pandas_numbers_of_rows_are_frames(tmp_path: Path, index: list[float], frames: range) -> None:
    lines = [["", *NAMES], *([str(number), *line] for number, line in zip(index, rows(), strict=True))]
    found = read_joints(saved(tmp_path, lines))
    assert (range(5) if found.frames is None else found.frames.tolist()) == [*frames] or frames == range(5)
    assert len(found.points) == len(frames)
    there = np.isfinite(found.points).all((1, 2))
    np.testing.assert_array_equal(found.points[there], POINTS)


@pytest.mark.parametrize(
    ("name", "times"),
    [("time", [0, 0.04, 0.08, 0.2, 0.24]), ("timestamp_ms", [400, 440, 480, 600, 640])],
)
def test_gaps_of_times_are_frames_without_a_person(tmp_path: Path, name: str, times: list[float]) -> None:
    lines = [[name, *NAMES], *([str(time), *line] for time, line in zip(times, rows(), strict=True))]
    found = read_joints(saved(tmp_path, lines))
    assert found.layout is not None
    assert found.layout.fps == 25
    assert np.isnan(found.points).all((1, 2)).tolist() == [False, False, False, True, True, False, False]
    assert any("2 of 7 frames are not in the file (3 to 4)" in note for note in found.notes)


def long_rows(key: list[str], of: list[list[str]]) -> list[list[str]]:
    """A header and a landmark a row; ``of`` has the cells of each frame under ``key``."""
    lines = [[*key, "landmark", "x", "y", "z"]]
    for cells, frame in zip(of, POINTS, strict=True):
        lines += [[*cells, joint, *map(repr, map(float, xyz))] for joint, xyz in zip(H36M17.joints, frame, strict=True)]
    return lines


def test_long_tables_with_numbers_of_rows(tmp_path: Path) -> None:
    lines = long_rows(["", "frame"], [["", str(n)] for n in (2, 3, 5, 6, 7)])
    lines = [lines[0], *([str(n), *line[1:]] for n, line in enumerate(lines[1:]))]
    found = read_joints(saved(tmp_path, lines))
    assert found.frames is not None
    assert found.frames.tolist() == [2, 3, 4, 5, 6, 7]
    assert np.isnan(found.points[2]).all()


@pytest.mark.parametrize(
    ("name", "times"),
    [("timestamp_ms", [0, 17, 33, 67, 83]), ("time", [0, 0.0167, 0.0333, 0.0667, 0.0833])],
)
def test_long_tables_by_times(tmp_path: Path, name: str, times: list[float]) -> None:
    """Milliseconds are no numbers of frames, of which most were missing."""
    found = read_joints(saved(tmp_path, long_rows([name], [[str(time)] for time in times])))
    assert found.layout is not None
    assert found.layout.fps == pytest.approx(60, rel=0.02)
    assert np.isnan(found.points).all((1, 2)).tolist() == [False, False, False, True, False, False]
    both = read_joints(saved(tmp_path, long_rows(["frame", "time"], [[str(n), str(n / 25)] for n in range(5)])))
    assert both.layout is not None
    assert both.layout.fps == 25


def test_people_of_long_tables(tmp_path: Path) -> None:
    lines = long_rows(["frame", "person"], [[str(n // 2), f"track_{n % 2}"] for n in range(5)])
    first, second = read_all_joints(saved(tmp_path, lines))
    np.testing.assert_array_equal(first.points, POINTS[::2])
    np.testing.assert_array_equal(second.points[:2], POINTS[1::2])
    assert (first.person, second.person) == (0, 1)


def test_names_in_several_rows(tmp_path: Path) -> None:
    """As DeepLabCut has pandas write them, of one and of several."""
    names = [[word, *texts] for word, texts in (
        ("scorer", ["DLC"] * 51),
        ("bodyparts", [joint for joint in H36M17.joints for _ in range(3)]),
        ("coords", ["x", "y", "likelihood"] * 17),
    )]  # fmt: skip
    likely = np.concatenate([POINTS[..., :2], np.full((5, 17, 1), 0.75)], -1)
    body = [[str(n), *line] for n, line in enumerate(rows(likely))]
    found = read_keypoints(saved(tmp_path, [*names, *body]))
    assert found.joint_set is H36M17
    assert (found.confidence == 0.75).all()
    np.testing.assert_array_equal(found.points, POINTS[..., :2])
    two = [names[0] + names[0][1:], ["individuals", *["ann"] * 51, *["bob"] * 51]]
    two += [line + line[1:] for line in names[1:]] + [line + body[0][1:] for line in body]
    two = [*two[:2], *two[2:4], *two[4:]]
    np.testing.assert_array_equal(read_keypoints(saved(tmp_path, two), person="0").points, POINTS[..., :2])
    second = read_keypoints(saved(tmp_path, two), person="1")
    np.testing.assert_array_equal(second.points, np.broadcast_to(POINTS[0, :, :2], (5, 17, 2)))


def test_decimal_commas(tmp_path: Path) -> None:
    lines = [[cell.replace(".", ",") for cell in line] for line in rows()]
    np.testing.assert_array_equal(read_joints(saved(tmp_path, lines, ";"), H36M17).points, POINTS)


def test_numbers_of_columns_are_a_header(tmp_path: Path) -> None:
    count = [str(i) for i in range(51)]
    np.testing.assert_array_equal(read_joints(saved(tmp_path, [count, *rows()]), H36M17).points, POINTS)
    indexed = [["", *count], *([str(i), *line] for i, line in enumerate(rows()))]
    np.testing.assert_array_equal(read_joints(saved(tmp_path, indexed), H36M17).points, POINTS)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(51)), time=st.booleans(), style=st.sampled_from(["{}_{}", "{}.{}", "{} {}"]))
def test_headers_name_columns_in_any_order(tmp_path_factory, order, time: bool, style: str) -> None:
    names = [style.format(joint, axis) for joint in H36M17.joints for axis in "xyz"]
    lines = [[names[i] for i in order], *([line[i] for i in order] for line in rows())]
    if time:
        lines = [[*line[:7], "time" if n == 0 else str(0.04 * n), *line[7:]] for n, line in enumerate(lines)]
    found = read_joints(saved(tmp_path_factory.mktemp("csv"), lines))
    assert found.joint_set is H36M17
    np.testing.assert_array_equal(found.points, POINTS)


def test_frames_and_people_in_columns(tmp_path: Path) -> None:
    names = [f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyz"]
    lines = [["frame", "person_id", *names]]
    for frame in (4, 2, 3, 7):
        lines += [[str(frame), "1", *rows()[0]], [str(frame), "2", *rows()[1]]]
    first, second = read_all_joints(saved(tmp_path, lines))
    assert first.frames.tolist() == [2, 3, 4, 5, 6, 7]
    assert (first.confidence[:, 0] > 0).tolist() == [True, True, True, False, False, True]
    np.testing.assert_array_equal(second.points[0], POINTS[1])
    with pytest.raises(UserError, match="found a frame twice"):
        read_joints(saved(tmp_path, [*lines, lines[-1]]))


def test_mediapipes_wide_table(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(2, 1, (4, 33, 3))
    official = [joint.replace("left_toe", "left_foot_index") for joint in BLAZEPOSE33.joints]
    header = [
        "frame",
        "timestamp",
        *(f"{joint}_{axis}" for joint in official for axis in ("x", "y", "z", "visibility")),
    ]
    lines = [header]
    for n, frame in enumerate(values):
        lines.append([str(n), str(n / 25), *(str(v) for point in frame for v in (*point, 0.9))])
    found = read_joints(saved(tmp_path, lines))
    assert found.joint_set is BLAZEPOSE33
    np.testing.assert_allclose(found.points, values)
    np.testing.assert_allclose(read_keypoints(saved(tmp_path, lines)).points, values[..., :2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[2].__setitem__(4, "oops"), r"a.csv: row 3, column 5: expected a number, found 'oops'"),
        (lambda lines: lines[2].pop(), "row 3: expected 51 cells like the first, found 50"),
        (lambda lines: lines.clear(), "expected rows of numbers, found none"),
        (lambda lines: lines[0].__setitem__(0, "1" * 200_000), "cannot be read: field larger than field limit"),
        (lambda lines: lines.insert(0, [f"{j}_{a}" for j in H36M17.joints for a in "xxy"]), "names a coordinate that"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, change, message: str) -> None:
    lines = rows()
    change(lines)
    with pytest.raises(UserError, match=message):
        read_joints(saved(tmp_path, lines))


def test_a_long_table_is_never_all_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of rows give what one block gives; rows are counted on, for messages."""
    values = np.random.default_rng(0).normal(size=(23, 51)).round(4)
    np.savetxt(tmp_path / "a.csv", values, "%.4f", ",")
    monkeypatch.setattr(tables, "_BLOCK", 5)
    np.testing.assert_array_equal(tables.read_table(tmp_path / "a.csv").values, values)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines[13] = "x" + lines[13]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(FormatError, match="row 14, column 1: expected a number"):
        tables.read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "trc", "skeleton"])
def test_text_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    with path.open("wb") as file:
        file.truncate(2 * 10**9)  # a hole: takes no space
    with pytest.raises(UserError, match=r"expected at most \d+ bytes.*found 2000000000.*\.npy"):
        read_joints(path)


@pytest.mark.parametrize("above", ["", "made by a lab\nin 2026\n"])
def test_comments_of_savetxt(tmp_path: Path, above: str) -> None:
    """What NumPy writes above a table: names of the columns behind a #, or anything else."""
    points = np.random.default_rng(0).normal(size=(5, 51))
    names = ",".join(f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyz")
    for number, header in enumerate((above + names, above or "51 numbers")):
        np.savetxt(tmp_path / f"{number}.csv", points, "%.6f", ",", header=header)
        table = tables.read_table(tmp_path / f"{number}.csv")
        np.testing.assert_allclose(table.values, points, atol=1e-6)
        assert list(table.joints) == (list(H36M17.joints) if number == 0 else [])
    lines = (tmp_path / "0.csv").read_text().splitlines()
    lines[-1] = "x" + lines[-1][1:]
    (tmp_path / "0.csv").write_text("\n".join(lines))
    with pytest.raises(FormatError, match=f"row {len(lines)}, column 1"):
        tables.read_table(tmp_path / "0.csv")


def test_names_in_an_old_encoding(tmp_path: Path) -> None:
    text = "Zeit_\xfc,left_knee_x,left_knee_y\n1,2,3\n4,5,6\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        (tmp_path / "a.csv").write_bytes(text.encode(encoding))
        assert tables.read_table(tmp_path / "a.csv").values.tolist() == [[1, 2, 3], [4, 5, 6]]
