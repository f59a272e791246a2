"""Bad frames of a tracker: joints far from their body, and bodies that are elsewhere for a frame or two.

No bone grows to twice its length, and nobody is fifty metres away for the thirtieth part of a second. What is so is
missing: a place that is made up is worse than a gap, which is filled from both sides. What lasts, or is everywhere, is
no single bad frame but another clip than was said, and stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import Column, lengths_of
from s2m.ik.gaps import frame_ranges
from s2m.ik.rest import RestSkeleton
from s2m.ik.whereabouts import Flags, Floats, JumpFinder, Jumps, middles
from s2m.missing import names_and_counts
from s2m.skeletons import JointSet

_STRETCHED, _LONGER = 2.0, 0.3  # a bone that is twice as long as it should be, and by so many metres
_REACH = 2.5  # times the farthest joint of a T-pose from its middle
_MOST = 0.2  # share of the frames that may be bad
# Hands and faces, of which some sets have a hundred points, move otherwise than whom they belong to.
_TRUNK = ("pelvis", "left_hip", "right_hip", "left_shoulder", "right_shoulder")
_SHORTEST = 0.05  # metres: bones below say little about size


class StrayJoints:
    """Tells joints that are far from where their bones let them be, frame by frame.

    Args:
        rest: The skeleton at rest.
    """

    def __init__(self, rest: RestSkeleton) -> None:
        points = rest.joints.double().cpu().numpy()
        names = rest.joint_set.joints
        lengths = {bone: float(np.linalg.norm(points[bone[0]] - points[bone[1]])) for bone in rest.joint_set.bones}
        read = {bone: n for bone, n in lengths.items() if not any(names[j].startswith("unused_") for j in bone)}
        self._bones = np.array(list(read), np.int64).reshape(-1, 2)
        self._lengths = np.array(list(read.values()))
        self._told = self._lengths > _SHORTEST
        self._reach = float(np.linalg.norm(points - np.median(points, 0), axis=-1).max())

    def sizes(self, points: Floats) -> Floats:
        """How large each frame's person is beside the skeleton: the median over the bones.

        Args:
            points: (T, J, 3) metres, NaN where missing.

        Returns:
            (T,), NaN where no bone was seen.
        """
        return self._sizes(self._measured(points))

    def __call__(self, points: Floats) -> Flags:
        """Which joints are strays.

        Args:
            points: (T, J, 3) metres, NaN where missing.

        Returns:
            (T, J) bool.
        """
        return self.look(points)[0]

    def look(self, points: Floats) -> tuple[Flags, Floats]:
        """Which joints are strays (T, J), and the sizes (T,) of the people with them, as :meth:`sizes` gives them.

        Args:
            points: (T, J, 3) metres, NaN where missing.
        """
        found: Flags = np.zeros(points.shape[:2], bool)
        measured = self._measured(points)
        size = self._sizes(measured)
        limit = (_STRETCHED * self._lengths + _LONGER) * size[:, None]
        with np.errstate(invalid="ignore"):
            long = np.asarray(measured > limit)
            extent = np.fmax.reduce(lengths_of(points - middles(points)[:, None]), 1)
            far = extent > _REACH * self._reach * size
        for frame in np.flatnonzero(long.any(1) | far):
            found[frame] = self._of_frame(points[frame], long[frame], measured[frame], float(size[frame]))
        return found, size

    def _measured(self, points: Floats) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):
            lengths: Floats = lengths_of(points[:, self._bones[:, 0]] - points[:, self._bones[:, 1]])
        return lengths

    def _sizes(self, measured: Floats) -> Floats:
        ratios = measured[:, self._told] / self._lengths[self._told]
        sizes = np.full(len(measured), np.nan)
        seen = np.isfinite(ratios)
        whole = seen.all(1)
        sizes[whole] = np.median(ratios[whole], 1) if whole.any() and ratios.shape[1] else np.nan
        some = np.flatnonzero(~whole & seen.any(1))
        if len(some):
            sizes[some] = np.nanmedian(ratios[some], 1)
        return sizes

    def _of_frame(self, points: Floats, long: Flags, measured: Floats, size: float) -> Flags:
        """Whose bones are too long goes, the one with most of them first; then who is far from all that are left."""
        gone: Flags = np.zeros(len(points), bool)
        long, known = long.copy(), np.isfinite(measured)
        while long.any():
            there = np.isfinite(points).all(-1) & ~gone
            distance = np.linalg.norm(points - np.median(points[there], 0), axis=-1)
            score = np.zeros(len(points))
            np.add.at(score, self._bones[long].ravel(), 1.0)
            np.add.at(score, self._bones[known & ~long].ravel(), -1.0)
            ends = np.unique(self._bones[long])
            worst = max(ends.tolist(), key=lambda joint: (score[joint], distance[joint]))
            gone[worst] = True
            touched = (self._bones == worst).any(1)
            long[touched] = known[touched] = False
        there = np.isfinite(points).all(-1) & ~gone
        if there.any():
            distance = np.linalg.norm(points - np.median(points[there], 0), axis=-1)
            gone |= there & (distance > _REACH * self._reach * size)
        return gone


@dataclass(frozen=True)
class Strays:
    """What is not where it is said to be.

    Attributes:
        tell: Tells the joints; ``None`` where there are none, or so many that the skeleton must be another one.
        counts: (J,) in how many frames each joint is one.
        frames: (T,) bool, frames with such joints.
        jumps: Frames in which the whole person is elsewhere.
    """

    tell: StrayJoints | None
    counts: NDArray[np.int64]
    frames: Flags
    jumps: Jumps

    def drop(self, points: Floats, confidence: NDArray[np.float32], start: int = 0) -> None:
        """Make strays missing, in place.

        Args:
            points: (N, J, 3) metres, NaN where missing.
            confidence: (N, J).
            start: Number of the first frame.
        """
        away = np.repeat(self.jumps.frames[start : start + len(points), None], points.shape[1], 1)
        if self.tell is not None and self.frames[start : start + len(points)].any():
            away |= self.tell(points)
        points[away], confidence[away] = np.nan, 0.0

    def at(self, frames: NDArray[np.int64]) -> Strays:
        """Of some frames alone.

        Args:
            frames: (N,) their numbers.
        """
        return replace(self, frames=self.frames[frames], jumps=replace(self.jumps, frames=self.jumps.frames[frames]))

    def words(self, joint_set: JointSet) -> list[str]:
        """What was found, for people.

        Args:
            joint_set: Names of the joints.
        """
        found = []
        if self.frames.any():
            names = names_and_counts(self.counts.tolist(), joint_set.joints, len(self.frames))
            few = "taken as missing"
            many = "that is too often for bad frames, so they stay: is it another joint set?"
            found.append(
                f"joints far from their body in {frame_ranges(self.frames)}: {names}; {few if self.tell else many}"
            )
        if self.jumps.frames.any():
            found.append(
                f"the person is elsewhere, or of another size, in {frame_ranges(self.jumps.frames)}, up to "
                f"{self.jumps.farthest:.3g} m away, and back again; taken as missing"
            )
        if self.jumps.lasting:
            shown = ", ".join(map(str, self.jumps.lasting[:8]))
            more = f" and {len(self.jumps.lasting) - 8} more" if len(self.jumps.lasting) > 8 else ""
            found.append(
                f"the person jumps at frame {shown}{more}, by up to {self.jumps.farthest_lasting:.3g} m, and stays "
                "there: a cut, or somebody else?"
            )
        return found


class StrayFinder:
    """Looks through a clip for strays, block after block.

    Args:
        rest: The skeleton at rest.
        fps: Frames per second.
        count: Of the clip's frames.
    """

    def __init__(self, rest: RestSkeleton, fps: float, count: int) -> None:
        self._tell, self._jumps = StrayJoints(rest), JumpFinder(fps, count)
        names = rest.joint_set
        self._trunk = names.indices([j for j in _TRUNK if j in names]) or list(range(len(names)))
        self._counts = np.zeros(len(names), np.int64)
        self._frames = Column(bool)

    def look(self, points: Floats) -> Floats:
        """Take in the next frames.

        Args:
            points: (N, J, 3) metres, NaN where missing.

        Returns:
            The same without joints that are strays.
        """
        strays, sizes = self._tell.look(points)
        kept = points
        if strays.any():
            kept = np.where(strays[..., None], np.nan, points)
            sizes = self._tell.sizes(kept)
        self._counts += strays.sum(0)
        self._frames.append(np.asarray(strays.any(1)))
        self._jumps.look(kept[:, self._trunk], sizes)
        return kept

    def found(self) -> Strays:
        """What was found in all frames up to here."""
        frames = self._frames.array()
        some = 0 < frames.sum() <= _MOST * len(frames)
        jumps = self._jumps.found()
        return Strays(self._tell if some else None, self._counts, frames, jumps)
