from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from s2m.data.store import Field, FrameStore, StoreError, pack_masks, store_fields, unpack_masks
from s2m.data.store_writer import StoreWriter, open_for_writing

HEADER = {"joint_set": "s2m27", "mask_size": 8, "image_size": 100}


def write(path: Path, rows: int = 5) -> dict[str, np.ndarray]:
    """A store of random values; returns them by field."""
    rng = np.random.default_rng(0)
    fields = store_fields(27, 8)
    values = {f.name: (rng.random((rows, *f.shape)) * 200).astype(f.dtype) for f in fields}
    with StoreWriter(path) as writer:
        writer.create("train", rows, fields)
        for field in fields:
            open_for_writing(writer.folder, "train", field)[:] = values[field.name]
        writer.commit(HEADER)
    return values


def test_round_trip(tmp_path: Path) -> None:
    values = write(tmp_path / "s")
    store = FrameStore(tmp_path / "s")
    arrays = store.open("train")
    assert arrays.truth is not None
    assert (store.splits, store.joint_set, store.mask_size, store.image_size) == (["train"], "s2m27", 8, 100)
    for field in store_fields(27, 8):
        part = arrays.observation if field.part == "observation" else arrays.truth
        np.testing.assert_array_equal(part[field.name], values[field.name])
    store.verify("train")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_masks_round_trip() -> None:
    masks = np.random.default_rng(0).random((3, 12, 12)) < 0.5
    packed = pack_masks(masks)
    assert packed.shape == (3, 18)
    np.testing.assert_array_equal(unpack_masks(packed, 12), masks)


@pytest.mark.parametrize("cut", [1, 100, -1])
def test_truncated_file_is_named_with_sizes(tmp_path: Path, cut: int) -> None:
    write(tmp_path / "s")
    file = tmp_path / "s" / "train" / "observation" / "joints2d.npy"
    content = file.read_bytes()
    file.write_bytes(content[:cut])
    with pytest.raises(StoreError, match=r"joints2d\.npy: truncated or damaged: expected 1080 bytes.*found a file of"):
        FrameStore(tmp_path / "s").open("train")


def test_arrays_of_another_shape_or_type_are_named(tmp_path: Path) -> None:
    write(tmp_path / "s")
    file = tmp_path / "s" / "train" / "observation" / "crop.npy"
    np.save(file, np.zeros((4, 3), "<f4"))
    with pytest.raises(StoreError, match=r"crop\.npy: expected <f4 \(5, 3\), found <f4 \(4, 3\)"):
        FrameStore(tmp_path / "s").open("train")
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(StoreError, match=r"crop\.npy: truncated or damaged"):
        FrameStore(tmp_path / "s").open("train")
    file.unlink()
    with pytest.raises(StoreError, match=r"crop\.npy: missing"):
        FrameStore(tmp_path / "s").open("train")


def test_changed_content_is_found(tmp_path: Path) -> None:
    write(tmp_path / "s")
    file = tmp_path / "s" / "train" / "truth" / "betas.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"betas\.npy: content changed"):
        FrameStore(tmp_path / "s").verify("train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, "schema_version: expected 1, found 99"),
        ({"joint_set": None}, "missing entries: joint_set"),
    ],
)
def test_foreign_headers_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write(tmp_path / "s")
    file = tmp_path / "s" / "store.json"
    header = {**json.loads(file.read_text()), **change}
    file.write_text(json.dumps({key: value for key, value in header.items() if value is not None}))
    with pytest.raises(StoreError, match=message):
        FrameStore(tmp_path / "s")


def test_unreadable_headers_and_unknown_splits(tmp_path: Path) -> None:
    write(tmp_path / "s")
    with pytest.raises(StoreError, match="no split 'tset'; it has: train"):
        FrameStore(tmp_path / "s").open("tset")
    (tmp_path / "s" / "store.json").write_text("{")
    with pytest.raises(StoreError, match=r"store\.json: cannot be read"):
        FrameStore(tmp_path / "s")
    with pytest.raises(StoreError, match="not a frame store"):
        FrameStore(tmp_path / "nothing")


def test_truth_can_be_deleted(tmp_path: Path) -> None:
    write(tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "train" / "truth")
    store = FrameStore(tmp_path / "s")
    assert store.open("train").truth is None
    store.verify("train")
    with pytest.raises(StoreError, match=r"train/truth: missing; without it split 'train' cannot be evaluated"):
        store.require_truth("train")


def test_hash_names_the_content(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    write(tmp_path / "c", rows=6)
    first, same, other = (FrameStore(tmp_path / name).hash for name in "abc")
    assert first == same != other


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "s")
    assert not list(tmp_path.iterdir())


def test_replacing_keeps_the_old_store_until_the_new_one_is_complete(tmp_path: Path) -> None:
    write(tmp_path / "s")

    def fail() -> None:
        with StoreWriter(tmp_path / "s") as writer:
            writer.create("train", 2, [Field("x", "observation", (), "<f4", "none")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert FrameStore(tmp_path / "s").open("train").rows == 5
    write(tmp_path / "s", rows=3)
    assert FrameStore(tmp_path / "s").open("train").rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
