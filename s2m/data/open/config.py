"""Everything that decides what the open data look like; all of it is hashed into the store."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class JointNoise:
    """Errors of a 2D detector.

    Args:
        gaussian: Standard deviation per coordinate, as a share of the head-root length in the image.
        outlier: Probability per joint of a jump.
        outlier_reach: Smallest and largest jump of an outlier, as a share of the head-root length in the image.
        swap: Probability per frame and limb pair that left and right are exchanged.
        missing: Probability per joint of confidence 0.
        confidence: Lowest and highest confidence of found joints.
    """

    gaussian: float = 0.0
    outlier: float = 0.0
    outlier_reach: tuple[float, float] = (0.2, 0.6)
    swap: float = 0.0
    missing: float = 0.0
    confidence: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class MaskNoise:
    """Errors of a person segmenter; probabilities are per frame, lengths in pixels of the mask.

    Args:
        occluder: Probability that a rectangle hides part of the body.
        hole: Probability of a round hole.
        morphology: Probability that the mask is eroded or dilated.
        morphology_pixels: By how many pixels at the most it is eroded or dilated.
        boundary: Probability that the outline wobbles.
        boundary_pixels: Standard deviation of the outline's movement, pixels.
    """

    occluder: float = 0.0
    hole: float = 0.0
    morphology: float = 0.0
    morphology_pixels: int = 2
    boundary: float = 0.0
    boundary_pixels: float = 1.5


@dataclass(frozen=True)
class CameraRange:
    """Perspective cameras; every azimuth is equally likely.

    Args:
        distance: Smallest and largest distance to the body, metres.
        elevation: Smallest and largest elevation, degrees; positive looks down.
        offset: How far from the image's centre the body may be, as a share of the image's side.
        image_size: Side of the square image, pixels.
        focal: Focal length, pixels.
    """

    distance: tuple[float, float] = (4.0, 6.0)
    elevation: tuple[float, float] = (-5.0, 20.0)
    offset: float = 0.1
    image_size: int = 1000
    focal: float = 1150.0


@dataclass(frozen=True)
class PoseMix:
    """Where training poses come from.

    Args:
        sampler: Share of poses that are sampled within anatomical limits.
        blend: Share of poses that are blends of two clip poses; what is left are clip poses.
        any_root: Share of sampled poses whose root has any orientation.
    """

    sampler: float = 0.5
    blend: float = 0.3
    any_root: float = 0.1


@dataclass(frozen=True)
class Frames:
    """Number of frames per split; ``test`` and ``acrobatic`` are written twice, clean and noisy.

    ``train`` and ``train_pose`` are independent frames, the others recordings: ``train_video`` of the training clips,
    joints alone.

    Args:
        train: Training frames with joints and silhouettes.
        train_pose: Training frames with 2D joints alone.
        val: Validation frames.
        test: Test frames of ordinary motion.
        acrobatic: Test frames of acrobatic motion.
        train_video: Training frames in recordings, with 2D joints alone.
    """

    train: int = 16_000
    train_pose: int = 200_000
    val: int = 1_000
    test: int = 1_500
    acrobatic: int = 800
    train_video: int = 20_000


@dataclass(frozen=True)
class Subjects:
    """Number of bodies per split. No body appears in two splits, except that train and train_pose share theirs.

    Args:
        train: Bodies of train and train_pose.
    """

    train: int = 400


@dataclass(frozen=True)
class ClipSplit:
    """Which shipped clips are kept from training, by name; all others train.

    Args:
        val: Clips of val.
        test: Clips of test and test_noisy.
        acrobatic: Clips of acrobatic and acrobatic_noisy.
    """

    val: tuple[str, ...] = ("kick",)
    test: tuple[str, ...] = ("walk", "dance_b", "punch")
    acrobatic: tuple[str, ...] = ("backflip", "cartwheel", "roll", "spinkick")


@dataclass(frozen=True)
class OpenConfig:
    """The open data.

    Args:
        seed: Seed of everything that is drawn.
        frames: Number of frames per split.
        subjects: Number of bodies per split.
        clips: Which clips are kept from training.
        camera: Ranges of the cameras.
        poses: Mixture of the poses.
        train_joints: Noise of the training splits' joints.
        noisy_joints: Noise of the noisy test splits' joints.
        train_masks: Noise of the training splits' masks.
        noisy_masks: Noise of the noisy test splits' masks.
        mask_size: Side of the silhouettes in pixels, a multiple of 4.
        crop_margin: Side of the crop over the longer side of the box of the 17 joints.
        chunk: Frames that one worker makes at a time.
    """

    seed: int = 0
    frames: Frames = field(default_factory=Frames)
    subjects: Subjects = field(default_factory=Subjects)
    clips: ClipSplit = field(default_factory=ClipSplit)
    camera: CameraRange = field(default_factory=CameraRange)
    poses: PoseMix = field(default_factory=PoseMix)
    train_joints: JointNoise = field(default_factory=lambda: JointNoise(gaussian=0.01))
    noisy_joints: JointNoise = field(
        default_factory=lambda: JointNoise(gaussian=0.03, outlier=0.01, swap=0.02, missing=0.02, confidence=(0.6, 1.0))
    )
    train_masks: MaskNoise = field(default_factory=MaskNoise)
    noisy_masks: MaskNoise = field(
        default_factory=lambda: MaskNoise(occluder=0.15, hole=0.15, morphology=0.5, boundary=0.7)
    )
    mask_size: int = 112
    crop_margin: float = 1.5
    chunk: int = 500

    def __post_init__(self) -> None:
        if self.mask_size <= 0 or self.mask_size % 4:
            raise ValueError(f"mask_size: expected a positive multiple of 4, found {self.mask_size}")
        if self.chunk <= 0:
            raise ValueError(f"chunk: expected a positive number of frames, found {self.chunk}")
        empty = [name for name, count in dataclasses.asdict(self.frames).items() if count <= 0]
        if empty or self.subjects.train <= 0:
            raise ValueError(f"frames and subjects must be positive; found otherwise: {', '.join(empty) or 'subjects'}")
        held = self.clips.val + self.clips.test + self.clips.acrobatic
        twice = sorted({name for name in held if held.count(name) > 1})
        if twice:
            raise ValueError(f"clips: in more than one split: {', '.join(twice)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists, as in JSON."""
        return dataclasses.asdict(self)
