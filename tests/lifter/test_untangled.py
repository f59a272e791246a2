"""Left and right that a detector exchanges for a few frames of a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from s2m.cli import main
from s2m.data.motion.clips import open_motion
from s2m.errors import S2MWarning
from s2m.ik.swaps import SwapFinder
from s2m.lifter import lift
from s2m.skeletons import H36M17, S2M27

from .scenes import _seen, recording

MIRROR = list(H36M17.mirror)
COLUMNS = S2M27.indices(H36M17.joints)


def test_exchanged_labels_are_undone_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = recording(H36M17)[1].astype(np.float32)
    swapped = pixels.copy()
    swapped[20:24] = swapped[20:24][:, MIRROR]
    swapped[40, [2, 5]] = pixels[40, [5, 2]]  # knees alone: no group of joints, but noise
    expected = pixels.copy()
    expected[40] = swapped[40]
    with pytest.warns(S2MWarning, match=r"exchanged in 4 of 60 frames \(20-23\)"):
        found = lift(swapped, video_fps=30.0)
    np.testing.assert_allclose(found.joints3d, lift(expected, video_fps=30.0).joints3d, atol=1e-6)
    np.save(tmp_path / "a.npy", swapped)
    for more, said in (([], False), (["--video"], True)):
        assert main(["lift", str(tmp_path / "a.npy"), "-o", str(tmp_path / f"{said}.npz"), "-q", *more]) == 0
        assert ("left and right were exchanged in 4 of 60 frames (20-23)" in capsys.readouterr().err) is said
    with np.load(tmp_path / "True.npz") as written:
        np.testing.assert_allclose(written["joints3d"], found.joints3d, atol=1e-5)


@pytest.mark.parametrize("turn", [0.0, np.pi / 2])
def test_legs_that_walk_past_each_other_are_no_exchange(turn: float) -> None:
    """From the front and from the side, whole and in blocks; with one and with none."""
    for clip in open_motion():
        if clip.name not in ("walk", "run", "kick"):
            continue
        frames = min(90, len(clip))
        pixels = _seen(clip.poses[:frames], np.full(frames, turn))[1][:, COLUMNS]
        swapped = pixels.copy()
        swapped[9:12] = swapped[9:12][:, MIRROR]
        for points, expected in ((pixels, []), (swapped, [9, 10, 11])):
            whole, parts = (SwapFinder(H36M17, 30.0, dims=2) for _ in range(2))
            whole.look(points)
            for start in range(0, frames, 10):
                parts.look(points[start : start + 10])
            for finder in (whole, parts):
                assert np.flatnonzero(finder.found().frames).tolist() == expected, clip.name


def test_half_of_a_video_exchanged_is_said_not_guessed() -> None:
    swapped = recording(H36M17)[1]
    swapped[30:] = swapped[30:][:, MIRROR]
    with pytest.warns(S2MWarning, match="change places from frame to frame at 30; which side is right is not clear"):
        lift(swapped, video_fps=30.0)
