"""Frames of a store as batches of :class:`s2m.batch.FrameBatch`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from s2m.batch import BodyParams, FrameBatch, Observation, Truth
from s2m.data.samplers import Batch, as_stored
from s2m.data.store import OBSERVATION, Array, FrameStore, SplitArrays, StoreError, unpack_masks_as_float
from s2m.skeletons import JointSet, get_joint_set

_BLOCK = 65_536


@dataclass(frozen=True)
class PackedFrame:
    """A batch on its way from a worker.

    Args:
        frame: The batch without silhouettes.
        silhouette: (B, S*S/8) bits.
        flip: (B,) which are to be mirrored still.
    """

    frame: FrameBatch
    silhouette: Tensor | None
    flip: Tensor


class FrameDataset(Dataset[FrameBatch]):
    """One split of a store.

    Fetching takes a whole :class:`~s2m.data.samplers.Batch` and returns a FrameBatch. A frame is unusable when a found
    joint (confidence > 0) or its crop is not finite, when fewer than ``min_joints`` joints of the joint set are
    found, or when its silhouette is needed but empty. For training (``drop=True``) such frames are left out and counted
    in ``skipped``; for evaluation they raise StoreError, because numbers over fewer frames would mislead.

    Args:
        store: The open store.
        split: Name of the split.
        joint_set: Selected by name from the stored joints.
        truth: Whether frames carry their truth (if the store has it).
        silhouettes: Whether frames carry silhouettes (if the split has them).
        drop: Whether unusable frames are left out (training) or raise StoreError (evaluation).
        min_joints: A frame with fewer joints found is unusable.
    """

    def __init__(
        self,
        store: FrameStore,
        split: str,
        joint_set: JointSet,
        truth: bool,
        silhouettes: bool = True,
        drop: bool = False,
        min_joints: int = 6,
    ):
        self.split, self.joint_set = split, joint_set
        self._store = store
        self._arrays = store.open(split, truth=truth)
        self._columns = _columns(store, joint_set)
        self._masks = silhouettes and "silhouette" in self._arrays.observation
        reasons = _unusable(self._arrays, self._columns, self._masks, min_joints)
        bad = np.logical_or.reduce(list(reasons.values()))
        if bad.any() and not drop:
            raise StoreError(_complaint(store, split, reasons))
        self.skipped = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
        self._rows = np.flatnonzero(~bad)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def has_truth(self) -> bool:
        """Whether frames carry their truth."""
        return self._arrays.truth is not None

    @property
    def has_silhouettes(self) -> bool:
        """Whether frames carry silhouettes."""
        return self._masks

    def __getitem__(self, position: int) -> FrameBatch:
        """A batch of one frame."""
        return self.__getitems__(as_stored(np.array([position])))

    def __getitems__(self, batch: Batch) -> FrameBatch:
        """A collated batch. Frames with truth cannot be mirrored (nothing that trains has truth)."""
        return self.finish(self.fetch(batch))

    def fetch(self, batch: Batch) -> PackedFrame:
        """A batch with its silhouettes as stored: a 32nd of their size, for the way from a worker process.

        Args:
            batch: Positions of the frames, and which are mirrored.
        """
        rows = self._rows[batch.positions]
        truth = self._arrays.truth
        if truth is not None and batch.flip.any():
            raise ValueError("frames that carry their truth cannot be mirrored")
        frame = FrameBatch(self._observation(rows, batch.flip), None if truth is None else self._truth(rows, truth))
        packed = _tensor(self._arrays.observation["silhouette"][rows]) if self._masks else None
        return PackedFrame(frame, packed, torch.from_numpy(batch.flip))

    def finish(self, packed: PackedFrame) -> FrameBatch:
        """Unpack the silhouettes.

        Args:
            packed: The batch as a worker sent it.
        """
        if packed.silhouette is None:
            return packed.frame
        masks = torch.from_numpy(unpack_masks_as_float(packed.silhouette.numpy(), self._store.mask_size))
        if bool(packed.flip.any()):
            masks[packed.flip] = masks[packed.flip].flip(2)
        return replace(packed.frame, observation=replace(packed.frame.observation, silhouette=masks))

    def _observation(self, rows: NDArray[np.int64], flip: NDArray[np.bool_]) -> Observation:
        crop = self._picked("crop", rows)
        confidence = np.nan_to_num(self._picked("confidence", rows).take(self._columns, 1))
        joints = self._picked("joints2d", rows).take(self._columns, 1)
        joints = (joints - crop[:, None, :2]) / crop[:, None, 2:]
        joints[confidence <= 0] = 0.0
        camera = self._camera(rows, crop)
        if flip.any():
            mirror = list(self.joint_set.mirror)
            mirrored = joints.take(mirror, 1) * np.array([-1, 1], joints.dtype)
            joints = np.where(flip[:, None, None], mirrored, joints)
            confidence = np.where(flip[:, None], confidence.take(mirror, 1), confidence)
            crop[flip, 0] = self._widths(rows[flip]) - crop[flip, 0]
            if camera is not None:
                camera[flip, 2] *= -1
        return Observation(
            _tensor(joints),
            _tensor(confidence),
            crop=_tensor(crop),
            index=torch.from_numpy(rows),
            camera=None if camera is None else _tensor(camera),
        )

    def _camera(self, rows: NDArray[np.int64], crop: Array) -> Array | None:
        """Focal lengths and principal points (B, 4) in crop units, where the store knows them."""
        if "intrinsics" not in self._arrays.observation:
            return None
        pixels = self._picked("intrinsics", rows)
        return np.concatenate([pixels[:, :2], pixels[:, 2:] - crop[:, :2]], 1) / crop[:, 2:]

    def _picked(self, name: str, rows: NDArray[np.int64]) -> Array:
        """Rows of a stored array; ``take`` on a plain array is several times as fast as indexing the file's."""
        return np.asarray(self._arrays.observation[name]).take(rows, 0)

    def _widths(self, rows: NDArray[np.int64]) -> Array | int:
        sizes = self._arrays.observation.get("image_size")
        return self._store.image_size if sizes is None else sizes[rows, 0]

    def _truth(self, rows: NDArray[np.int64], truth: dict[str, Array]) -> Truth:
        joints = _tensor(truth["joints3d"][rows][:, self._columns])
        gender = _tensor(truth["gender"][rows]).long() if "gender" in truth else None
        return Truth(joints, self._params(rows, truth) if "poses" in truth else None, gender)

    def _params(self, rows: NDArray[np.int64], truth: dict[str, Array]) -> BodyParams:
        rotations = roma.rotvec_to_rotmat(_tensor(truth["poses"][rows]).view(len(rows), -1, 3))
        return BodyParams.from_rotations(rotations, _tensor(truth["betas"][rows]), _tensor(truth["transl"][rows]))


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _columns(store: FrameStore, joint_set: JointSet) -> list[int]:
    stored = get_joint_set(store.joint_set)
    missing = [joint for joint in joint_set.joints if joint not in stored]
    if missing:
        raise StoreError(
            f"{store.path}: joint set {joint_set.name} needs joints that the store ({stored.name}) lacks: "
            f"{', '.join(missing)}"
        )
    return stored.indices(joint_set.joints)


def _unusable(arrays: SplitArrays, columns: list[int], masks: bool, min_joints: int) -> dict[str, NDArray[np.bool_]]:
    """Which rows have what wrong; a row counts for the first reason only."""
    few = min(min_joints, len(columns))
    names = ("joints2d: not finite", f"confidence: fewer than {few} joints found", "silhouette: empty")
    reasons = {name: np.zeros(arrays.rows, bool) for name in names}
    for start in range(0, arrays.rows, _BLOCK):
        block = slice(start, start + _BLOCK)
        part = {name: np.asarray(values[block]) for name, values in arrays.observation.items() if name != "silhouette"}
        confidence = part["confidence"][:, columns]
        found = ~(confidence <= 0)
        finite = np.isfinite(part["joints2d"][:, columns]).all(2) & np.isfinite(confidence)
        whole = np.isfinite(part["crop"]).all(1) & (part["crop"][:, 2] > 0)
        broken = (found & ~finite).any(1) | ~whole
        sparse = ~broken & (found.sum(1) < few)
        reasons[names[0]][block], reasons[names[1]][block] = broken, sparse
        if masks:
            reasons[names[2]][block] = ~broken & ~sparse & ~arrays.observation["silhouette"][block].any(1)
    return reasons


def _complaint(store: FrameStore, split: str, reasons: dict[str, NDArray[np.bool_]]) -> str:
    found = [
        f"{reason} in {int(rows.sum())} frames (first rows: {np.flatnonzero(rows)[:5].tolist()})"
        for reason, rows in reasons.items()
        if rows.any()
    ]
    return f"{store.path / split / OBSERVATION}: frames that cannot be evaluated: {'; '.join(found)}"
