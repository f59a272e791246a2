"""Rotations of a clip on the disk: jumps are found, and gaps filled, a few thousand frames at a time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.formats.clips import blocks
from s2m.formats.spool import Spool
from s2m.ik import quaternion as quat
from s2m.ik.bits import Bits
from s2m.ik.gaps import Gaps
from s2m.ik.jumps import REACH, discontinuous, slerp

_THRESHOLD = 0.5  # radians: smaller jumps are no faults


def drop_jumps(rotations: Spool, good: Bits, rows: int) -> NDArray[np.bool_]:
    """Mark rotations that jump against the frames around them as not good.

    Args:
        rotations: (T, 24, 4) quaternions.
        good: (T, 24) which rotations were solved; changed in place.
        rows: Frames in memory at a time.

    Returns:
        (T,) bool, frames in which anything will be replaced.
    """
    ever, replaced = good.any(), np.zeros(len(good), bool)
    for start, stop in blocks(rotations, rows):
        first, last = max(0, start - REACH), min(len(rotations), stop + REACH)
        around = quat.to_matrix(torch.from_numpy(rotations.read(first, last)))
        bad = discontinuous(around, _THRESHOLD).numpy()[start - first :][: stop - start]
        known = good.read(start, stop)
        replaced[start:stop] = ((bad | ~known) & ever).any(1)
        good.put(start, known & ~bad)
    return replaced


def filled_rotations(
    rotations: Spool, start: int, stop: int, good: NDArray[np.bool_], gaps: list[Gaps]
) -> torch.Tensor:
    """Rotations of some frames with their gaps filled from the frames around.

    Args:
        rotations: (T, 24, 4) quaternions.
        start: The first frame that is wanted.
        stop: One after the last.
        good: (stop - start, 24) bool.
        gaps: Of each of the 24 rotations, over the whole clip.

    Returns:
        (stop - start, 24, 4) quaternions.
    """
    own = rotations.read(start, stop)
    found = own.copy()
    elsewhere: dict[int, NDArray[np.float32]] = {}

    def row(frame: int) -> NDArray[np.float32]:
        if start <= frame < stop:
            return own[frame - start]
        if frame not in elsewhere:
            elsewhere[frame] = rotations.read(frame, frame + 1)[0]
        return elsewhere[frame]

    for joint, gap in enumerate(gaps):
        missing = np.flatnonzero(~good[:, joint])
        if gap.empty or not len(missing):
            continue
        before, after, share = gap.around(missing + start)
        ends = [torch.from_numpy(np.stack([row(int(f))[joint] for f in side])) for side in (before, after)]
        found[missing, joint] = slerp(ends[0], ends[1], torch.from_numpy(share.astype(np.float32))[:, None]).numpy()
    return torch.from_numpy(found)
