from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from s2m.data.store import FrameStore, StoreError, unpack_masks
from s2m.data.zoo.convert import Options, convert, working_folder
from s2m.data.zoo.source import SourceError
from tests.data.zoo.fabricate.toy import SIZE, ToySource, pinhole, write_recording


def make(root: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    """Two training recordings and a test one, with other numbers of frames; returns their contents."""
    return {
        "a": write_recording(root / "train" / "a.npz", 5, 0, **changes),
        "b": write_recording(root / "train" / "b.npz", 8, 1),
        "t": write_recording(root / "test" / "t.npz", 6, 2),
    }


def rows_of(store: FrameStore, split: str, name: str) -> tuple[np.ndarray, Any]:
    arrays = store.open(split)
    number = [recording["name"] for recording in store.recordings(split)].index(name)
    return np.flatnonzero(arrays.observation["sequence"] == number), arrays


def test_the_store_gives_the_truth_back(tmp_path: Path) -> None:
    contents = make(tmp_path / "raw")
    assert convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(mask_size=64), progress=False)
    store = FrameStore(tmp_path / "out")
    assert store.splits == ["train", "test"]
    for split, name in (("train", "a"), ("train", "b"), ("test", "t")):
        store.verify(split)
        rows, arrays = rows_of(store, split, name)
        known = contents[name]
        np.testing.assert_array_equal(arrays.observation["frame"][rows], np.arange(len(rows)) + 100)
        for field in ("joints2d", "confidence"):
            np.testing.assert_allclose(arrays.observation[field][rows], known[field], atol=1e-4)
        for field in ("joints3d", "poses", "transl"):
            np.testing.assert_allclose(arrays.truth[field][rows], known[field], atol=1e-6)
        np.testing.assert_allclose(arrays.truth["betas"][rows], np.tile(known["betas"], (len(rows), 1)), atol=1e-6)
        np.testing.assert_allclose(
            arrays.observation["intrinsics"][rows], np.tile([500, 510, 160, 120], (len(rows), 1))
        )
        np.testing.assert_array_equal(arrays.observation["image_size"][rows], np.tile(SIZE, (len(rows), 1)))
        # The disk about the pelvis has to be where the pelvis is, as large as the crop makes it.
        masks = unpack_masks(arrays.observation["silhouette"][rows], 64)
        crop = arrays.observation["crop"][rows]
        for mask, (x, y, half), (px, py) in zip(masks, crop, known["joints2d"][:, 0], strict=True):
            r, c = np.nonzero(mask)
            assert abs((c.mean() + 0.5) / 32 - 1 - (px - x) / half) < 0.03
            assert abs((r.mean() + 0.5) / 32 - 1 - (py - y) / half) < 0.03
            assert abs(mask.sum() - np.pi * (30 / half * 32) ** 2) < 0.06 * mask.sum()
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "out"}


def test_workers_do_not_change_the_result(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    for workers in (1, 2):
        convert(ToySource(tmp_path / "raw"), tmp_path / str(workers), workers=workers, progress=False)
    assert FrameStore(tmp_path / "1").hash == FrameStore(tmp_path / "2").hash


def test_crops_hold_the_joints_with_the_margin(tmp_path: Path) -> None:
    contents = make(tmp_path / "raw")
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(margin=1.25), progress=False)
    rows, arrays = rows_of(FrameStore(tmp_path / "out"), "test", "t")
    low, high = contents["t"]["joints2d"].min(1), contents["t"]["joints2d"].max(1)
    expected = np.concatenate([(low + high) / 2, (high - low).max(1, keepdims=True) * 1.25 / 2], axis=1)
    np.testing.assert_allclose(arrays.observation["crop"][rows], expected, rtol=1e-5)


def test_every_nth_frame(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(every=3, test_every=2), progress=False)
    store = FrameStore(tmp_path / "out")
    assert rows_of(store, "train", "b")[1].observation["frame"][rows_of(store, "train", "b")[0]].tolist() == [
        100,
        103,
        106,
    ]
    assert store.open("test").observation["frame"].tolist() == [100, 102, 104]


def test_only_the_chosen_splits_are_read(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(splits=("test",)), progress=False)
    assert FrameStore(tmp_path / "out").splits == ["test"]
    assert (tmp_path / "raw" / "read.log").read_text().split() == ["test/t"]


def broken_frames(content: dict[str, Any]) -> dict[str, Any]:
    """One frame with each fault; frames 0 and 8 are fine."""
    fields = {name: np.array(values) for name, values in content.items()}
    fields["joints2d"][1, 3] = np.nan
    fields["confidence"][2, 2:] = 0
    fields["joints2d"][3] += 5000
    fields["joints3d"][4, 5, 1] = np.nan
    fields["joints3d"][5, :, 2] *= -1
    fields["poses"][6, 0] = np.inf
    fields["masks"][7] = False
    fields["joints2d"][9, 4] = (1e5, 0)
    return fields


def test_unusable_frames_are_dropped_and_counted(tmp_path: Path) -> None:
    content = write_recording(tmp_path / "raw" / "test" / "t.npz", 10, 3)
    write_recording(tmp_path / "raw" / "test" / "t.npz", 10, 3, **broken_frames(content))
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    store = FrameStore(tmp_path / "out")
    assert store.open("test").observation["frame"].tolist() == [100, 108]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["splits"]["test"]["dropped"] == {
        "joints2d: not finite": 1,
        "confidence: fewer than 6 joints found": 1,
        "joints2d: fewer than 6 joints inside the image": 1,
        "joints2d: spread over more than the image": 1,
        "joints3d: not finite": 1,
        "joints3d: behind the camera": 1,
        "body parameters: not finite": 1,
        "silhouette: empty": 1,
    }
    assert report["splits"]["test"]["left_out"] == {"not in the protocol": 3}
    assert "| test | silhouette: empty | 1 |" in (tmp_path / "out" / "report.md").read_text()


def test_a_missing_joint_may_be_anything(tmp_path: Path) -> None:
    content = write_recording(tmp_path / "raw" / "test" / "t.npz", 3)
    content["joints2d"][:, 5], content["confidence"][:, 5] = np.nan, 0
    write_recording(tmp_path / "raw" / "test" / "t.npz", 3, **{k: content[k] for k in ("joints2d", "confidence")})
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    arrays = FrameStore(tmp_path / "out").open("test")
    assert arrays.rows == 3
    assert np.isfinite(arrays.observation["joints2d"]).all()


def test_the_report_measures_the_projection(tmp_path: Path) -> None:
    content = make(tmp_path / "raw")["t"]
    offset = np.random.default_rng(0).normal(0, 1, content["joints2d"].shape)
    write_recording(tmp_path / "raw" / "test" / "t.npz", 6, 2, joints2d=content["joints2d"] + offset)
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    found = report["splits"]["test"]["reprojection"]
    expected = np.linalg.norm(offset, axis=2).ravel() * 1000 / 320
    assert found["joints"] == expected.size
    assert found["mean_px"] == pytest.approx(expected.mean(), rel=1e-6)
    assert found["largest_px"] == pytest.approx(expected.max(), rel=1e-6)
    assert found["median_px"] == pytest.approx(np.quantile(expected, 0.5), rel=0.03)
    assert found["p95_px"] == pytest.approx(np.quantile(expected, 0.95), rel=0.05)
    assert report["splits"]["train"]["reprojection"]["median_px"] < 1e-3


def test_truth_that_does_not_project_is_refused(tmp_path: Path) -> None:
    content = make(tmp_path / "raw")["t"]
    # 2 px of 320 are 6.25 of 1000.
    moved = content["joints2d"] + np.array([2.0, 0.0])
    write_recording(tmp_path / "raw" / "test" / "t.npz", 6, 2, joints2d=moved)
    source = ToySource(tmp_path / "raw")
    with pytest.raises(SourceError, match=r"t\.npz: joints3d: expected to project .* within 5 px .* found 6\.[23] px"):
        convert(source, tmp_path / "out", Options(splits=("test",)), progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    assert convert(source, tmp_path / "out", Options(reprojection_limit_px=7), progress=False)


def test_a_detector_may_be_further_off_but_not_another_person(tmp_path: Path) -> None:
    content = make(tmp_path / "raw")["t"]
    for shift, fine in ((2.0, True), (40.0, False)):
        moved = content["joints2d"] + np.array([shift, 0.0])
        write_recording(tmp_path / "raw" / "test" / "t.npz", 6, 2, joints2d=moved, detected=np.array(True))
        if fine:
            assert convert(ToySource(tmp_path / "raw"), tmp_path / "fine", progress=False)
        else:
            with pytest.raises(SourceError, match="within 50 px"):
                convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)


def test_swapped_recordings_are_refused(tmp_path: Path) -> None:
    contents = make(tmp_path / "raw")
    write_recording(tmp_path / "raw" / "test" / "t.npz", 5, 2, joints2d=contents["a"]["joints2d"])
    with pytest.raises(SourceError, match=r"t\.npz: joints3d: expected to project"):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(splits=("test",)), progress=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints2d": np.zeros((5, 16, 2))}, r"joints2d: expected shape \(5, 17, 2\), found \(5, 16, 2\)"),
        ({"confidence": np.ones((4, 17))}, r"confidence: expected shape \(5, 17\), found \(4, 17\)"),
        ({"poses": np.zeros((5, 66))}, r"poses: expected shape \(5, 72\), found \(5, 66\)"),
        ({"betas": np.zeros((2, 10))}, r"betas: expected shape \(5, 10\), found \(2, 10\)"),
        (
            {"masks": np.zeros((5, 320, 240), bool)},
            r"masks .* expected shape \(5, 240, 320\) of bool, found \(5, 320, 240\)",
        ),
        ({"gender": "unknown"}, "gender: expected neutral, female, male, found 'unknown'"),
        ({"joints3d": None}, "joints3d: expected beside the body's parameters, found none"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    make(tmp_path / "raw", **changes)
    with pytest.raises(SourceError, match=rf"a\.npz: .*{message}"):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(splits=("train",)), progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"not an npz" * 50])
def test_damaged_files_leave_nothing(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    make(tmp_path / "raw")
    file = tmp_path / "raw" / "train" / "a.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises((SourceError, Exception)) as caught:
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(splits=("train",)), progress=False)
    assert not isinstance(caught.value, AssertionError)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_finished_recordings_survive_an_error(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    good = (tmp_path / "raw" / "train" / "b.npz").read_bytes()
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1, joints2d=np.zeros((8, 17, 2)))
    source = ToySource(tmp_path / "raw")
    with pytest.raises(SourceError, match=r"b\.npz"):
        convert(source, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    (tmp_path / "raw" / "train" / "b.npz").write_bytes(good)
    (tmp_path / "raw" / "read.log").unlink()
    assert convert(source, tmp_path / "out", progress=False)
    assert (tmp_path / "raw" / "read.log").read_text().split() == ["train/b"]
    assert FrameStore(tmp_path / "out").open("train").rows == 13
    assert not working_folder(tmp_path / "out").exists()


def test_a_file_that_changed_since_is_read_again(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1, joints2d=np.zeros((8, 17, 2)))
    source = ToySource(tmp_path / "raw")
    with pytest.raises(SourceError):
        convert(source, tmp_path / "out", progress=False)
    changed = write_recording(tmp_path / "raw" / "test" / "t.npz", 4, 9)
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1)
    convert(source, tmp_path / "out", progress=False)
    arrays = FrameStore(tmp_path / "out").open("test")
    np.testing.assert_allclose(arrays.observation["joints2d"], changed["joints2d"], atol=1e-4)


def test_other_settings_do_not_take_over_unfinished_work(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1, joints2d=np.zeros((8, 17, 2)))
    with pytest.raises(SourceError):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1)
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(mask_size=32), progress=False)
    store = FrameStore(tmp_path / "out")
    assert store.open("train").observation["silhouette"].shape == (13, 128)


_KILLED = """
import sys, time
from pathlib import Path
import tests.data.zoo.fabricate.toy as toy
from s2m.data.zoo.convert import convert

class Slow(toy.ToySource):
    def read(self, ref):
        if ref.name == "b":
            Path(sys.argv[1], "reached").touch()
            time.sleep(60)
        return super().read(ref)

convert(Slow(Path(sys.argv[1])), sys.argv[2], progress=False)
"""


def test_a_killed_conversion_goes_on(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    root = Path(__file__).parents[3]
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path / "raw"), str(tmp_path / "out")], cwd=root)
    reached = tmp_path / "raw" / "reached"
    deadline = time.monotonic() + 60
    while not reached.exists() and time.monotonic() < deadline:
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    (tmp_path / "raw" / "read.log").unlink()
    assert convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    read = (tmp_path / "raw" / "read.log").read_text().split()
    assert "train/b" in read
    assert len(read) < 3
    convert(ToySource(tmp_path / "raw"), tmp_path / "whole", progress=False)
    assert FrameStore(tmp_path / "out").hash == FrameStore(tmp_path / "whole").hash


def test_a_part_without_its_data_is_made_again(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1, joints2d=np.zeros((8, 17, 2)))
    source = ToySource(tmp_path / "raw")
    with pytest.raises(SourceError):
        convert(source, tmp_path / "out", progress=False)
    for data in working_folder(tmp_path / "out").glob("parts/*.bin"):
        data.write_bytes(data.read_bytes()[:-1])
    write_recording(tmp_path / "raw" / "train" / "b.npz", 8, 1)
    convert(source, tmp_path / "out", progress=False)
    convert(source, tmp_path / "whole", progress=False)
    assert FrameStore(tmp_path / "out").hash == FrameStore(tmp_path / "whole").hash


def test_existing_stores_are_respected(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    source = ToySource(tmp_path / "raw")
    assert convert(source, tmp_path / "out", progress=False)
    assert not convert(source, tmp_path / "out", progress=False)
    with pytest.raises(StoreError, match="holds a store of other settings; --overwrite replaces it"):
        convert(source, tmp_path / "out", Options(every=2), progress=False)
    assert convert(source, tmp_path / "out", Options(every=2), force=True, progress=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(StoreError, match="is not a store that can be read; it is left as it is"):
        convert(source, tmp_path / "mine", force=True, progress=False)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_recordings_without_masks(tmp_path: Path) -> None:
    make(tmp_path / "raw", masks=None)
    write_recording(tmp_path / "raw" / "test" / "t.npz", 6, 2, masks=None)
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    store = FrameStore(tmp_path / "out")
    assert [recording["name"] for recording in store.recordings("train")] == ["b"]
    assert "silhouette" not in store.open("test").observation
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["splits"]["train"]["dropped"] == {"recording without silhouettes": 5}
    convert(ToySource(tmp_path / "raw"), tmp_path / "poses", Options(masks="none"), progress=False)
    arrays = FrameStore(tmp_path / "poses").open("train")
    assert arrays.rows == 13
    assert "silhouette" not in arrays.observation


def test_truth_may_be_lacking(tmp_path: Path) -> None:
    make(tmp_path / "raw", poses=None)
    write_recording(tmp_path / "raw" / "test" / "t.npz", 6, 2, poses=None, joints3d=None)
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    store = FrameStore(tmp_path / "out")
    truth = store.open("train").truth
    assert truth is not None
    assert set(truth) == {"joints3d"}
    assert any("no body truth is stored: 1 of 2 recordings" in note for note in store.header["notes"])
    assert not store.has_truth("test")


def test_3d_joints_in_some_recordings_only_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "raw", poses=None, joints3d=None)
    with pytest.raises(SourceError, match="split train: expected 3D joints in all recordings or in none, found 1 of 2"):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_joint_sets_do_not_mix(tmp_path: Path) -> None:
    make(tmp_path / "raw", joint_set="mpi3dhp17")
    with pytest.raises(SourceError, match=r"expected one joint set, found h36m17 \(\w\), mpi3dhp17 \(a\)"):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)


def test_nothing_usable_is_an_error_with_reasons(tmp_path: Path) -> None:
    write_recording(tmp_path / "raw" / "test" / "t.npz", 4, masks=np.zeros((4, *SIZE[::-1]), bool))
    with pytest.raises(SourceError, match=r"expected usable frames, found none: silhouette: empty \(4\)"):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    with pytest.raises(SourceError, match="expected recordings of val, found none"):
        convert(ToySource(tmp_path / "raw"), tmp_path / "out", Options(splits=("val",)), progress=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0},
        {"mask_size": 10},
        {"masks": "some"},
        {"splits": ()},
        {"splits": ("tset",)},
        {"min_joints": 1},
        {"margin": 0.0},
    ],
)
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    name = next(iter(wrong)).replace("_", "-")
    with pytest.raises(SourceError, match=f"--{name}: expected"):
        Options(**wrong)


def test_the_contact_sheet_shows_joints_masks_and_truth(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    convert(ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    sheet = np.asarray(Image.open(tmp_path / "out" / "contact_sheet.png")).astype(int)
    # Colours of left, right and middle joints, of the truth and of the mask.
    for colour in ((86, 180, 233), (230, 120, 60), (240, 228, 66), (0, 220, 130), (92, 104, 120)):
        assert (np.abs(sheet - colour).max(-1) < 8).sum() > 100
    # Drawn where they are: the first tile's pelvis of the training split.
    store = FrameStore(tmp_path / "out")
    arrays = store.open("train")
    x, y, half = arrays.observation["crop"][0]
    px, py = (pinhole(arrays.truth["joints3d"][0, 0]) - (x, y)) / half  # type: ignore[index]
    row, column = round((py + 1) * 128), round((px + 1) * 128)
    for part in (sheet[row - 1 : row + 2, column - 4 : column + 5], sheet[row - 4 : row + 5, column - 1 : column + 2]):
        assert (np.abs(part - (0, 220, 130)).max(-1) < 8).sum() >= 6


def test_memory_does_not_grow_with_a_recording(tmp_path: Path) -> None:
    """A recording of 200,000 frames; what the converter adds to the arrays themselves stays small."""
    code = (
        "import sys, resource, numpy as np\n"
        "from pathlib import Path\n"
        "from tests.data.zoo.fabricate import toy\n"
        "from s2m.data.zoo.convert import convert\n"
        "from s2m.data.zoo.source import Recording\n"
        "few, many = 2000, int(sys.argv[2])\n"
        "class Big(toy.ToySource):\n"
        "    def recordings(self):\n"
        "        return [toy.RecordingRef('r', 'train')]\n"
        "    def read(self, ref):\n"
        "        joints = np.broadcast_to(toy.skeletons(1, 0).astype('f4'), (many, 17, 3))\n"
        "        pixels = np.broadcast_to(toy.pinhole(toy.skeletons(1, 0)).astype('f4'), (many, 17, 2))\n"
        "        ones = np.broadcast_to(np.float32(1), (many, 17))\n"
        "        frame = np.broadcast_to(np.int64(0), (many,))\n"
        "        return Recording('r', 'train', 'h36m17', pixels, ones, frame, toy.SIZE, toy.CAMERA, joints)\n"
        "convert(Big(Path('.')), sys.argv[1], progress=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    peaks = []
    for count in (2000, 200_000):
        out = tmp_path / str(count)
        done = subprocess.run(
            [sys.executable, "-c", code, str(out), str(count)],
            cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout.split()[-1]))
        assert FrameStore(out).open("train").rows == count
    assert peaks[1] - peaks[0] < 80, peaks
