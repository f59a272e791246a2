"""One person over a whole video: bodies of one shape, smooth over time, with gaps filled or held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.batch import BodyParams, concatenate
from s2m.formats.clips import blocks
from s2m.formats.spool import Spool
from s2m.ik import quaternion as quat
from s2m.ik.bits import Bits
from s2m.ik.gaps import fill_places, gaps_of, held_frames
from s2m.ik.rotation_clips import drop_jumps, filled_rotations
from s2m.recover.bodies import Bodies, Poser
from s2m.recover.camera import Camera
from s2m.recover.fit import FitOptions, fitted
from s2m.recover.lifting import PictureLifting
from s2m.recover.options import RecoverOptions
from s2m.recover.shapes import bone_betas, tells_shape, with_height
from s2m.recover.sightings import Sightings
from s2m.recover.silhouettes import Outlines, Silhouettes
from s2m.recover.unseen import completed
from s2m.skeletons import JointSet

_ROWS = 512  # frames in memory at a time
_MARGIN = 16  # further frames on both sides, so that a block's ends do not show
_SAMPLE = 1024  # frames whose bones tell the shape
_CANDIDATES, _OUTLINES = 128, 32  # frames whose silhouettes are looked at, and those that do
_STEPS = 60  # of the fit; frames hold each other, which takes more steps than a single one
_NOISE = 0.008  # of joints, as a share of the person's extent: smaller than in a photo, since frames hold each other


class PersonClip:
    """The bodies of one person over a video, on the disk.

    Args:
        sightings: What was seen of the person.
        joint_set: Of the detector.
        camera: Of the video.
        fps: Frames per second.
        options: How bodies are recovered.
        folder: Where numbers wait.
        progress: Told how many frames were solved.
    """

    def __init__(
        self,
        sightings: Sightings,
        joint_set: JointSet,
        camera: Camera,
        fps: float,
        options: RecoverOptions,
        folder: Path,
        progress: Callable[[int], object] = lambda frames: None,
    ) -> None:
        self.sightings, self.camera, self.fps, self.options = sightings, camera, fps, options
        self._limit = int(options.fill * fps + 1e-6)
        self._lifting = PictureLifting(joint_set, camera, fps, options.lifter)
        self._skeletons, self._joints2d, self._confidence = Spool(folder), Spool(folder), Spool(folder)
        self._nose = Spool(folder)
        self._rotations, self._solved_rotations = Spool(folder), Spool(folder)
        lifted = self._lift()
        self.poser = self._shaped(lifted)
        self.valid = lifted & True
        if lifted.any():
            self._pose(lifted)
            self.valid = ~held_frames(lifted, self._limit)
            self._settle(progress)

    @property
    def joint_set(self) -> JointSet:
        """Of the bodies' joints."""
        return self._lifting.joint_set

    @property
    def number(self) -> int:
        """Of the person."""
        return self.sightings.person

    @property
    def first(self) -> int:
        """Number of the video's frame that is the first row here."""
        return self.sightings.first

    def __len__(self) -> int:
        return len(self.sightings)

    def read(self, start: int, stop: int) -> Bodies:
        """Bodies of some rows.

        Args:
            start: The first row.
            stop: One after the last.
        """
        turns = torch.from_numpy(self._solved_rotations.read(start, stop))
        rotations, place = quat.to_matrix(turns[:, :96].view(-1, 24, 4)), turns[:, 96:99]
        params = BodyParams.from_rotations(rotations, self.poser.betas.expand(len(rotations), -1))
        with torch.inference_mode():
            return self.poser.at(params, place, self._sure(start, stop), self.camera)

    def boxes(self, start: int, stop: int) -> NDArray[np.float32]:
        """See :meth:`s2m.recover.sightings.Sightings.boxes`.

        Args:
            start: The first row.
            stop: One after the last.
        """
        return self.sightings.boxes(start, stop)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First row, and one after the last, of stretches that fit into the memory."""
        yield from blocks(self.sightings, _ROWS)

    def close(self) -> None:
        """Give the disk space back."""
        lifted, posed = (self._skeletons, self._joints2d, self._confidence, self._nose), self._rotations
        for spool in (*lifted, posed, self._solved_rotations):
            spool.close()

    def _sure(self, start: int, stop: int) -> Tensor:
        return torch.from_numpy(self._confidence.read(start, stop))

    def _lift(self) -> NDArray[np.bool_]:
        lifted = []
        for part in self._lifting(self.sightings, _ROWS):
            self._skeletons.append(part.joints3d.numpy())
            self._joints2d.append(part.joints2d.numpy())
            self._confidence.append(part.confidence.numpy())
            self._nose.append(part.nose.numpy())
            lifted.append(part.lifted.numpy())
        return np.concatenate(lifted)

    def _shaped(self, lifted: NDArray[np.bool_]) -> Poser:
        """The poser for the person's shape, told by frames all over the clip."""
        poser = Poser(self.joint_set, self.options.body)
        if lifted.any():
            read = self._by_heads(_spread(lifted, _CANDIDATES))
            by_bones = self._by_bones(poser, _spread(lifted, _SAMPLE), len(lifted) / self.fps)
            poser = poser.shaped(by_bones if read is None else read)
            if self.options.refine:
                poser = poser.shaped(self._by_outlines(poser, _spread(lifted, _OUTLINES)))
        if self.options.height is None:
            return poser
        return poser.shaped(with_height(poser.betas, self.options.body, self.options.height))

    def _by_bones(self, poser: Poser, rows: NDArray[np.int64], seconds: float) -> Tensor:
        seen = _some(self._confidence, rows) > 0
        whole = completed(_some(self._skeletons, rows), seen, poser.rest)
        return bone_betas(whole, seen, self.joint_set, self.options.body, seconds)

    def _by_heads(self, rows: NDArray[np.int64]) -> Tensor | None:
        """The shape that stage 3's heads read off silhouettes of some frames; ``None`` where none can be trusted."""
        model = self.options.model
        if model is None:
            return None
        sure, joints2d, silhouettes = self._seen(rows)
        told = tells_shape(joints2d, sure, self.joint_set, silhouettes)
        chosen = torch.from_numpy(_spread(told.numpy(), _OUTLINES))
        if not len(chosen):
            return None
        found = model.read(joints2d[chosen], sure[chosen], self.joint_set, silhouettes[chosen], self.camera)
        return found.betas.median(0, keepdim=True).values

    def _seen(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Silhouettes]:
        """Confidences, joints and silhouettes of some frames."""
        known = concatenate([self.sightings.silhouettes(int(row), int(row) + 1) for row in rows])
        return _some(self._confidence, rows), _some(self._joints2d, rows), known

    def _by_outlines(self, poser: Poser, rows: NDArray[np.int64]) -> Tensor:
        """The shape that joints and silhouettes of some frames, each posed for itself, agree on."""
        sure, joints2d, silhouettes = self._seen(rows)
        rotations, _ = poser.rotations(_some(self._skeletons, rows), sure > 0)
        bodies = poser.placed(rotations, joints2d, sure, self.camera)
        options = FitOptions(steps=self.options.refine, shape="one")
        outlines = Outlines(silhouettes, self.options.body, self.camera)
        return fitted(bodies, joints2d, poser, self.camera, options, outlines=outlines).params.betas[:1]

    def _pose(self, lifted: NDArray[np.bool_]) -> None:
        """Rotations of every frame onto the disk, with jumps and gaps filled."""
        raw = self._rotations
        good = Bits(len(lifted), 24)
        for start, stop in self.blocks():
            skeleton = torch.nan_to_num(torch.from_numpy(self._skeletons.read(start, stop)))
            rotations, _ = self.poser.rotations(skeleton, self._sure(start, stop) > 0)
            raw.append(quat.from_matrix(self._refined(rotations, start, lifted)).numpy())
            good.put(start, np.repeat(lifted[start:stop, None], 24, axis=1))
        drop_jumps(raw, good, _ROWS)
        self._gaps = [gaps_of(good.column(joint), self._limit) for joint in range(24)]
        self._good = good

    @torch.inference_mode()
    def _refined(self, rotations: Tensor, start: int, lifted: NDArray[np.bool_]) -> Tensor:
        """Rotations with the heads' corrections of extremities, in frames whose silhouettes can be trusted."""
        model = self.options.model
        rows = start + np.flatnonzero(lifted[start : start + len(rotations)])
        if model is None or not model.refines or not len(rows):
            return rotations
        sure, joints2d, silhouettes = self._seen(rows)
        told = tells_shape(joints2d, sure, self.joint_set, silhouettes).nonzero()[:, 0]
        if len(told):
            found = model.read(joints2d[told], sure[told], self.joint_set, silhouettes[told], self.camera)
            places = torch.from_numpy(rows)[told] - start
            rotations[places] = model.refined(rotations[places], found.theta)
        return rotations

    def _filled(self, start: int, stop: int) -> Tensor:
        return filled_rotations(self._rotations, start, stop, self._good.read(start, stop), self._gaps)

    def _settle(self, progress: Callable[[int], object]) -> None:
        """Places, and the fit to what was seen; block by block, with frames around each."""
        total = len(self)
        for start, stop in self.blocks():
            first, last = max(0, start - _MARGIN), min(total, stop + _MARGIN)
            bodies = self._fitted(first, last)
            own = slice(start - first, stop - first)
            assert bodies.params.transl is not None
            turns = quat.from_matrix(bodies.params.rotations[own]).flatten(1)
            self._solved_rotations.append(torch.cat([turns, bodies.params.transl[own]], 1).numpy())
            progress(stop - start)

    def _fitted(self, first: int, last: int) -> Bodies:
        joints2d, sure = torch.from_numpy(self._joints2d.read(first, last)), self._sure(first, last)
        rotations = quat.to_matrix(self._filled(first, last))
        bodies = self.poser.placed(rotations, joints2d, sure, self.camera)
        assert bodies.params.transl is not None
        place = bodies.params.transl.double().numpy()
        fill_places(place, self._limit)
        bodies = self.poser.at(bodies.params, torch.from_numpy(place).float(), sure, self.camera)
        nose, usual = torch.from_numpy(self._nose.read(first, last)), FitOptions(steps=_STEPS, noise=_NOISE)
        bodies = fitted(bodies, joints2d, self.poser, self.camera, usual, self.fps, nose=nose)
        if not self.options.refine:
            return bodies
        outlines = Outlines(self.sightings.silhouettes(first, last), self.options.body, self.camera)
        options = FitOptions(steps=self.options.refine)
        return fitted(bodies, joints2d, self.poser, self.camera, options, self.fps, outlines, nose)


def _spread(chosen: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Up to so many of the chosen rows, evenly spread."""
    rows = np.flatnonzero(chosen)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64))]


def _some(spool: Spool, rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.concatenate([spool.read(int(row), int(row) + 1) for row in rows]))
