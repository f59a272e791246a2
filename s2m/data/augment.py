"""Augmentation of observations while training: what the network is shown may be worse than what the loss compares with.

Every frame has a stream of random numbers of its own, so it does not matter which others are in its batch: runs in two
processes, or in two parts, see what one run sees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from s2m.batch import Observation
from s2m.data.corruption import HOLE_RADII, KEPT_JOINTS, OCCLUDER_SIDES, disc, enough_left, rectangle
from s2m.data.keys import Keys


@dataclass(frozen=True)
class TrainingView:
    """A batch as the network is shown it, and as the losses compare with it.

    Args:
        seen: What the network is shown.
        target: What the losses compare with, in the same crop, without errors.
    """

    seen: Observation
    target: Observation


class Augmentation(ABC):
    """Interface: from a batch of training frames to what is shown of them and what is compared with."""

    @abstractmethod
    def __call__(self, observation: Observation, keys: Keys) -> TrainingView:
        """Augment a batch; keys: (B) seeds of what is drawn for each frame, which is a function of them alone."""


class NoAugmentation(Augmentation):
    """Frames as they are (mirroring, which is the loader's, apart)."""

    def __call__(self, observation: Observation, keys: Keys) -> TrainingView:
        """The same observation twice; nothing is drawn."""
        return TrainingView(observation, observation)


class NoisyJoints(Augmentation):
    """2D joints as detectors find them: a little beside, some not at all. Half the frames are shown as they are.

    Args:
        noise: Upper limit of a frame's standard deviation of joint noise, crop units; each frame's is drawn between 0
            and this.
        missing: Probability that a joint is missing; at least eight joints are left.
        spared: Share of frames that are shown without errors.

    Raises:
        ValueError: For a probability outside [0, 1] or negative noise.
    """

    def __init__(self, noise: float = 0.03, missing: float = 0.02, spared: float = 0.5) -> None:
        _check_probabilities(missing=missing, spared=spared)
        _check_sizes(noise=noise)
        self.noise, self.missing, self.spared = noise, missing, spared

    def __call__(self, observation: Observation, keys: Keys) -> TrainingView:
        """See :class:`Augmentation`."""
        draw = _Draw(observation.joints2d, keys)
        spared = draw.chance(self.spared, 1)
        return TrainingView(_disturb_joints(observation, self.noise, self.missing, spared, draw), observation)


class ObservationAugmentation(Augmentation):
    """Crop jitter, and errors as detectors and segmenters make them.

    Both the shown and the compared observation get the crop jitter; the errors are on the shown one alone. A mask that
    would lose more than two thirds of its area stays as it was.

    Args:
        shift: The crop's centre moves by up to this in x and in y, crop units.
        scale: The crop's side is multiplied or divided by up to 1 + scale.
        occluder: Probability that a frame's mask loses a rectangle (side 8-25 % of the picture).
        hole: Probability that a mask loses a disc (radius 2-5 % of the picture).
        resize: Probability that a mask is eroded or dilated.
        resize_pixels: By how many pixels at the most it is eroded or dilated.
        wobble: Probability that a mask's outline is moved by smooth random distances.
        wobble_pixels: Standard deviation of these distances, pixels.
        joint_noise: Upper limit of a frame's standard deviation of joint noise, crop units; each frame's is drawn
            between 0 and this.
        joint_missing: Probability that a joint is missing; at least eight joints are left.
        spared: Share of frames that are shown without errors of joints and mask.

    Raises:
        ValueError: For a probability outside [0, 1] or a negative size.
    """

    def __init__(
        self,
        shift: float = 0.05,
        scale: float = 0.1,
        occluder: float = 0.3,
        hole: float = 0.2,
        resize: float = 0.3,
        resize_pixels: int = 2,
        wobble: float = 0.3,
        wobble_pixels: float = 1.0,
        joint_noise: float = 0.03,
        joint_missing: float = 0.02,
        spared: float = 0.5,
    ) -> None:
        _check_probabilities(occluder=occluder, hole=hole, resize=resize, wobble=wobble)
        _check_probabilities(joint_missing=joint_missing, spared=spared)
        _check_sizes(
            shift=shift, scale=scale, resize_pixels=resize_pixels, wobble_pixels=wobble_pixels, joint_noise=joint_noise
        )
        self.shift, self.scale = shift, scale
        self.occluder, self.hole = occluder, hole
        self.resize, self.resize_pixels = resize, resize_pixels
        self.wobble, self.wobble_pixels = wobble, wobble_pixels
        self.joint_noise, self.joint_missing, self.spared = joint_noise, joint_missing, spared

    def __call__(self, observation: Observation, keys: Keys) -> TrainingView:
        """See :class:`Augmentation`."""
        draw = _Draw(observation.joints2d, keys)
        target = self._jitter(observation, draw)
        spared = draw.chance(self.spared, 1)
        seen = _disturb_joints(target, self.joint_noise, self.joint_missing, spared, draw)
        if target.silhouette is not None:
            corrupt = self._corrupt(target.silhouette, draw)
            seen = replace(seen, silhouette=torch.where(spared[..., None], target.silhouette, corrupt))
        return TrainingView(seen, target)

    def _jitter(self, observation: Observation, draw: _Draw) -> Observation:
        if self.shift == 0 and self.scale == 0:
            return observation
        centre = draw.between(-self.shift, self.shift, 2)
        side = (1 + self.scale) ** draw.between(-1.0, 1.0, 1)
        return recrop(observation, centre, side[:, 0])

    def _corrupt(self, masks: Tensor, draw: _Draw) -> Tensor:
        changed = torch.where(draw.chance(self.resize, 1)[..., None], self._resized(masks, draw), masks)
        changed = torch.where(draw.chance(self.wobble, 1)[..., None], self._wobbled(changed, draw), changed)
        changed = changed * (1 - self._disc(masks, draw)) * (1 - self._rectangle(masks, draw))
        return torch.where(enough_left(changed, masks)[:, None, None], changed, masks)

    def _resized(self, masks: Tensor, draw: _Draw) -> Tensor:
        grow = draw.chance(0.5, 1)[..., None]
        radius = (draw.between(0.0, 1.0, 1) * self.resize_pixels).floor()[..., None] + 1
        outside = torch.where(grow, masks, 1 - masks)
        spread = outside
        for step in range(1, self.resize_pixels + 1):
            grown = F.max_pool2d(spread[:, None], 3, 1, 1)[:, 0]
            spread = torch.where(radius >= step, grown, spread)
        return torch.where(grow, spread, 1 - spread)

    def _wobbled(self, masks: Tensor, draw: _Draw) -> Tensor:
        """Threshold a blurred mask at a smooth random level: the outline moves, nothing far from it does."""
        size = masks.shape[-1]
        reach = max(1, round(3 * self.wobble_pixels))
        # A box of 2 * reach + 1 pixels makes the mask a ramp of about that length across its outline.
        soft = F.avg_pool2d(masks[:, None], 2 * reach + 1, 1, reach, count_include_pad=False)[:, 0]
        coarse = draw.normal(1, max(2, size // 8), max(2, size // 8))
        level = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)[:, 0]
        level = level / level.std((1, 2), keepdim=True).clamp_min(1e-6)
        threshold = 0.5 + level * self.wobble_pixels / (2 * reach + 1)
        return (soft > threshold.clamp(0.02, 0.98)).to(masks.dtype)

    def _disc(self, masks: Tensor, draw: _Draw) -> Tensor:
        x, y = _grid(masks)
        column, row = draw.inside(masks)
        radius = draw.between(*HOLE_RADII, 1)[..., None] * masks.shape[-1]
        return (disc(x, y, column, row, radius) & draw.chance(self.hole, 1)[..., None]).to(masks.dtype)

    def _rectangle(self, masks: Tensor, draw: _Draw) -> Tensor:
        x, y = _grid(masks)
        column, row = draw.inside(masks)
        half = draw.between(*OCCLUDER_SIDES, 2) * masks.shape[-1] / 2
        box = rectangle(x, y, column, row, half[:, :1, None], half[:, 1:, None])
        return (box & draw.chance(self.occluder, 1)[..., None]).to(masks.dtype)


def _disturb_joints(observation: Observation, noise: float, missing: float, spared: Tensor, draw: _Draw) -> Observation:
    """See :class:`NoisyJoints`; spared: (B, 1)."""
    joints, confidence = observation.joints2d, observation.confidence
    found = confidence > 0
    lost = draw.chance(missing, confidence.shape[1]) & ~spared
    lost &= (found & ~lost).sum(1, keepdim=True) >= min(KEPT_JOINTS, confidence.shape[1])
    spread = draw.between(0.0, noise, 1) * ~spared
    noisy = joints + spread[..., None] * draw.normal(*joints.shape[1:])
    kept = found & ~lost
    return replace(
        observation,
        joints2d=torch.where(kept[..., None], noisy, torch.zeros_like(noisy)),
        confidence=torch.where(kept, confidence, torch.zeros_like(confidence)),
    )


def recrop(observation: Observation, centre: Tensor, side: Tensor) -> Observation:
    """Look at frames through another crop: joints, silhouette and ``crop`` change together.

    What a mask does not show, since it lay outside the old crop, is background. Missing joints stay at zero.

    Args:
        observation: Frames (B).
        centre: (B, 2) of the new crop, in units of the old.
        side: (B,) of the new crop over that of the old.
    """
    joints = (observation.joints2d - centre[:, None]) / side[:, None, None]
    joints = torch.where((observation.confidence > 0)[..., None], joints, torch.zeros_like(joints))
    crop, silhouette, camera = observation.crop, observation.silhouette, observation.camera
    if camera is not None:
        camera = torch.cat([camera[:, :2], camera[:, 2:] - centre], 1) / side[:, None]
    if crop is not None:
        crop = torch.cat([crop[:, :2] + centre * crop[:, 2:], crop[:, 2:] * side[:, None]], dim=1)
    if silhouette is not None:
        turn = torch.zeros(len(side), 2, 3, dtype=silhouette.dtype, device=silhouette.device)
        turn[:, 0, 0] = turn[:, 1, 1] = side
        turn[:, :, 2] = centre
        # PyTorch's grid without aligned corners is the crop's own unit: pixel i has its centre at (2 i + 1) / S - 1.
        grid = F.affine_grid(turn, [len(side), 1, *silhouette.shape[1:]], align_corners=False)
        sampled = F.grid_sample(silhouette[:, None], grid, align_corners=False)[:, 0]
        silhouette = (sampled > 0.5).to(silhouette.dtype)
    return replace(observation, joints2d=joints, crop=crop, silhouette=silhouette, camera=camera)


class _Draw:
    """Random numbers for a batch: (B, count) of each kind."""

    def __init__(self, like: Tensor, keys: Keys) -> None:
        self._like, self._streams = like, [np.random.default_rng(key) for key in keys]

    def between(self, low: float, high: float, count: int) -> Tensor:
        """Uniform in [low, high)."""
        return low + (high - low) * self._each(lambda stream: stream.random(count))

    def chance(self, probability: float, count: int) -> Tensor:
        """True with this probability."""
        return self.between(0.0, 1.0, count) < probability

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, (B, *shape)."""
        return self._each(lambda stream: stream.standard_normal(shape))

    def inside(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Column and row (B, 1, 1) of a random pixel of each mask; of any pixel where a mask is empty."""
        until = (masks.flatten(1).double() + 1e-9).cumsum(1)
        wanted = self.between(0.0, 1.0, 1).double() * until[:, -1:]
        pixel = torch.searchsorted(until, wanted)[..., None].to(masks.dtype)
        row = torch.div(pixel, masks.shape[-1], rounding_mode="floor")
        return pixel - row * masks.shape[-1], row

    def _each(self, draw: Callable[[np.random.Generator], NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.stack([draw(stream) for stream in self._streams])).to(self._like)


def _grid(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Columns (1, 1, S) and rows (1, S, 1)."""
    line = torch.arange(masks.shape[-1], dtype=masks.dtype, device=masks.device)
    return line[None, None], line[None, :, None]


def _check_probabilities(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: expected a probability, found {value}")


def _check_sizes(**values: float) -> None:
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"{name}: expected a number >= 0, found {value}")
