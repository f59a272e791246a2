"""An encoder that compares the picture with the body that the skeleton alone gives (render and compare)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from s2m.batch import Observation
from s2m.geometry.windows import pixel_centres, sample_windows
from s2m.heads.encoder import Encoder, InitialEstimate, silhouette_of
from s2m.skeletons import EXTREMITIES, JointSet

_GROUPS = 8
_PATCH_CHANNELS = (24, 48, 96)
_BONE_FEATURES, _PATCH_FEATURES, _JOINT_FEATURES = 256, 96, 256
_ALONG, _ACROSS = 8, 16
_BEYOND, _ASIDE = 0.25, 0.15
_SHORTEST = 0.01
_AS_TENTHS = 10  # makes a few hundredths of the crop as loud as the other numbers


class ComparingEncoder(Encoder):
    """What the silhouette has beyond the initial estimate's and what it lacks, as each bone sees it, and both
    skeletons.

    A network that sees a mask alone has to find out where the body is before it can tell what differs from the mean
    person. Here the input is the difference, beside the mask, and it is read where the skeleton says: on a grid along
    every bone, whose columns are how far the body reaches to either side of it, and in a window around every extremity
    that is turned with the bone which leads there. So a thick thigh or a bent hand looks the same wherever the limb
    points. Source: this project (iterative feedback: Carreira et al., CVPR 2016).

    Features are normalised per group of channels, so nothing depends on the batch.

    Args:
        joint_set: Joint set of the frames, whose bones the grids follow.
        window: Side of an extremity's window, pixels.
        reach: Half of the side of an extremity's window, crop units; with the default, a pixel of the window is one of
            a mask of 112.
    """

    features = 256
    contrast: Tensor

    def __init__(self, joint_set: JointSet, window: int = 32, reach: float = 0.28) -> None:
        super().__init__(joint_set)
        self.window, self.reach = window, reach
        self.bones = joint_set.indices(joint_set.parent_of)
        self.parents = joint_set.indices(joint_set.parent_of.values())
        self.extremities = joint_set.indices(EXTREMITIES)
        self.extremity_bones = [self.bones.index(end) for end in self.extremities]
        # The difference is a few per cent of the pixels; as loud as the mask itself, training would take hundreds of
        # steps to notice it. Saved with the weights, which mean nothing for another one.
        self.register_buffer("contrast", torch.tensor(4.0))
        self.strips = _dense(len(self.bones) * 2 * _ALONG * _ACROSS, _BONE_FEATURES)
        self.patch = _pyramid(window, _PATCH_CHANNELS, _PATCH_FEATURES)
        numbers = len(joint_set) * (2 + 2 + 2 + 1 + 3) + len(EXTREMITIES) * 9
        self.skeleton = nn.Sequential(_dense(numbers, _JOINT_FEATURES), _dense(_JOINT_FEATURES, _JOINT_FEATURES))
        self.fusion = _dense(_BONE_FEATURES + len(EXTREMITIES) * _PATCH_FEATURES + _JOINT_FEATURES, self.features)

    def forward(self, observation: Observation, initial: Callable[[], InitialEstimate]) -> Tensor:
        """Return features (B, 256).

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            initial: The body that the skeleton alone gives.
        """
        first, mask = initial(), silhouette_of(observation)
        pair = torch.stack([self.contrast * (mask - first.silhouette), mask], dim=1)
        strips, windows = self.beside_bones(pair, first), self.beside_extremities(pair, first)
        patches = self.patch(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        read = [self.strips(strips.flatten(1)), patches.flatten(1), self.skeleton(skeleton_numbers(observation, first))]
        features: Tensor = self.fusion(torch.cat(read, dim=1))
        return features

    def beside_bones(
        self, images: Tensor, initial: InitialEstimate, along: int = _ALONG, across: int = _ACROSS
    ) -> Tensor:
        """What images (B, C, S, S) have beside the bones of the initial estimate's skeleton: (B, N, C, along, across).

        Args:
            images: Images (B, C, S, S).
            initial: The body that the skeleton alone gives.
            along: Samples along each bone.
            across: Samples across each bone.
        """
        tops, bones = self._bones(initial)
        return along_bones(images, tops, bones, along, across)

    def beside_extremities(self, images: Tensor, initial: InitialEstimate) -> Tensor:
        """What images (B, C, S, S) have around its extremities: (B, E, C, window, window).

        Args:
            images: Images (B, C, S, S).
            initial: The body that the skeleton alone gives.
        """
        _, bones = self._bones(initial)
        return around_extremities(
            images, initial.lifted2d[:, self.extremities], bones[:, self.extremity_bones], self.window, self.reach
        )

    def _bones(self, initial: InitialEstimate) -> tuple[Tensor, Tensor]:
        tops = initial.lifted2d[:, self.parents]
        return tops, initial.lifted2d[:, self.bones] - tops


def skeleton_numbers(observation: Observation, initial: InitialEstimate) -> Tensor:
    """What both skeletons say, as one row of numbers per frame.

    The lifter's joints in the picture, how far the initial estimate's and the detector's are from them, which joints
    the detector found, the lifter's joints in 3D, and how the extremities are turned.

    Args:
        observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        initial: The body that the skeleton alone gives.

    Returns:
        (B, N), the parts flattened one after the other.
    """
    found = (observation.confidence > 0).to(initial.lifted2d)[..., None]  # how sure detectors say they are differs
    off = _AS_TENTHS * (initial.lifted2d - initial.joints2d)
    seen = _AS_TENTHS * (observation.joints2d - initial.lifted2d) * found
    parts = (initial.lifted2d, off, seen, found, initial.lifted3d, initial.orientations)
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def along_bones(images: Tensor, tops: Tensor, bones: Tensor, along: int, across: int) -> Tensor:
    """What images (B, C, S, S) have beside bones: (B, N, C, along, across).

    Rows begin a quarter of the bone before it and end as much after it; columns reach 0.15 crop units to either side,
    whatever its length.

    Args:
        images: Images (B, C, S, S).
        tops: Where the bones begin (B, N, 2), crop units.
        bones: Which way and how far they lead (B, N, 2), crop units.
        along: Samples along each bone.
        across: Samples across each bone.
    """
    rows = (0.5 + _BEYOND) * pixel_centres(along) + 0.5
    columns = _ASIDE * pixel_centres(across)
    return sample_windows(images, tops, bones, _side(_direction(bones)), rows, columns)


def around_extremities(images: Tensor, extremities: Tensor, bones: Tensor, size: int, reach: float) -> Tensor:
    """Square windows around extremities, turned so that the bones which lead there point down.

    Args:
        images: Images (B, C, S, S).
        extremities: Middles (B, N, 2) of the windows, crop units.
        bones: Bones (B, N, 2) that lead there, crop units.
        size: Side of a window, pixels.
        reach: Half of the side, crop units.

    Returns:
        (B, N, C, size, size).
    """
    down, steps = _direction(bones), reach * pixel_centres(size)
    return sample_windows(images, extremities, down, _side(down), steps, steps)


def _direction(bones: Tensor) -> Tensor:
    """Nearly unit vectors; short where a bone points at the camera and has no direction in the picture."""
    return bones / (torch.linalg.vector_norm(bones, dim=-1, keepdim=True) + _SHORTEST)


def _side(directions: Tensor) -> Tensor:
    """Turned by a right angle, so that what leads down has its right at the picture's right."""
    return torch.stack([directions[..., 1], -directions[..., 0]], dim=-1)


def _pyramid(side: int, channels: Sequence[int], features: int) -> nn.Sequential:
    """Convolutions that halve the picture each time, then one dense layer over what is left of it."""
    layers: list[nn.Module] = []
    before = 2
    for count in channels:
        layers += [nn.Conv2d(before, count, 3, stride=2, padding=1), nn.GroupNorm(_GROUPS, count), nn.ReLU()]
        before, side = count, (side + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), _dense(before * side * side, features))


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU())
