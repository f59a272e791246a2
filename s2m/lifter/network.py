"""The lifting network: 2D joints to a 3D skeleton (paper section 4.1, after Chen et al., CVPR 2019).

A depth-only network keeps detection noise in x and y and has to bend the depth to make up for it. This one also says
how each 2D joint should move (a denoising head), which fills in missing joints too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from s2m.batch import Lifted
from s2m.lifter.normalise import normalise, turned_to
from s2m.lifter.projection import back_project
from s2m.skeletons import H36M17, JointSet, get_joint_set

SLOPE = 0.1
# No skeleton is smaller than this (lifter units): keeps the metric scale finite for degenerate input.
SMALLEST_BONE = 1e-4
# Of the skeleton of people of whom joints are missing, the share that the network for whole people has: none where a
# fifth of the joints is seen, and so much from three fifths on (docs/lifter.md).
_FEW, _ENOUGH, _SHARE = 0.2, 0.6, 0.6


class ResidualBlock(nn.Module):
    """Two linear layers with LeakyReLU and a skip connection; no batch statistics.

    Args:
        width: Numbers in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(B, width) to (B, width).

        Args:
            features: (B, width).

        Returns:
            (B, width).
        """
        hidden = nn.functional.leaky_relu(self.first(features), SLOPE)
        return features + nn.functional.leaky_relu(self.second(hidden), SLOPE)


def perceptron(inputs: int, outputs: int, width: int, blocks: int, last_std: float = 0.01) -> nn.Sequential:
    """Linear, residual blocks, linear; the last layer starts near zero, so that the output starts near zero.

    Args:
        inputs: Numbers in.
        outputs: Numbers out.
        width: Of the hidden layers.
        blocks: Number of residual blocks.
        last_std: Standard deviation of the last layer's weights at the start.
    """
    last = nn.Linear(width, outputs)
    nn.init.normal_(last.weight, std=last_std)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LeakyReLU(SLOPE), *(ResidualBlock(width) for _ in range(blocks)), last
    )


class Lifter(nn.Module):
    """Lift 2D joints to a root-relative 3D skeleton in metres.

    A pose and its mirror image are both lifted and averaged, so that left and right are treated alike. Moving or
    scaling the input joints leaves the skeleton as it is. People of whom joints are missing are lifted by a network of
    their own, which has learned from the other one (:class:`~s2m.lifter.objective.completion.Completion`), and, as it
    completes them, by that one.

    Args:
        joint_set: Name of a joint set that contains the 17 shared joints.
        rest_bone_length: Metres; sets the absolute scale, which one view cannot tell: the mean length of the bones
            between the 17 shared joints.
        width: Of the network.
        blocks: Number of residual blocks.
        camera_distance: Depth c of the root in lifter units (see :mod:`s2m.lifter.normalise`) for the perspective
            back-projection ``X = (c + d) x / c``; 10 is Chen et al.'s value.
        elevation_width: Of a second, small network that tells the camera's elevation (ElePose, Wandt et al., CVPR
            2022); 0: there is none.
        elevation_range: Smallest and largest elevation that it can tell, degrees. Without limits a training may settle
            on cameras that look straight down: whoever walks around such a picture only turns it.
    """

    def __init__(
        self,
        joint_set: str,
        rest_bone_length: float,
        width: int = 256,
        blocks: int = 3,
        camera_distance: float = 10.0,
        elevation_width: int = 0,
        elevation_range: tuple[float, float] = (-25.0, 45.0),
    ) -> None:
        super().__init__()
        if rest_bone_length <= 0:
            raise ValueError(f"rest_bone_length: expected a length > 0 in metres, found {rest_bone_length}")
        if camera_distance <= 1:
            raise ValueError(f"camera_distance: expected more than 1 lifter unit, found {camera_distance}")
        low, high = elevation_range
        if not -90 <= low < high <= 90:
            raise ValueError(
                f"elevation_range: expected -90 <= smallest < largest <= 90 degrees, found {low} and {high}"
            )
        self.elevation_middle, self.elevation_reach = math.radians((low + high) / 2), math.radians((high - low) / 2)
        self.joint_set: JointSet = get_joint_set(joint_set)
        self.rest_bone_length = rest_bone_length
        self.camera_distance = camera_distance
        count = len(self.joint_set)
        self.network = perceptron(3 * count, 3 * count, width, blocks)
        self.partial_network = perceptron(3 * count, 3 * count, width, blocks)
        self.elevation_network = perceptron(3 * count, 1, elevation_width, 1) if elevation_width else None
        self.register_buffer("mirror", torch.tensor(self.joint_set.mirror), persistent=False)
        self.mirror: Tensor
        bones = torch.tensor(shared_bones(self.joint_set)).T
        self.register_buffer("shared_bones", bones, persistent=False)
        self.shared_bones: Tensor

    def forward(self, joints2d: Tensor, confidence: Tensor, camera: Tensor | None = None) -> Lifted:
        """Lift 2D joints to skeletons.

        Args:
            joints2d: (B, J, 2) crop units, or any other.
            confidence: (B, J) in [0, 1]; joints of confidence 0 are ignored.
            camera: (B, 4) focal lengths x, y and principal point x, y, in the same unit. With it, people beside the
                optical axis are lifted as a camera turned to them would see them; without, as if they were on it.

        Returns:
            Skeletons and denoised 2D joints.

        Raises:
            ValueError: When the shapes are not those of the joint set.
        """
        self._check(joints2d, confidence)
        if camera is not None:
            return self._lift_turned(joints2d, confidence, camera)
        normalised = normalise(joints2d, confidence, self.joint_set)
        points, visible = normalised.joints2d, normalised.visible
        both = self.lift(torch.cat([points, self.mirrored(points)]), torch.cat([visible, visible[:, self.mirror]]))
        denoised, skeleton = (self._average(*value.chunk(2)) for value in both)
        return Lifted(
            joints3d=skeleton * self.metres_per_unit(skeleton),
            joints2d=normalised.origin + normalised.scale * denoised,
        )

    def _lift_turned(self, joints2d: Tensor, confidence: Tensor, camera: Tensor) -> Lifted:
        turned = turned_to(joints2d, confidence, camera, self.joint_set)
        lifted = self(turned.seen(joints2d), confidence)
        return Lifted(joints3d=turned.to_camera(lifted.joints3d), joints2d=turned.back(lifted.joints2d))

    def elevation(self, joints2d: Tensor, confidence: Tensor) -> Tensor | None:
        """Elevation (B,) of the camera in radians, positive where it looks down; None without an elevation head.

        Args:
            joints2d: As in :meth:`forward`.
            confidence: Like ``joints2d``.
        """
        if self.elevation_network is None:
            return None
        self._check(joints2d, confidence)
        normalised = normalise(joints2d, confidence, self.joint_set)
        points, visible = normalised.joints2d, normalised.visible
        mirrored = self.tell_elevation(self.mirrored(points), visible[:, self.mirror])
        return (self.tell_elevation(points, visible) + mirrored) / 2

    def mirrored(self, points: Tensor) -> Tensor:
        """The mirror image of points: left and right change places.

        Args:
            points: (B, J, 2) or (B, J, 3).

        Returns:
            The same shape.
        """
        opposite = points[:, self.mirror]
        return torch.cat([-opposite[..., :1], opposite[..., 1:]], dim=-1)

    def _average(self, direct: Tensor, mirrored: Tensor) -> Tensor:
        return (direct + self.mirrored(mirrored)) / 2

    def lift(self, joints2d: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """The network in its own units (see :mod:`s2m.lifter.normalise`).

        Args:
            joints2d: As in :meth:`forward`.
            visible: (B, J) in {0, 1}.
            confidence: As in :meth:`forward`.

        Returns:
            The denoised 2D joints (B, J, 2), measured from the same origin, and the root-relative skeleton (B, J, 3),
            camera frame.
        """
        denoised, skeleton = self.read(self.tell(joints2d, visible), joints2d)
        whole = visible.bool().all(1)[:, None, None]
        if bool(whole.all()):
            return denoised, skeleton
        found = self._lift_completed(joints2d, visible)
        return torch.where(whole, denoised, found[0]), torch.where(whole, skeleton, found[1])

    def _lift_completed(self, joints2d: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`lift` of people of whom joints are missing.

        The network that completes them tells a skeleton and where the missing joints would be in the picture. The other
        one lifts the completed picture, in which what is seen has stayed: more exact, unless nearly all is made up.
        Errors of the two differ, and noise more so; their weighted mean is better than either.
        """
        completed, skeleton = self.read(self.tell_partial(joints2d, visible), joints2d)
        everything = torch.ones_like(visible)
        person = normalise(torch.where(visible[..., None] > 0, joints2d, completed), everything, self.joint_set)
        denoised, whole = self.read(self.tell(person.joints2d, everything), person.joints2d)
        share = _SHARE * ((visible.mean(1)[:, None, None] - _FEW) / (_ENOUGH - _FEW)).clamp(0, 1)
        denoised = person.origin + person.scale * denoised
        return completed.lerp(denoised, share), skeleton.lerp(person.scale * whole, share)

    def tell_partial(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """What the network for people of whom parts are hidden says, see :meth:`tell`.

        Args:
            joints2d: (B, J, 2) normalised, zero where missing.
            visible: (B, J) in {0, 1}.

        Returns:
            (B, 3 J).
        """
        said: Tensor = self.partial_network(torch.cat([joints2d.flatten(1), visible], dim=1))
        return said

    def tell(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """What the network for whole people says, to be read with the same joints by :meth:`read`.

        Args:
            joints2d: (B, J, 2) normalised, zero where missing.
            visible: (B, J) in {0, 1}.

        Returns:
            (B, 3 J).
        """
        said: Tensor = self.network(torch.cat([joints2d.flatten(1), visible], dim=1))
        return said

    def read(self, said: Tensor, joints2d: Tensor) -> tuple[Tensor, Tensor]:
        """Denoised 2D joints and the skeleton, see :meth:`lift`: geometry alone, each sample on its own.

        Args:
            said: (B, 3 J) the network's answer.
            joints2d: (B, J, 2) normalised, zero where missing.

        Returns:
            Denoised (B, J, 2), and the skeleton (B, J, 3), both in lifter units.
        """
        count = len(self.joint_set)
        depth, correction = said[:, :count], said[:, count:].reshape(joints2d.shape)
        denoised = joints2d + correction
        return denoised, back_project(denoised, depth, self.joint_set.root_index, self.camera_distance)

    def tell_elevation(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """Elevation of the camera that took the pictures.

        Args:
            joints2d: (B, J, 2) normalised, zero where missing.
            visible: (B, J) in {0, 1}.

        Returns:
            (B,) radians, positive where the camera looks down.

        Raises:
            ValueError: Without an elevation head.
        """
        if self.elevation_network is None:
            raise ValueError("this lifter has no elevation head; give it an elevation_width > 0")
        told: Tensor = self.elevation_network(torch.cat([joints2d.flatten(1), visible], dim=1))
        return self.elevation_middle + self.elevation_reach * torch.tanh(told[:, 0] / self.elevation_reach)

    def metres_per_unit(self, skeleton: Tensor) -> Tensor:
        """What makes the mean shared bone of a skeleton ``rest_bone_length`` metres long.

        Args:
            skeleton: (B, J, 3) lifter units.

        Returns:
            (B, 1, 1) metres per unit.
        """
        parents, children = self.shared_bones
        length: Tensor = (skeleton[:, children] - skeleton[:, parents]).norm(dim=-1).mean(1)
        return (self.rest_bone_length / length.clamp_min(SMALLEST_BONE))[:, None, None]

    def _check(self, joints2d: Tensor, confidence: Tensor) -> None:
        count = len(self.joint_set)
        if joints2d.shape[1:] != (count, 2) or confidence.shape != joints2d.shape[:2]:
            raise ValueError(
                f"Lifter for {self.joint_set.name}: expected joints2d (B, {count}, 2) and confidence (B, {count}), "
                f"found {tuple(joints2d.shape)} and {tuple(confidence.shape)}"
            )


def shared_bones(joint_set: JointSet) -> list[tuple[int, int]]:
    """(parent, child) pairs, in a joint set's own numbers, of the bones of the 17 shared joints.

    Args:
        joint_set: Names and order of the joints; contains the 17 shared ones.

    Raises:
        ValueError: When the joint set lacks some of the 17.
    """
    missing = [joint for joint in H36M17.joints if joint not in joint_set]
    if missing:
        raise ValueError(f"joint set {joint_set.name}: the lifter's scale needs the joints {', '.join(missing)}")
    return [(joint_set.index(parent), joint_set.index(child)) for child, parent in H36M17.parent_of.items()]


def mean_bone_length(joints: Tensor, joint_set: JointSet) -> float:
    """Mean length of the 17 shared joints' bones in one skeleton (J, 3), in its unit.

    Args:
        joints: (J, 3) one skeleton, any unit.
        joint_set: Names and order of its joints.
    """
    parents, children = torch.tensor(shared_bones(joint_set)).T
    return float((joints[children] - joints[parents]).norm(dim=-1).mean())


def planar_skeleton(lifter: Lifter, joints2d: Tensor, confidence: Tensor) -> Tensor:
    """The 2D joints at constant depth, as a skeleton of the lifter's scale.

    Args:
        lifter: Gives joint set and scale.
        joints2d: (B, J, 2) crop units.
        confidence: (B, J). Joints with 0 lie at the origin.

    Returns:
        (B, J, 3) metres, relative to the root, camera frame.
    """
    flat = normalise(joints2d, confidence, lifter.joint_set).joints2d
    skeleton = torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)
    skeleton = skeleton - skeleton[:, lifter.joint_set.root_index, None]
    return skeleton * lifter.metres_per_unit(skeleton)
