"""How far off what people tell of the camera's pitch and roll is: ``python -m studies.recover.tilt``.

Synthetic people act before cameras that are held at known angles, from all sides, seen as a detector sees them; each
recording is recovered as ``s2m recover`` does it, and asked alone. Then the videos of several people in the wheel of
Pose2Sim, whose cameras are calibrated.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.cli import main as s2m
from s2m.data.motion.clips import Clip, open_motion
from s2m.detect import Detection
from s2m.errors import UserError
from s2m.geometry.camera import FACING_CAMERA
from s2m.ik.body_joints import body_regressor
from s2m.lifter.keypoints import as_detected
from s2m.lifter.tilt import angles_of
from s2m.markdown import markdown_table
from s2m.recover.camera import Camera
from s2m.recover.clip import PersonClip
from s2m.recover.options import RecoverOptions
from s2m.recover.sightings import Sightings
from s2m.recover.standing import standing, tilt_of
from s2m.skeletons import S2M27, S2M27_DETECTED
from studies.command import positive, run_command
from studies.real.cameras import read_calibration
from studies.real.wheel import CAMERAS, SEVERAL, fetched

CLIPS = ("walk", "dance_b")  # of the open data's test clips those that stand
# Pitch (positive looks down) and roll (people lean to the right in the picture), degrees.
HELD = ((-10, 0), (0, 0), (10, 0), (20, 0), (30, 0), (10, -20), (10, -10), (10, 10), (10, 20))
SIDE, DISTANCE = 640, 4.5  # pixels of the pictures, metres to the pelvis
_NOISE = 0.008  # of the picture's side: standard deviation of a detected joint
_FRAMES = 60


def recordings(body: Body, clip: Clip, held: tuple[float, float], views: int, seed: int) -> Iterator[Tensor]:
    """What a camera shows of somebody who acts, from sides all around.

    Args:
        body: Who acts.
        clip: What is acted.
        held: Pitch and roll of the camera, degrees.
        views: How many sides.
        seed: Of the noise.

    Yields:
        (T, 27, 2) pixels of joints where detectors have them, with noise.
    """
    frames = np.arange(0, len(clip.poses), max(1, len(clip.poses) // _FRAMES))
    local = Rotation.from_rotvec(clip.poses[frames].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    tilt = Rotation.from_euler("xz", held, degrees=True).as_matrix() @ FACING_CAMERA.numpy()
    camera, dice = Camera.of((SIDE, SIDE)), torch.Generator().manual_seed(seed)
    for turn in np.linspace(0, 2 * np.pi, views, endpoint=False):
        rotations = local.copy()
        rotations[:, 0] = tilt @ Rotation.from_euler("y", turn).as_matrix() @ local[:, 0]
        params = BodyParams.from_rotations(torch.from_numpy(rotations).float(), torch.zeros(len(frames), 10))
        joints = body_regressor(body, S2M27) @ body(params).vertices
        joints = as_detected(joints, torch.ones(joints.shape[:2]), S2M27)
        pixels = camera.pixels(joints - joints[:, :1] + torch.tensor([0.0, 0.0, DISTANCE]))
        yield pixels + _NOISE * SIDE * torch.randn(pixels.shape, generator=dice)


def told(pixels: Tensor, options: RecoverOptions, folder: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What a recording tells of pitch and roll, degrees (NaN where nobody stands), and whether each would be believed.

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
    tilt = tilt_of([clip], clip.joint_set, fps)
    clip.close()
    seen.close()
    angles = np.array(angles_of(upward) if len(upward) else (math.nan, math.nan))
    return angles, np.array([tilt.pitch.radians != 0, tilt.roll.radians != 0])


def synthetic(views: int, seed: int) -> str:
    """The table of synthetic recordings.

    Args:
        views: How many sides each clip is seen from.
        seed: Of the noise.
    """
    body, rows = load_body(), []
    recover = RecoverOptions(body=body)
    for clip in (clip for clip in open_motion() if clip.name in CLIPS):
        for held in HELD:
            with tempfile.TemporaryDirectory() as folder:
                pictures = recordings(body, clip, held, views, seed)
                found = [told(pixels, recover, Path(folder)) for pixels in pictures]
            angles, believed = (np.stack(column) for column in zip(*found, strict=True))
            row = [clip.name]
            for which, angle in enumerate(held):
                mean, spread = np.nanmean(angles[:, which]), np.nanstd(angles[:, which])
                row += [f"{angle}", f"{mean:.1f} ({spread:.1f})", f"{believed[:, which].sum()} of {len(found)}"]
            rows.append(row)
    return markdown_table(["clip", "pitch", "told", "believed", "roll", "told", "believed"], rows)


def real(wheels: Path) -> str:
    """The table of the calibrated cameras.

    Args:
        wheels: Where the wheel is kept.
    """
    demo, rows = fetched(wheels, SEVERAL), []
    cameras = read_calibration(demo.calibration())
    for name, camera in zip(CAMERAS, cameras, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{name}.mp4")
            file.write_bytes(demo.file(name))
            if s2m(["recover", str(file), "-o", folder, "--write", "", "-q"]):
                raise UserError(f"s2m recover {name}: expected it to end well")
            said = json.loads(Path(folder, name, "people.json").read_text())["camera"]
        up = camera.rotation @ np.array([0.0, 0.0, 1.0])  # the world's, camera axes
        pitch, roll = angles_of(torch.from_numpy(up)[None])
        rows.append(
            [name, f"{pitch:.1f}", f"{said['pitch_degrees']:.1f}", f"{roll:.1f}", f"{said['roll_degrees']:.1f}"]
        )
    return markdown_table(["camera", "pitch", "told", "roll", "told"], rows)


def run(options: argparse.Namespace) -> None:
    """Measure, and print the tables.

    Args:
        options: The parsed command line.
    """
    print(synthetic(options.views, options.seed))
    print(real(options.cache))


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.recover.tilt", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--views", type=positive, default=8, help="sides that each clip is seen from (8)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (0)")
    parser.add_argument("--cache", type=Path, default=Path("data/real"), help="for the wheel")
    run_command(run, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
