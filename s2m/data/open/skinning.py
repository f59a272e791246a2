"""Skeletons of many posed bodies at once: only the vertices that the skeleton's regressor uses are skinned."""

from __future__ import annotations

import torch
from smplx.lbs import batch_rigid_transform
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body


class SubsetSkinner:
    """Linear blend skinning of the support of a sparse regressor; equals the regressor on the whole posed mesh."""

    def __init__(self, body: Body, regressor: Tensor):
        template, shapes, posedirs, weights, joints = _arrays(body)
        self.support = (regressor != 0).any(0).nonzero()[:, 0]
        self._regressor = regressor[:, self.support]
        self._template, self._shapes = template[self.support], shapes[self.support]
        correctives = posedirs.view(len(posedirs), -1, 3)[:, self.support]
        # Half of the work for nothing where a body has no pose correctives.
        self._correctives = correctives.flatten(1) if bool((correctives != 0).any()) else None
        self._weights = weights[self.support]
        self._parents = torch.tensor(body.parents)
        self._joints = joints @ template
        self._joint_shapes = torch.einsum("jv,vck->jck", joints, shapes)

    def rest_joints(self, betas: Tensor) -> Tensor:
        """SMPL joints (B, 24, 3) of bodies at rest, body frame, metres; betas (B, 10)."""
        return self._joints + torch.einsum("bk,jck->bjc", betas, self._joint_shapes)

    @torch.no_grad()
    def __call__(self, params: BodyParams) -> Tensor:
        """Joints (B, J, 3) in the camera frame, metres."""
        rotations = params.rotations
        rest = self._template + torch.einsum("bk,vck->bvc", params.betas, self._shapes)
        if self._correctives is not None:
            offset = (rotations[:, 1:] - torch.eye(3)).flatten(1) @ self._correctives
            rest = rest + offset.view(rest.shape)
        joints = self.rest_joints(params.betas)
        _, transforms = batch_rigid_transform(rotations, joints, self._parents)
        blended = (self._weights @ transforms[:, :, :3].flatten(2)).unflatten(2, (3, 4))
        posed = torch.einsum("bvij,bvj->bvi", blended[..., :3], rest) + blended[..., 3]
        skeleton: Tensor = self._regressor @ posed
        return skeleton if params.transl is None else skeleton + params.transl[:, None]


def _arrays(body: Body) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Template (V, 3), shapes (V, 3, 10), pose correctives (207, V*3), skinning weights (V, 24), joints (24, V)."""
    buffers = dict(body.layer.named_buffers())
    names = ("v_template", "shapedirs", "posedirs", "lbs_weights", "J_regressor")
    template, shapes, correctives, weights, joints = (buffers[name] for name in names)
    return template, shapes, correctives, weights, joints
