"""Windows and recordings against the store's own numbering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.data.samplers import Batch, as_stored
from s2m.data.store import FrameStore, StoreError
from s2m.data.video import RecordingBatches, VideoDataset, VideoFrames, WindowBatches
from s2m.skeletons import H36M17


def numbering(path: Path, split: str, rows: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    arrays = FrameStore(path).open(split).observation
    return np.asarray(arrays["sequence"])[rows], np.asarray(arrays["frame"])[rows]


def test_every_window_is_of_one_recording_and_mirrored_as_a_whole(made: Path) -> None:
    data = VideoFrames(str(made), window=6, batch_size=5, steps_per_epoch=8, silhouettes=False)
    loader = data.train_dataloader()
    for frame in loader:
        assert frame.truth is None
        sequence, position = numbering(made, "train_video", frame.observation.index)
        sequence, position = sequence.reshape(5, 6), position.reshape(5, 6)
        assert (sequence == sequence[:, :1]).all()
        np.testing.assert_array_equal(np.diff(position, axis=1), 1)
    flips = np.concatenate([batch.flip.reshape(5, 6) for batch in loader.batch_sampler])
    assert (flips == flips[:, :1]).all()
    assert 0 < flips.mean() < 1


def test_a_recording_is_a_batch_and_every_frame_comes_once(made: Path) -> None:
    data = VideoFrames(str(made), silhouettes=False, test_splits=("test",))
    rows = []
    for frame in data.test_dataloader()[0]:
        assert frame.truth is not None
        sequence, position = numbering(made, "test", frame.observation.index)
        assert len(set(sequence)) == 1
        np.testing.assert_array_equal(position, np.arange(len(position)))
        rows += frame.observation.index.tolist()
    assert rows == list(range(50))


def test_an_unusable_frame_cuts_a_recording(store: Path) -> None:
    edited = np.load(store / "train_video/observation/joints2d.npy", mmap_mode="r+")
    edited[7, 0] = np.nan
    edited.flush()
    dataset = VideoDataset(FrameStore(store), "train_video", H36M17, truth=False, silhouettes=False, drop=True)
    first, second = dataset.recordings()[:2]
    assert dataset.__getitems__(_batch(first)).observation.index.tolist() == list(range(7))
    assert dataset.__getitems__(_batch(second)).observation.index[0] == 8


def test_independent_frames_are_no_recordings(made: Path) -> None:
    with pytest.raises(StoreError, match="recordings of at least 24 frames, found at most 1"):
        VideoFrames(str(made), train_split="train_pose", silhouettes=False).train_dataloader()


def test_processes_share_windows_and_recordings() -> None:
    recordings = [np.arange(0, 10), np.arange(10, 13), np.arange(13, 30)]
    arguments = {"length": 4, "batch_size": 4, "steps": 3, "flip": 0.5, "seed": 1}
    whole = [batch.positions.reshape(4, 4) for batch in WindowBatches(recordings, **arguments)]
    halves = [list(WindowBatches(recordings, **arguments, rank=r, world_size=2)) for r in (0, 1)]
    for i, windows in enumerate(whole):
        for rank in (0, 1):
            np.testing.assert_array_equal(halves[rank][i].positions.reshape(2, 4), windows[rank::2])
    starts = {int(window[0]) for batch in whole for window in batch}
    assert starts <= set(range(7)) | set(range(13, 27))
    shares = [[b.positions.tolist() for b in RecordingBatches(recordings, r, 2)] for r in (0, 1)]
    assert shares == [[recordings[0].tolist(), recordings[2].tolist()], [recordings[1].tolist()]]


def _batch(positions: np.ndarray) -> Batch:
    return as_stored(positions)
