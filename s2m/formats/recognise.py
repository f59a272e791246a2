"""Which joint set an array without names has: by the number of its joints, then by the proportions of the person.

A set puts names on columns. Under the right one the thighs are as long as shanks, the arms as each other, and no bone
changes its length; under a wrong one a "thigh" reaches from an ear to a knee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.missing import mask_missing
from s2m.skeletons import JOINT_SETS, JointSet

Floats = NDArray[np.float64]

FRAMES = 256  # that are looked at
# Ends of a bone -> its length in lengths of a thigh, and how far people and skeletons differ in it (of its logarithm).
_BONES: tuple[tuple[tuple[str, str], float, float], ...] = (
    *((ends, 1.0, 0.15) for ends in (("left_hip", "left_knee"), ("right_hip", "right_knee"))),
    *((ends, 1.0, 0.2) for ends in (("left_knee", "left_ankle"), ("right_knee", "right_ankle"))),
    *((ends, 0.68, 0.25) for ends in (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"))),
    *((ends, 0.62, 0.25) for ends in (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"))),
    (("left_hip", "right_hip"), 0.5, 0.45),
    (("left_shoulder", "right_shoulder"), 0.85, 0.3),
    (("left_hip", "left_shoulder"), 1.2, 0.25),
    (("right_hip", "right_shoulder"), 1.2, 0.25),
)
_WOBBLE = 0.1  # of its length: what a detector's bone changes from frame to frame
_PLAUSIBLE = 2.5  # score of what still looks like a person
_NOBODY = 3.2  # score that joints do not reach with 80 mm of noise, and rotations of the shipped clips exceed
_SMPL = "smpl"
_CLEARER = 2.0  # times better than the next


@dataclass(frozen=True)
class Recognised:
    """A joint set that was found for an array.

    Attributes:
        joint_set: The set.
        why: What it was told by, for people.
    """

    joint_set: JointSet
    why: str


def counts_of_sets() -> dict[int, list[str]]:
    """Number of joints -> names of the shipped sets that have as many; of sets with the same names the first."""
    found: dict[int, list[str]] = {}
    named: set[tuple[str, ...]] = set()
    for name, joint_set in JOINT_SETS.items():
        if joint_set.joints in named:
            continue
        named.add(joint_set.joints)
        found.setdefault(len(joint_set), []).append(name)
    return dict(sorted(found.items()))


def recognise(points: NDArray[np.float64], path: Path) -> Recognised:
    """The joint set of an array.

    Args:
        points: (T, K, 3) in any unit and frame.
        path: The file, for messages.

    Returns:
        The set, and what it was told by.

    Raises:
        UserError: No shipped set has as many joints, none of those that have fits, or two fit alike.
    """
    count = points.shape[1]
    fitting = [JOINT_SETS[name] for name in counts_of_sets().get(count, [])]
    if not fitting:
        known = ", ".join(f"{number} ({' or '.join(names)})" for number, names in counts_of_sets().items())
        raise UserError(
            f"{path}: expected as many joints as a known joint set has, found {count}; known: {known}; your own set "
            "is a yaml file (--joint-set FILE)"
        )
    some = points[np.unique(np.linspace(0, len(points) - 1, min(len(points), FRAMES)).astype(int))]
    seen, _ = mask_missing(some)
    if len(fitting) == 1:
        _refuse_rotations(seen, fitting[0], path)
        return Recognised(fitting[0], f"no other set has {count} joints")
    scores = {joint_set.name: plausibility(seen, joint_set) for joint_set in fitting}
    return _decided(fitting, scores, count, path)


def _refuse_rotations(seen: NDArray[np.float64], joint_set: JointSet, path: Path) -> None:
    """Refuse SMPL's pose vectors as its joints: both have as many numbers, but these make no person."""
    score = plausibility(seen, joint_set) if joint_set.name.startswith(_SMPL) else 0.0
    if np.isfinite(score) and score > _NOBODY:
        raise UserError(
            f"{path}: as joints of {joint_set.name} these make no person (bones are off by {score:.1f} in what people "
            "differ by): rotation vectors? numpy.savez('a.npz', poses=..., trans=...) makes a file of these; if they "
            f"are joints, --joint-set {joint_set.name}"
        )


def _decided(fitting: Sequence[JointSet], scores: dict[str, float], count: int, path: Path) -> Recognised:
    ranked = sorted(fitting, key=lambda joint_set: scores[joint_set.name])
    best, second = ranked[:2]
    names = " or ".join(sorted(joint_set.name for joint_set in fitting))
    if not np.isfinite(scores[best.name]):
        raise UserError(f"{path}: {count} joints: {names}? No frame shows enough to tell; name it with --joint-set")
    others = ", ".join(f"{joint_set.name} {scores[joint_set.name]:.1f}" for joint_set in ranked[1:])
    figures = f"bones are off by {scores[best.name]:.1f}, those of {others} (in what people differ by)"
    if scores[best.name] > _PLAUSIBLE:
        raise UserError(f"{path}: {count} joints, but as none of {names} do they make a person; {figures}")
    if scores[second.name] < _PLAUSIBLE and scores[second.name] < _CLEARER * scores[best.name]:
        raise UserError(
            f"{path}: {count} joints: {best.name} or {second.name}? Both fit; name it with --joint-set; {figures}"
        )
    return Recognised(best, f"{count} joints, and of {names} it alone makes a person: {figures}")


def plausibility(points: NDArray[np.float64], joint_set: JointSet) -> float:
    """How far the bones of a clip are from a person's if its joints are those of a set.

    Args:
        points: (T, K, 3) in any unit; NaN where missing.
        joint_set: Names of the joints.

    Returns:
        In units of what people and skeletons differ by: about 1 for a person; infinite where too little was seen.
    """
    used = [(ends, ratio, spread) for ends, ratio, spread in _BONES if all(end in joint_set for end in ends)]
    if not used:
        return float("inf")
    first, second = (joint_set.indices(ends[side] for ends, _, _ in used) for side in (0, 1))
    lengths = np.linalg.norm(points[:, first] - points[:, second], axis=-1)
    there = np.isfinite(lengths).any(0)
    if there.sum() < max(4, len(used) // 2):
        return float("inf")
    lengths = lengths[:, there]
    expected = np.array([ratio for _, ratio, _ in used])[there]
    spread = np.array([spread for _, _, spread in used])[there]
    median = np.maximum(np.nanmedian(lengths, axis=0), 1e-9)
    off = np.log(median / expected)
    off = (off - np.median(off)) / spread
    wobble = np.nanmedian(np.abs(lengths - median), axis=0) / median / _WOBBLE
    return float(np.sqrt(np.mean(off**2)) + np.mean(wobble))
