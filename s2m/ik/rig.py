"""Which joint of somebody's skeleton plays which part of the body, told by its tree.

Names differ and contradict each other ("LeftLeg" is a knee to Mixamo and a hip to SOMA, "LeftShoulder" a collar to CMU
and a shoulder to Xsens); trees do not. From the pelvis two legs and a trunk go out, from the chest two arms and a neck;
in a leg and in an arm, the two longest bones in a row are thigh and shank, upper arm and forearm, unless a joint is
named an elbow or a knee. Names tell sides, and which joints are helpers that only twist. Tests have trees with CMU's,
Mixamo's, Xsens' and SOMA's names.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.skeletons import SIDES

Floats = NDArray[np.float64]

_HELPERS = re.compile(r"twist|roll|_end$|site|nub|bendy", re.IGNORECASE)
_ENDS = re.compile(r"_end$|site|nub", re.IGNORECASE)  # of these, the helpers that only say how long a bone is
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_GLUED = re.compile(
    r"(left|right|l|r)_?(thigh|shin|calf|leg|upleg|foot|toe|hip|knee|ankle|collar|clavicle|shoulder|shldr|arm|uparm|"
    r"upperarm|lowarm|lowerarm|forearm|forarm|hand|wrist|elbow)"
)
# Names that mean the same everywhere; "LeftLeg" does not.
_MIDDLE = {
    "elbow": re.compile(r"elbow|fore_?arm|lower_?arm|low_?arm", re.IGNORECASE),
    "knee": re.compile(r"knee|shin|calf|lower_?leg|low_?leg", re.IGNORECASE),
}
_SHORT = 0.02  # of the longest bone: joints closer than that are one place


@dataclass(frozen=True)
class Rig:
    """Positions of the joints that play the parts.

    Attributes:
        parts: Part of the body (SMPL's names) -> joint.
        spine: The joints from above the pelvis to the chest, in order.
    """

    parts: dict[str, int]
    spine: tuple[int, ...]


def side_of(name: str) -> str | None:
    """``left``, ``right``, or ``None``, by the name of a joint.

    Args:
        name: As a file spells it: ``LeftUpLeg``, ``mixamorig:RightArm``, ``thigh_l``, ``Bip01 L Thigh``, ``lShldr``.

    Example:
        >>> [side_of(name) for name in ("LeftUpLeg", "thigh_r", "Bip01 L Thigh", "Spine", "LHipJoint", "Collar")]
        ['left', 'right', 'left', None, 'left', None]
    """
    words = [word.lower() for word in _WORD.findall(name.rsplit(":", 1)[-1])]
    letters = {word[0] for word in words if word in ("left", "right", "l", "r")}
    letters |= {found.group(1)[0] for word in words if (found := _GLUED.match(word))}
    return {"l": "left", "r": "right"}[letters.pop()] if len(letters) == 1 else None


def rig_of(names: Sequence[str], parents: Sequence[int], at_rest: Floats, where: str) -> Rig:
    """The parts of a skeleton.

    Args:
        names: Of the joints, parents before children.
        parents: Position of each joint's parent; -1 for the root.
        at_rest: (J, 3) positions in any unit; bone lengths are read off them.
        where: The file, for messages.

    Returns:
        Pelvis, limbs, neck and head, and what else there is (collars, feet).

    Raises:
        UserError: The tree is no person's.
    """
    return _Tree(names, parents, at_rest, where).rig()


class _Tree:
    def __init__(self, names: Sequence[str], parents: Sequence[int], at_rest: Floats, where: str) -> None:
        self.names, self.at_rest, self.where = names, at_rest, where
        self.children: list[list[int]] = [[] for _ in names]
        for number, parent in enumerate(parents):
            if parent >= 0:
                self.children[parent].append(number)
        self.parents = parents
        self.reach = self._reach()
        self.short = _SHORT * max(self.length(j) for j in range(len(names)))

    def length(self, joint: int) -> float:
        """Of the bone that leads to a joint."""
        parent = self.parents[joint]
        return 0.0 if parent < 0 else float(np.linalg.norm(self.at_rest[joint] - self.at_rest[parent]))

    def _reach(self) -> list[float]:
        """How far the longest path below each joint leads."""
        reach = [0.0] * len(self.names)
        for joint in range(len(self.names) - 1, 0, -1):
            parent = self.parents[joint]
            if parent >= 0:
                reach[parent] = max(reach[parent], reach[joint] + self.length(joint))
        return reach

    def rig(self) -> Rig:
        pelvis, legs, trunks = self._fork([self._root()], "a pelvis with two legs and a trunk")
        chest, arms, necks = self._fork(trunks, "a chest with two arms and a neck")
        parts = {"pelvis": pelvis}
        for side in SIDES:
            parts |= self._limb(legs[side], side, ("hip", "knee", "ankle"), None, "foot")
            parts |= self._limb(arms[side], side, ("shoulder", "elbow", "wrist"), "collar", None)
        spine = self._between(pelvis, chest)
        parts |= self._neck(necks[0])
        return Rig(parts, tuple(spine))

    def _root(self) -> int:
        """The joint without a parent that most joints hang on: props and cameras may stand beside a person."""
        hanging = [1] * len(self.names)
        for joint in range(len(self.names) - 1, 0, -1):
            if self.parents[joint] >= 0:
                hanging[self.parents[joint]] += hanging[joint]
        roots = [joint for joint, parent in enumerate(self.parents) if parent < 0]
        return max(roots, key=lambda root: hanging[root])

    def _fork(self, starts: list[int], what: str) -> tuple[int, dict[str, int], list[int]]:
        """The first joint with a limb on each side and a middle: it, the limbs' first joints, the middles (long first).

        Where a branch has none, as handles of animators beside the pelvis, the next is searched.
        """
        left = starts[::-1]
        while left:
            joint = left.pop()
            branches = [child for child in self.children[joint] if self.reach[child] + self.length(child) > self.short]
            limbs = {side: [b for b in branches if self._side(b) == side and self._is_limb(b)] for side in SIDES}
            middle = sorted((b for b in branches if self._side(b) is None), key=self._whole)
            if all(limbs.values()) and middle:
                return joint, {side: max(found, key=self._whole) for side, found in limbs.items()}, middle[::-1]
            left += middle or sorted(branches, key=self._whole)
        shown = ", ".join(self.names[:8])
        raise UserError(f"{self.where}: expected a person's skeleton, {what}, found none in {shown} ...")

    def _is_limb(self, joint: int) -> bool:
        """Whether two more joints follow on each other; below ears and breasts there are fewer."""
        return any(self.children[child] for child in self.children[joint])

    def _side(self, joint: int) -> str | None:
        """By its own name, or that of the joints below."""
        chain = [joint]
        while len(self.children[chain[-1]]) == 1 and len(chain) < 4:
            chain.append(self.children[chain[-1]][0])
        return next((side for j in chain if (side := side_of(self.names[j])) is not None), None)

    def _whole(self, joint: int) -> float:
        return self.reach[joint] + self.length(joint)

    def _main(self, joint: int) -> list[int]:
        """The joints of the longest path, less helpers and joints at one place."""
        path = [joint]
        while below := self._inner(path[-1]):
            path.append(max(below, key=self._whole))
        kept = [j for j in path if not _HELPERS.search(self.names[j])]
        return [
            j
            for place, j in enumerate(kept)
            if place + 1 == len(kept) or self._apart(j, kept[place + 1]) > self.short or place == 0
        ]

    def _inner(self, joint: int) -> list[int]:
        """The joints below one, less the ends of bones."""
        return [child for child in self.children[joint] if self.children[child] or not _ENDS.search(self.names[child])]

    def _apart(self, first: int, second: int) -> float:
        return float(np.linalg.norm(self.at_rest[first] - self.at_rest[second]))

    def _limb(
        self, start: int, side: str, roles: tuple[str, str, str], before: str | None, after: str | None
    ) -> dict[str, int]:
        path = self._ended(self._main(start), roles[1])
        if len(path) < 3 or self._is_last(path, roles[1]):
            raise UserError(
                f"{self.where}: expected a limb of three joints ({', '.join(roles)}) below "
                f"{self.names[start]}, found {', '.join(self.names[j] for j in path)}"
            )
        first = self._first(path, roles)
        found = {f"{side}_{role}": path[first + i] for i, role in enumerate(roles)}
        if before is not None and first > 0:
            found[f"{side}_{before}"] = path[first - 1]
        if after is not None and first + 3 < len(path):
            found[f"{side}_{after}"] = path[first + 3]
        return found

    def _is_last(self, path: list[int], middle: str) -> bool:
        """Whether nothing is below what is named an elbow or a knee."""
        return next((j for j in path if _MIDDLE[middle].search(self.names[j])), None) == path[-1]

    def _ended(self, path: list[int], middle: str) -> list[int]:
        """The path; where hands or feet are no joints, with the end of the last bone, which is the wrist or ankle."""
        if len(path) >= 3 and not self._is_last(path, middle):
            return path
        ends = [child for child in self.children[path[-1]] if self._apart(child, path[-1]) > self.short]
        return path + ends[:1]

    def _first(self, path: list[int], roles: tuple[str, str, str]) -> int:
        """Where on a path the upper bone begins: before what is named an elbow or a knee, else by lengths."""
        named = [place for place, joint in enumerate(path) if _MIDDLE[roles[1]].search(self.names[joint])]
        if named and 0 < named[0] < len(path) - 1:
            return named[0] - 1
        bones = [self._apart(a, b) for a, b in itertools.pairwise(path)]
        return max(range(len(bones) - 1), key=lambda i: min(bones[i], bones[i + 1]))

    def _between(self, pelvis: int, chest: int) -> list[int]:
        path = [chest]
        while self.parents[path[-1]] != pelvis and self.parents[path[-1]] >= 0:
            path.append(self.parents[path[-1]])
        return [] if chest == pelvis else path[::-1]

    def _neck(self, start: int) -> dict[str, int]:
        path = [start]
        while (below := self._inner(path[-1])) and "head" not in self.names[path[-1]].lower():
            path.append(max(below, key=self._whole))
        return {"neck": path[0], "head": path[-1]} if len(path) > 1 else {"head": path[0]}
