"""What a joint set is: names, parents, mirror pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class JointSet:
    """An ordered set of named joints that form a tree; ``left_`` and ``right_`` names are mirror pairs.

    Attributes:
        name: Of the set, such as ``h36m17``.
        joints: Names, in the order of the data.
        parent_of: The parent of every joint but the root.
        root: The joint without a parent.
        detected: Whether hips and shoulders are where 2D detectors have them instead of where Human3.6M does
            (:mod:`s2m.skeletons.places`).
    """

    name: str
    joints: tuple[str, ...]
    parent_of: dict[str, str]
    root: str
    detected: bool = False

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"joint set {self.name}: a joint appears twice")
        expected = set(self.joints) - {self.root}
        if set(self.parent_of) != expected or not set(self.parent_of.values()) <= set(self.joints):
            raise ValueError(f"joint set {self.name}: every joint but {self.root} needs a parent within the set")

    def __len__(self) -> int:
        return len(self.joints)

    def __contains__(self, joint: object) -> bool:
        return joint in self.joints

    @cached_property
    def _position(self) -> dict[str, int]:
        return {joint: i for i, joint in enumerate(self.joints)}

    def index(self, joint: str) -> int:
        """Position of a joint.

        Args:
            joint: Its name.

        Raises:
            KeyError: Lists the names when there is none such.
        """
        try:
            return self._position[joint]
        except KeyError:
            raise KeyError(f"joint set {self.name} has no joint '{joint}'; it has: {', '.join(self.joints)}") from None

    def indices(self, joints: Iterable[str]) -> list[int]:
        """Positions of several joints.

        Args:
            joints: Their names.
        """
        return [self.index(joint) for joint in joints]

    @property
    def root_index(self) -> int:
        """Position of the root."""
        return self.index(self.root)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Position of every joint's parent; -1 for the root."""
        return tuple(self.index(self.parent_of[j]) if j in self.parent_of else -1 for j in self.joints)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs in the order of the children."""
        return tuple((p, c) for c, p in enumerate(self.parents) if p >= 0)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """Permutation that swaps left and right: ``joints[:, mirror]`` relabels a mirrored skeleton."""
        return tuple(self.index(mirrored_name(joint)) for joint in self.joints)


def mirrored_name(joint: str) -> str:
    """``left_x`` to ``right_x`` and back; other names stay.

    Args:
        joint: Name of a joint.

    Example:
        >>> mirrored_name("left_knee"), mirrored_name("pelvis")
        ('right_knee', 'pelvis')
    """
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint
