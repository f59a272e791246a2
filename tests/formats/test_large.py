"""Files that are read in pieces: what the readers of whole files give, say and refuse, they give, say and refuse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.errors import UserError
from s2m.formats import large
from s2m.formats.joints3d import read_joints
from s2m.formats.keypoints2d import read_keypoints
from s2m.formats.large import Asked, LargeFrames, is_large, opened, person_of
from s2m.formats.layouts import Layout
from s2m.formats.rows import npy_rows, npz_rows
from s2m.formats.tracks import Track
from s2m.skeletons import H36M17, JOINT_SETS
from tests.fuzz.samples import skeletons


@pytest.fixture(autouse=True)
def _small_is_large() -> Iterator[None]:
    with mock.patch.object(large, "LARGE", 100):
        yield


def whole(path: Path, asked: Asked) -> Track | str:
    try:
        if asked.dims == 3:
            return read_joints(path, asked.joint_set, asked.key, min_confidence=asked.least)
        return read_keypoints(path, asked.joint_set, asked.key, min_confidence=asked.least, image_size=asked.size)
    except UserError as error:
        return str(error)


def pieces(path: Path, asked: Asked, folder: Path) -> tuple[Any, ...] | str:
    """Points, confidences, notes, joint set, what it was told by, labels, layout."""
    try:
        assert is_large(path, asked)
        with opened(path, asked, folder) as found:
            assert person_of(path, asked) == found.labels.person
            parts = [found.read(start, min(len(found), start + 4)) for start in range(0, len(found), 4)]
            points, sure = (np.concatenate(column) for column in zip(*parts, strict=True))
            return points, sure, found.notes, found.joint_set, found.why, found.labels, found.layout
    except UserError as error:
        return str(error)


def assert_alike(path: Path, asked: Asked, folder: Path) -> Track | str:
    expected, found = whole(path, asked), pieces(path, asked, folder)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
        return expected
    np.testing.assert_array_equal(found[0], expected.points)
    np.testing.assert_array_equal(found[1], expected.confidence)
    assert set(found[2]) == set(expected.notes)
    assert found[3:5] == (expected.joint_set, expected.why)
    np.testing.assert_array_equal(found[5].frames, expected.frames)
    assert (found[5].images, found[5].person) == (expected.images, expected.person)
    assert found[6] == expected.layout
    return expected


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    relative=st.booleans(),
    dims=st.sampled_from([2, 3]),
    sure=st.sampled_from(["none", "column", "field"]),
    least=st.sampled_from([0.0, 0.4]),
    flat=st.booleans(),
    dtype=st.sampled_from(["<f4", "<f8", ">f4", "<f2"]),
    kind=st.sampled_from(["npy", "fortran", "stored", "packed"]),
)
def test_whole_files_and_pieces_agree(tmp_path_factory, seed, relative, dims, sure, least, flat, dtype, kind):
    folder, rng = tmp_path_factory.mktemp("large"), np.random.default_rng(seed)
    points = rng.normal(0, 1, (9, 17, dims))
    points -= points[:, :1] if relative else -5
    hidden = rng.random((9, 17)) < 0.2
    hidden[:, 0] &= not relative
    points[hidden] = rng.choice([0, -1, np.nan, 3e4], hidden.sum())[:, None]
    trust = np.where(rng.random((9, 17)) < 0.2, rng.choice([0.0, -1.0, np.nan, 0.25], (9, 17)), 1)
    if sure == "column":
        points = np.concatenate([points, trust[..., None]], -1)
    points = (points.reshape(9, -1) if flat else points).astype(dtype)
    path = folder / ("a.npz" if kind in ("stored", "packed") else "a.npy")
    if path.suffix == ".npy":
        np.save(path, np.asfortranarray(points) if kind == "fortran" else points)
    else:
        others = {"scores": trust} if sure == "field" else {}
        (np.savez if kind == "stored" else np.savez_compressed)(path, other=np.zeros(3), joints=points, **others)
    assert_alike(path, Asked(dims, H36M17, least=least), folder)
    assert [file.name for file in folder.iterdir()] == [path.name]


REFUSED = {
    "shares of the picture": (np.random.default_rng(0).random((40, 17, 2)), Asked(2)),
    "shares with a confidence": (np.random.default_rng(0).random((40, 17, 3)), Asked(2)),
    "another picture's size": (np.random.default_rng(0).random((40, 17, 2)) + 5000, Asked(2, size=(640, 480))),
    "3D joints as 2D": (np.full((40, 17, 3), 3.0), Asked(2)),
    "confidences below zero": (np.full((40, 17, 3), -0.5), Asked(2)),
    "2D joints as 3D": (np.full((40, 17, 2), 3.0), Asked(3)),
    "2D joints as 3D of a set": (np.full((40, 17, 2), 3.0), Asked(3, H36M17)),
    "other joints": (np.full((40, 17, 3), 3.0), Asked(3, JOINT_SETS["smpl24"])),
    "flat, other joints": (np.full((40, 50), 3.0), Asked(3, H36M17)),
    "no known number of joints": (np.full((40, 99, 3), 3.0), Asked(3)),
    "no person": (np.random.default_rng(0).random((40, 17, 3)), Asked(3)),
}


@pytest.mark.parametrize(("array", "asked"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_both_refuse_alike(tmp_path: Path, array: np.ndarray, asked: Asked, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    np.save(path, array) if suffix == "npy" else np.savez(path, joints=array)
    assert isinstance(assert_alike(path, asked, tmp_path), str)


@pytest.mark.parametrize("flat", [False, True])
def test_joints_are_told_from_the_whole_clip(tmp_path: Path, flat: bool) -> None:
    points = np.tile(skeletons(), (40, 1, 1)).astype(np.float32)
    points[: len(points) // 2] = np.nan  # nobody yet
    np.save(tmp_path / "a.npy", points.reshape(len(points), -1) if flat else points)
    found = assert_alike(tmp_path / "a.npy", Asked(3), tmp_path)
    assert not isinstance(found, str)
    assert found.joint_set.name == "h36m17"


def test_shares_of_a_picture_become_pixels(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((40, 17, 2)))
    found = assert_alike(tmp_path / "a.npy", Asked(2, size=(1920, 1080)), tmp_path)
    assert not isinstance(found, str)
    assert found.points[..., 0].max() > 1800


def test_fields_beside_the_joints(tmp_path: Path) -> None:
    """What marks the joints that were seen counts; what may mark either is said."""
    points, seen = np.random.default_rng(0).normal(5, 1, (9, 17, 3)), np.random.default_rng(1).random((9, 17)) < 0.5
    np.savez(tmp_path / "a.npz", joints=points, visible=seen, fps=np.array([60]), unit="cm", up=np.zeros(3))
    found = assert_alike(tmp_path / "a.npz", Asked(3, H36M17), tmp_path)
    assert not isinstance(found, str)
    assert found.layout == Layout("the file", "cm", "y", 60.0)
    np.testing.assert_array_equal(found.confidence > 0, seen)
    np.savez(tmp_path / "b.npz", joints=points, mask=seen, scores=np.ones((9, 3)))
    found = assert_alike(tmp_path / "b.npz", Asked(3, H36M17), tmp_path)
    assert not isinstance(found, str)
    assert [note.split(":")[0] for note in found.notes] == ["scores", "mask"]


def test_coordinates_that_are_no_pixels_are_told_of(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).uniform(-1, 1, (40, 17, 2)))
    found = assert_alike(tmp_path / "a.npy", Asked(2), tmp_path)
    assert not isinstance(found, str)
    assert "both axes had one scale" in found.notes[0]
    said = assert_alike(tmp_path / "a.npy", Asked(2, size=(1920, 1080)), tmp_path)
    assert "expected pixels, or shares of the picture from 0 to 1, found coordinates from -" in str(said)


def test_a_clip_without_anybody_says_why(tmp_path: Path) -> None:
    points = np.concatenate([np.ones((9, 17, 3)), np.zeros((9, 17, 1))], -1)
    np.save(tmp_path / "a.npy", points)
    found = assert_alike(tmp_path / "a.npy", Asked(3, H36M17), tmp_path)
    assert not isinstance(found, str)
    assert "9 further joints of 9 frames (confidence not above 0)" in found.notes[0]


def test_labels_of_a_lifted_clip_are_kept(tmp_path: Path) -> None:
    fields = {"joint_set": np.array("h36m17"), "frames": np.arange(9) * 2, "person": np.array(3)}
    images = np.array([f"{i}.jpg" for i in range(9)])
    points = np.random.default_rng(0).normal(size=(9, 17, 3))
    np.savez(tmp_path / "a.npz", joints3d=points, images=images, confidence=np.zeros((9, 17)), **fields)
    found = assert_alike(tmp_path / "a.npz", Asked(3), tmp_path)
    assert not isinstance(found, str)
    assert (found.person, found.images[1], found.frames[1]) == (3, "1.jpg", 2)
    assert (found.confidence == 1).all()  # those of the 2D joints say nothing of the lifted ones


def test_other_kinds_are_left_to_their_readers(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.zeros((40, 263)))
    np.savez(tmp_path / "mdm.npz", motion=np.zeros((1, 22, 3, 40)), lengths=np.array([40]))
    np.savez(tmp_path / "videopose.npz", positions_2d=np.array({"S1": {}}, object))
    for name, dims in (("features.npy", 3), ("mdm.npz", 3), ("videopose.npz", 2), ("none.npy", 3)):
        assert not is_large(tmp_path / name, Asked(dims))
    np.save(tmp_path / "a.npy", np.zeros((40, 17, 3)))
    assert not is_large(tmp_path / "a.npy", Asked(3, key="joints"))  # it has no fields, which the reader says


@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_one_line(tmp_path: Path, packed: bool) -> None:
    """Flipped bytes are found by the archive's own sums, before anything is made of them."""
    path = tmp_path / "a.npz"
    points = np.random.default_rng(0).normal(size=(200, 17, 3))
    (np.savez_compressed if packed else np.savez)(path, joints=points)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    found = pieces(path, Asked(3, H36M17), tmp_path)
    assert isinstance(found, str)
    assert found.startswith(f"{path}: cannot be read: ")
    np.save(tmp_path / "b.npy", points)
    whole_file = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "b.npy").write_bytes(whole_file[:-100])
    assert "100 bytes short" in str(pieces(tmp_path / "b.npy", Asked(3, H36M17), tmp_path))


def test_rows_are_numpys(tmp_path: Path) -> None:
    array = np.arange(60, dtype=">i2").reshape(10, 3, 2)
    np.save(tmp_path / "c.npy", array)
    np.save(tmp_path / "f.npy", np.asfortranarray(array))
    np.savez(tmp_path / "z.npz", a=np.zeros(3), b=np.asfortranarray(array))
    np.savez_compressed(tmp_path / "p.npz", b=array)
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(npy_rows(tmp_path / name)) for name in ("c.npy", "f.npy")]
        sources += [stack.enter_context(npz_rows(tmp_path / name, "b", tmp_path)) for name in ("z.npz", "p.npz")]
        for rows in sources:
            np.testing.assert_array_equal(rows.read(3, 8), array[3:8])
            assert rows.read(10, 10).shape == (0, 3, 2)
            np.testing.assert_array_equal(rows.some(2), array[[0, 9]])


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((200, 17, 3)))
    with npy_rows(tmp_path / "a.npy") as rows:
        clip = LargeFrames(rows, Asked(3, H36M17), tmp_path / "a.npy")
        with (tmp_path / "a.npy").open("r+b") as file:
            file.truncate(1000)
        with pytest.raises(UserError, match=r"a.npy: cannot be read: expected \d+ bytes"):
            clip.read(0, 200)
