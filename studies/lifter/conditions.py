"""The test frames of the study, and what a detector might have made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2m.batch import TensorRecord
from s2m.data.motion.anatomy import Angle
from s2m.data.open.config import CameraRange, JointNoise, OpenConfig
from s2m.data.open.noise import observe_joints
from s2m.data.open.plan import kind_of, stream
from s2m.data.open.scene import draw_cameras
from s2m.data.store import FrameStore, SplitArrays, StoreError
from s2m.lifter.normalise import turned_to
from s2m.skeletons import S2M27, JointSet, get_joint_set


@dataclass(frozen=True)
class StudyFrames(TensorRecord):
    """Frames of recordings with their truth, for evaluation only.

    Attributes:
        joints2d: (N, J, 2) as cameras turned to the people see them, focal length 1.
        confidence: (N, J).
        joints3d: (N, J, 3) metres, the turned camera's frame.
        unit: (N,) the head-root length in the image.
        sequence: (N,).
        frame: (N,) number of each frame in its recording.
        elevation: (N,) radians, the turned camera's true elevation (positive looks down), or None where the store
            does not tell.
    """

    joints2d: Tensor
    confidence: Tensor
    joints3d: Tensor
    unit: Tensor
    sequence: Tensor
    frame: Tensor
    elevation: Tensor | None = None

    def select(self, joint_set: JointSet) -> StudyFrames:
        """The same frames with the joints of another set, by name; they hold the joints of s2m27.

        Args:
            joint_set: The joint set.
        """
        columns = S2M27.indices(joint_set.joints)
        joints = {name: getattr(self, name)[:, columns] for name in ("joints2d", "confidence", "joints3d")}
        rest = {name: getattr(self, name) for name in ("unit", "sequence", "frame", "elevation")}
        return StudyFrames(**joints, **rest)


@dataclass(frozen=True)
class Condition:
    """What is done to exact labels.

    Attributes:
        name: In files.
        label: For people.
    """

    name: str
    label: str
    noise: JointNoise


CONDITIONS = (
    Condition("clean", "clean", JointNoise()),
    Condition("noise_1", "1 % noise", JointNoise(gaussian=0.01)),
    Condition("noise_3", "3 % noise", JointNoise(gaussian=0.03)),
    Condition("noise_5", "5 % noise", JointNoise(gaussian=0.05)),
    Condition("missing", "5 % missing, 2 % outliers", JointNoise(missing=0.05, outlier=0.02)),
)


def read_frames(store: FrameStore, split: str) -> StudyFrames:
    """All frames of a split with truth; StoreError where it has none or does not hold the joints of s2m27.

    Args:
        store: The frame store.
        split: Name of a split.
    """
    store.require_truth(split)
    stored = get_joint_set(store.joint_set)
    if any(joint not in stored for joint in S2M27.joints):
        raise StoreError(f"{store.path}: field joint_set: expected the joints of {S2M27.name}, found {stored.name}")
    arrays = store.open(split)
    joints2d, confidence, joints3d, turn = _straight_ahead(arrays, slice(None), stored.indices(S2M27.joints), S2M27)
    # As the open data's own noise measures it: the metric length at the root's depth, whatever way it points.
    head = (joints3d[:, S2M27.index("head")] - joints3d[:, S2M27.root_index]).norm(dim=1)
    sequence = np.asarray(arrays.observation["sequence"])
    return StudyFrames(
        joints2d=joints2d,
        confidence=confidence,
        joints3d=joints3d,
        unit=head / joints3d[:, S2M27.root_index, 2],
        sequence=torch.from_numpy(sequence.astype(np.int64)),
        frame=torch.from_numpy(arrays.observation["frame"].astype(np.int64)),
        elevation=true_elevation(store.header, split, sequence, turn),
    )


def _straight_ahead(
    arrays: SplitArrays, rows: slice, columns: list[int], joint_set: JointSet
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Joints (N, J, 2), confidence (N, J) and true joints (N, J, 3), as cameras turned to the people see them.

    Focal length 1; last, the turns (N, 3, 3) from the real cameras. Every store of the open data knows its cameras.
    """
    assert arrays.truth is not None
    confidence = _tensor(np.nan_to_num(arrays.observation["confidence"][rows][:, columns]))
    pixels = _tensor(arrays.observation["joints2d"][rows][:, columns])
    turned = turned_to(pixels, confidence, _tensor(arrays.observation["intrinsics"][rows]), joint_set)
    joints2d = turned.seen(pixels) * (confidence > 0)[..., None]
    return joints2d, confidence, turned.from_camera(_tensor(arrays.truth["joints3d"][rows][:, columns])), turned.turn


def true_elevation(header: dict[str, Any], split: str, sequence: np.ndarray[Any, Any], turn: Tensor) -> Tensor | None:
    """(N,) radians: by how much the turned cameras of the recordings of a split look down.

    The store's truth holds bodies in the camera frame, from which a camera's elevation cannot be told; but the
    generator is a function of the settings in ``store.json``. None for another kind of store or independent frames.

    Args:
        header: Of the store.
        split: Name of a split.
        sequence: (N,) recording of each frame.
        turn: (N, 3, 3) from the real cameras to the turned ones.
    """
    if header.get("kind") != "open" or (sequence < 0).any():
        return None
    recorded = split.removesuffix("_noisy")
    kind = kind_of(recorded)
    config = OpenConfig(seed=int(header["seed"]))
    ranges = _camera_range(header["config"][kind.camera])
    down = {}
    for number in np.unique(sequence).tolist():
        one = draw_cameras(stream(config, "camera", recorded, number), 1, ranges)
        tilt, roll = float(one.elevation), float(one.roll)
        level = torch.tensor([0.0, math.cos(tilt), math.sin(tilt)])
        down[number] = torch.tensor([-math.sin(roll) * level[1], math.cos(roll) * level[1], level[2]])
    seen = (turn @ torch.stack([down[int(number)] for number in sequence])[..., None])[..., 0]
    return torch.asin(seen[:, 2].clamp(-1, 1))


def _camera_range(stored: dict[str, Any]) -> CameraRange:
    angles = {name: Angle(**stored[name]) for name in ("elevation", "roll")}
    return CameraRange(**{**stored, **angles})


def apply(condition: Condition, frames: StudyFrames, seed: int = 0) -> StudyFrames:
    """The same frames as a detector with the condition's errors would give them (all 27 joints, see ``select``).

    Every condition draws from a stream of its own, so that all methods and joint sets see the same errors.

    Args:
        frames: Frames with their truth.
        seed: Of the random numbers.
    """
    rng = stream(OpenConfig(seed=seed), "study", condition.name)
    noisy, found = observe_joints(rng, frames.joints2d.double().numpy(), frames.unit.double().numpy(), condition.noise)
    confidence = torch.from_numpy(found).to(frames.confidence) * (frames.confidence > 0)
    joints2d = torch.from_numpy(noisy).to(frames.joints2d) * (confidence > 0)[..., None]
    return StudyFrames(
        **{**frames.__dict__, "joints2d": joints2d, "confidence": confidence}  # the rest is as it was
    )


def training_batches(
    store: FrameStore, split: str, joint_set: JointSet, limit: int | None = None, size: int = 8192
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Labels and truth of training frames for the supervised linear baseline: (joints2d, confidence, joints3d).

    Args:
        store: The frame store.
        split: Name of a split.
        joint_set: The joint set.
        limit: Use this many frames, from the start.
    """
    store.require_truth(split)
    arrays = store.open(split)
    columns = get_joint_set(store.joint_set).indices(joint_set.joints)
    rows = arrays.rows if limit is None else min(limit, arrays.rows)
    for start in range(0, rows, size):
        yield _straight_ahead(arrays, slice(start, min(start + size, rows)), columns, joint_set)[:3]


def _tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
