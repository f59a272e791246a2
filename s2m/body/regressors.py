"""Joints from vertices: the body's own regressor, the dataset's, and the adaptive ones (paper section 3.4)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from s2m.body.landmarks import BODY_JOINT_FOR, landmark_row
from s2m.body.maxent import tilted_logits
from s2m.body.model import Body
from s2m.skeletons import S2M27, SMPL24, JointSet


def own_regressor(body: Body, joint_set: JointSet) -> Tensor:
    """The body's own joints and surface landmarks, mapped to a joint set by name.

    This is the coarse regressor that is known before any data is seen ("w/o Regressor" in the paper's Table 7). For
    ``smpl24`` it is the body's joint regressor itself.

    Args:
        body: A body in SMPL format.
        joint_set: Names and order of the joints.

    Returns:
        (J, V), rows sum to one.

    Raises:
        KeyError: For a joint without a counterpart.
    """
    if joint_set is SMPL24:
        return body.joint_regressor.clone()
    return torch.stack([_own_row(body, joint) for joint in joint_set.joints])


def _own_row(body: Body, joint: str) -> Tensor:
    name = BODY_JOINT_FOR.get(joint, joint)
    # "head" is the crown here but a joint inside the skull in SMPL's tree.
    if name in SMPL24 and joint != "head":
        return body.joint_regressor[SMPL24.index(name)].clone()
    return landmark_row(body, joint)


def dataset_regressor(body: Body, joint_set: JointSet) -> Tensor:
    """The dataset skeleton shipped with the open body.

    It sits at Human3.6M's anatomical places, which differ from the body's own joints. For making data and for
    evaluation only: a model must learn it.

    Args:
        body: A body in SMPL format.
        joint_set: A subset of ``s2m27``.

    Returns:
        (J, V), sparse, non-negative, rows sum to one.

    Raises:
        ValueError: When the body has none (an official SMPL file), or when ``joint_set`` is not a subset of ``s2m27``.
    """
    if body.skeleton_regressor is None:
        raise ValueError(f"body '{body.name}' has no dataset skeleton (field 'skeleton_regressor'); the open body has")
    if joint_set is SMPL24 or not set(joint_set.joints) <= set(S2M27.joints):
        raise ValueError(f"the dataset skeleton has the joints of {S2M27.name}; {joint_set.name} asks for others")
    return body.skeleton_regressor[S2M27.indices(joint_set.joints)].clone()


def defined_regressor(body: Body, joint_set: JointSet) -> Tensor:
    """The places of a joint set's joints on a body: the dataset skeleton's where the body ships it, else its own.

    Args:
        body: A body in SMPL format.
        joint_set: A subset of ``s2m27``.

    Returns:
        (J, V), rows sum to one.

    Raises:
        KeyError: For a joint without a counterpart.
        ValueError: When the body has a dataset skeleton, which lacks a joint.
    """
    regressor = own_regressor if body.skeleton_regressor is None else dataset_regressor
    return regressor(body, joint_set)


class JointRegressor(nn.Module, ABC):
    """W of the paper: joints as linear combinations of vertices."""

    @abstractmethod
    def weights(self) -> Tensor:
        """W, (J, V)."""

    @abstractmethod
    def support(self) -> Tensor:
        """Positions (N,) of the vertices that W reads or could learn to read."""

    def forward(self, vertices: Tensor) -> Tensor:
        """Joints of vertices, in their unit and frame.

        Args:
            vertices: (B, V, 3).

        Returns:
            (B, J, 3).
        """
        return self.weights() @ vertices

    def row_sum_penalty(self) -> Tensor:
        """Second term of Eqn. 6: abs(sum_v W_jv - 1), summed over the joints. Scalar."""
        return (self.weights().sum(dim=1) - 1).abs().sum()


class FixedRegressor(JointRegressor):
    """The body's own joints; nothing is learned.

    Args:
        body: A body in SMPL format.
        joint_set: Names and order of the joints.
    """

    matrix: Tensor

    def __init__(self, body: Body, joint_set: JointSet) -> None:
        super().__init__()
        self.register_buffer("matrix", own_regressor(body, joint_set))

    def weights(self) -> Tensor:
        """W, (J, V)."""
        return self.matrix

    def support(self) -> Tensor:
        """Where W is not zero."""
        return (self.matrix != 0).any(0).nonzero()[:, 0]


class FreeRegressor(JointRegressor):
    """The paper's W: any (J, V) matrix, starting at the body's own joints, held by the penalty of Eqn. 6 alone.

    Args:
        body: A body in SMPL format.
        joint_set: Names and order of the joints.
    """

    def __init__(self, body: Body, joint_set: JointSet) -> None:
        super().__init__()
        self.matrix = nn.Parameter(own_regressor(body, joint_set))

    def weights(self) -> Tensor:
        """W, (J, V)."""
        return self.matrix

    def support(self) -> Tensor:
        """Every vertex: a weight of zero has a gradient."""
        return torch.arange(self.matrix.shape[1], device=self.matrix.device)


class ConvexRegressor(JointRegressor):
    """Each joint is a convex combination (softmax) of vertices near the body's own joint.

    Locality and row sums hold by construction, which the free W has to learn. The vertices are the nearest ones in
    every direction, so that they surround a joint deep inside the trunk too. The softmax starts as the least committed
    one that reproduces the own joint on the template, as closely as these vertices can.

    Args:
        body: The body model.
        joint_set: The joint set that is read.
        neighbours: How many vertices each joint may use, from 1 to all.

    Raises:
        ValueError: When ``neighbours`` is not in 1..V.
    """

    index: Tensor

    def __init__(self, body: Body, joint_set: JointSet, neighbours: int = 80) -> None:
        super().__init__()
        count = len(body.v_template)
        if not 1 <= neighbours <= count:
            raise ValueError(f"neighbours: expected 1..{count}, got {neighbours}")
        template = body.v_template
        joints = own_regressor(body, joint_set) @ template
        index = torch.stack([surrounding(template, joint, neighbours) for joint in joints])
        self.register_buffer("index", index)
        self.vertex_count = count
        logits = [tilted_logits(template[i], joint) for i, joint in zip(index, joints, strict=True)]
        self.logits = nn.Parameter(torch.stack(logits))

    def weights(self) -> Tensor:
        """W, (J, V), non-negative, rows sum to one."""
        rows = self.logits.new_zeros(len(self.index), self.vertex_count)
        return rows.scatter(1, self.index, self.logits.softmax(dim=1))

    def support(self) -> Tensor:
        """The vertices around the joints."""
        return self.index.unique()


def surrounding(points: Tensor, centre: Tensor, count: int) -> Tensor:
    """The points nearest to a centre, in equal shares from each octant around it.

    An octant that runs out of points leaves its share to the others.

    Args:
        points: (N, 3).
        centre: (3,) same unit and frame.
        count: How many points to take.

    Returns:
        (count,) positions in ``points``.
    """
    offset = points - centre
    order = offset.norm(dim=1).argsort(stable=True)
    octant = ((offset > 0).long() @ torch.tensor([4, 2, 1], device=points.device))[order]
    membership = torch.nn.functional.one_hot(octant, 8)
    rank_in_octant = (membership.cumsum(dim=0) * membership).sum(dim=1)
    chosen: Tensor = order[rank_in_octant.argsort(stable=True)[:count]]
    return chosen
