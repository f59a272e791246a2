"""The picture of ``docs/lift.md``: ``python -m studies.lifter.example``. Pixels of posed bodies in, skeletons out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.files import write_png
from s2m.geometry.camera import FACING_CAMERA, perspective
from s2m.lifter.api import lift
from s2m.lifter.drawing import draw_lift
from s2m.render.shading import Picture
from s2m.skeletons import H36M17
from studies.ik.evaluation import SkinnedJoints

# Clip, how far into it, and the turn of the body towards the camera in degrees.
_SHOWN = (
    ("walk", 0.3, 30.0),
    ("kick", 0.45, -50.0),
    ("dance_b", 0.5, 160.0),
    ("punch", 0.4, 75.0),
    ("cartwheel", 0.4, 0.0),
)
_INTRINSICS = torch.tensor([[1100.0, 1100.0, 640.0, 360.0]])
_TARGET = torch.tensor([0.0, 0.0, 5.0])
_ELEVATION = 7.0


def scene() -> tuple[Tensor, Tensor]:
    """Joints (F, 17, 3), metres, camera frame, relative to the pelvis, and their pixels (F, 17, 2)."""
    clips = {clip.name: clip for clip in open_motion()}
    poses = np.stack([clips[name].poses[int(share * len(clips[name]))] for name, share, _ in _SHOWN])
    joints = SkinnedJoints(load_body(), H36M17)(roma.rotvec_to_rotmat(torch.from_numpy(poses)))
    turns = torch.tensor([[0.0, np.deg2rad(turn), 0.0] for _, _, turn in _SHOWN])
    tilt = roma.rotvec_to_rotmat(torch.tensor([np.deg2rad(_ELEVATION), 0.0, 0.0]).float())
    to_camera = tilt @ FACING_CAMERA @ roma.rotvec_to_rotmat(turns.float())
    seen = (joints - joints[:, H36M17.root_index, None]).float() @ to_camera.transpose(1, 2)
    return seen, pixels(seen)


def pixels(joints: Tensor) -> Tensor:
    """Where a camera five metres away sees joints (T, J, 3): metres, its frame, relative to the pelvis."""
    return perspective(joints + _TARGET, _INTRINSICS.expand(len(joints), 4))


def picture() -> Picture:
    """Lifted skeletons as the camera sees them and from the side, and the true ones from the side."""
    true, seen = scene()
    lifted = lift(seen)
    return np.concatenate(
        [
            draw_lift(lifted, frames=len(true)),
            draw_lift(replace(lifted, joints3d=true), frames=len(true), views=(("the truth from the side", 90.0),)),
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.lifter.example", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/lift.png"))
    options = parser.parse_args(arguments)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_png(options.output, picture())


if __name__ == "__main__":
    main()
