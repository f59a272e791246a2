"""The picture of ``docs/ik.md``: ``python -m studies.ik.example``. Keypoints of shipped clips in, bodies out."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import roma
import torch

from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.files import write_png
from s2m.ik.api import solve
from s2m.render.picture import draw_skeleton, shade, view
from s2m.render.shading import Picture
from s2m.skeletons import H36M17
from studies.ik.evaluation import SkinnedJoints

_SHOWN = (("walk", 0.3), ("kick", 0.45), ("dance_b", 0.5), ("cartwheel", 0.4))  # clip, and how far into it
_HALF_EXTENT = 1.1  # metres from the middle of a picture to its edge


def picture(size: int = 260) -> Picture:
    """Skeletons above, DIK's bodies of mean shape below.

    Args:
        size: Pixels of the side of a panel.
    """
    body, clips = load_body(), {clip.name: clip for clip in open_motion()}
    source = SkinnedJoints(body, H36M17)
    columns = []
    for name, share in _SHOWN:
        clip = clips[name]
        pose = torch.from_numpy(clip.poses[int(share * len(clip))])[None]
        joints = source(roma.rotvec_to_rotmat(pose))
        with torch.no_grad():
            vertices = body(solve(joints, H36M17, body).params).vertices[0]
        points = torch.cat([joints[0], vertices]) * torch.tensor([1.0, -1.0, -1.0])
        seen = view(points, azimuth_deg=25.0, half_extent=_HALF_EXTENT)
        blank = np.full((size, size, 3), 255, np.uint8)
        skeleton = draw_skeleton(blank, seen[: len(H36M17), :2], H36M17)
        columns.append(np.concatenate([skeleton, shade(seen[len(H36M17) :], body.faces, size)]))
    return np.concatenate(columns, 1)


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.ik.example", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/ik.png"))
    options = parser.parse_args(arguments)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_png(options.output, picture())


if __name__ == "__main__":
    main()
