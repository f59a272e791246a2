"""How long a person's bones are beside those that a lifter gives everybody."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import Lifted
from s2m.lifter.committee import AnyLifter
from s2m.skeletons import H36M17, JointSet

# What people call the bone that ends in a joint, of the 17 shared ones; left and right are alike.
BONES = {
    "hip": "hips",
    "knee": "thighs",
    "ankle": "shins",
    "spine": "loins",
    "thorax": "chest",
    "neck_nose": "neck",
    "head": "head",
    "shoulder": "shoulders",
    "elbow": "upper arms",
    "wrist": "forearms",
}
_SIDES = ("left_", "right_")
_SPOKEN_OF = 0.03  # ratios nearer to 1 than this are not worth a word


class Proportions:
    """A person's bones over the lifter's: what to change in a picture before it is lifted, and back in the skeleton.

    A lifter has learned the proportions of the average person, and bends whoever has others: a shin that is shorter in
    the picture than it expects passes for one that points away from the camera. So every bone is made as long as the
    lifter expects it, in the picture, where a bone that is twice as long looks twice as long from any side (as far as
    perspective lets it); and as long as it is, afterwards, in the skeleton. Feet, hands and ears keep their lengths and
    go with the joints that carry them.

    Args:
        joint_set: Names of the joints; contains the 17 shared ones.
        logarithms: (10,) logarithms of the ratios, in the order of :data:`BONES`; gradients pass.
    """

    def __init__(self, joint_set: JointSet, logarithms: Tensor) -> None:
        self.logarithms = logarithms
        self._root = joint_set.root_index
        parents = [joint_set.index(joint_set.parent_of.get(joint, joint)) for joint in joint_set.joints]
        self._parents = torch.tensor(parents, device=logarithms.device)
        self._paths = _paths(parents).to(logarithms)
        self._bone_of = _bone_of(joint_set).to(logarithms)

    @property
    def ratios(self) -> dict[str, float]:
        """Of each kind of bone, by its name."""
        return dict(zip(BONES.values(), self.logarithms.exp().tolist(), strict=True))

    def expected(self, points: Tensor) -> Tensor:
        """Points with bones as long as the lifter expects them.

        Args:
            points: (B, J, D) joints in a picture or in space; the root stays.

        Returns:
            The same shape.
        """
        return self._scaled(points, -self.logarithms)

    def own(self, points: Tensor) -> Tensor:
        """Points with the person's own bones: the way back.

        Args:
            points: (B, J, D), of any unit.

        Returns:
            The same shape.
        """
        return self._scaled(points, self.logarithms)

    def __str__(self) -> str:
        told = [f"{name} {ratio - 1:+.0%}" for name, ratio in self.ratios.items() if abs(ratio - 1) >= _SPOKEN_OF]
        return ", ".join(told) if told else "all within 3 %"

    def _scaled(self, points: Tensor, logarithms: Tensor) -> Tensor:
        lengths = (self._bone_of @ logarithms).exp()  # those of no kind: exp(0)
        bones = (points - points[:, self._parents]) * lengths[:, None]
        return points[:, self._root, None] + torch.einsum("jk,bkd->bjd", self._paths, bones)


def completed(lifter: AnyLifter, joints2d: Tensor, confidence: Tensor, camera: Tensor | None) -> Tensor:
    """2D joints of which those that are missing are where a lifter believes them: bones have two ends.

    Args:
        lifter: The lifter.
        joints2d: (B, J, 2) any unit.
        confidence: (B, J); 0: missing.
        camera: (B, 4) in the same unit.

    Returns:
        (B, J, 2).
    """
    seen = confidence > 0
    if bool(seen.all()):
        return joints2d
    return torch.where(seen[..., None], joints2d, lifter(joints2d, confidence, camera).joints2d)


def with_own_bones(lifted: Lifted, proportions: Proportions, lifter: AnyLifter) -> Lifted:
    """What was lifted from joints as the lifter expects them, with the person's own bones, of the same mean length.

    Args:
        lifted: Skeletons and denoised 2D joints.
        proportions: Of the person.
        lifter: Gives the scale.
    """
    skeletons = proportions.own(lifted.joints3d)
    return Lifted(skeletons * lifter.metres_per_unit(skeletons), proportions.own(lifted.joints2d))


def _paths(parents: list[int]) -> Tensor:
    """(J, J): 1 where the bone that ends in the second joint is on the way from the root to the first."""
    paths = torch.zeros(len(parents), len(parents))
    for joint in range(len(parents)):
        end = joint
        while parents[end] != end:
            paths[joint, end] = 1
            end = parents[end]
    return paths


def _bone_of(joint_set: JointSet) -> Tensor:
    """(J, 10): 1 where the bone that ends in a joint is of a kind."""
    kinds, found = list(BONES), torch.zeros(len(joint_set), len(BONES))
    for index, joint in enumerate(joint_set.joints):
        for side in _SIDES:
            joint = joint.removeprefix(side)
        if joint in BONES and joint_set.joints[index] in H36M17:
            found[index, kinds.index(joint)] = 1
    return found
