"""What is suspicious about lifted 2D joints, said in words.

``s2m lift`` prints these messages, :func:`s2m.lift` warns of them. Another check is another function in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import Column
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.keypoints import FEWEST_JOINTS, lifter_weights, on_joint_set
from s2m.missing import names_and_counts
from s2m.skeletons import H36M17, JointSet

if TYPE_CHECKING:
    from s2m.lifter.lifting import Lift

_SHOWN = 8  # frames that a message names
_SUSPICIOUS_SHARE = 0.2


class Findings:
    """What a clip and its skeletons look like, gathered block after block: a few bytes a frame.

    Args:
        given: Joint set of the clip.
        lifted: Joint set of the skeletons.
    """

    def __init__(self, given: JointSet, lifted: JointSet) -> None:
        self.given, self.joint_set = given, lifted
        self.missing = np.zeros(len(given), np.int64)
        self._used = (lifter_weights(given, lifted) != 0).any(0)
        self._seen = np.zeros(len(lifted), bool)
        self.most = 0
        self._known = False
        self._some, self._lifted, self._reversed = Column(bool), Column(bool), Column(bool)
        self._drop = Column(np.float32)

    def look(self, keypoints: Keypoints, lifted: Lift) -> None:
        """Take in the next frames.

        Args:
            keypoints: What was given.
            lifted: What the lifter made of it, as tensors.
        """
        seen = np.isfinite(keypoints.points).all(-1) & (np.nan_to_num(keypoints.confidence) > 0)
        # A frame without anybody, and joints that the lifter does not ask for, are said or are no news.
        missing = ~seen & self._used & seen.any(1, keepdims=True)
        told = lifted.confidence.numpy() > 0
        self.missing += missing.sum(0)
        self._seen |= told[lifted.lifted.numpy()].any(0)
        self.most = max(self.most, int(told.sum(1).max(initial=0)))
        self._some.append(missing.any(1) | ~seen.any(1))
        self._lifted.append(lifted.lifted.numpy())
        self._known = lifted.reversed_probability is not None
        self._reversed.append(lifted.reversed_suspected.numpy())
        self._drop.append(_drop(keypoints))

    @property
    def frames(self) -> NDArray[np.bool_]:
        """(T,) bool, where joints are missing."""
        return self._some.array()

    @property
    def lifted(self) -> NDArray[np.bool_]:
        """(T,) bool, where there were joints enough."""
        return self._lifted.array()

    @property
    def reversed(self) -> NDArray[np.bool_]:
        """(T,) bool, where front and back may be exchanged."""
        return self._reversed.array()

    @property
    def signs(self) -> str:
        """What speaks for reversed depth, in words."""
        return "the depth is more likely reversed than not" if self._known else "knees, neck or toes point backwards"

    @property
    def drop(self) -> NDArray[np.float32]:
        """(N,) by how much the thorax lies below the pelvis, in frames that show both."""
        return self._drop.array()

    @property
    def never(self) -> list[str]:
        """Joints of the lifter that no lifted frame has."""
        return [name for name, seen in zip(self.joint_set.joints, self._seen, strict=True) if not seen]

    def messages(self) -> list[str]:
        """One sentence for people per finding; empty when nothing looks wrong."""
        return [message for check in CHECKS if (message := check(self)) is not None]


Check = Callable[[Findings], "str | None"]


def lift_warnings(keypoints: Keypoints, lifted: Lift) -> list[str]:
    """The messages of all checks that find something.

    Args:
        keypoints: What was given.
        lifted: What the lifter made of it, as tensors.

    Returns:
        One sentence for people per finding; empty when nothing looks wrong.
    """
    findings = Findings(keypoints.joint_set, lifted.joint_set)
    findings.look(keypoints, lifted)
    return findings.messages()


def _missing(found: Findings) -> str | None:
    frames, never = found.frames, set(found.never)
    counts = [0 if name in never else int(n) for name, n in zip(found.given.joints, found.missing, strict=True)]
    if not any(counts):
        return None
    names = names_and_counts(counts, found.given.joints, len(frames))
    return f"joints missing in {_frames(frames)}; they are filled in by the lifter: {names}"


def _never_seen(found: Findings) -> str | None:
    if not found.never or not found.lifted.any():
        return None
    return f"no frame has these joints, the lifter filled them in: {', '.join(found.never)}"


def _too_few(found: Findings) -> str | None:
    if found.lifted.all():
        return None
    return f"fewer than {FEWEST_JOINTS} joints in {_frames(~found.lifted)}; not lifted, NaN in the output"


def _upside_down(found: Findings) -> str | None:
    """Heads below hips in most frames: a file with +y up, or a person who stands on the hands all the time."""
    if len(found.drop) == 0 or np.median(found.drop) <= 0:
        return None
    return "this person is upside down in most frames; is +y up in this file? (expected: +y down, as in pictures)"


def _drop(keypoints: Keypoints) -> NDArray[np.float32]:
    seen = on_joint_set(keypoints, H36M17)
    pelvis, thorax = H36M17.indices(("pelvis", "thorax"))
    both = (seen.confidence[:, [pelvis, thorax]] > 0).all(1)
    drop: NDArray[np.float32] = (seen.points[both, thorax, 1] - seen.points[both, pelvis, 1]).astype(np.float32)
    return drop


def _back(found: Findings) -> str | None:
    if not found.lifted.any() or found.reversed[found.lifted].mean() <= _SUSPICIOUS_SHARE:
        return None
    where = _frames(found.reversed)
    return (
        f"{found.signs} in {where}: front and back may be exchanged there. Are left and right the person's own, and is "
        "the picture not mirrored?"
    )


def _frames(chosen: NDArray[np.bool_]) -> str:
    frames = np.flatnonzero(chosen).tolist()
    more = f" and {len(frames) - _SHOWN} more" if len(frames) > _SHOWN else ""
    return f"{len(frames)} of {len(chosen)} frames ({', '.join(map(str, frames[:_SHOWN]))}{more})"


CHECKS: tuple[Check, ...] = (_missing, _never_seen, _too_few, _upside_down, _back)
