"""The study's frames against the store and the generator."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.data.open.config import Frames, OpenConfig, Subjects
from s2m.data.open.generate import generate
from s2m.data.open.maker import FrameMaker
from s2m.data.store import FrameStore, StoreError
from s2m.skeletons import H36M17, S2M27
from studies.lifter.conditions import CONDITIONS, apply, read_frames, training_batches, true_elevation

TINY = OpenConfig(
    seed=5,
    frames=Frames(8, 90, 4, 150, 4, 4, above=4, half_body=4, sitting=4, detector=4),
    subjects=Subjects(4),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "store"
    assert generate(path, TINY, progress=False)
    return path


def test_frames_are_the_stores_seen_straight_ahead(made: Path) -> None:
    """A turn per frame takes the store's truth to the frames', and the joints are its projection."""
    store = FrameStore(made)
    frames, arrays = read_frames(store, "test"), store.open("test")
    stored, turned = arrays.truth["joints3d"], frames.joints3d.double().numpy()
    for before, after in zip(stored[::20], turned[::20], strict=True):
        u, _, v = np.linalg.svd(before.T.astype(float) @ after)
        turn = u @ v
        assert np.linalg.det(turn) == pytest.approx(1.0)
        np.testing.assert_allclose(before @ turn, after, atol=1e-4)
    seen = frames.confidence.numpy() > 0
    np.testing.assert_allclose((turned[..., :2] / turned[..., 2:])[seen], frames.joints2d.numpy()[seen], atol=1e-5)
    assert frames.joints2d[:, S2M27.root_index].abs().max() < 1e-5
    # The unit is the picture of a length across the line of sight, at the root's depth.
    head = np.linalg.norm(turned[:, S2M27.index("head")] - turned[:, S2M27.root_index], axis=1)
    np.testing.assert_allclose(frames.unit, head / turned[:, S2M27.root_index, 2], rtol=1e-5)


def test_true_elevations_are_those_that_were_drawn(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator is asked again: gravity in its cameras' frames, turned as the frames were."""
    store, drawn = FrameStore(made), {}
    original = FrameMaker._cameras

    def note(maker: FrameMaker, job: object) -> object:
        cameras = original(maker, job)
        if job.split == "test":
            drawn[job.index] = Rotation.from_euler("ZX", [float(cameras.roll[0]), float(cameras.elevation[0])])
        return cameras

    monkeypatch.setattr(FrameMaker, "_cameras", note)
    generate(made.parent / "again", TINY, progress=False)
    frames, stored = read_frames(store, "test"), store.open("test").truth["joints3d"]
    assert len(drawn) > 1
    assert frames.elevation is not None
    for row in range(0, len(frames.sequence), 15):
        u, _, v = np.linalg.svd(stored[row].T.astype(float) @ frames.joints3d[row].double().numpy())
        down = drawn[int(frames.sequence[row])].apply([0.0, 1.0, 0.0]) @ (u @ v)
        assert float(frames.elevation[row]) == pytest.approx(np.arcsin(down[2]), abs=1e-3)
    turn = torch.eye(3).expand(2, 3, 3)
    assert true_elevation({"kind": "other"}, "test", np.zeros(2, np.int64), turn) is None
    assert true_elevation(store.header, "train", np.full(2, -1), turn) is None


def test_noise_has_the_size_it_says(made: Path) -> None:
    frames = read_frames(FrameStore(made), "test")
    for condition in CONDITIONS:
        noisy = apply(condition, frames)
        found = (noisy.confidence > 0) & (frames.confidence > 0)
        share = ((noisy.joints2d - frames.joints2d) / frames.unit[:, None, None])[found]
        if condition.name == "missing":
            lost = (~found)[frames.confidence > 0]
            assert float(lost.float().mean()) == pytest.approx(0.05, abs=0.01)
            moved = share.norm(dim=-1)
            assert float((moved > 1e-4).float().mean()) == pytest.approx(0.02, abs=0.006)
            assert 0.2 - 1e-3 < float(moved[moved > 1e-4].min()) <= float(moved.max()) < 0.6 + 1e-3
            assert (noisy.joints2d[~found] == 0).all()
        else:
            assert found[frames.confidence > 0].all()
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
    stored = store.open("train_pose").truth["joints3d"][:, S2M27.indices(H36M17.joints)]
    np.testing.assert_allclose(np.linalg.norm(truth, axis=2), np.linalg.norm(stored, axis=2), rtol=1e-5)  # turned alone
    assert sum(len(part[0]) for part in training_batches(store, "train_pose", H36M17, limit=50, size=40)) == 50


def test_a_split_without_truth_is_refused(made: Path, tmp_path: Path) -> None:
    blind = Path(shutil.copytree(made, tmp_path / "store"))
    shutil.rmtree(blind / "test" / "truth")
    with pytest.raises(StoreError, match="cannot be evaluated"):
        read_frames(FrameStore(blind), "test")
