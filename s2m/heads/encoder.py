"""What is read off a frame's picture: the interface of encoders, the paper's, and none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from s2m.batch import Observation, TensorRecord
from s2m.optional import require
from s2m.skeletons import JointSet


@dataclass(frozen=True, repr=False)
class InitialEstimate(TensorRecord):
    """The body that the skeleton alone gives: the solver's rotations, the mean shape, a fitted camera. No gradient.

    Args:
        lifted3d: (B, J, 3) the lifter's skeleton, metres, camera frame, root-relative.
        lifted2d: (B, J, 2) its 2D joints (denoised, missing ones filled in), crop units.
        joints2d: (B, J, 2) where the initial estimate's own joints project.
        orientations: (B, E, 3, 3) global rotations of its extremities (head, wrists, ankles).
        silhouette: Mask (B, S, S) of the initial estimate, in {0, 1}.
    """

    lifted3d: Tensor
    lifted2d: Tensor
    joints2d: Tensor
    orientations: Tensor
    silhouette: Tensor


class Encoder(nn.Module, ABC):
    """Interface: a frame to features (B, ``features``) for the heads.

    ``forward`` takes the observation and a function that makes the initial estimate of it, for encoders that compare;
    others leave it alone.

    Args:
        joint_set: Joint set of the frames.

    Raises:
        ValueError: Without a silhouette where one is needed.
    """

    features: int

    def __init__(self, joint_set: JointSet) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, observation: Observation, initial: Callable[[], InitialEstimate]) -> Tensor:
        """Return features (B, F).

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            initial: Makes the body that the skeleton alone gives; called by encoders that compare.
        """


class SilhouetteEncoder(Encoder):
    """ResNet-18 features of a silhouette (paper section 4.1).

    Args:
        joint_set: Joint set of the frames; not used.
        size: Side in pixels to which the mask is reduced (by area) before the network; the cost grows with its square.
    """

    features = 512

    def __init__(self, joint_set: JointSet, size: int = 112) -> None:
        super().__init__(joint_set)
        self.size = size
        network = require("torchvision").models.resnet18(weights=None)
        network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        network.fc = nn.Identity()
        self.network = network

    def forward(self, observation: Observation, initial: Callable[[], InitialEstimate]) -> Tensor:
        """Map masks in [0, 1] to (B, 512) features.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            initial: Makes the body that the skeleton alone gives; called by encoders that compare.
        """
        features: Tensor = self.network(reduce(silhouette_of(observation)[:, None], self.size))
        return features


class BlindEncoder(Encoder):
    """Looks at nothing: for models that use the skeleton alone."""

    features = 1

    def forward(self, observation: Observation, initial: Callable[[], InitialEstimate]) -> Tensor:
        """Return zeros (B, 1).

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            initial: Makes the body that the skeleton alone gives; called by encoders that compare.
        """
        return observation.joints2d.new_zeros(len(observation), 1)


def silhouette_of(observation: Observation) -> Tensor:
    """The silhouettes of a batch.

    Args:
        observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.

    Returns:
        Masks (B, S, S) in [0, 1].

    Raises:
        ValueError: When there are none.
    """
    if observation.silhouette is None:
        raise ValueError("Observation.silhouette: the mesh model needs one, found None")
    return observation.silhouette


def reduce(images: Tensor, size: int) -> Tensor:
    """Images (B, C, S, S) made ``size`` pixels wide by averaging areas; unchanged if they are.

    Args:
        images: Images (B, C, S, S).
        size: Side in pixels.
    """
    return images if images.shape[-1] == size else F.interpolate(images, size=(size, size), mode="area")
