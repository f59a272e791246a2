"""How far off what people tell of the camera's pitch is: ``python -m studies.recover.pitch``.

Synthetic people act before cameras that look up and down by known angles, from all sides, seen as a detector sees them;
each recording is recovered as ``s2m recover`` does it, and asked alone.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.data.motion.clips import Clip, open_motion
from s2m.detect import Detection
from s2m.geometry.camera import FACING_CAMERA
from s2m.ik.body_joints import body_regressor
from s2m.lifter.keypoints import as_detected
from s2m.markdown import markdown_table
from s2m.recover.camera import Camera
from s2m.recover.clip import PersonClip
from s2m.recover.options import RecoverOptions
from s2m.recover.sightings import Sightings
from s2m.recover.standing import read_pitch, standing
from s2m.skeletons import S2M27, S2M27_DETECTED
from studies.command import positive, run_command

CLIPS = ("walk", "dance_b")  # of the open data's test clips those that stand
PITCHES = (-10, 0, 10, 20, 30)  # degrees, positive looks down
SIDE, DISTANCE = 640, 4.5  # pixels of the pictures, metres to the pelvis
_NOISE = 0.008  # of the picture's side: standard deviation of a detected joint
_FRAMES = 60


def recordings(body: Body, clip: Clip, pitch: float, views: int, seed: int) -> Iterator[Tensor]:
    """What a camera shows of somebody who acts, from sides all around.

    Args:
        body: Who acts.
        clip: What is acted.
        pitch: Of the camera, degrees.
        views: How many sides.
        seed: Of the noise.

    Yields:
        (T, 27, 2) pixels of joints where detectors have them, with noise.
    """
    frames = np.arange(0, len(clip.poses), max(1, len(clip.poses) // _FRAMES))
    local = Rotation.from_rotvec(clip.poses[frames].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    tilt = Rotation.from_euler("x", pitch, degrees=True).as_matrix() @ FACING_CAMERA.numpy()
    camera, dice = Camera.of((SIDE, SIDE)), torch.Generator().manual_seed(seed)
    for turn in np.linspace(0, 2 * np.pi, views, endpoint=False):
        rotations = local.copy()
        rotations[:, 0] = tilt @ Rotation.from_euler("y", turn).as_matrix() @ local[:, 0]
        params = BodyParams.from_rotations(torch.from_numpy(rotations).float(), torch.zeros(len(frames), 10))
        joints = body_regressor(body, S2M27) @ body(params).vertices
        joints = as_detected(joints, torch.ones(joints.shape[:2]), S2M27)
        pixels = camera.pixels(joints - joints[:, :1] + torch.tensor([0.0, 0.0, DISTANCE]))
        yield pixels + _NOISE * SIDE * torch.randn(pixels.shape, generator=dice)


def told(pixels: Tensor, options: RecoverOptions, folder: Path) -> tuple[float, bool]:
    """What a recording tells of the pitch, degrees (NaN where nobody stands), and whether it would be believed.

    Args:
        pixels: (T, 27, 2) of one person.
        options: How bodies are recovered.
        folder: Where numbers wait.
    """
    camera, fps = Camera.of((SIDE, SIDE)), 15.0  # the walk lasts little more than a second at 30
    seen = Sightings(folder, 0)
    for frame, points in enumerate(pixels.double().numpy()):
        box = np.concatenate([points.min(0), points.max(0)])
        seen.add(frame, Detection(points, np.ones(len(points)), S2M27_DETECTED.name, box, 1.0))
    clip = PersonClip(seen, S2M27_DETECTED, camera, fps, options, folder)
    upward = standing(clip, clip.joint_set)
    believed = read_pitch([clip], clip.joint_set, fps).radians != 0
    clip.close()
    seen.close()
    if not len(upward):
        return math.nan, believed
    _, y, z = upward.mean(0).tolist()
    return math.degrees(math.atan2(-z, -y)), believed


def run(options: argparse.Namespace) -> None:
    """Measure, and print the table.

    Args:
        options: The parsed command line.
    """
    body, rows = load_body(), []
    recover = RecoverOptions(body=body)
    for clip in (clip for clip in open_motion() if clip.name in CLIPS):
        for pitch in PITCHES:
            with tempfile.TemporaryDirectory() as folder:
                found = [
                    told(pixels, recover, Path(folder))
                    for pixels in recordings(body, clip, pitch, options.views, options.seed)
                ]
            angles = np.array([angle for angle, _ in found])
            believed = sum(sure for _, sure in found)
            rows.append(
                [
                    clip.name,
                    f"{pitch}",
                    f"{np.nanmean(angles):.1f}",
                    f"{np.nanstd(angles):.1f}",
                    f"{believed} of {len(found)}",
                ]
            )
    print(markdown_table(["clip", "pitch [degrees]", "told, mean", "standard deviation", "believed"], rows))


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.recover.pitch", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--views", type=positive, default=8, help="sides that each clip is seen from (8)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (0)")
    run_command(run, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
