"""What is suspicious about lifted 2D joints, said in words.

``s2m lift`` prints these messages, :func:`s2m.lift` warns of them. Another check is another function in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.keypoints import FEWEST_JOINTS, on_joint_set
from s2m.skeletons import H36M17

if TYPE_CHECKING:
    from s2m.lifter.api import Lift

Check = Callable[[Keypoints, "Lift"], "str | None"]

_SHOWN = 8  # frames that a message names
_SUSPICIOUS_SHARE = 0.2


def lift_warnings(keypoints: Keypoints, lifted: Lift) -> list[str]:
    """The messages of all checks that find something.

    Args:
        keypoints: What was given.
        lifted: What the lifter made of it, as tensors.

    Returns:
        One sentence for people per finding; empty when nothing looks wrong.
    """
    return [message for check in CHECKS if (message := check(keypoints, lifted)) is not None]


def _not_finite(keypoints: Keypoints, lifted: Lift) -> str | None:
    broken = ~np.isfinite(np.concatenate([keypoints.points, keypoints.confidence[..., None]], axis=-1).sum(-1))
    if not broken.any():
        return None
    names = [name for name, bad in zip(keypoints.joint_set.joints, broken.any(0), strict=True) if bad]
    where = _frames(broken.any(1))
    return f"joints are not finite in {where}; they count as missing and are filled in: {', '.join(names)}"


def _never_seen(keypoints: Keypoints, lifted: Lift) -> str | None:
    never = (lifted.confidence[lifted.lifted] <= 0).all(0)
    if not bool(never.any()):
        return None
    names = [name for name, absent in zip(lifted.joint_set.joints, never.tolist(), strict=True) if absent]
    return f"no frame has these joints, the lifter filled them in: {', '.join(names)}"


def _too_few(keypoints: Keypoints, lifted: Lift) -> str | None:
    if bool(lifted.lifted.all()):
        return None
    return f"fewer than {FEWEST_JOINTS} joints in {_frames(~lifted.lifted.numpy())}; not lifted, NaN in the output"


def _upside_down(keypoints: Keypoints, lifted: Lift) -> str | None:
    """Heads below hips in most frames: a file with +y up, or a person who stands on the hands all the time."""
    seen = on_joint_set(keypoints, H36M17)
    pelvis, thorax = H36M17.indices(("pelvis", "thorax"))
    both = (seen.confidence[:, [pelvis, thorax]] > 0).all(1)
    drop = seen.points[both, thorax, 1] - seen.points[both, pelvis, 1]
    if len(drop) == 0 or np.median(drop) <= 0:
        return None
    return "this person is upside down in most frames; is +y up in this file? (expected: +y down, as in pictures)"


def _back(keypoints: Keypoints, lifted: Lift) -> str | None:
    share = float(lifted.reversed_suspected[lifted.lifted].float().mean())
    if share <= _SUSPICIOUS_SHARE:
        return None
    where = _frames(lifted.reversed_suspected.numpy())
    return (
        f"knees, nose or toes point backwards in {where}: front and back may be exchanged there. Are left and right "
        "the person's own, and is the picture not mirrored?"
    )


def _frames(chosen: NDArray[np.bool_]) -> str:
    frames = np.flatnonzero(chosen).tolist()
    more = f" and {len(frames) - _SHOWN} more" if len(frames) > _SHOWN else ""
    return f"{len(frames)} of {len(chosen)} frames ({', '.join(map(str, frames[:_SHOWN]))}{more})"


CHECKS: tuple[Check, ...] = (_not_finite, _never_seen, _too_few, _upside_down, _back)
