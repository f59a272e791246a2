"""One frame at a time: for cameras that run, and for programs that have the frames already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from s2m.batch import BodyParams, concatenate
from s2m.body import Body, load_body
from s2m.detect import BlazePose, Detector, Picture
from s2m.ik import quaternion as quat
from s2m.ik.jumps import slerp
from s2m.recover.bodies import Bodies
from s2m.recover.camera import Camera
from s2m.recover.drawing import overlay
from s2m.recover.observing import Detecting
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.recover.trained import chosen
from s2m.skeletons import get_joint_set

_FEWEST_JOINTS = 6
_READINGS = 5  # pictures that a person's shape is read off
_LAG = 0.04  # seconds: how far smoothing lags behind
_FORGOTTEN = 0.5  # seconds after which a person's last pose says nothing about the next


@dataclass(frozen=True)
class Recovered:
    """The people of a frame.

    Attributes:
        numbers: Of the people; who stays keeps the number.
        bodies: Of each, in the same order; ``None`` where nobody is there.
    """

    numbers: list[int]
    bodies: Bodies | None


@dataclass
class _Before:
    time: float
    turns: Tensor
    place: Tensor


class Recoverer:
    """Recovers people frame by frame and remembers who they are and how they moved.

    A frame is smoothed with those before it; with those after it only ``s2m recover`` can, which is steadier.

    Args:
        fps: Frames per second; ``None`` for single pictures that have nothing to do with each other.
        detector: Who finds people; the shipped one by default.
        focal: Of the camera, pixels; a guess by default.
        height: Of the people, metres.
        body: The body to pose; the open one by default.
        min_confidence: Joints below it count as missing; by default what the detector says.
        run: Folder of a run of one's own, whose lifter and heads are taken instead of those that ship.
        lifter: File of a lifter of one's own, such as ``s2m adapt`` writes; before that of the run.

    Example:
        >>> import numpy as np
        >>> from s2m.recover import Recoverer
        >>> from s2m.detect import Detector
        >>> class Nobody(Detector):
        ...     joint_set = "coco17"
        ...
        ...     def __call__(self, picture):
        ...         return []
        >>> recoverer = Recoverer(fps=30, detector=Nobody())
        >>> recoverer(np.zeros((480, 640, 3), np.uint8)).numbers
        []
    """

    def __init__(
        self,
        fps: float | None = 30.0,
        *,
        detector: Detector | None = None,
        focal: float | None = None,
        height: float | None = None,
        body: Body | None = None,
        min_confidence: float | None = None,
        run: Path | None = None,
        lifter: Path | None = None,
    ) -> None:
        if detector is None:
            detector = BlazePose("both" if fps is None else "full")
        self._observer = Detecting(detector, fps, min_confidence)
        body = load_body() if body is None else body
        model, own = chosen(run, lifter, body)
        self._options = RecoverOptions(height=height, body=body, model=model, lifter=own)
        self._shapes: dict[int, list[Tensor]] = {}
        self._fps, self._focal, self._frame, self._time = fps, focal, -1, 0.0
        self._picture: PictureRecovery | None = None
        self._before: dict[int, _Before] = {}

    def __call__(self, picture: Picture, time: float | None = None) -> Recovered:
        """Recover the people of the next frame.

        Args:
            picture: (H, W, 3) uint8, RGB, upright.
            time: Seconds, of any clock, at which it was taken, for cameras of which frames are left out; by default
                one frame after the last. What moved for longer is smoothed less.

        Returns:
            Who is there, and where.
        """
        self._frame += 1
        self._time = self._time + 1 / (self._fps or 1) if time is None else time
        numbers, found = self._observer(self._frame, "", picture)
        rows = [row for row, one in enumerate(found) if (one.confidence > 0).sum() >= _FEWEST_JOINTS]
        if not rows:
            return Recovered([], None)
        known = [numbers[row] for row in rows]
        people = self._recovery(picture)([found[row] for row in rows], known, self._known_shapes(known))
        if self._fps is None:
            return Recovered(people.numbers, people.bodies)
        for row, number in enumerate(people.numbers):
            if people.shaped[row]:
                self._shapes.setdefault(number, []).append(people.bodies.params.betas[row])
        smooth = [self._smooth(number, people.bodies[row : row + 1]) for row, number in enumerate(people.numbers)]
        return Recovered(people.numbers, concatenate(smooth))

    def draw(self, picture: Picture, found: Recovered) -> Picture:
        """The frame with the bodies over it.

        Args:
            picture: (H, W, 3) uint8, the frame.
            found: What was recovered from it.

        Returns:
            (H, W, 3) uint8.
        """
        if found.bodies is None:
            return picture
        return overlay(picture, found.bodies, found.numbers, self._options.body, self._recovery(picture).camera)

    def _recovery(self, picture: Picture) -> PictureRecovery:
        size = picture.shape[1], picture.shape[0]
        known = self._picture
        if known is None or (known.camera.width, known.camera.height) != size:
            joint_set = get_joint_set(self._observer.joint_set)
            known = PictureRecovery(joint_set, Camera.of(size, self._focal), self._options)
            self._picture = known
        return known

    def _known_shapes(self, numbers: list[int]) -> Tensor:
        """(B, 10): of each the median of what was read off the first pictures; NaN as long as there are too few."""
        found = torch.full((len(numbers), self._options.body.num_betas), torch.nan)
        for row, number in enumerate(numbers):
            if len(read := self._shapes.get(number, [])) >= _READINGS:
                found[row] = torch.stack(read).median(0).values
        return found

    def _smooth(self, number: int, bodies: Bodies) -> Bodies:
        """A body between where it is and where it was, as far as the time in between says."""
        assert bodies.params.transl is not None
        turns, place = quat.from_matrix(bodies.params.rotations[0]), bodies.params.transl[0]
        before = self._before.get(number)
        if before is not None and bool(torch.isfinite(place).all()):
            seconds = max(self._time - before.time, 0.0)
            if seconds < _FORGOTTEN:
                share = 1 - float(torch.exp(torch.tensor(-seconds / _LAG)))
                turns = slerp(before.turns, turns, torch.tensor([[share]]))
                place = before.place + share * (place - before.place)
        self._before[number] = _Before(self._time, turns, place)
        params = BodyParams.from_rotations(quat.to_matrix(turns)[None], bodies.params.betas, place[None])
        moved = self._picture.poser.at(params, place[None], bodies.confidence, self._picture.camera)  # type: ignore[union-attr]
        return replace(moved, seen=bodies.seen)
