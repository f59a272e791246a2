"""A body in SMPL format as a differentiable function of pose and shape (paper section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.batch import BodyOutput, BodyParams
from s2m.body.arrays import NUM_BETAS, NUM_JOINTS, BodyArrays
from s2m.body.decimate import Decimation, decimate
from s2m.body.skinning import Tree, rigid_transforms, skin
from s2m.skeletons import SMPL24

_TREE = Tree(SMPL24.parents)


class Body(nn.Module):
    """M(theta, beta) of the paper, posed by the suite's own linear blend skinning (:mod:`s2m.body.skinning`).

    Every body is posed by it: the open one, official SMPL files, and arrays. The package ``smplx`` is not needed; the
    tests compare with it.

    The arrays are not part of ``state_dict``: a licensed body must not leak into checkpoints, and ``hash`` (sha256
    over the arrays) says which body a checkpoint belongs to.

    Args:
        arrays: what the body is made of, checked.
        name: for people: messages and tables.

    Example:
        >>> from s2m.body import load_body
        >>> body = load_body()
        >>> body
        Body('open_body', 6874 vertices, 13752 faces, torch.float32 on cpu)
        >>> body.rest().joints.shape
        torch.Size([1, 24, 3])
    """

    num_betas = NUM_BETAS
    faces: Tensor
    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor | None
    weights: Tensor
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
        self._constant("faces", torch.from_numpy(arrays.faces))
        self._constant("v_template", torch.from_numpy(arrays.v_template))
        self._constant("shapedirs", torch.from_numpy(arrays.shapedirs))
        self._constant("weights", torch.from_numpy(arrays.weights))
        self._constant("joint_regressor", torch.from_numpy(arrays.joint_regressor))
        # The products with them are half of the work: a body without pose blend shapes does not pay for them.
        self.has_correctives = bool(arrays.posedirs.any())
        posedirs = torch.from_numpy(arrays.posedirs).permute(2, 0, 1).contiguous()
        self._constant("posedirs", posedirs if self.has_correctives else None)
        skeleton = arrays.skeleton_regressor
        self._constant("skeleton_regressor", None if skeleton is None else torch.from_numpy(skeleton))
        self._constant("template_joints", self.joint_regressor @ self.v_template)
        self._constant("joint_shapes", torch.einsum("jv,vck->jck", self.joint_regressor, self.shapedirs))
        self._decimations: dict[int, Decimation] = {}

    def _constant(self, name: str, value: Tensor | None) -> None:
        self.register_buffer(name, value, persistent=False)

    def __repr__(self) -> str:
        """What the body is, without its arrays."""
        size = f"{len(self.v_template)} vertices, {len(self.faces)} faces"
        return f"Body({self.name!r}, {size}, {self.v_template.dtype} on {self.v_template.device})"

    def forward(self, params: BodyParams, vertices: Tensor | None = None) -> BodyOutput:
        """Pose the body. Differentiable (once) in all parameters.

        Args:
            params: pose, shape and place of B bodies, of the body's dtype and on its device.
            vertices: (V',) positions of those that are wanted, for the work that these take; all if not given.

        Returns:
            Vertices (B, V, 3), or (B, V', 3), and SMPL's joints (B, 24, 3): metres, camera frame.
        """
        template, shapedirs, weights = self.v_template, self.shapedirs, self.weights
        if vertices is not None:
            template, shapedirs, weights = template[vertices], shapedirs[vertices], weights[vertices]
        rotations = params.rotations
        rest = template + torch.einsum("bk,vck->bvc", params.betas, shapedirs)
        # With all vertices at hand the joints are read off them, in smplx's order of summing.
        whole = vertices is None
        joints = torch.einsum("bvc,jv->bjc", rest, self.joint_regressor) if whole else self.rest_joints(params.betas)
        if self.posedirs is not None:
            posedirs = self.posedirs if vertices is None else self.posedirs[:, vertices]
            bends = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)
            rest = (bends @ posedirs.flatten(1)).view(rest.shape) + rest
        transforms, joints = rigid_transforms(rotations, joints, _TREE)
        moved = skin(transforms, rest, weights)
        if params.transl is None:
            return BodyOutput(moved, joints)
        return BodyOutput(moved + params.transl[:, None], joints + params.transl[:, None])

    def rest_joints(self, betas: Tensor) -> Tensor:
        """SMPL's joints of bodies at rest, without making the vertices.

        Args:
            betas: (B, 10) shape coefficients, in standard deviations.

        Returns:
            Joints (B, 24, 3), metres, body frame.
        """
        return self.template_joints + torch.einsum("bk,jck->bjc", betas, self.joint_shapes)

    def rest(self, betas: Tensor | None = None) -> BodyOutput:
        """The rest (T) pose with identity root, in the body frame.

        Args:
            betas: (B, 10) shape coefficients, in standard deviations; the mean shape (B = 1) if not given.

        Returns:
            Vertices (B, V, 3) and joints (B, 24, 3), metres, body frame.
        """
        if betas is None:
            betas = self.v_template.new_zeros(1, self.num_betas)
        eye = torch.eye(3, dtype=betas.dtype, device=betas.device).expand(len(betas), NUM_JOINTS, 3, 3)
        posed: BodyOutput = self(BodyParams.from_rotations(eye, betas))
        return posed

    def render_mesh(self, faces: int) -> tuple[Tensor, Tensor]:
        """A coarser mesh on a subset of the vertices, for rendering (the paper's vertex down-sampling).

        Deterministic; computed once per size.

        Args:
            faces: about how many triangles are wanted; at least 100.

        Returns:
            index: (V',) positions of the vertices that are kept, on the body's device.
            faces: (F', 3) triangles of that subset, on the body's device.

        Raises:
            ValueError: ``faces`` is below 100.
        """
        if faces not in self._decimations:
            self._decimations[faces] = decimate(self.v_template.cpu().numpy(), self.faces.cpu().numpy(), faces)
        found = self._decimations[faces]
        device = self.faces.device
        return torch.from_numpy(found.index).to(device), torch.from_numpy(found.faces).to(device)
