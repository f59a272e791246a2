"""Truth on purpose: mirrored with the frame, and never by accident."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams, Truth
from s2m.body import load_body
from s2m.data import FrameDataModule
from s2m.data.dataset import FrameDataset
from s2m.data.samplers import Batch
from s2m.data.store import FrameStore, StoreError
from s2m.data.supervised import SupervisedDataset, SupervisedFrames, mirror_frame, mirror_params
from s2m.skeletons import H36M17, S2M27


def fetch(path: Path, rows: list[int], flip: list[bool], split: str = "train") -> object:
    dataset = SupervisedDataset(FrameStore(path), split, S2M27, truth=True)
    return dataset.__getitems__(Batch(np.array(rows), np.array(flip)))


@pytest.mark.parametrize("split", ["train", "test"])
def test_mirrored_truth_is_seen_by_the_mirrored_camera(made: Path, split: str) -> None:
    """A camera whose centre is mirrored, too, projects the mirrored truth onto the mirrored 2D joints."""
    rows = [0, 1, 2, 3]
    plain, mixed = fetch(made, rows, [False] * 4, split), fetch(made, rows, [False, True, True, False], split)
    truth, moved = plain.truth.joints3d, mixed.truth.joints3d
    assert torch.equal(moved[0], truth[0])
    assert torch.equal(mixed.observation.joints2d[3], plain.observation.joints2d[3])
    for name in ("left_wrist", "right_toe", "neck_nose"):
        other = name.replace("left", "?").replace("right", "left").replace("?", "right")
        expected = truth[1, S2M27.index(other)] * torch.tensor([-1.0, 1.0, 1.0])
        torch.testing.assert_close(moved[1, S2M27.index(name)], expected)
    if split == "test":  # exact labels
        arrays = FrameStore(made).open(split)
        focal, centre = arrays.observation["intrinsics"][1, 0], arrays.observation["intrinsics"][1, 2]
        x, half = arrays.observation["crop"][1, 0], arrays.observation["crop"][1, 2]
        pixels = focal * moved[1, :, 0] / moved[1, :, 2] + centre
        # The mirror image of the crop's centre.
        crop = (pixels - (2 * centre - x)) / half
        torch.testing.assert_close(crop, mixed.observation.joints2d[1, :, 0], atol=1e-4, rtol=0)


def test_silhouette_and_confidence_are_mirrored_as_the_plain_dataset_does(made: Path) -> None:
    frame = fetch(made, [0, 1], [True, True], "test_noisy")
    plain = FrameDataset(FrameStore(made), "test_noisy", S2M27, truth=False)
    expected = plain.__getitems__(Batch(np.array([0, 1]), np.array([True, True]))).observation
    torch.testing.assert_close(frame.observation.joints2d, expected.joints2d)
    torch.testing.assert_close(frame.observation.confidence, expected.confidence)
    assert torch.equal(frame.observation.silhouette, expected.silhouette)


def test_mirrored_parameters_pose_the_mirrored_skeleton(made: Path) -> None:
    """Their posed mesh, read by the store's own regressor, is the mirror image of the other's, place included.

    No closer than the body is symmetric: 0.6 mm apart at rest at the worst vertex of 64 random shapes.
    """
    rows = list(range(24))
    flip = [row % 3 > 0 for row in rows]
    plain, mixed = fetch(made, rows, [False] * 24).truth, fetch(made, rows, flip).truth
    body = load_body(None)
    moved, still = (
        torch.einsum("jv,bvd->bjd", body.skeleton_regressor, body(params).vertices)
        for params in (mixed.params, plain.params)
    )
    mirrored = still[:, list(S2M27.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    expected = torch.where(torch.tensor(flip)[:, None, None], mirrored, still)
    assert float((moved - expected).norm(dim=-1).max()) < 1e-3
    assert float((mixed.joints3d - plain.joints3d)[torch.tensor(flip)].norm(dim=-1).mean()) > 0.1
    kept = ~torch.tensor(flip)
    for name in ("global_orient", "body_pose", "betas", "transl"):
        assert torch.equal(getattr(mixed.params, name)[kept], getattr(plain.params, name)[kept]), name
    assert torch.equal(mixed.params.betas, plain.params.betas)


def test_mirrored_parameters_pose_the_mirrored_surface_in_any_pose() -> None:
    """Every vertex against its nearest neighbour in the mirror image of the template."""
    body, generator = load_body(None), torch.Generator().manual_seed(3)
    template = body.v_template.numpy()
    supervised = torch.from_numpy(cKDTree(template).query(template * [-1, 1, 1])[1])
    vectors = 0.6 * torch.randn(8, 24, 3, generator=generator)
    vectors[:, 0] *= 5  # the root has any orientation
    betas, transl = torch.randn(8, 10, generator=generator), torch.randn(8, 3, generator=generator)
    params = BodyParams.from_rotations(
        torch.from_numpy(Rotation.from_rotvec(vectors.reshape(-1, 3).numpy()).as_matrix()).float().view(8, 24, 3, 3),
        betas,
        transl,
    )
    mirrored = mirror_params(params, torch.ones(8, dtype=torch.bool))
    torch.testing.assert_close(torch.linalg.det(mirrored.rotations), torch.ones(8, 24))
    expected = body(params).vertices[:, supervised] * torch.tensor([-1.0, 1.0, 1.0])
    apart = (body(mirrored).vertices - expected).norm(dim=-1)
    assert float(apart.mean()) < 5e-5
    assert float(apart.max()) < 1e-3
    again = mirror_params(mirrored, torch.ones(8, dtype=torch.bool))
    assert torch.equal(again.rotations, params.rotations)
    assert torch.equal(again.transl, params.transl)
    assert mirror_params(replace(params, transl=None), torch.ones(8, dtype=torch.bool)).transl is None


def test_a_truth_of_joints_alone_is_mirrored_and_a_gender_is_kept(made: Path) -> None:
    frame = fetch(made, [0, 1], [False, False])
    gender = torch.tensor([1, 2])
    bare = replace(frame, truth=Truth(frame.truth.joints3d, None, gender))
    mirrored = mirror_frame(bare, torch.tensor([True, False]), S2M27).truth
    assert mirrored.params is None
    assert torch.equal(mirrored.gender, gender)
    whole = mirror_frame(frame, torch.tensor([True, False]), S2M27).truth
    assert torch.equal(mirrored.joints3d, whole.joints3d)


def test_only_this_module_lets_truth_into_training(made: Path) -> None:
    arguments = {"train_split": "train_pose", "batch_size": 8, "silhouettes": False}
    supervised, plain = SupervisedFrames(str(made), **arguments), FrameDataModule(str(made), **arguments)
    supervised.setup("fit")
    (with_truth, without) = (next(iter(data.train_dataloader())) for data in (supervised, plain))
    assert with_truth.truth is not None
    assert without.truth is None
    # The same frames, mirrored alike, in the same order.
    torch.testing.assert_close(with_truth.observation.joints2d, without.observation.joints2d)
    assert torch.equal(with_truth.observation.index, without.observation.index)
    assert with_truth.truth.joints3d.shape == (8, len(H36M17), 3)
    assert next(iter(supervised.val_dataloader())).truth is not None


def test_a_store_without_truth_is_refused_before_training(store: Path) -> None:
    shutil.rmtree(store / "train_pose" / "truth")
    data = SupervisedFrames(str(store), train_split="train_pose", silhouettes=False)
    with pytest.raises(StoreError, match="train_pose/truth: missing"):
        data.setup("fit")
