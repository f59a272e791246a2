"""Two lifters that look at one person: of all joints, and of the 17 shared ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.batch import Lifted
from s2m.lifter.network import Lifter
from s2m.skeletons import JointSet

# With fewer joints there is no pose to speak of for a lifter.
_FEWEST = 6


class Committee(nn.Module):
    """The mean of what two lifters say of the joints that they share, which is better than either.

    A lifter of 27 joints has learned feet, hands and ears at the expense of the limbs; one of 17 joints has not seen
    them. The two were trained apart, and their errors differ. What the second does not know hangs, as the first has it,
    on the joint that both know.

    Args:
        lifter: Of all joints; gives joint set and scale.
        core: Of some of them.

    Raises:
        ValueError: When ``core`` has joints that ``lifter`` lacks.
    """

    def __init__(self, lifter: Lifter, core: Lifter) -> None:
        super().__init__()
        missing = [joint for joint in core.joint_set.joints if joint not in lifter.joint_set]
        if missing:
            raise ValueError(f"core: expected joints of {lifter.joint_set.name}, found {', '.join(missing)}")
        self.lifter, self.core = lifter, core
        self.joint_set, self.rest_bone_length = lifter.joint_set, lifter.rest_bone_length
        shared = self.joint_set.indices(core.joint_set.joints)
        self.register_buffer("shared", torch.tensor(shared), persistent=False)
        carriers = [carrier(joint, self.joint_set, core.joint_set) for joint in self.joint_set.joints]
        self.register_buffer("carriers", torch.tensor(core.joint_set.indices(carriers)), persistent=False)
        self.shared: Tensor
        self.carriers: Tensor

    def forward(self, joints2d: Tensor, confidence: Tensor, camera: Tensor | None = None) -> Lifted:
        """Lift 2D joints to skeletons; see :meth:`s2m.lifter.network.Lifter.forward`.

        Args:
            joints2d: (B, J, 2) any unit.
            confidence: (B, J) in [0, 1].
            camera: (B, 4) in the same unit.

        Returns:
            Skeletons and denoised 2D joints, all J.
        """
        found = self.lifter(joints2d, confidence, camera)
        sure = confidence[:, self.shared]
        other = self.core(joints2d[:, self.shared], sure, camera)
        enough = ((sure > 0).sum(1) >= _FEWEST)[:, None, None]
        move, flat = (
            torch.where(enough, (theirs - ours[:, self.shared]) / 2, 0.0)[:, self.carriers]
            for ours, theirs in ((found.joints3d, other.joints3d), (found.joints2d, other.joints2d))
        )
        skeleton = found.joints3d + move
        # The mean of two directions is shorter than either.
        scale = self.metres_per_unit(skeleton)
        return Lifted(joints3d=skeleton * scale, joints2d=found.joints2d + flat)

    def metres_per_unit(self, skeleton: Tensor) -> Tensor:
        """See :meth:`s2m.lifter.network.Lifter.metres_per_unit`.

        Args:
            skeleton: (B, J, 3) any unit.
        """
        return self.lifter.metres_per_unit(skeleton)

    def elevation(self, joints2d: Tensor, confidence: Tensor) -> Tensor | None:
        """What the lifter of all joints says; see :meth:`s2m.lifter.network.Lifter.elevation`.

        Args:
            joints2d: (B, J, 2) any unit.
            confidence: (B, J).
        """
        return self.lifter.elevation(joints2d, confidence)


# Whoever lifts.
AnyLifter = Lifter | Committee


def carrier(joint: str, whole: JointSet, core: JointSet) -> str:
    """The joint of ``core`` that a joint of ``whole`` is, or hangs on.

    Args:
        joint: Its name.
        whole: The joint's set.
        core: A part of it.
    """
    while joint not in core:
        joint = whole.parent_of[joint]
    return joint
