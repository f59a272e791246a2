"""Bad frames of trackers on genuine motion: false alarms of the searches in 3D and 2D, and planted faults they find.

python -m studies.ik.strays --motions DIR    (AMASS-style npz files; some minutes on one core)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from s2m.body import load_body
from s2m.data.motion import amass
from s2m.data.motion.clips import Clip
from s2m.ik.rest import RestSkeleton
from s2m.ik.strays import StrayFinder
from s2m.lifter.stray_joints import stray_joints
from s2m.skeletons import get_joint_set
from studies.ik.evaluation import SkinnedJoints

Floats = NDArray[np.float64]

_SETS = ("h36m17", "coco17", "s2m27", "smpl24", "ntu25")
_NOISE = (0.0, 0.015, 0.03)  # metres, of every coordinate
_STEPS = (1, 2, 4)  # every so-manieth frame: 60, 30 and 15 frames per second of a clip of 60
_PLANTED = 6  # joints, and as often whole bodies, in every clip of every joint set
_VIEWS = ((0.3, 0.1), (1.5, 0.1), (2.8, 0.6), (0.8, 1.4))  # radians: around the vertical, and from above
_DISTANCE = 5.0  # metres
# Of 2D joints, in shares of the height: Student's t of three degrees of freedom, cut off where a detector's crop ends.
_SCALES, _CUT = (0.01, 0.02, 0.04), 0.5
_ELSEWHERE = 0.02  # share of joints that are taken for another joint of the body


@dataclass
class Tally:
    """Tries and how many of them were answered with a finding."""

    tries: int = 0
    found: int = 0

    def add(self, found: bool) -> None:
        """Count a try."""
        self.tries, self.found = self.tries + 1, self.found + found

    def __str__(self) -> str:
        return f"{self.found} of {self.tries}"


def in_space(clips: list[Clip]) -> dict[str, Tally]:
    """``s2m ik``'s search: clips as they are, with noise, and with planted faults.

    Args:
        clips: Genuine motion.

    Returns:
        Of sound clips those with a finding; of planted strays, and of bodies elsewhere, those that are found exactly.
    """
    tallies = {name: Tally() for name in ("false alarms", "strays found", "bodies elsewhere found")}
    for finder, points, fps, rng in _clips(clips):
        for step in _STEPS:
            part = points[::step]
            for noise in _NOISE:
                found = _look(finder, part + rng.normal(0, noise, part.shape), fps / step)
                tallies["false alarms"].add(bool(found[0].any() or found[1].any()))
        for _ in range(_PLANTED):
            frame, joint = int(rng.integers(5, len(points) - 5)), int(rng.integers(points.shape[1]))
            spoiled = points + rng.normal(0, 0.005, points.shape)
            spoiled[frame, joint] += _direction(rng) * rng.uniform(2, 20)
            strays, away = _look(finder, spoiled, fps)
            tallies["strays found"].add(np.flatnonzero(strays).tolist() == [frame] and not away.any())
            length = int(rng.integers(1, 4))
            spoiled = points + rng.normal(0, 0.005, points.shape)
            spoiled[frame : frame + length] += _direction(rng) * rng.uniform(2, 50)
            strays, away = _look(finder, spoiled, fps)
            where = list(range(frame, frame + length))
            tallies["bodies elsewhere found"].add(np.flatnonzero(away).tolist() == where and not strays.any())
    return tallies


def in_pictures(clips: list[Clip]) -> dict[str, Tally]:
    """``s2m lift --video``'s search: projected clips with a detector's noise, and with planted faults.

    Args:
        clips: Genuine motion.

    Returns:
        Of sound clips those with a finding; of sound joints those that are missing; of planted strays those found.
    """
    tallies = {name: Tally() for name in ("clips with false alarms", "joints that are missing", "strays found")}
    for _, points, _, rng in _clips(clips):
        for turn, tilt in _VIEWS:
            seen = _projected(points - points.mean((0, 1)), turn, tilt)
            height = float(np.quantile(np.ptp(seen, axis=1).max(-1), 0.9))
            for step in _STEPS:
                for scale in _SCALES:
                    found = stray_joints(_detected(seen[::step], scale, height, rng))
                    tallies["clips with false alarms"].add(bool(found.any()))
                    tallies["joints that are missing"].tries += found.size
                    tallies["joints that are missing"].found += int(found.sum())
            noisy = _detected(seen, _SCALES[0], height, rng)
            frame, joint = int(rng.integers(1, len(seen) - 3)), int(rng.integers(seen.shape[1]))
            rows, angle = slice(frame, frame + int(rng.integers(1, 3))), rng.uniform(0, 2 * np.pi)
            noisy[rows, joint] += height * rng.uniform(2, 10) * np.array([np.cos(angle), np.sin(angle)])
            found = stray_joints(noisy)
            tallies["strays found"].add(bool(found[rows, joint].all() and found.sum() == len(noisy[rows])))
    return tallies


def _clips(clips: list[Clip]) -> Iterator[tuple[RestSkeleton, Floats, float, np.random.Generator]]:
    """Every clip as joints of every set, with a generator of its own."""
    body = load_body()
    for name in tqdm(_SETS, desc="joint sets", disable=None):
        source = SkinnedJoints(body, get_joint_set(name))
        for number, clip in enumerate(clips):
            rotations = roma.rotvec_to_rotmat(torch.from_numpy(clip.poses))
            points: Floats = source(rotations).numpy().astype(np.float64) + clip.trans[:, None]
            yield source.rest, points, clip.fps, np.random.default_rng([number, len(name)])


def _look(rest: RestSkeleton, points: Floats, fps: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Frames with stray joints, and frames in which the body is elsewhere, or is said to jump."""
    finder = StrayFinder(rest, fps, len(points))
    finder.look(points)
    found = finder.found()
    away = found.jumps.frames.copy()
    away[list(found.jumps.lasting)] = True
    return found.frames, away


def _direction(rng: np.random.Generator) -> Floats:
    direction: Floats = rng.normal(size=3)
    return direction / np.linalg.norm(direction)


def _projected(points: Floats, turn: float, tilt: float) -> Floats:
    """(T, J, 2) as a camera sees them that stands ``turn`` about the person, and looks down by ``tilt``."""
    around = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    down = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    seen = points @ around.T @ down.T
    distance = _DISTANCE + max(0.0, -float(seen[..., 2].min()))
    projected: Floats = seen[..., :2] / (seen[..., 2:] + distance)
    return projected


def _detected(seen: Floats, scale: float, height: float, rng: np.random.Generator) -> Floats:
    """With a detector's noise; some joints are taken for others, for a frame."""
    noise = (scale * rng.standard_t(3, seen.shape)).clip(-_CUT, _CUT) * height
    other = seen[:, rng.permutation(seen.shape[1])]
    mistaken = rng.random(seen.shape[:2]) < _ELSEWHERE
    return np.where(mistaken[..., None], other, seen) + noise


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m studies.ik.strays", description=__doc__.partition("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--motions", type=Path, required=True, help="folder of AMASS-style npz files")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    clips = [amass.read(path).clip for path in sorted(options.motions.rglob("*.npz")) if amass.is_motion_file(path)]
    for title, measured in (("3D (s2m ik)", in_space), ("2D (s2m lift --video)", in_pictures)):
        for name, tally in measured(clips).items():
            print(f"{title}: {name}: {tally}")


if __name__ == "__main__":
    main()
