"""Videos: steadier and nearer to the truth, whatever the frame rate, the gaps and the length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s2m.data.motion.clips import open_motion
from s2m.errors import UserError
from s2m.lifter import lift, shipped, shipped_head
from s2m.lifter import video as videos
from s2m.lifter.temporal_head import TemporalLifter
from s2m.lifter.video import stretches
from s2m.skeletons import H36M17, S2M27
from studies.lifter import example_video

from .scenes import n_mpjpe_mm, recording

FPS = 30.0


def jitter(joints: np.ndarray) -> float:
    """Mean length of the second difference in time."""
    return float(np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).mean())


def noisy(pixels: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Noise of a share of the head-root length, new in each frame."""
    length = np.linalg.norm(pixels[:, H36M17.index("head")] - pixels[:, 0], axis=-1).mean()
    return pixels + np.random.default_rng(0).normal(0, share * length, pixels.shape)


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda s: s.name)
def test_a_noisy_video_is_lifted_better_and_far_more_steadily(joint_set) -> None:
    true, pixels = recording(joint_set)
    seen = noisy(pixels)
    alone, together = (lift(seen, joint_set, video_fps=fps).joints3d for fps in (None, FPS))
    assert n_mpjpe_mm(together, true) < 0.9 * n_mpjpe_mm(alone, true)
    assert jitter(together) < 0.25 * jitter(alone)
    exact = lift(pixels, joint_set).joints3d
    assert n_mpjpe_mm(lift(pixels, joint_set, video_fps=FPS).joints3d, true) < 1.15 * n_mpjpe_mm(exact, true)


def test_it_is_the_heads_own_answer() -> None:
    seen = torch.from_numpy(noisy(recording(H36M17)[1])).float()
    model = TemporalLifter(shipped(), shipped_head())
    with torch.no_grad():
        expected = model(seen, torch.ones(seen.shape[:2]), fps=25.0).joints3d
    found = lift(seen, video_fps=25.0, one_person=False).joints3d
    torch.testing.assert_close(found, expected)


def test_a_gap_cuts_the_video() -> None:
    seen = noisy(recording(H36M17)[1])
    seen[20] = np.nan
    whole = lift(seen, video_fps=FPS, one_person=False)
    assert whole.lifted.tolist() == [i != 20 for i in range(len(seen))]
    assert np.isnan(whole.joints3d[20]).all()
    for part in (slice(0, 20), slice(21, None)):
        alone = lift(seen[part], video_fps=FPS, one_person=False)
        np.testing.assert_allclose(whole.joints3d[part], alone.joints3d, atol=1e-5)


def test_stretches_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        lifted = rng.random(rng.integers(1, 12)) < 0.6
        found, start = [], None
        for i, yes in enumerate([*lifted, False]):
            if yes and start is None:
                start = i
            if not yes and start is not None:
                found.append((start, i))
                start = None
        assert stretches(torch.from_numpy(lifted)) == found


def test_a_long_video_is_corrected_like_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = noisy(recording(H36M17)[1])
    whole = lift(seen, video_fps=50.0).joints3d
    for size in (1, 7, len(seen) - 1):
        monkeypatch.setattr(videos, "_CHUNK", size)
        torch.testing.assert_close(lift(seen, video_fps=50.0).joints3d, whole, atol=1e-5, rtol=1e-4)


def test_one_frame_is_a_video_too() -> None:
    seen = recording(H36M17)[1][:1]
    assert np.isfinite(lift(seen, video_fps=FPS).joints3d).all()


def test_height_scales_a_video_as_well() -> None:
    seen = recording(H36M17)[1]
    small, tall = (lift(seen, height=height, video_fps=FPS).joints3d for height in (1.6, 1.84))
    torch.testing.assert_close(tall, small * 1.15, atol=1e-5, rtol=1e-4)


def test_what_does_not_belong_together_is_refused() -> None:
    seen = recording(H36M17)[1]
    for fps in (0.0, -1.0, 1e4, float("nan"), float("inf")):
        with pytest.raises(UserError, match="video_fps: expected more than 0"):
            lift(seen, video_fps=fps)
    with pytest.raises(UserError, match="found a lifter alone"):
        lift(seen, lifter=shipped(), video_fps=FPS)
    with pytest.raises(UserError, match="found a head alone"):
        lift(seen, head=shipped_head(), video_fps=FPS)
    with pytest.raises(UserError, match="head: it is for a video"):
        lift(seen, lifter=shipped(), head=shipped_head())
    with pytest.raises(UserError, match="expected one for h36m17, found one for s2m27"):
        lift(seen, lifter=shipped(), head=shipped_head("s2m27"), video_fps=FPS)


def test_the_recording_is_one() -> None:
    """The oracle itself: consecutive frames of a clip at the rate that is claimed."""
    assert next(clip.fps for clip in open_motion() if clip.name == "dance_b") == FPS


def test_the_picture_of_the_docs_is_drawn(tmp_path: Path) -> None:
    example_video.main(["--output", str(tmp_path / "pictures" / "v.png")])
    assert np.asarray(Image.open(tmp_path / "pictures" / "v.png")).std() > 10
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["v.png"]
    for axes in example_video.figure().axes:
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        error = {name: np.abs(path - lines["truth"]).mean() for name, path in lines.items()}
        assert error["truth"] < error["--video"] < error["frame by frame"]
