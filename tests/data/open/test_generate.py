from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.open.config import Definitions, Frames, OpenConfig
from s2m.data.open.generate import generate
from s2m.data.store import FrameStore, StoreError, unpack_masks
from s2m.skeletons import H36M17, S2M27, SMPL24

SPLITS = ["train", "train_pose", "train_video", "test", "acrobatic_noisy", "sitting"]


def regressed(truth: dict[str, np.ndarray]) -> np.ndarray:
    """Joints (N, 27, 3) at the skeleton's places of the bodies that the truth describes."""
    body = load_body()
    rotations = Rotation.from_rotvec(truth["poses"].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    params = BodyParams.from_rotations(
        torch.from_numpy(rotations).float(), torch.tensor(truth["betas"]), torch.tensor(truth["transl"])
    )
    vertices = torch.cat([body(params[i : i + 32]).vertices for i in range(0, len(params), 32)])
    return (dataset_regressor(body, S2M27) @ vertices).numpy()


def test_parameters_reproduce_joints_and_pixels(tiny: OpenConfig, tmp_path: Path) -> None:
    assert generate(tmp_path / "plain", replace(tiny, definitions=Definitions(0, 0, 0, 0)), progress=False)
    store = FrameStore(tmp_path / "plain")
    for split in SPLITS:
        truth = store.open(split).truth
        assert truth is not None
        np.testing.assert_allclose(regressed(truth), truth["joints3d"], atol=1e-4)


@pytest.mark.parametrize("split", SPLITS)
def test_definitions_of_joints_differ_a_little(made: Path, tiny: OpenConfig, split: str) -> None:
    truth = FrameStore(made).open(split).truth
    assert truth is not None
    beside = np.linalg.norm(truth["joints3d"] - regressed(truth), axis=2)
    for joint, limit in (("left_hip", tiny.definitions.hips), ("head", tiny.definitions.head), ("left_knee", 0.015)):
        found = beside[:, S2M27.index(joint)]
        assert 0.2 * limit < found.mean() < found.max() < 3**0.5 * limit + 1e-3


@pytest.mark.parametrize("split", ["test", "above", "half_body", "sitting"])
def test_pixels_are_what_the_camera_sees(made: Path, split: str) -> None:
    arrays = FrameStore(made).open(split)
    assert arrays.truth is not None
    fx, fy, cx, cy = arrays.observation["intrinsics"].T[:, :, None]
    x, y, z = np.moveaxis(arrays.truth["joints3d"], 2, 0)
    pixels = np.stack([fx * x / z + cx, fy * y / z + cy], -1)
    seen = arrays.observation["confidence"] > 0
    np.testing.assert_allclose(pixels[seen], arrays.observation["joints2d"][seen], atol=2e-3)
    assert ((pixels[seen] >= 0) & (pixels[seen] <= 1000)).all()


def test_half_bodies_end_at_the_thighs(made: Path) -> None:
    arrays = FrameStore(made).open("half_body")
    seen = arrays.observation["confidence"] > 0
    assert seen[:, S2M27.index("thorax")].all()
    assert not seen[:, S2M27.indices(["left_ankle", "right_ankle", "left_toe"])].any()
    store = FrameStore(made)
    masks = unpack_masks(np.asarray(arrays.observation["silhouette"]), store.mask_size)
    assert masks.any((1, 2)).all()


def test_cameras_look_from_above_where_the_split_says_so(made: Path) -> None:
    """The floor's normal, seen from the camera: bodies stand upright, so their spines show it roughly."""

    def tilt(split: str) -> float:
        truth = FrameStore(made).open(split).truth
        assert truth is not None
        up = truth["joints3d"][:, S2M27.index("thorax")] - truth["joints3d"][:, S2M27.index("pelvis")]
        return float(np.rad2deg(np.arctan2(-up[:, 2], -up[:, 1])).mean())

    assert tilt("above") > 15


def test_a_detectors_errors_stay_for_a_while(made: Path) -> None:
    arrays = FrameStore(made).open("detector")
    assert arrays.truth is not None
    fx, fy, cx, cy = arrays.observation["intrinsics"].T[:, :, None]
    x, y, z = np.moveaxis(arrays.truth["joints3d"], 2, 0)
    errors = arrays.observation["joints2d"] - np.stack([fx * x / z + cx, fy * y / z + cy], -1)
    errors[arrays.observation["confidence"] == 0] = np.nan
    one = arrays.observation["sequence"] == 0
    first, second = errors[one][:-1], errors[one][1:]
    pair = np.isfinite(first) & np.isfinite(second)
    assert np.corrcoef(first[pair], second[pair])[0, 1] > 0.5


def test_masks_cover_the_joints_and_little_else(made: Path) -> None:
    store = FrameStore(made)
    observation = store.open("test").observation
    masks = unpack_masks(np.asarray(observation["silhouette"]), store.mask_size)
    centre, half = observation["crop"][:, None, :2], observation["crop"][:, None, 2:]
    pixels = (((observation["joints2d"] - centre) / half + 1) * store.mask_size / 2).astype(int)
    # these joints lie well inside the body from everywhere
    inner = S2M27.indices(["pelvis", "spine", "thorax", "left_hip", "right_hip", "left_knee", "right_knee"])
    rows = np.arange(len(masks))[:, None]
    assert masks[rows, pixels[:, inner, 1], pixels[:, inner, 0]].mean() > 0.98
    assert 0.03 < masks.mean() < 0.3
    border = np.concatenate([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]], axis=1)
    assert border.any(1).mean() < 0.05


def test_people_stand_upright_in_front_of_the_camera(made: Path) -> None:
    truth = FrameStore(made).open("test").truth
    assert truth is not None
    joints = truth["joints3d"]
    assert (joints[:, S2M27.index("head"), 1] < joints[:, S2M27.index("pelvis"), 1] - 0.4).all()
    assert (joints[:, S2M27.index("pelvis"), 1] < joints[:, S2M27.index("left_ankle"), 1] - 0.1).all()
    assert ((joints[:, 0, 2] > 1.0) & (joints[:, 0, 2] < 17.0)).all()
    front = Rotation.from_rotvec(truth["poses"][:, :3]).apply([0.0, 0.0, 1.0])
    left = Rotation.from_rotvec(truth["poses"][:, :3]).apply([1.0, 0.0, 0.0])
    ears = joints[:, S2M27.index("left_ear")] - joints[:, S2M27.index("right_ear")]
    toes = joints[:, S2M27.indices(["left_toe", "right_toe"])] - joints[:, S2M27.indices(["left_heel", "right_heel"])]
    assert ((ears * left).sum(1) > 0).mean() > 0.95
    assert ((toes.mean(1) * front).sum(1) > 0).mean() > 0.9


def test_noisy_splits_hold_the_same_frames(made: Path) -> None:
    store = FrameStore(made)
    for split in ("test", "acrobatic"):
        clean, noisy = store.open(split), store.open(f"{split}_noisy")
        assert clean.truth is not None
        assert noisy.truth is not None
        for field, values in clean.truth.items():
            np.testing.assert_array_equal(values, noisy.truth[field])
        differing = abs(clean.observation["joints2d"] - noisy.observation["joints2d"]).max((1, 2))
        assert (differing > 0.5).all()
        assert (clean.observation["confidence"] == 1).mean() > 0.8  # the others lie outside the picture
        assert (noisy.observation["confidence"] == 0).any()


def test_crops_come_from_what_is_observed(made: Path) -> None:
    observation = FrameStore(made).open("test_noisy").observation
    for joints, confidence, crop in zip(*(observation[f] for f in ("joints2d", "confidence", "crop")), strict=True):
        shared = S2M27.indices(H36M17.joints)
        seen = joints[shared][confidence[shared] > 0]
        low, high = seen.min(0), seen.max(0)
        np.testing.assert_allclose(crop, [*(low + high) / 2, 0.75 * (high - low).max()], rtol=1e-5)
        np.testing.assert_allclose(joints[confidence == 0], np.broadcast_to(crop[:2], joints[confidence == 0].shape))


def test_sequences_run_in_time_with_one_body_each(made: Path) -> None:
    arrays = FrameStore(made).open("test")
    sequence, frame = arrays.observation["sequence"], arrays.observation["frame"]
    truth = arrays.truth
    assert truth is not None
    for number in np.unique(sequence):
        rows = np.flatnonzero(sequence == number)
        np.testing.assert_array_equal(frame[rows], np.arange(len(rows)))
        assert len(np.unique(truth["betas"][rows], axis=0)) == 1
        assert len(np.unique(truth["clip"][rows])) == 1
        steps = np.linalg.norm(np.diff(truth["joints3d"][rows], axis=0), axis=2)
        assert steps.max() < 0.3
        wrist = truth["poses"][rows].reshape(-1, 24, 3)[:, SMPL24.index("left_wrist")]
        assert 0 < abs(np.diff(wrist, axis=0)).max() < 0.3


def test_result_depends_on_the_seed_alone(made: Path, tiny: OpenConfig, tmp_path: Path) -> None:
    assert generate(tmp_path / "two", tiny, workers=2, progress=False)
    assert generate(tmp_path / "seed", replace(tiny, seed=6), progress=False)
    reference = FrameStore(made)
    assert FrameStore(tmp_path / "two").hash == reference.hash
    other = FrameStore(tmp_path / "seed").header["sha256"]
    assert other["train/observation/joints2d.npy"] != reference.header["sha256"]["train/observation/joints2d.npy"]


def test_existing_folders_are_respected(store: Path, tiny: OpenConfig) -> None:
    before = FrameStore(store).hash
    assert not generate(store, tiny, progress=False)
    small = replace(tiny, frames=Frames(8, 8, 4, 4, 4, 4, 4, 4, 4, 4))
    with pytest.raises(StoreError, match="holds a store of other settings; --overwrite"):
        generate(store, small, progress=False)
    assert FrameStore(store).hash == before
    assert generate(store, small, force=True, progress=False)
    assert FrameStore(store).open("train").rows == 8
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_folders_that_are_no_stores_are_never_touched(tmp_path: Path, tiny: OpenConfig) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("x")
    with pytest.raises(StoreError, match="not a store"):
        generate(tmp_path / "photos", tiny, force=True, progress=False)
    assert (tmp_path / "photos" / "me.jpg").read_text() == "x"


def test_damaged_store_is_named_and_made_again_by_force(store: Path, tiny: OpenConfig) -> None:
    file = store / "train" / "observation" / "joints2d.npy"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"joints2d\.npy: truncated.*--overwrite"):
        generate(store, tiny, progress=False)
    assert generate(store, tiny, force=True, progress=False)
    FrameStore(store).open("train")


def test_errors_leave_nothing_behind(tmp_path: Path, tiny: OpenConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("s2m.data.open.maker.corrupt_masks", fail)
    with pytest.raises(OSError, match="no space left"):
        generate(tmp_path / "store", tiny, progress=False)
    assert not list(tmp_path.iterdir())


_KILLED = """
import os, signal, sys
from s2m.data.open import generate as module
from s2m.data.open.maker import FrameMaker
from s2m.data.commands import read_config
from pathlib import Path
write, done = FrameMaker.write, []
def dying(self, job, folder):
    done.append(job)
    if len(done) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, job, folder)
FrameMaker.write = dying
module.generate(sys.argv[1], read_config(Path(sys.argv[2])), workers=int(sys.argv[3]), progress=False)
"""


def test_a_killed_run_leaves_nothing_that_can_be_read(tmp_path: Path) -> None:
    out, settings = tmp_path / "store", tmp_path / "data.yaml"
    settings.write_text(
        "frames: {train: 40, train_pose: 60, val: 4, test: 8, acrobatic: 8, train_video: 16, above: 4, half_body: 4, "
        "sitting: 4, detector: 4}\nchunk: 8\n"
    )
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(out), str(settings), "1"], check=False)
    assert killed.returncode == -signal.SIGKILL
    (partial,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert partial.name.startswith(".store.partial-")
    for path in (out, partial):
        with pytest.raises(StoreError, match="not a frame store"):
            FrameStore(path)
    command = [
        sys.executable,
        "-m",
        "s2m.data",
        "open",
        "--output",
        str(out),
        "--config",
        str(settings),
        "--workers",
        "1",
    ]
    again = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "HOME": "/nowhere"})
    assert again.returncode == 0, again.stderr
    assert "written" in again.stdout
    assert not partial.exists()
    FrameStore(out).verify("train")


def test_running_writers_are_not_cleaned_away(tmp_path: Path, tiny: OpenConfig) -> None:
    from s2m.data.store_writer import StoreWriter, clean_leftovers

    with StoreWriter(tmp_path / "store") as writer:
        assert clean_leftovers(tmp_path / "store") == []
        assert writer.folder.is_dir()
    assert not writer.folder.exists()


def test_a_store_moved_aside_by_a_killed_run_comes_back(store: Path, tiny: OpenConfig) -> None:
    store.rename(store.with_name(f".{store.name}.old"))
    assert not generate(store, tiny, progress=False)
    assert [path.name for path in store.parent.iterdir()] == [store.name]
