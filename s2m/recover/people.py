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
from s2m.recover.shapes import with_height
from s2m.recover.silhouettes import Outlines, cut_out
from s2m.skeletons import JointSet


@dataclass(frozen=True)
class People:
    """The people of one picture.

    Attributes:
        numbers: Of the people.
        detections: What was seen of each.
        bodies: Of each; NaN in place and joints where too little was seen.
    """

    numbers: list[int]
    detections: list[Detection]
    bodies: Bodies


class PictureRecovery:
    """Recovers the people of single pictures of one camera.

    Args:
        joint_set: Of the detector.
        camera: Of the pictures.
        options: How bodies are recovered.
    """

    def __init__(self, joint_set: JointSet, camera: Camera, options: RecoverOptions) -> None:
        self.camera, self.options = camera, options
        self._lifting = PictureLifting(joint_set, camera)
        self.poser = _poser(self._lifting.joint_set, options)

    def __call__(self, detections: Sequence[Detection], numbers: Sequence[int] | None = None) -> People:
        """Recover bodies.

        Args:
            detections: Who was seen; at least one.
            numbers: Of the people; 0, 1, ... by default.

        Returns:
            The people.
        """
        known = list(range(len(detections))) if numbers is None else list(numbers)
        skeletons = self._lifting.arrays(
            np.stack([one.joints2d for one in detections]), np.stack([one.confidence for one in detections])
        )
        bodies = fitted(self.posed(skeletons), skeletons.joints2d, self.poser, self.camera, FitOptions())
        if self.options.refine:
            options = FitOptions(steps=self.options.refine, shape="each" if self.options.height is None else "none")
            outlines = self._outlines(detections)
            bodies = fitted(bodies, skeletons.joints2d, self.poser, self.camera, options, outlines=outlines)
        return People(known, list(detections), bodies)

    def posed(self, skeletons: Skeletons) -> Bodies:
        """Bodies of skeletons as DIK gives them, where the picture shows their joints.

        Args:
            skeletons: Of B people.
        """
        seen = skeletons.confidence > 0
        rotations, _ = self.poser.rotations(torch.nan_to_num(skeletons.joints3d), seen)
        sure = skeletons.confidence * skeletons.lifted[:, None]
        return self.poser.placed(rotations, skeletons.joints2d, sure, self.camera)

    def _outlines(self, detections: Sequence[Detection]) -> Outlines:
        empty = np.zeros((1, 1), np.uint8)
        cut = [cut_out(empty if one.mask is None else one.mask) for one in detections]
        silhouettes, squares = (_stacked([pair[k] for pair in cut]) for k in range(2))
        return Outlines(silhouettes, squares, self.options.body, self.camera)


def _stacked(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def _poser(joint_set: JointSet, options: RecoverOptions) -> Poser:
    poser = Poser(joint_set, options.body)
    if options.height is None:
        return poser
    return poser.shaped(with_height(poser.betas, options.body, options.height))
