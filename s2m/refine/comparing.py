"""An encoder that compares the picture with the body that the skeleton alone gives (render and compare)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2m.batch import Observation
from s2m.refine.encoder import Draft, Encoder, reduce, silhouette_of

_GROUPS = 8
_END_COUNT = 5
_WHOLE_CHANNELS = (16, 32, 64, 96)
_PATCH_CHANNELS = (24, 48, 96)
_WHOLE_FEATURES, _PATCH_FEATURES, _JOINT_FEATURES = 256, 96, 256


class ComparingEncoder(Encoder):
    """What the silhouette has beyond the draft's and what it lacks, and both skeletons.

    The former as a whole, and in a window around each end point. A network that sees a mask alone has to find out where
    the body is before it can tell what differs from the mean person; here the difference is the input, beside the mask.
    The windows keep every pixel of hands and feet, which are about five pixels long in the reduced whole. Source: this
    project (iterative feedback: Carreira et al., CVPR 2016).

    size: side of the reduced whole. window, reach: side in pixels of a window, and half of it in crop units; the
    default keeps the pixels of a mask of 112. Normalised per group of channels, so nothing depends on the batch.
    """

    features = 256
    contrast: Tensor

    def __init__(self, joints: int, size: int = 64, window: int = 32, reach: float = 0.28) -> None:
        super().__init__(joints)
        self.size, self.window, self.reach = size, window, reach
        # The difference is a few per cent of the pixels; as loud as the mask itself, training would take hundreds of
        # steps to notice it. Saved with the weights, which mean nothing for another one.
        self.register_buffer("contrast", torch.tensor(4.0))
        self.whole = _pyramid(size, _WHOLE_CHANNELS, _WHOLE_FEATURES)
        self.patch = _pyramid(window, _PATCH_CHANNELS, _PATCH_FEATURES)
        numbers = joints * (2 + 2 + 3) + _END_COUNT * 9
        self.skeleton = nn.Sequential(_dense(numbers, _JOINT_FEATURES), _dense(_JOINT_FEATURES, _JOINT_FEATURES))
        together = _WHOLE_FEATURES + _END_COUNT * _PATCH_FEATURES + _JOINT_FEATURES
        self.fusion = _dense(together, self.features)

    def forward(self, observation: Observation, draft: Callable[[], Draft]) -> Tensor:
        """Return features (B, 256)."""
        first, mask = draft(), silhouette_of(observation)
        pair = torch.stack([self.contrast * (mask - first.silhouette), mask], dim=1)
        windows = cut_windows(pair, first.ends, self.window, self.reach)
        patches = self.patch(windows.flatten(0, 1)).unflatten(0, windows.shape[:2]).flatten(1)
        read = [self.whole(reduce(pair, self.size)), patches, self.skeleton(skeleton_numbers(first))]
        features: Tensor = self.fusion(torch.cat(read, dim=1))
        return features


def skeleton_numbers(draft: Draft) -> Tensor:
    """(B, N): 2D joints, how far the draft's are from them, 3D joints, and how the ends' joints are turned."""
    off = 10 * (draft.lifted2d - draft.joints2d)  # a few hundredths of the crop become a few tenths
    parts = (draft.lifted2d, off, draft.lifted3d, draft.orientations)
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def cut_windows(images: Tensor, centres: Tensor, size: int, reach: float) -> Tensor:
    """Square windows (B, E, C, size, size) of images (B, C, S, S), bilinear, zero outside the image.

    centres: (B, E, 2) crop units. reach: half a window's side, crop units.
    """
    step = (torch.arange(size, device=images.device, dtype=images.dtype) + 0.5) * (2 / size) - 1
    offsets = torch.stack(torch.meshgrid(step, step, indexing="xy"), dim=-1) * reach
    grid = (centres[:, :, None, None].to(images) + offsets).flatten(1, 2)
    windows = F.grid_sample(images, grid, align_corners=False)
    return windows.unflatten(2, (centres.shape[1], size)).transpose(1, 2)


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
