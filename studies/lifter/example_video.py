"""The second picture of ``docs/lift.md``: ``python -m studies.lifter.example_video``. A noisy video, lifted both
ways."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import roma
import torch
from matplotlib.figure import Figure
from torch import Tensor

from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.geometry.camera import FACING_CAMERA
from s2m.lifter.api import lift
from s2m.report.figures import save
from s2m.skeletons import H36M17
from studies.ik.evaluation import SkinnedJoints
from studies.lifter.example import pixels

CLIP, TURN, NOISE = "dance_b", 40.0, 0.03
_SHOWN = ("right_wrist", "left_ankle")
_STYLES = {
    "frame by frame": {"color": "#f58518", "linewidth": 1.0},
    "--video": {"color": "#4c78a8", "linewidth": 2.0},
    "truth": {"color": "black", "linewidth": 1.2, "linestyle": "--"},
}


def recording() -> tuple[Tensor, Tensor, float]:
    """Joints (T, 17, 3), metres, camera frame, relative to the pelvis, pixels (T, 17, 2), and frames per second."""
    clip = next(clip for clip in open_motion() if clip.name == CLIP)
    joints = SkinnedJoints(load_body(), H36M17)(roma.rotvec_to_rotmat(torch.from_numpy(clip.poses)))
    to_camera = FACING_CAMERA @ roma.rotvec_to_rotmat(torch.tensor([0.0, np.deg2rad(TURN), 0.0]).float())
    seen = (joints - joints[:, H36M17.root_index, None]).float() @ to_camera.T
    return seen, pixels(seen), clip.fps


def disturbed(seen: Tensor, seed: int = 0) -> Tensor:
    """Pixels (T, 17, 2) with noise that is new in each frame, of a share of the head-root length.

    Args:
        seed: Of the random numbers.
    """
    length = (seen[:, H36M17.index("head")] - seen[:, H36M17.root_index]).norm(dim=-1).mean()
    return seen + NOISE * length * torch.randn(seen.shape, generator=torch.Generator().manual_seed(seed))


def figure() -> Figure:
    """Depths of some joints over time."""
    true, exact, fps = recording()
    noisy = disturbed(exact)
    found = {
        "frame by frame": lift(noisy).joints3d,
        "--video": lift(noisy, video_fps=fps).joints3d,
        "truth": true,
    }
    drawn = Figure(figsize=(9.0, 3.6), layout="constrained")
    for axes, joint in zip(drawn.subplots(1, len(_SHOWN), sharex=True), _SHOWN, strict=True):
        for name, joints in found.items():
            axes.plot(np.arange(len(true)) / fps, joints[:, H36M17.index(joint), 2], label=name, **_STYLES[name])
        axes.set_title(f"{joint.replace('_', ' ')}: depth behind the pelvis [m]")
        axes.set_xlabel("time [s]")
        axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return drawn


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.lifter.example_video", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/lift_video.png"))
    options = parser.parse_args(arguments)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    save(figure(), options.output)


if __name__ == "__main__":
    main()
