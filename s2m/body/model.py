"""A body in SMPL format as a differentiable function of pose and shape (paper section 3.1)."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import smplx
import torch
from smplx.lbs import batch_rigid_transform
from smplx.utils import Struct
from torch import Tensor, nn

from s2m.batch import BodyOutput, BodyParams
from s2m.body.arrays import NUM_BETAS, NUM_JOINTS, NUM_POSE_FEATURES, BodyArrays
from s2m.body.decimate import Decimation, decimate
from s2m.skeletons import SMPL24


class Body(nn.Module):
    """M(theta, beta) of the paper: linear blend skinning by :class:`smplx.SMPLLayer`.

    The arrays are not part of ``state_dict``: a licensed body must not leak into checkpoints, and ``hash`` (sha256
    over the arrays) says which body a checkpoint belongs to. ``name`` is for people.
    """

    num_betas = NUM_BETAS
    faces: Tensor
    v_template: Tensor
    joint_regressor: Tensor
    skeleton_regressor: Tensor | None
    template_joints: Tensor
    joint_shapes: Tensor

    def __init__(self, arrays: BodyArrays, name: str) -> None:
        super().__init__()
        self.name = name
        self.hash = arrays.sha256()
        self.vertex_ids = dict(arrays.vertex_ids)
        self.parents = SMPL24.parents
        self.layer = _smpl_layer(arrays)
        self.has_correctives = bool(arrays.posedirs.any())
        skeleton = arrays.skeleton_regressor
        self.register_buffer("faces", torch.from_numpy(arrays.faces), persistent=False)
        self.register_buffer("v_template", torch.from_numpy(arrays.v_template), persistent=False)
        self.register_buffer("joint_regressor", torch.from_numpy(arrays.joint_regressor), persistent=False)
        self.register_buffer(
            "skeleton_regressor", None if skeleton is None else torch.from_numpy(skeleton), persistent=False
        )
        template_joints = self.joint_regressor @ self.v_template
        joint_shapes = torch.einsum("jv,vck->jck", self.joint_regressor, self.layer.shapedirs)
        self.register_buffer("template_joints", template_joints, persistent=False)
        self.register_buffer("joint_shapes", joint_shapes, persistent=False)
        self._decimations: dict[int, Decimation] = {}

    def forward(self, params: BodyParams, vertices: Tensor | None = None) -> BodyOutput:
        """Pose the body. Returns vertices (B, V, 3) and SMPL joints (B, 24, 3), metres, camera frame.

        ``params`` are batch-first float32 on the body's device. Differentiable in all of them. vertices: positions
        (V',) of those that are wanted, for the work that these take; all if not given.
        """
        if vertices is not None:
            return self._some(params, vertices)
        posed = self.layer(
            betas=params.betas,
            body_pose=params.body_pose,
            global_orient=params.global_orient,
            transl=params.transl,
        )
        return BodyOutput(posed.vertices, posed.joints[:, :NUM_JOINTS])

    def _some(self, params: BodyParams, index: Tensor) -> BodyOutput:
        layer: Any = self.layer
        rotations = params.rotations
        rest = self.v_template[index] + torch.einsum("bk,vck->bvc", params.betas, layer.shapedirs[index])
        if self.has_correctives:
            directions = layer.posedirs.unflatten(1, (-1, 3))[:, index].flatten(1)
            offset = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1) @ directions
            rest = rest + offset.view(rest.shape)
        joints, transforms = batch_rigid_transform(rotations, self.rest_joints(params.betas), layer.parents)
        blended = (layer.lbs_weights[index] @ transforms[:, :, :3].flatten(2)).unflatten(2, (3, 4))
        vertices = torch.einsum("bvij,bvj->bvi", blended[..., :3], rest) + blended[..., 3]
        if params.transl is None:
            return BodyOutput(vertices, joints)
        return BodyOutput(vertices + params.transl[:, None], joints + params.transl[:, None])

    def rest_joints(self, betas: Tensor) -> Tensor:
        """SMPL joints (B, 24, 3) of bodies at rest, metres, body frame; betas (B, 10)."""
        return self.template_joints + torch.einsum("bk,jck->bjc", betas, self.joint_shapes)

    def rest(self, betas: Tensor | None = None) -> BodyOutput:
        """The rest (T) pose with identity root, in the body frame. betas: (B, 10); the mean shape (B = 1) if None."""
        if betas is None:
            betas = self.v_template.new_zeros(1, self.num_betas)
        eye = torch.eye(3, dtype=betas.dtype, device=betas.device).expand(len(betas), NUM_JOINTS, 3, 3)
        posed: BodyOutput = self(BodyParams.from_rotations(eye, betas))
        return posed

    def render_mesh(self, faces: int) -> tuple[Tensor, Tensor]:
        """A coarser mesh on a subset of the vertices, for rendering (the paper's vertex down-sampling).

        faces: about how many triangles are wanted. Returns index (V',) into the vertices and faces (F', 3) into
        that subset, on the body's device. Deterministic; computed once per size.
        """
        if faces not in self._decimations:
            self._decimations[faces] = decimate(self.v_template.cpu().numpy(), self.faces.cpu().numpy(), faces)
        found = self._decimations[faces]
        device = self.faces.device
        return torch.from_numpy(found.index).to(device), torch.from_numpy(found.faces).to(device)


def _smpl_layer(arrays: BodyArrays) -> nn.Module:
    fields = Struct(
        v_template=arrays.v_template,
        shapedirs=arrays.shapedirs,
        posedirs=arrays.posedirs,
        J_regressor=arrays.joint_regressor,
        weights=arrays.weights,
        kintree_table=[list(SMPL24.parents), list(range(NUM_JOINTS))],
        f=arrays.faces,
    )
    # smplx prints a warning about ten shape coefficients; ten are what the paper uses.
    with contextlib.redirect_stdout(io.StringIO()):
        layer: nn.Module = smplx.SMPLLayer(
            model_path="", data_struct=fields, vertex_ids=arrays.vertex_ids, num_betas=NUM_BETAS,
            use_hands=False, use_feet_keypoints=False,
        )  # fmt: skip
    if not arrays.posedirs.any():
        # The products with them are half of the work; a single vertex of zeros broadcasts to all.
        layer.register_buffer("posedirs", torch.zeros(NUM_POSE_FEATURES, 3))
    for module in layer.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            module.register_buffer(name, buffer, persistent=False)
    return layer
