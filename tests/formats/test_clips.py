"""Clips that are read in pieces and arrays that wait on the disk, against NumPy's own reading and writing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from s2m.errors import UserError
from s2m.files import WriteError
from s2m.formats.clips import ArrayFrames, NpyFrames, is_large
from s2m.formats.own import own_fields
from s2m.formats.spool import Spool, write_npz_of


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "<i4"])
def test_pieces_of_a_file_are_those_of_the_array(tmp_path: Path, dtype: str, flat: bool) -> None:
    rows = (np.random.default_rng(0).random((11, 5, 4)) * 4).astype(dtype)
    rows[..., 3] = np.minimum(rows[..., 3], 1)
    rows[2, 3, :3] = 0
    np.save(tmp_path / "a.npy", rows.reshape(11, 20) if flat else rows)
    source = NpyFrames(tmp_path / "a.npy", 5, 3, least=0.5)
    expected = ArrayFrames(rows[..., :3], rows[..., 3], least=0.5)
    assert len(source) == 11
    for start, stop in ((0, 11), (3, 4), (9, 11)):
        for found, wanted in zip(source.read(start, stop), expected.read(start, stop), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_files_that_are_not_what_they_say_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((9, 5, 3)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"a.npy: .* 100 bytes short"):
        NpyFrames(tmp_path / "a.npy", 5, 3)
    np.save(tmp_path / "b.npy", np.ones((9, 5, 2)))
    with pytest.raises(UserError, match=r"b.npy: expected \(frames, 5, 3\), found \(9, 5, 2\)"):
        NpyFrames(tmp_path / "b.npy", 5, 3)
    np.save(tmp_path / "c.npy", np.full((9, 5, 4), 2.0))
    with pytest.raises(UserError, match=r"c.npy: confidence .*found 2"):
        NpyFrames(tmp_path / "c.npy", 5, 3)
    (tmp_path / "d.npy").write_bytes(b"nonsense")
    assert not is_large(tmp_path / "d.npy")
    assert not is_large(tmp_path / "none.npy")


def test_an_npz_from_the_disk_is_numpys(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 7)).astype(np.float32)
    with Spool(tmp_path) as spool:
        for start in range(0, 100, 13):
            spool.append(rows[start : start + 13])
        np.testing.assert_array_equal(spool.read(5, 30), rows[5:30])
        spool.append(rows[:0])
        with pytest.raises(ValueError, match="expected"):
            spool.append(rows[:, :3])
        for compressed in (True, False):
            write_npz_of(tmp_path / "a.npz", {"rows": spool, "word": np.array("x")}, compressed=compressed)
            with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
                np.testing.assert_array_equal(file["rows"], rows)
                assert str(file["word"]) == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_no_place_to_wait_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="none: expected a folder that can be written"):
        Spool(tmp_path / "none")


def test_damaged_files_say_nothing_of_themselves(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, joints3d=np.zeros((3, 5, 3)), joint_set=np.array("h36m17"), fps=np.array(25.0))
    (tmp_path / "a.npz").write_bytes(whole.getvalue())
    assert own_fields(tmp_path / "a.npz").joint_set == "h36m17"
    assert own_fields(tmp_path / "a.npz").fps == 25
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole.getvalue())
        for place in rng.integers(0, len(damaged), 4):
            damaged[place] = rng.integers(256)
        (tmp_path / "b.npz").write_bytes(damaged[: rng.integers(1, len(damaged) + 1)])
        own_fields(tmp_path / "b.npz")  # whatever it says: no error but a UserError comes out
