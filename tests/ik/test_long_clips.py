"""What is kept of a frame while a clip is lifted and solved is some bytes: millions of frames fit into a gigabyte."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.body import load_body
from s2m.formats.clips import ROWS as WHOLE
from s2m.formats.clips import Block
from s2m.formats.keypoints2d import Keypoints
from s2m.ik import motion
from s2m.ik.body_joints import rest_skeleton
from s2m.lifter.lifting import Lift
from s2m.lifter.untangled import tidied
from s2m.lifter.warnings import Findings
from s2m.lifter.writing import LiftWriter
from s2m.skeletons import S2M27

ROWS = 256
REST = rest_skeleton(load_body(), S2M27).joints.double().numpy()
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


class Trembling:
    """A person at rest who trembles, and is not seen now and then; frames are made when they are asked for."""

    def __init__(self, frames: int, dims: int) -> None:
        self._frames, self._dims = frames, dims

    def __len__(self) -> int:
        return self._frames

    def read(self, start: int, stop: int) -> Block:
        points = REST + np.random.default_rng(start).normal(0, 0.005, (stop - start, *REST.shape))
        seen = np.ones(points.shape[:2], np.float32)
        lost = np.arange(start, stop) % 60 < 3
        points[lost], seen[lost] = np.nan, 0
        return points[..., : self._dims], seen


def bytes_a_frame(work: Callable[[int], object], short: int, long: int) -> float:
    """By how much the peak of the memory grows with a frame, between clips of two lengths."""
    peaks = []
    for frames in (short, long):
        tracemalloc.start()
        work(frames)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (long - short)


def test_solving_keeps_little_of_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "_SAMPLE", 64)

    def work(frames: int) -> None:
        options = motion.MotionOptions(rows=ROWS)
        motion.solve_clip(Trembling(frames, 3), S2M27, load_body(), UPRIGHT, options, tmp_path).poses.close()

    work(ROWS)  # what is made once
    assert bytes_a_frame(work, 4 * ROWS, 16 * ROWS) < 64


def test_lifting_keeps_little_of_a_frame(tmp_path: Path) -> None:
    """Without the networks, which see some thousand frames at a time."""

    def work(frames: int) -> None:
        source, _ = tidied(Trembling(frames, 2), S2M27, 30.0)
        findings = Findings(S2M27, S2M27)
        with LiftWriter(tmp_path) as lifted:
            for start in range(0, frames, ROWS):
                points, sure = source.read(start, start + ROWS)
                some = torch.from_numpy(np.repeat(REST[None], ROWS, 0)).float()
                ones = torch.ones(ROWS)
                told = torch.from_numpy(points).float(), torch.from_numpy(sure)
                block = Lift(S2M27, some, *told, ones, ones > 0, ones < 0, some, ones)
                findings.look(Keypoints(points, sure, S2M27), block)
                lifted.add(block)
            findings.messages()
            lifted.write(tmp_path / "a.npz", 30.0)

    work(ROWS)
    assert bytes_a_frame(work, 3 * WHOLE, 5 * WHOLE) < 64
