"""Converted stores through FrameDataset and FrameDataModule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.data.dataset import FrameDataset
from s2m.data.module import FrameDataModule
from s2m.data.samplers import Batch, as_stored
from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.skeletons import H36M17, LSP14
from tests.data.zoo.fabricate.toy import ToySource, write_recording


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, frames in (("train", 9), ("val", 4), ("test", 5)):
        write_recording(tmp_path / "raw" / split / "r.npz", frames, frames, poses=None)
    return tmp_path


def test_truth_without_a_body(root: Path) -> None:
    convert(ToySource(root / "raw"), root / "out", progress=False)
    data = FrameDataModule(str(root / "out"), batch_size=4, eval_batch_size=4)
    data.setup("fit")
    frame = next(iter(data.val_dataloader()))
    assert frame.truth is not None
    assert frame.truth.joints3d.shape == (4, 17, 3)
    assert frame.truth.params is None
    assert frame.truth.gender is None
    assert next(iter(data.train_dataloader())).truth is None
    assert data.test_names == ["test"]


def test_truth_with_a_gendered_body(root: Path) -> None:
    content = write_recording(root / "raw" / "test" / "r.npz", 5, 5, gender="female")
    write_recording(root / "raw" / "test" / "s.npz", 2, 6, gender="male")
    convert(ToySource(root / "raw"), root / "out", Options(splits=("test",)), progress=False)
    frame = FrameDataset(FrameStore(root / "out"), "test", H36M17, truth=True).__getitems__(as_stored(np.arange(7)))
    assert frame.truth is not None
    assert frame.truth.params is not None
    assert frame.truth.gender is not None
    assert frame.truth.gender.tolist() == [1] * 5 + [2] * 2
    np.testing.assert_allclose(frame.truth.params.betas[0], content["betas"], atol=1e-6)


def test_fewer_joints_by_name(root: Path) -> None:
    convert(ToySource(root / "raw"), root / "out", progress=False)
    store = FrameStore(root / "out")
    whole = FrameDataset(store, "test", H36M17, truth=True).__getitems__(as_stored(np.arange(5)))
    part = FrameDataset(store, "test", LSP14, truth=True).__getitems__(as_stored(np.arange(5)))
    assert whole.truth is not None
    assert part.truth is not None
    columns = [H36M17.joints.index(joint) for joint in LSP14.joints]
    torch.testing.assert_close(part.truth.joints3d, whole.truth.joints3d[:, columns])
    torch.testing.assert_close(part.observation.joints2d, whole.observation.joints2d[:, columns])


def test_mirrored_crops_lie_in_the_mirrored_image_of_their_own_width(root: Path) -> None:
    """Two recordings of images of other widths: one scalar size would put one of them in the wrong place."""
    size = np.array([640, 240])
    masks = np.zeros((3, 240, 640), bool)
    masks[:, 100:140, 150:170] = True
    write_recording(root / "raw" / "train" / "wide.npz", 3, 1, poses=None, size=size, masks=masks)
    convert(ToySource(root / "raw"), root / "out", Options(splits=("train",)), progress=False)
    store = FrameStore(root / "out")
    dataset = FrameDataset(store, "train", H36M17, truth=False)
    rows = np.arange(len(dataset))
    plain = dataset.__getitems__(as_stored(rows)).observation
    flipped = dataset.__getitems__(Batch(rows, np.ones(len(rows), bool))).observation
    assert plain.crop is not None
    assert flipped.crop is not None
    widths = torch.tensor([320.0] * 9 + [640.0] * 3)
    torch.testing.assert_close(flipped.crop[:, 0], widths - plain.crop[:, 0])
    # A joint in full-image pixels: mirrored at the middle of the image, left and right exchanged.
    pixels = plain.joints2d * plain.crop[:, None, 2:] + plain.crop[:, None, :2]
    mirrored = flipped.joints2d * flipped.crop[:, None, 2:] + flipped.crop[:, None, :2]
    left, right = H36M17.index("left_wrist"), H36M17.index("right_wrist")
    torch.testing.assert_close(mirrored[:, right, 0], widths - pixels[:, left, 0])
    torch.testing.assert_close(mirrored[:, right, 1], pixels[:, left, 1])
