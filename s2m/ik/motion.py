"""A clip of 3D joints of any length as the motion of a body, in little memory.

The clip is read three times, a few thousand frames at a time: to know what is missing, how large the person is and
where left and right are exchanged; to solve every frame; and to fill in the frames without a solution. Rotations wait
on the disk meanwhile. Nothing depends on how many frames are taken at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.body import Body
from s2m.errors import UserError
from s2m.formats.amass import smplh_poses
from s2m.formats.clips import ROWS, Block, FrameSource, blocks
from s2m.formats.layouts import ANY_SIZE
from s2m.formats.spool import Spool
from s2m.ik import quaternion as quat
from s2m.ik.bits import Bits
from s2m.ik.body_joints import body_regressor
from s2m.ik.checks import POSTURE, Clip, missing_words, size_ratio, warnings_of, wrong_unit
from s2m.ik.choice import solver_for
from s2m.ik.fit import FRAMES as FIT_FRAMES
from s2m.ik.fit import Posed, Shown, fit_message, joint_errors, shape_hint
from s2m.ik.gaps import LONGEST_FILL, fill_places, frame_ranges, gaps_of, held_frames
from s2m.ik.interface import IKSolver
from s2m.ik.rest import RestSkeleton
from s2m.ik.rotation_clips import drop_jumps, filled_rotations
from s2m.ik.shape import fit_betas
from s2m.ik.solution import places, solve_with
from s2m.ik.strays import StrayFinder, Strays
from s2m.ik.swaps import SwapFinder, Swaps, undo
from s2m.ik.whereabouts import middles
from s2m.missing import every
from s2m.skeletons import SMPL24, JointSet

Progress = Callable[[int], object]

_SAMPLE = 8192  # frames that say how large a person is
_ORDINARY = (0.8, 1.25)  # sizes beside the body that people have: they are not scaled
_FAR = 10.0  # metres: beyond, the height of a clip is not that above a floor at zero


@dataclass(frozen=True)
class MotionOptions:
    """How a clip is solved.

    Attributes:
        fps: Frames per second.
        noise: Standard deviation of the joints, metres.
        fill: Longest gap (seconds) that is filled from both sides.
        smooth: Whether frames that jump against their neighbours are replaced.
        fit_shape: Whether betas are estimated.
        keep_scale: Whether a person of unusual size keeps it, instead of being scaled to the body.
        unit: What lengths were read as; ``any``: the person is made as large as the body.
        up: The axis that the user says is up.
        rows: Frames in memory at a time.
    """

    fps: float = 30.0
    noise: float = 0.0
    fill: float = LONGEST_FILL
    smooth: bool = False
    fit_shape: bool = False
    keep_scale: bool = False
    unit: str = "m"
    up: str = "z"
    rows: int = ROWS

    @property
    def limit(self) -> int:
        """The longest gap that is filled, in frames."""
        return int(self.fill * self.fps + 1e-6)


class World:
    """A clip in AMASS's world: metres, +z up, with what was found out about it applied.

    Args:
        source: The clip as it was read.
        joint_set: Names of its joints.
        axes: (3, 3) from the file's axes and unit.
    """

    def __init__(self, source: FrameSource, joint_set: JointSet, axes: NDArray[np.float64]) -> None:
        self._source, self._joint_set, self._axes = source, joint_set, axes
        self.strays: Strays | None = None
        self.swaps: Swaps | None = None
        self.scale, self.fixed = 1.0, np.zeros(3)

    def __len__(self) -> int:
        return len(self._source)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`s2m.formats.clips.FrameSource`."""
        points, confidence = self._source.read(start, stop)
        points = np.einsum("ij,tkj->tki", self._axes, points)
        if self.strays is not None:
            self.strays.drop(points, confidence, start)
        if self.swaps is not None:
            undo(points, confidence, self._joint_set, self.swaps.undone(slice(start, stop)))
        if self.scale != 1:
            points = self.fixed + (points - self.fixed) * self.scale
        return points, confidence


@dataclass(frozen=True)
class Motion:
    """The motion of a body.

    Attributes:
        poses: (T, 156) float32, SMPL-H's axis-angle with hands at rest, on the disk.
        places: (T, 3) float64 metres, +z up.
        betas: (10,).
        valid: (T,) bool; False where the nearest pose is held because none was seen for long.
        solved: (T,) bool; where the joints told a body.
        corrected: (T,) bool; where ``smooth`` replaced something.
        warnings: What looks wrong, in words.
        notes: What was done, in words.
        world: The joints as they were solved.
    """

    poses: Spool
    places: NDArray[np.float64]
    betas: NDArray[np.float32]
    valid: NDArray[np.bool_]
    solved: NDArray[np.bool_]
    corrected: NDArray[np.bool_]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    world: World

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class _Survey:
    counts: NDArray[np.int64]
    frames: NDArray[np.bool_]
    strays: Strays
    swaps: Swaps
    sample: NDArray[np.int64]
    points: NDArray[np.float64]
    first: NDArray[np.float64]


def solve_clip(
    source: FrameSource,
    joint_set: JointSet,
    body: Body,
    axes: NDArray[np.float64],
    options: MotionOptions,
    folder: Path,
    progress: Progress = lambda frames: None,
) -> Motion:
    """The motion of a body from a clip of joints.

    Args:
        source: The joints.
        joint_set: Their names.
        body: The body to pose.
        axes: (3, 3) takes the file's coordinates to metres with +z up.
        options: How it is solved.
        folder: Where rotations wait on the disk.
        progress: Told how many frames were solved.

    Returns:
        The motion; whoever asked closes its ``poses``.

    Raises:
        UserError: No frame tells a body, or the unit is wrong.
        ValueError: The joint set does not fit the body.
        KeyError: The joint set lacks a part that the solver needs.
    """
    world = World(source, joint_set, axes)
    regressor = body_regressor(body, joint_set)
    rest = RestSkeleton.of(body, regressor, joint_set)
    survey = _survey(world, rest, options)
    world.strays, world.swaps = survey.strays, survey.swaps
    clip = _sampled(survey, world, joint_set)
    if options.unit != ANY_SIZE:
        message = wrong_unit(Clip(clip, joint_set, rest, unit=options.unit, up="z"))
        if message is not None:
            raise UserError(message)
    notes = _set_scale(world, clip, rest, survey, options)
    clip = clip * world.scale
    warnings = _warnings(survey, Clip(clip, joint_set, rest, up="z"), options)
    betas = fit_betas(clip, joint_set, body) if options.fit_shape else None
    posed = rest if betas is None else RestSkeleton.of(body, regressor, joint_set, betas)
    solver, told = solver_for(clip, posed, options.noise)
    notes += told
    with torch.inference_mode(), Spool(folder) as rotations:
        good, place = _solve(world, solver, rotations, options, progress)
        solved = good.column(0)
        if not solved.any():
            raise UserError(
                "joints: no frame shows what a body is found by, the hips and the spine (or shoulders); missing most "
                f"often: {_rarest(survey, joint_set)}"
            )
        corrected = np.zeros(len(world), bool)
        if options.smooth:
            corrected = drop_jumps(rotations, good, options.rows)
        poses = Spool(folder)
        _fill(world, solver, rotations, good, place, poses, options)
    held = held_frames(solved, options.limit)
    filled = ~solved & ~held
    if filled.any():
        warnings.append(f"no body was seen in {frame_ranges(filled)}; filled in from the frames around")
    if held.any():
        warnings.append(
            f"no body was seen in {frame_ranges(held)}, too long to fill in; the nearest pose is held there and "
            "`valid` is False"
        )
    shape = np.zeros(body.num_betas, np.float32) if betas is None else betas[0].numpy()
    notes += _fit_notes(survey, world, clip, Posed(poses, place, shape), rest, Shown(body, regressor), options)
    return Motion(poses, place, shape, ~held, solved, corrected, tuple(warnings), tuple(notes), world)


def _survey(world: World, rest: RestSkeleton, options: MotionOptions) -> _Survey:
    count = len(world)
    counts, frames = np.zeros(len(rest.joint_set), np.int64), np.zeros(count, bool)
    finder, strays = SwapFinder(rest.joint_set, options.fps), StrayFinder(rest, options.fps, count)
    sample = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
    chosen, first = np.empty((len(sample), len(rest.joint_set), 3)), np.full(3, np.nan)
    for start, stop in blocks(world, options.rows):
        points, _ = world.read(start, stop)
        missing = ~every(np.isfinite(points))
        some = missing & ~missing.all(1, keepdims=True)  # frames that show nobody are told of as such
        counts += some.sum(0)
        frames[start:stop] = some.any(1)
        finder.look(strays.look(points))
        here = (sample >= start) & (sample < stop)
        chosen[here] = points[sample[here] - start]
        if not np.isfinite(first).all() and not missing.all():
            first = _foot(points[(~missing).any(1)][0])
    found = strays.found()
    found.at(sample).drop(chosen, np.zeros(chosen.shape[:2], np.float32))
    return _Survey(counts, frames, found, finder.found(), sample, chosen, first)


def _foot(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point of the floor below a person: at height zero, unless the clip is far from there."""
    middle, lowest = np.nanmean(points, 0), np.nanmin(points[:, 2])
    return np.array([middle[0], middle[1], 0.0 if abs(lowest) < _FAR else lowest])


def _sampled(survey: _Survey, world: World, joint_set: JointSet) -> torch.Tensor:
    points = survey.points.copy()
    undo(points, np.zeros(points.shape[:2], np.float32), joint_set, survey.swaps.undone(survey.sample))
    return torch.from_numpy((points - _centres(points)[:, None]).astype(np.float32))


def _centres(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3) middle of what was seen; 0 where nothing was."""
    return np.nan_to_num(middles(points), copy=False)


def _set_scale(
    world: World, clip: torch.Tensor, rest: RestSkeleton, survey: _Survey, options: MotionOptions
) -> list[str]:
    ratio = size_ratio(clip, rest)
    if options.unit == ANY_SIZE and ratio:
        world.scale, world.fixed = 1 / ratio, survey.first
        return ["the joints' size says nothing: the person was made as large as the body"]
    if ratio is None or _ORDINARY[0] <= ratio <= _ORDINARY[1]:
        return []
    if options.keep_scale:
        return [f"this person is {ratio:.2f} times as large as the body; the size of the joints is kept"]
    world.scale, world.fixed = 1 / ratio, survey.first
    return [
        f"this person is {ratio:.2f} times as large as the body: joints and paths are scaled to the body's size "
        "(--keep-scale keeps them)"
    ]


def _warnings(survey: _Survey, clip: Clip, options: MotionOptions) -> list[str]:
    consequence = (
        f"what they determine is filled in over gaps of up to {options.fill:g} s, else held; at rest if never seen"
    )
    missing = missing_words(survey.counts, survey.frames, clip.joint_set, consequence)
    found = ([] if missing is None else [missing]) + survey.strays.words(clip.joint_set)
    if survey.swaps.frames.any():
        where = frame_ranges(survey.swaps.frames)
        found.append(f"left and right were exchanged in {where} against the frames around; undone")
    if survey.swaps.doubtful:
        shown = ", ".join(map(str, survey.swaps.doubtful[:8]))
        found.append(f"left and right change places from frame to frame at {shown}; which side is right is not clear")
    return found + [message.replace("with z up", f"with {options.up} up", 1) for message in warnings_of(clip, POSTURE)]


def _fit_notes(
    survey: _Survey,
    world: World,
    clip: torch.Tensor,
    posed: Posed,
    rest: RestSkeleton,
    shown: Shown,
    options: MotionOptions,
) -> list[str]:
    """How far the posed body is from the sampled joints, and whether another shape would suit them."""
    some = np.unique(np.linspace(0, len(survey.sample) - 1, FIT_FRAMES).astype(np.int64))
    centre = world.fixed + (_centres(survey.points[some]) - world.fixed) * world.scale
    errors = joint_errors(posed.at(survey.sample[some], centre), clip[some], rest.joint_set, shown)
    notes = [fit_message(errors, rest.joint_set)]
    hint = None if options.fit_shape else shape_hint(clip, rest.joints, rest.joint_set)
    return notes if hint is None else [*notes, hint]


def _rarest(survey: _Survey, joint_set: JointSet) -> str:
    order = np.argsort(-survey.counts, kind="stable")[:6]
    if not survey.counts.any():
        return "all of them"
    return ", ".join(joint_set.joints[joint] for joint in order if survey.counts[joint])


def _solve(
    world: World, solver: IKSolver, rotations: Spool, options: MotionOptions, progress: Progress
) -> tuple[Bits, NDArray[np.float64]]:
    """Rotations of every frame onto the disk; what was solved (T, 24) and places (T, 3), NaN where there is none."""
    good, place = Bits(len(world), len(SMPL24)), np.full((len(world), 3), np.nan)
    for start, stop in blocks(world, options.rows):
        points, confidence = world.read(start, stop)
        centre = _centres(points)
        local = torch.from_numpy((points - centre[:, None]).astype(np.float32))
        certain = None if (confidence == 1).all() else torch.from_numpy(confidence)
        found = solve_with(solver, local, None, certain)
        root = found.params.global_orient
        rotations.append(quat.from_matrix(found.params.rotations).numpy())
        solved = found.solved.numpy()
        good.put(start, solved)
        place[start:stop] = np.where(solved[:, :1], places(root, local, solver).numpy() + centre, np.nan)
        progress(stop - start)
    return good, place


def _fill(
    world: World,
    solver: IKSolver,
    rotations: Spool,
    good: Bits,
    place: NDArray[np.float64],
    poses: Spool,
    options: MotionOptions,
) -> None:
    """Poses with gaps filled onto the disk; places in place."""
    good.keep(good.column(0))  # the rest of a body whose root is not known was read in the wrong frame
    good.set_joints(~good.any())  # never told: at rest
    gaps = [gaps_of(good.column(joint), options.limit) for joint in range(len(SMPL24))]
    for start, stop in blocks(rotations, options.rows):
        known = good.read(start, stop)
        filled = filled_rotations(rotations, start, stop, known, gaps)
        lost = np.flatnonzero(~known[:, 0])
        if len(lost):
            points, _ = world.read(start, stop)
            centre = _centres(points[lost])
            local = torch.from_numpy((points[lost] - centre[:, None]).astype(np.float32))
            place[start + lost] = places(quat.to_matrix(filled[lost, 0]), local, solver).numpy() + centre
        poses.append(smplh_poses(quat.to_axis_angle(filled).flatten(1).numpy()))
    fill_places(place, options.limit)
