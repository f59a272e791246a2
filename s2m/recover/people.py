"""The people of one picture: detections in, bodies out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2m.detect import Detection
from s2m.recover.bodies import Bodies, Poser
from s2m.recover.camera import Camera
from s2m.recover.fit import FitOptions, fitted
from s2m.recover.lifting import PictureLifting, Skeletons
from s2m.recover.options import RecoverOptions
from s2m.recover.shapes import tells_shape, with_height
from s2m.recover.silhouettes import Outlines, Silhouettes
from s2m.skeletons import JointSet


@dataclass(frozen=True)
class People:
    """The people of one picture.

    Attributes:
        numbers: Of the people.
        detections: What was seen of each.
        bodies: Of each; NaN in place and joints where too little was seen.
        shaped: (B,) bool, whose shape was read off the silhouette.
    """

    numbers: list[int]
    detections: list[Detection]
    bodies: Bodies
    shaped: Tensor


class PictureRecovery:
    """Recovers the people of single pictures of one camera.

    Args:
        joint_set: Of the detector.
        camera: Of the pictures.
        options: How bodies are recovered.
    """

    def __init__(self, joint_set: JointSet, camera: Camera, options: RecoverOptions) -> None:
        self.camera, self.options = camera, options
        self._lifting = PictureLifting(joint_set, camera, own=options.lifter)
        self.joint_set = self._lifting.joint_set
        self.poser = Poser(self.joint_set, options.body)

    def __call__(
        self,
        detections: Sequence[Detection],
        numbers: Sequence[int] | None = None,
        betas: Tensor | None = None,
    ) -> People:
        """Recover bodies.

        Args:
            detections: Who was seen; at least one.
            numbers: Of the people; 0, 1, ... by default.
            betas: (B, 10) shapes, where they are known from other pictures; NaN where one is not.

        Returns:
            The people.
        """
        known = list(range(len(detections))) if numbers is None else list(numbers)
        skeletons = self._lifting.arrays(
            np.stack([one.joints2d for one in detections]), np.stack([one.confidence for one in detections])
        )
        silhouettes = Silhouettes.of([one.mask for one in detections])
        bodies, told = self._posed(skeletons, silhouettes, betas)
        bodies = fitted(bodies, skeletons.joints2d, self.poser, self.camera, FitOptions(), nose=skeletons.nose)
        if self.options.refine:
            options = FitOptions(steps=self.options.refine, shape="each" if self.options.height is None else "none")
            outlines = Outlines(silhouettes, self.options.body, self.camera)
            bodies = fitted(
                bodies, skeletons.joints2d, self.poser, self.camera, options, outlines=outlines, nose=skeletons.nose
            )
        return People(known, list(detections), bodies, told)

    @torch.inference_mode()
    def _posed(self, skeletons: Skeletons, silhouettes: Silhouettes, known: Tensor | None) -> tuple[Bodies, Tensor]:
        """Bodies as DIK and the heads give them, where the picture shows their joints; and whose shape was read."""
        points, sure = skeletons.joints2d, skeletons.confidence * skeletons.lifted[:, None]
        rotations, _ = self.poser.rotations(torch.nan_to_num(skeletons.joints3d), skeletons.confidence > 0)
        betas = torch.full((len(points), self.options.body.num_betas), torch.nan) if known is None else known.clone()
        model, told = self.options.model, torch.zeros(len(points), dtype=torch.bool)
        if model is not None:
            told = tells_shape(points, sure, self.joint_set, silhouettes) & betas.isnan().any(1)
            if told.any():
                found = model.read(points[told], sure[told], self.joint_set, silhouettes[told], self.camera)
                betas[told], rotations[told] = found.betas, model.refined(rotations[told], found.theta)
        betas = torch.where(betas.isnan(), self.poser.betas, betas)
        return self.poser.placed(rotations, points, sure, self.camera, self._as_tall(betas)), told

    def _as_tall(self, betas: Tensor) -> Tensor:
        height, body = self.options.height, self.options.body
        if height is None:
            return betas
        return torch.cat([with_height(row[None], body, height) for row in betas])
