"""The study's frames against the store and the generator."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.data.open.config import Frames, OpenConfig, Subjects
from s2m.data.open.generate import generate
from s2m.data.open.maker import FrameMaker
from s2m.data.store import FrameStore, StoreError
from s2m.skeletons import H36M17, S2M27
from studies.lifter.conditions import CONDITIONS, apply, read_frames, training_batches, true_elevation

TINY = OpenConfig(
    seed=5, frames=Frames(train=8, train_pose=90, val=4, test=150, acrobatic=4, train_video=4), subjects=Subjects(4)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "store"
    assert generate(path, TINY, progress=False)
    return path


def test_frames_are_the_stores(made: Path) -> None:
    store = FrameStore(made)
    frames, arrays = read_frames(store, "test"), store.open("test")
    crop = arrays.observation["crop"]
    back = frames.joints2d.numpy() * crop[:, None, 2:] + crop[:, None, :2]
    np.testing.assert_allclose(back, arrays.observation["joints2d"], atol=2e-3)
    np.testing.assert_array_equal(frames.joints3d.numpy(), arrays.truth["joints3d"])
    # Where head and root are equally far from the camera, the unit is their distance in the image.
    depth = frames.joints3d[:, [S2M27.index("head"), S2M27.root_index], 2]
    level = (depth[:, 0] - depth[:, 1]).abs() < 0.03
    seen = (frames.joints2d[:, S2M27.index("head")] - frames.joints2d[:, S2M27.root_index]).norm(dim=1)
    assert level.sum() > 5
    torch.testing.assert_close(frames.unit[level], seen[level], rtol=0.03, atol=0)


def test_true_elevations_are_those_that_were_drawn(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator is asked again, and its own placement is checked: a level camera sees gravity along +y."""
    store, drawn = FrameStore(made), {}
    original = FrameMaker._cameras

    def note(maker: FrameMaker, job: object) -> object:
        cameras = original(maker, job)
        if job.split == "test":
            drawn[job.index] = float(cameras.elevation[0])
        return cameras

    monkeypatch.setattr(FrameMaker, "_cameras", note)
    generate(made.parent / "again", TINY, progress=False)
    frames = read_frames(store, "test")
    assert len(drawn) > 1
    assert frames.elevation is not None
    expected = [drawn[int(number)] for number in frames.sequence]
    assert frames.elevation.tolist() == pytest.approx(expected, abs=1e-6)
    assert true_elevation({"kind": "other"}, "test", np.zeros(2, np.int64)) is None
    assert true_elevation(store.header, "train", np.full(2, -1)) is None


def test_noise_has_the_size_it_says(made: Path) -> None:
    frames = read_frames(FrameStore(made), "test")
    for condition in CONDITIONS:
        noisy = apply(condition, frames)
        found = noisy.confidence > 0
        share = ((noisy.joints2d - frames.joints2d) / frames.unit[:, None, None])[found]
        if condition.name == "missing":
            assert float((~found).float().mean()) == pytest.approx(0.05, abs=0.01)
            moved = share.norm(dim=-1)
            assert float((moved > 1e-4).float().mean()) == pytest.approx(0.02, abs=0.006)
            assert 0.2 - 1e-3 < float(moved[moved > 1e-4].min()) <= float(moved.max()) < 0.6 + 1e-3
            assert (noisy.joints2d[~found] == 0).all()
        else:
            assert found.all()
            assert float(share.std()) == pytest.approx(condition.noise.gaussian, rel=0.05, abs=1e-6)


def test_conditions_repeat_and_are_the_same_for_both_joint_sets(made: Path) -> None:
    frames = read_frames(FrameStore(made), "test")
    first, second = (apply(CONDITIONS[2], frames) for _ in range(2))
    assert torch.equal(first.joints2d, second.joints2d)
    assert not torch.equal(first.joints2d, apply(CONDITIONS[2], frames, seed=1).joints2d)
    narrow = first.select(H36M17)
    for name in H36M17.joints:
        assert torch.equal(narrow.joints2d[:, H36M17.index(name)], first.joints2d[:, S2M27.index(name)])
        assert torch.equal(narrow.joints3d[:, H36M17.index(name)], first.joints3d[:, S2M27.index(name)])
    assert torch.equal(narrow.unit, first.unit)


def test_training_batches_tile_the_split(made: Path) -> None:
    store = FrameStore(made)
    parts = list(training_batches(store, "train_pose", H36M17, size=40))
    assert [len(part[0]) for part in parts] == [40, 40, 10]
    truth = np.concatenate([part[2].numpy() for part in parts])
    np.testing.assert_array_equal(truth, store.open("train_pose").truth["joints3d"][:, S2M27.indices(H36M17.joints)])
    assert sum(len(part[0]) for part in training_batches(store, "train_pose", H36M17, limit=50, size=40)) == 50


def test_a_split_without_truth_is_refused(made: Path, tmp_path: Path) -> None:
    blind = Path(shutil.copytree(made, tmp_path / "store"))
    shutil.rmtree(blind / "test" / "truth")
    with pytest.raises(StoreError, match="cannot be evaluated"):
        read_frames(FrameStore(blind), "test")
