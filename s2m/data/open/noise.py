"""Errors of detectors and segmenters, added to exact observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from s2m.data.corruption import HOLE_RADII, KEPT_JOINTS, OCCLUDER_SIDES, disc, enough_left, rectangle
from s2m.data.open.config import DetectorNoise, JointNoise, MaskNoise
from s2m.skeletons import H36M17, S2M27

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Limbs whose left and right a detector confuses as a whole.
_LIMBS = (("hip", "knee", "ankle", "heel", "toe"), ("shoulder", "elbow", "wrist", "index", "pinky"))
_SHARED = list(range(len(H36M17)))
# Frames that a detector's trouble with a joint lasts; and how many times the usual error halves its confidence.
_WHILE, _DOUBTFUL = 8, 3.0
# Of the 17 shared joints, what a picture that was cut on purpose shows at least.
_FEWEST = 6


def observe_joints(
    rng: np.random.Generator, joints: FloatArray, unit: FloatArray, noise: JointNoise
) -> tuple[FloatArray, FloatArray]:
    """Noisy joints (N, 27, 2) pixels and confidence (N, 27).

    Of the 17 shared joints at least eight are always found.

    Args:
        rng: Source of random numbers; the result is a function of its state.
        joints: Joints (N, J, 2), pixels.
        unit: (N,) pixels, the head-root length.
        noise: Kinds and sizes of the errors.
    """
    frames, count, _ = joints.shape
    scale = unit[:, None, None]
    noisy = joints + noise.gaussian * scale * rng.standard_normal(joints.shape)
    noisy = _swap(rng, noisy, noise.swap)
    jumping = rng.random((frames, count)) < noise.outlier
    reach = rng.uniform(*noise.outlier_reach, (frames, count))
    angle = rng.uniform(0, 2 * np.pi, (frames, count))
    jump = (jumping * reach)[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    missing = rng.random((frames, count)) < noise.missing
    missing[(~missing[:, _SHARED]).sum(1) < KEPT_JOINTS] = False
    confidence = rng.uniform(*noise.confidence, (frames, count)) * ~missing
    return noisy + scale * jump, confidence


def detect_joints(
    rng: np.random.Generator, joints: FloatArray, unit: FloatArray, noise: DetectorNoise
) -> tuple[FloatArray, FloatArray]:
    """Joints (N, 27, 2) of a recording as a detector finds them frame by frame, pixels, and confidence (N, 27).

    Args:
        rng: Source of random numbers; the result is a function of its state.
        joints: Joints (N, 27, 2) of consecutive frames, pixels.
        unit: (N,) pixels, the head-root length.
        noise: Kinds and sizes of the errors.
    """
    frames, count, _ = joints.shape
    fresh = rng.standard_normal(joints.shape)
    errors = fresh.copy()
    for frame in range(1, frames):
        errors[frame] = noise.memory * errors[frame - 1] + np.sqrt(1 - noise.memory**2) * fresh[frame]
    # Student's t: a normal error over the root of a chi-square, which stays for a while.
    whiles = noise.freedom / rng.chisquare(noise.freedom, (frames // _WHILE + 1, count))
    tail = np.sqrt(np.repeat(whiles, _WHILE, 0)[:frames])
    noisy = joints + noise.size * unit[:, None, None] * tail[..., None] * errors
    for limb in _LIMBS:
        noisy = _exchange(noisy, limb, _runs(rng, frames, noise.swap, noise.swap_frames))
    confidence = rng.uniform(0.85, 1.0, (frames, count)) / (1 + (tail / _DOUBTFUL) ** 2)
    missing = rng.random((frames, count)) < noise.missing
    missing[(~missing[:, _SHARED]).sum(1) < KEPT_JOINTS] = False
    return noisy, confidence * ~missing


def leave_the_picture(
    joints: FloatArray, confidence: FloatArray, size: float, bottom: float | None = None
) -> FloatArray:
    """Confidence (N, 27) without joints that lie beyond the picture's edge.

    A frame of which fewer than eight of the 17 shared joints would be left keeps what it has, unless the picture was
    cut on purpose.

    Args:
        joints: Joints (N, 27, 2), pixels.
        confidence: Like the joints (N, 27).
        size: Side of the square picture, pixels.
        bottom: Its lower edge where it is cut, pixels.
    """
    inside = ((joints >= 0) & (joints < size)).all(2)
    if bottom is not None:
        inside &= joints[..., 1] < bottom
    kept = confidence * inside
    few = (kept[:, _SHARED] > 0).sum(1) < (KEPT_JOINTS if bottom is None else _FEWEST)
    kept[few] = confidence[few]
    return kept


def _runs(rng: np.random.Generator, frames: int, probability: float, length: float) -> NDArray[np.int64]:
    """Rows of runs that begin with a probability per frame and end with one."""
    inside, rows = False, []
    for row, (begins, ends) in enumerate(rng.random((frames, 2)) < (probability, 1 / length)):
        inside = begins if not inside else not ends
        if inside:
            rows.append(row)
    return np.array(rows, np.int64)


def _exchange(joints: FloatArray, limb: tuple[str, ...], rows: NDArray[np.int64]) -> FloatArray:
    exchanged: FloatArray = joints.copy()
    for joint in limb:
        left, right = S2M27.index(f"left_{joint}"), S2M27.index(f"right_{joint}")
        exchanged[rows, left], exchanged[rows, right] = joints[rows, right], joints[rows, left]
    return exchanged


def _swap(rng: np.random.Generator, joints: FloatArray, probability: float) -> FloatArray:
    swapped: FloatArray = joints
    for limb in _LIMBS:
        swapped = _exchange(swapped, limb, np.flatnonzero(rng.random(len(joints)) < probability))
    return swapped


def corrupt_masks(rng: np.random.Generator, masks: BoolArray, noise: MaskNoise) -> BoolArray:
    """Corrupted copies of masks (N, S, S). A mask that would lose more than two thirds of its area stays as it is.

    Args:
        rng: Source of random numbers; the result is a function of its state.
        masks: Masks (N, S, S), bool.
        noise: Kinds and sizes of the errors.
    """
    corrupted = np.stack([_corrupt(rng, mask, noise) for mask in masks]) if len(masks) else masks
    keep = ~enough_left(corrupted, masks)
    corrupted[keep] = masks[keep]
    return corrupted


def _corrupt(rng: np.random.Generator, mask: BoolArray, noise: MaskNoise) -> BoolArray:
    occluded, holed, resized, wobbly = rng.random(4) < (noise.occluder, noise.hole, noise.morphology, noise.boundary)
    if resized:
        mask = _resize(mask, int(rng.integers(1, noise.morphology_pixels + 1)), bool(rng.random() < 0.5))
    if wobbly:
        mask = _wobble(rng, mask, noise.boundary_pixels)
    if holed:
        mask = mask & ~_disc(rng, mask)
    if occluded:
        mask = mask & ~_rectangle(rng, mask)
    return mask


def _resize(mask: BoolArray, pixels: int, grow: bool) -> BoolArray:
    result: BoolArray = (ndimage.binary_dilation if grow else ndimage.binary_erosion)(mask, iterations=pixels)
    return result


def _wobble(rng: np.random.Generator, mask: BoolArray, pixels: float) -> BoolArray:
    """Move the outline by smooth random distances: threshold the signed distance at a smooth random level."""
    distance = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    level = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 3.0)
    result: BoolArray = distance > pixels * level / level.std()
    return result


def _centre(rng: np.random.Generator, mask: BoolArray) -> tuple[int, int]:
    inside = np.argwhere(mask)
    if len(inside) == 0:
        return mask.shape[0] // 2, mask.shape[1] // 2
    row, column = inside[rng.integers(len(inside))]
    return int(row), int(column)


def _disc(rng: np.random.Generator, mask: BoolArray) -> BoolArray:
    (row, column), radius = _centre(rng, mask), rng.uniform(*HOLE_RADII) * len(mask)
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    result: BoolArray = disc(columns, rows, column, row, radius)
    return result


def _rectangle(rng: np.random.Generator, mask: BoolArray) -> BoolArray:
    (row, column), (height, width) = _centre(rng, mask), rng.uniform(*OCCLUDER_SIDES, 2) * len(mask)
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    result: BoolArray = rectangle(columns, rows, column, row, width / 2, height / 2)
    return result
