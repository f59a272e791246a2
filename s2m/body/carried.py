"""Joints of posed bodies without making their meshes."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body.model import Body
from s2m.body.skinning import Tree, rigid_transforms
from s2m.skeletons import SMPL24

_TREE = Tree(SMPL24.parents)
_AT_ONCE = 50  # bodies whose vertices are made


def carried_joints(body: Body, weights: Tensor, params: BodyParams) -> Tensor:
    """Sums of vertices of one person in several poses.

    A joint is a fixed sum of vertices, and a vertex a fixed sum of the parts' transforms; so a joint is a sum of
    transforms, a hundred times less work than its vertices. Pose blend shapes move the vertices themselves: of a body
    that has them, those are made that a joint reads.

    Args:
        body: A body in SMPL format.
        weights: (J, V) of the joint regressor, rows sum to one.
        params: Pose and place of B bodies, whose betas are all the same.

    Returns:
        (B, J, 3) metres, camera frame.
    """
    read = (weights != 0).any(0).nonzero()[:, 0]
    weights = weights[:, read]
    if body.has_correctives:
        parts = torch.arange(len(params.betas)).split(_AT_ONCE)
        return torch.cat([weights @ body(params[part], vertices=read).vertices for part in parts])
    rest = body.v_template[read] + body.shapedirs[read] @ params.betas[0]
    skin = body.weights[read]
    axes = [*rest.unbind(1), torch.ones_like(rest[:, 0])]
    carried = torch.stack([weights @ (skin * axis[:, None]) for axis in axes], -1)  # (J, 24, 4)
    transforms, _ = rigid_transforms(params.rotations, body.rest_joints(params.betas), _TREE)
    joints = transforms.transpose(1, 2).flatten(2).flatten(0, 1) @ carried.flatten(1).T
    joints = joints.unflatten(0, (-1, 3)).transpose(1, 2)
    return joints if params.transl is None else joints + params.transl[:, None]
