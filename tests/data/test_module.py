from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from jsonargparse import ArgumentParser
from torch.utils.data import DataLoader

from s2m.batch import FrameBatch
from s2m.data import FrameDataModule, OpenData
from s2m.data.dataset import FrameDataset
from s2m.data.resident import ResidentFrames
from s2m.data.samplers import Batch
from s2m.data.store import FrameStore, StoreError, unpack_masks
from s2m.skeletons import H36M17, S2M27, SMPL24


def fetch(dataset: FrameDataset, rows: list[int], flip: bool = False) -> FrameBatch:
    return dataset.__getitems__(Batch(np.array(rows), np.full(len(rows), flip)))


def edit(store: Path, split: str, field: str) -> np.ndarray:
    return np.load(store / split / "observation" / f"{field}.npy", mmap_mode="r+")


@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_frames_hold_what_the_store_holds(made: Path, joint_set: object) -> None:
    store = FrameStore(made)
    arrays = store.open("test_noisy")
    dataset = FrameDataset(store, "test_noisy", joint_set, truth=True)
    frame = fetch(dataset, [3, 7])
    observation, truth = frame.observation, frame.truth
    assert truth is not None
    assert observation.silhouette is not None
    for k, row in enumerate((3, 7)):
        for j, name in enumerate(joint_set.joints):
            stored = S2M27.index(name)
            confidence = arrays.observation["confidence"][row, stored]
            assert observation.confidence[k, j] == pytest.approx(confidence)
            x, y = arrays.observation["joints2d"][row, stored]
            cx, cy, half = arrays.observation["crop"][row]
            expected = [(x - cx) / half, (y - cy) / half] if confidence > 0 else [0, 0]
            assert observation.joints2d[k, j].tolist() == pytest.approx(expected, abs=1e-5)
            assert truth.joints3d[k, j].tolist() == pytest.approx(arrays.truth["joints3d"][row, stored].tolist())
        expected_mask = unpack_masks(np.asarray(arrays.observation["silhouette"][row : row + 1]), 112)[0]
        np.testing.assert_array_equal(observation.silhouette[k].numpy(), expected_mask)
    assert observation.index is not None
    assert observation.index.tolist() == [3, 7]
    assert truth.params is not None
    assert truth.params.rotations.shape == (2, 24, 3, 3)
    assert len(dataset[5]) == 1


def test_mirroring_relabels_joints_and_turns_the_mask(made: Path) -> None:
    dataset = FrameDataset(FrameStore(made), "train", H36M17, truth=False)
    plain, flipped = (fetch(dataset, [0, 1, 2], flip).observation for flip in (False, True))
    left, right = H36M17.indices(["left_wrist", "right_wrist"])
    torch.testing.assert_close(flipped.joints2d[:, left, 0], -plain.joints2d[:, right, 0])
    torch.testing.assert_close(flipped.joints2d[:, left, 1], plain.joints2d[:, right, 1])
    assert plain.silhouette is not None
    torch.testing.assert_close(flipped.silhouette, plain.silhouette.flip(2))
    assert flipped.crop is not None
    # a mirrored picture, 1000 pixels wide
    pixels = [o.joints2d * o.crop[:, None, 2:] + o.crop[:, None, :2] for o in (plain, flipped)]
    torch.testing.assert_close(pixels[1][:, left, 0], 1000 - pixels[0][:, right, 0], atol=1e-3, rtol=0)


def test_only_chosen_rows_of_a_batch_are_mirrored(made: Path) -> None:
    dataset = FrameDataset(FrameStore(made), "train", S2M27, truth=False)
    plain, both = fetch(dataset, [4, 5]).observation, fetch(dataset, [4, 5], True).observation
    mixed = dataset.__getitems__(Batch(np.array([4, 5]), np.array([False, True]))).observation
    torch.testing.assert_close(mixed.joints2d, torch.stack([plain.joints2d[0], both.joints2d[1]]))
    with pytest.raises(ValueError, match="cannot be mirrored"):
        fetch(FrameDataset(FrameStore(made), "train", S2M27, truth=True), [0], True)


def damage(store: Path, split: str) -> None:
    joints, confidence = edit(store, split, "joints2d"), edit(store, split, "confidence")
    joints[2, H36M17.index("neck_nose"), 0] = np.nan
    confidence[4, 3:17] = 0
    edit(store, split, "silhouette")[6] = 0
    edit(store, split, "crop")[8, 2] = np.inf
    joints[10, 0], confidence[10, 0] = np.nan, 0  # missing, and said to be: fine


def test_unusable_frames_are_skipped_and_counted_in_training(store: Path) -> None:
    damage(store, "train")
    data = OpenData(str(store), batch_size=8)
    data.setup("fit")
    assert data.skipped == {
        "train/joints2d: not finite": 2,
        "train/confidence: fewer than 6 joints found": 1,
        "train/silhouette: empty": 1,
    }
    rows = torch.cat([f.observation.index for f in data.train_dataloader() if f.observation.index is not None])
    assert not set(rows.tolist()) & {2, 4, 6, 8}
    everything = fetch(FrameDataset(FrameStore(store), "train", H36M17, truth=False, drop=True), list(range(36)))
    assert everything.observation.joints2d.isfinite().all()
    assert everything.observation.index is not None
    assert sorted(set(range(40)) - set(everything.observation.index.tolist())) == [2, 4, 6, 8]


def test_without_silhouettes_an_empty_mask_does_not_matter(store: Path) -> None:
    edit(store, "train", "silhouette")[6] = 0
    data = OpenData(str(store), silhouettes=False, batch_size=4)
    assert data.skipped == {}
    assert next(iter(data.train_dataloader())).observation.silhouette is None


def test_unusable_frames_stop_an_evaluation(store: Path) -> None:
    damage(store, "test")
    data = OpenData(str(store))
    with pytest.raises(
        StoreError, match=r"test/observation: .*joints2d: not finite in 2 frames \(first rows: \[2, 8\]\)"
    ):
        data.setup("test")


def test_training_never_sees_truth_and_does_not_need_it(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    def batches() -> list[FrameBatch]:
        data = OpenData(str(store), batch_size=8, joint_set="s2m27")
        data.setup("fit")
        return list(data.train_dataloader())

    before = batches()
    for split in FrameStore(store).splits:
        shutil.rmtree(store / split / "truth")
    with caplog.at_level(logging.WARNING):
        after = batches()
    assert "val: the truth is missing" in caplog.text
    for one, two in zip(before, after, strict=True):
        assert one.truth is None
        assert two.truth is None
        assert torch.equal(one.observation.joints2d, two.observation.joints2d)
    data = OpenData(str(store))
    assert next(iter(data.val_dataloader())).truth is None
    with pytest.raises(StoreError, match="test/truth: missing"):
        data.require_truth("test")


def test_loaders_cover_the_splits(made: Path) -> None:
    data = FrameDataModule(str(made), eval_batch_size=7)
    assert data.test_names == [
        *("test", "test_noisy", "acrobatic", "acrobatic_noisy"),
        *("above", "half_body", "sitting", "detector"),
    ]
    assert data.joint_set is H36M17
    assert data.store_hash == FrameStore(made).hash
    for name, loader in zip(data.test_names, data.test_dataloader(), strict=True):
        frames = list(loader)
        rows = torch.cat([f.observation.index for f in frames if f.observation.index is not None])
        assert rows.tolist() == list(range(FrameStore(made).open(name).rows))
        assert all(f.truth is not None for f in frames)
    pose = FrameDataModule(str(made), train_split="train_pose", batch_size=16)
    assert next(iter(pose.train_dataloader())).observation.silhouette is None


def test_every_process_takes_its_share(made: Path) -> None:
    def rows(loader: object) -> list[int]:
        return [int(i) for frame in loader for i in frame.observation.index]

    def data(rank: int, world: int) -> OpenData:
        module = OpenData(str(made), batch_size=8, steps_per_epoch=3)
        module.trainer = SimpleNamespace(global_rank=rank, world_size=world)
        return module

    whole, shares = data(0, 1), [data(rank, 2) for rank in range(2)]
    everything = rows(whole.train_dataloader())
    assert [rows(share.train_dataloader()) for share in shares] == [everything[0::2], everything[1::2]]
    tests = [rows(share.test_dataloader()[0]) for share in shares]
    assert tests[0] + tests[1] == list(range(50))
    with pytest.raises(ValueError, match="multiple of the 3 processes"):
        data(0, 3).train_dataloader()


def test_samples_and_chosen_frames(made: Path) -> None:
    data = OpenData(str(made))
    sample = data.training_sample(5)
    assert sample.truth is None
    assert sample.observation.index is not None
    assert sample.observation.index.tolist() == [0, 9, 19, 29, 39]
    assert len(data.training_sample(1000)) == 40
    frame = data.test_frames("acrobatic", [7, 3])
    assert frame.observation.index is not None
    assert frame.observation.index.tolist() == [7, 3]
    assert frame.truth is not None


def test_joint_sets_that_the_store_lacks_are_named(made: Path) -> None:
    with pytest.raises(StoreError, match=r"smpl24 needs joints that the store \(s2m27\) lacks: spine1"):
        FrameDataset(FrameStore(made), "train", SMPL24, truth=False)
    with pytest.raises(ValueError, match="unknown joint set 'coco'"):
        FrameDataModule(str(made), joint_set="coco")


class Recorder(pl.LightningModule):
    """Records which rows each epoch brings."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.rows: dict[int, list[int]] = {}
        self.truths: list[bool] = []

    def training_step(self, frame: FrameBatch, index: int) -> torch.Tensor:
        assert frame.truth is None
        assert frame.observation.index is not None
        self.rows.setdefault(self.current_epoch, []).extend(frame.observation.index.tolist())
        return self.weight * frame.observation.joints2d.mean()

    def validation_step(self, frame: FrameBatch, index: int) -> None:
        self.truths.append(frame.truth is not None)

    def test_step(self, frame: FrameBatch, index: int, dataloader_idx: int = 0) -> None:
        self.truths.append(frame.truth is not None)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trainer(folder: Path, epochs: int) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, default_root_dir=folder, use_distributed_sampler=False,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [0, 1])
def test_lightning_sets_the_epoch_and_resuming_goes_on_exactly(made: Path, tmp_path: Path, workers: int) -> None:
    def data() -> OpenData:
        return OpenData(str(made), batch_size=8, steps_per_epoch=3, silhouettes=False, num_workers=workers)

    whole, first, second = Recorder(), Recorder(), Recorder()
    trainer(tmp_path, 3).fit(whole, data())
    assert whole.rows[0] != whole.rows[1] != whole.rows[2]
    assert all(whole.truths)
    stopped = trainer(tmp_path, 1)
    stopped.fit(first, data())
    stopped.save_checkpoint(tmp_path / "last.ckpt")
    trainer(tmp_path, 3).fit(second, data(), ckpt_path=tmp_path / "last.ckpt", weights_only=False)
    assert {**first.rows, **second.rows} == whole.rows
    assert torch.equal(second.weight, whole.weight)
    tester = Recorder()
    trainer(tmp_path, 1).test(tester, data(), verbose=False)
    assert tester.truths
    assert all(tester.truths)


def test_worker_processes_bring_the_same_batches(made: Path) -> None:
    def rows(workers: int) -> list[torch.Tensor]:
        loader = OpenData(str(made), batch_size=8, num_workers=workers).train_dataloader()
        return [frame.observation.joints2d for frame in loader]

    for here, there in zip(rows(0), rows(1), strict=True):
        assert torch.equal(here, there)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("seen", [0, 1, 3, 5])
def test_a_loader_goes_on_where_another_stopped(made: Path, seen: int, workers: int) -> None:
    def loader(epoch: int) -> DataLoader[FrameBatch]:
        data = OpenData(str(made), batch_size=4, steps_per_epoch=5, silhouettes=False, num_workers=workers)
        made_loader = data.train_dataloader()
        made_loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        return made_loader

    def rows(frames: Iterable[FrameBatch]) -> list[list[int]]:
        return [frame.observation.index.tolist() for frame in frames if frame.observation.index is not None]

    stopped, resumed = loader(2), loader(2)
    first = rows(islice(stopped, seen))
    resumed.load_state_dict(stopped.state_dict())  # type: ignore[attr-defined]
    # After a whole epoch nothing is left out; nor is it in an epoch that follows.
    expected = rows(loader(2))
    assert len(expected) == 5
    assert rows(resumed) == (expected[seen:] if seen < 5 else expected)
    assert first == expected[:seen]
    assert rows(resumed) == expected
    assert resumed.state_dict() == {"handed_out": 5}  # type: ignore[attr-defined]


def test_shipped_configuration_builds_the_module(made: Path) -> None:
    parser = ArgumentParser(exit_on_error=False, parser_mode="omegaconf")
    parser.add_subclass_arguments(pl.LightningDataModule, "data")
    configs = Path(__file__).parents[2] / "configs"
    parsed = parser.parse_path(configs / "data" / "open.yaml")
    parsed.data.init_args.store = str(made)
    data = parser.instantiate_classes(parsed).data
    assert isinstance(data, OpenData)
    assert data.joint_set is H36M17
    assert len(next(iter(data.val_dataloader()))) == 12


@pytest.mark.parametrize(("split", "joint_set"), [("train_pose", "h36m17"), ("train", "s2m27")])
def test_resident_frames_are_those_of_the_files(made: Path, split: str, joint_set: str) -> None:
    epochs = []
    for resident in (True, False):
        data = FrameDataModule(str(made), joint_set, split, batch_size=16, silhouettes=False, resident=resident)
        epochs.append(list(data.train_dataloader()))
    assert len(epochs[0]) == len(epochs[1]) > 1
    for kept, read in zip(*epochs, strict=True):
        assert kept.truth is None
        for one, other in zip(kept.observation.tensors(), read.observation.tensors(), strict=True):
            assert (one is None and other is None) or (one.dtype == other.dtype and torch.equal(one, other))


def test_frames_with_silhouettes_or_truth_are_read_from_files_whatever_is_asked(made: Path) -> None:
    store = FrameStore(made)
    assert ResidentFrames.fits(FrameDataset(store, "train", H36M17, truth=False, silhouettes=False))
    assert not ResidentFrames.fits(FrameDataset(store, "train", H36M17, truth=False))
    assert not ResidentFrames.fits(FrameDataset(store, "test", H36M17, truth=True, silhouettes=False))
    frame = next(iter(FrameDataModule(str(made), train_split="train", batch_size=4, resident=True).train_dataloader()))
    assert frame.observation.silhouette is not None
