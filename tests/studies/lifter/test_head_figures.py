"""What heads are measured with: inputs, the filter beside them, and figures of rotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from s2m.batch import IKOutput
from s2m.cli import main as s2m
from s2m.data.store import FrameStore
from studies.lifter.conditions import read_frames
from studies.lifter.head_figures import (
    INPUTS,
    inputs,
    lasting,
    lengths,
    rotation_figures,
    savitzky_golay,
    true_rotations,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "open"
    assert s2m(["data", "open", "--output", str(path), "--config", str(ROOT / "configs/preset/smoke/data.yaml")]) == 0
    return path


def test_recordings_are_told_apart(store: Path) -> None:
    frames = read_frames(FrameStore(store), "test")
    expected, last = [], None
    for now in zip(frames.sequence.tolist(), frames.frame.tolist(), strict=True):
        if last is not None and now == (last[0], last[1] + 1):
            expected[-1] += 1
        else:
            expected.append(1)
        last = now
    assert lengths(frames) == expected
    assert len(expected) > 1


def test_lasting_errors_are_a_recursive_filter_within_each_recording() -> None:
    """Independent oracle: scipy's filter, to which each recording's first error is the state before."""
    fresh = torch.randn(12, 2, dtype=torch.float64)
    found = lasting(fresh, [5, 7], 0.8)
    for part in (slice(0, 5), slice(5, 12)):
        first, rest = fresh[part][:1], fresh[part][1:]
        expected, _ = lfilter([0.6], [1, -0.8], rest.numpy(), axis=0, zi=0.8 * first.numpy())
        torch.testing.assert_close(found[part], torch.cat([first, torch.from_numpy(expected)]))


def test_the_filter_beside_the_head_fits_cubics_within_recordings() -> None:
    """Closed form: a cubic in time is its own fit; a jump between recordings is no jump within one."""
    time = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None, None]
    cubic = torch.cat([time**3 - time, 5 + 2 * time**2, time[:4]]).expand(-1, 17, 3)
    found = savitzky_golay(lambda joints2d, confidence: cubic, [20, 20, 4], cubic[..., :2], cubic[..., 0])
    torch.testing.assert_close(found, cubic)
    rough = torch.randn(20, 1, 1, dtype=torch.float64).expand(-1, 17, 3)
    smooth = savitzky_golay(lambda joints2d, confidence: rough, [20], rough[..., :2], rough[..., 0])
    frames = np.arange(13)
    fitted = np.polyval(np.polyfit(frames, rough[3:16, 0, 0].numpy(), 3), 6)
    assert float(smooth[9, 4, 1]) == pytest.approx(fitted, rel=1e-8)


def test_rotations_are_scipys() -> None:
    rng = np.random.default_rng(0)
    true, found = (Rotation.random(7 * 24, rng=rng) for _ in range(2))
    shape = (7, 24, 3, 3)
    solved = torch.from_numpy(rng.random((7, 24)) < 0.5)
    matrices = torch.from_numpy(found.as_matrix().reshape(shape))
    figures = rotation_figures(IKOutput(matrices, solved), torch.from_numpy(true.as_matrix().reshape(shape)), [4, 3])
    counts = solved.numpy().copy()
    counts[:, 0] = False
    angles = (found.inv() * true).magnitude().reshape(7, 24)
    assert figures["angle_rad"] == pytest.approx(angles[counts].mean(), rel=1e-6)
    shaking = []
    for middle in (1, 2, 5):
        for joint in np.flatnonzero(counts[middle]):
            last, now, then = (found[(middle + step) * 24 + joint] for step in (-1, 0, 1))
            shaking.append(((last.inv() * now).inv() * (now.inv() * then)).magnitude())
    assert figures["shaking_rad"] == pytest.approx(np.mean(shaking), rel=1e-6)


def test_true_rotations_are_the_bodys_whatever_the_noise(store: Path) -> None:
    exact, noisy = (true_rotations(FrameStore(store), split) for split in ("test", "test_noisy"))
    assert torch.equal(exact, noisy)
    assert exact.shape == (len(read_frames(FrameStore(store), "test")), 24, 3, 3)


def test_inputs_differ_in_their_noise_alone(store: Path) -> None:
    frames = dict(inputs(FrameStore(store), "test"))
    assert tuple(frames) == INPUTS
    exact = read_frames(FrameStore(store), "test")
    assert torch.equal(frames["clean"].joints2d, exact.joints2d)
    for seen in frames.values():
        # The same skeletons, seen by cameras that are turned to where the pelvis was found.
        torch.testing.assert_close(seen.joints3d.norm(dim=2), exact.joints3d.norm(dim=2))
        assert torch.equal(seen.frame, exact.frame)
    size = {name: float((seen.joints2d - exact.joints2d).square().mean().sqrt()) for name, seen in frames.items()}
    assert size[INPUTS[2]] == pytest.approx(size[INPUTS[1]], rel=0.1)
    assert 0 == size["clean"] < size[INPUTS[1]]
