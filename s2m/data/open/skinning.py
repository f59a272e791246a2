"""Skeletons of many posed bodies at once: only the vertices that the skeleton's regressor uses are skinned."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.body.skinning import global_rotations


class SubsetSkinner:
    """A sparse regressor (J, V) on posed bodies; equals the regressor on the whole posed mesh.

    Args:
        body: The body model.
        regressor: Matrix (J, V).
    """

    def __init__(self, body: Body, regressor: Tensor):
        self.support = (regressor != 0).any(0).nonzero()[:, 0]
        self._regressor, self._body = regressor[:, self.support], body
        self._carriers = regressor @ body.weights

    def rest_joints(self, betas: Tensor) -> Tensor:
        """SMPL joints (B, 24, 3) of bodies at rest, body frame, metres; betas (B, 10).

        Args:
            betas: Shape parameters (B, 10).
        """
        return self._body.rest_joints(betas)

    @torch.no_grad()
    def __call__(self, params: BodyParams, offsets: Tensor | None = None) -> Tensor:
        """Joints (B, J, 3) in the camera frame, metres.

        Args:
            params: Bodies (B).
            offsets: (B, J, 3) metres beside the regressor's places at rest, body frame; they move with the parts of the
                body that carry the joints. None: none.
        """
        # The translation is added to the joints: metres away from the camera would cost the vertices digits.
        skeleton = self._regressor @ self._body(replace(params, transl=None), self.support).vertices
        if offsets is not None:
            turns = global_rotations(params.rotations)
            skeleton = skeleton + torch.einsum("jk,bkxy,bjy->bjx", self._carriers, turns, offsets)
        return skeleton if params.transl is None else skeleton + params.transl[:, None]
