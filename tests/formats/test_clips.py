"""Arrays that wait on the disk, against NumPy's own reading and writing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from s2m.files import WriteError
from s2m.formats.own import own_fields
from s2m.formats.spool import Spool, write_npz_of


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
