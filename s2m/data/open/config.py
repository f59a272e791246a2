"""Everything that decides what the open data look like; all of it is hashed into the store."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from s2m.data.motion.anatomy import Angle


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
class DetectorNoise:
    """Errors of a detector on video: heavy tails, errors that stay for some frames, sides that change for some frames,
    and a confidence that falls with the error.

    Sizes, tails and memory are those of BlazePose on four calibrated videos of a person (``make real``): Student's t
    fitted to its errors against triangulated joints, and their correlation over a thirtieth of a second.

    Args:
        size: Scale of the errors, as a share of the head-root length in the image.
        freedom: Degrees of freedom of Student's t, from which their size per joint and while comes; small: heavy tails.
        memory: Share of an error that stays until the next frame, at 30 frames per second.
        swap: Probability per frame and limb pair that an exchange of left and right begins.
        swap_frames: Mean length of an exchange, frames.
        missing: Probability per joint that it is not found.
    """

    size: float = 0.0225
    freedom: float = 3.5
    memory: float = 0.73
    swap: float = 0.004
    swap_frames: float = 6.0
    missing: float = 0.03


@dataclass(frozen=True)
class CameraRange:
    """Perspective cameras; every azimuth is equally likely.

    Args:
        elevation: Elevation, degrees; positive looks down.
        roll: Turn about the optical axis, degrees.
        focal: Shortest and longest focal length over the image's side: 0.75 is a phone's, 1.15 Human3.6M's; evenly in
            its logarithm.
        size: Height of an upright person over the image's side, smallest and largest; evenly in its logarithm.
        distance: Smallest and largest distance to the body, metres, which come before ``size``.
        offset: How far from the image's centre the body may be, as a share of what the person leaves free.
        image_size: Side of the square image, pixels.
    """

    elevation: Angle = field(default_factory=lambda: Angle(10.0, 11.0, -30.0, 60.0))
    roll: Angle = field(default_factory=lambda: Angle(0.0, 3.0, -20.0, 20.0))
    focal: tuple[float, float] = (0.75, 2.4)
    size: tuple[float, float] = (0.3, 0.85)
    distance: tuple[float, float] = (1.5, 15.0)
    offset: float = 0.9
    image_size: int = 1000


@dataclass(frozen=True)
class Definitions:
    """What a subject's joints are called is one thing, where they lie another: a detector's hip is not a dataset's.

    Each subject's joints lie beside the skeleton's places by up to this in each direction, metres, mirrored alike on
    both sides, and move with the part of the body that carries them.

    Args:
        hips: Hips and pelvis.
        head: The head's joints.
        trunk: Spine, thorax and shoulders.
        limbs: Elbows, wrists, knees, ankles, and what follows them.
    """

    hips: float = 0.030
    head: float = 0.040
    trunk: float = 0.025
    limbs: float = 0.015


@dataclass(frozen=True)
class PoseMix:
    """Where training poses come from.

    Args:
        sampler: Share of poses that are sampled within anatomical limits.
        blend: Share of poses that are blends of two clip poses; what is left are clip poses.
        exchange: Share of blends that take the legs of one pose and the rest of another, each as it is.
        any_root: Share of sampled poses whose root has any orientation.
        seated: Share of sampled poses that sit, kneel or crouch.
    """

    sampler: float = 0.4
    blend: float = 0.35
    exchange: float = 0.35
    any_root: float = 0.08
    seated: float = 0.3


@dataclass(frozen=True)
class Frames:
    """Number of frames per split; ``test`` and ``acrobatic`` are written twice, clean and noisy.

    ``train``, ``train_pose`` and ``sitting`` are independent frames, the others recordings: ``train_video`` of the
    training clips, joints alone.

    Args:
        train: Training frames with joints and silhouettes.
        train_pose: Training frames with 2D joints alone.
        val: Validation frames.
        test: Test frames of ordinary motion.
        acrobatic: Test frames of acrobatic motion.
        train_video: Training frames in recordings, with 2D joints alone.
        above: Test frames of ordinary motion, seen from high up.
        half_body: Test frames of ordinary motion whose legs the picture's lower edge cuts off.
        sitting: Test frames of people who sit, kneel or crouch.
        detector: Test frames of ordinary motion as a detector finds them in a video.
    """

    train: int = 16_000
    train_pose: int = 200_000
    val: int = 1_000
    test: int = 1_500
    acrobatic: int = 800
    train_video: int = 20_000
    above: int = 800
    half_body: int = 800
    sitting: int = 800
    detector: int = 1_000


@dataclass(frozen=True)
class Subjects:
    """Number of bodies per split. No body appears in two splits, except that train and train_pose share theirs.

    Args:
        train: Bodies of train and train_pose.
    """

    train: int = 400


@dataclass(frozen=True)
class ClipSplit:
    """Which clips are kept from training, by patterns of their names as in a shell; all others train.

    Args:
        used: Clips that are used at all; those of a folder of one's own are called ``motions/...``.
        val: Clips of val.
        test: Clips of test, above, half_body and detector.
        acrobatic: Clips of acrobatic.
    """

    used: tuple[str, ...] = ("*",)
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
        above: Ranges of the cameras of the split ``above``.
        definitions: How far the definitions of joints differ between subjects.
        poses: Mixture of the poses.
        train_joints: Noise of the training splits' joints.
        noisy_joints: Noise of the noisy test splits' joints.
        detector: Noise of the joints of the split ``detector``.
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
    above: CameraRange = field(default_factory=lambda: CameraRange(elevation=Angle(35.0, 10.0, 20.0, 60.0)))
    definitions: Definitions = field(default_factory=Definitions)
    poses: PoseMix = field(default_factory=PoseMix)
    train_joints: JointNoise = field(default_factory=lambda: JointNoise(gaussian=0.01))
    noisy_joints: JointNoise = field(
        default_factory=lambda: JointNoise(gaussian=0.03, outlier=0.01, swap=0.02, missing=0.02, confidence=(0.6, 1.0))
    )
    detector: DetectorNoise = field(default_factory=DetectorNoise)
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

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists, as in JSON."""
        return dataclasses.asdict(self)
