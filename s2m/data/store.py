"""The frame store: memory-mapped arrays of observations and, apart from them, of the truth.

    STORE/store.json                       schema, units, fields, hashes; a folder without it is not a store
    STORE/<split>/observation/<field>.npy  what training may read
    STORE/<split>/truth/<field>.npy        evaluation only; may be deleted, training does not notice

Reading never unpickles. Writing happens in a hidden sibling folder that takes the store's name when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.files import path_part, sha256

SCHEMA_VERSION = 1
HEADER = "store.json"
_LARGEST_HEADER, _LARGEST_SIZE = 1 << 28, 2**40
_DTYPE = re.compile(r"[<>|=]?[biuf][1248]")
OBSERVATION, TRUTH = "observation", "truth"
Array = NDArray[Any]
_BYTES_AS_FLOATS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)


class StoreError(UserError, ValueError):
    """A frame store cannot be used; the message names the file, what was expected and what was found."""


@dataclass(frozen=True)
class Field:
    """One array of a split: ``shape`` is that of one row.

    Args:
        name: Name of the field or split.
        part: Folder within a split: observation or truth.
        shape: Shape of one row.
        dtype: NumPy name of the type.
        unit: Unit of the values, for readers.
    """

    name: str
    part: str
    shape: tuple[int, ...]
    dtype: str
    unit: str

    def path(self, root: Path, split: str) -> Path:
        """Where the array of a split lies.

        Args:
            root: Folder of the store.
            split: Name of the split.
        """
        return root / split / self.part / f"{self.name}.npy"


def store_fields(joints: int, mask_size: int | None) -> list[Field]:
    """The fields of one split; ``mask_size`` is ``None`` for splits without silhouettes.

    Args:
        joints: Number of stored joints.
        mask_size: Side of the masks, pixels; None: without.
    """
    fields = [
        Field("joints2d", OBSERVATION, (joints, 2), "<f4", "pixels of the full image, +y down"),
        Field("confidence", OBSERVATION, (joints,), "<f4", "0 (missing) to 1"),
        Field("crop", OBSERVATION, (3,), "<f4", "pixels: centre x, centre y, half side"),
        Field("intrinsics", OBSERVATION, (4,), "<f4", "pixels: fx, fy, cx, cy"),
        Field("sequence", OBSERVATION, (), "<i4", "number of the recording; -1 for independent frames"),
        Field("frame", OBSERVATION, (), "<i4", "position within the recording"),
        Field("joints3d", TRUTH, (joints, 3), "<f4", "metres, camera frame"),
        Field("poses", TRUTH, (72,), "<f4", "radians, axis-angle; the root maps the body into the camera frame"),
        Field("betas", TRUTH, (10,), "<f4", "standard deviations"),
        Field("transl", TRUTH, (3,), "<f4", "metres, camera frame"),
        Field("clip", TRUTH, (), "<i4", "position in store.json's clips; -1 for sampled poses"),
    ]
    if mask_size is not None:
        fields.append(Field("silhouette", OBSERVATION, (mask_size * mask_size // 8,), "|u1", "bits, row by row"))
    return fields


# What one split of a dataset may lack: 3D joints, a known camera, parameters of a body in SMPL format.
GROUPS = {"joints3d": ("joints3d",), "camera": ("intrinsics",), "body": ("poses", "betas", "transl", "gender")}
GENDERS = ("neutral", "female", "male")


def dataset_fields(joints: int, mask_size: int | None, groups: Collection[str]) -> list[Field]:
    """The fields of one split of a converted dataset: those of :func:`store_fields` that the dataset has, and more.

    Args:
        joints: Number of stored joints.
        mask_size: Side of the masks, pixels; None: without.
        groups: Which of GROUPS it has.
    """
    own = [
        Field("image_size", OBSERVATION, (2,), "<i4", "pixels: width and height of the full image"),
        Field("gender", TRUTH, (), "|i1", f"which model the body's parameters belong to: {', '.join(GENDERS)}"),
    ]
    lacking = {name for group in GROUPS.keys() - set(groups) for name in GROUPS[group]}
    known = [f for f in store_fields(joints, mask_size) + own if f.name not in lacking]
    return [f for f in known if f.name != "clip"]


def pack_masks(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(N, S, S) bool to (N, S*S/8) bytes.

    Args:
        masks: Masks (N, S, S), bool.
    """
    return np.packbits(masks.reshape(len(masks), -1), axis=1)


def unpack_masks(packed: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Inverse of :func:`pack_masks`, as 0 and 1.

    Args:
        packed: Packed masks (N, S*S/8), bytes.
        size: Side S, pixels.
    """
    return np.unpackbits(packed, axis=1).reshape(len(packed), size, size)


def unpack_masks_as_float(packed: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Inverse of :func:`pack_masks`, as 0.0 and 1.0: by a table of the 256 bytes, twice as fast as by bits.

    Args:
        packed: Packed masks (N, S*S/8), bytes.
        size: Side S, pixels.
    """
    floats: NDArray[np.float32] = np.take(_BYTES_AS_FLOATS, packed, axis=0, mode="clip")
    return floats.reshape(len(packed), size, size)


@dataclass(frozen=True)
class SplitArrays:
    """The arrays of one split, by field name; ``truth`` is ``None`` where the store has none.

    Args:
        name: Name of the field or split.
        rows: Number of frames.
        observation: Arrays of the observation by field.
        truth: Arrays of the truth by field; None where the store has none.
    """

    name: str
    rows: int
    observation: dict[str, Array]
    truth: dict[str, Array] | None


class FrameStore:
    """An open store.

    Args:
        path: Folder or file.

    Raises:
        StoreError: When the folder is not a complete store or when its schema is another one.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.header = _read_header(self.path)

    @property
    def joint_set(self) -> str:
        """Name of the joint set whose joints are stored."""
        return str(self.header["joint_set"])

    @property
    def mask_size(self) -> int:
        """Side of the silhouettes in pixels."""
        return int(self.header["mask_size"])

    @property
    def image_size(self) -> int:
        """Side of the full image in pixels: the longest where images differ (then a field of that name has them)."""
        return int(self.header["image_size"])

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return list(self.header["splits"])

    @property
    def hash(self) -> str:
        """SHA-256 over the header, which holds the hashes of the contents: the identity of the data."""
        return hashlib.sha256(json.dumps(self.header, sort_keys=True).encode()).hexdigest()

    def split_hash(self, split: str) -> str:
        """SHA-256 over what the header says of the store and of one split: other splits may change.

        Args:
            split: Name of the split.

        Raises:
            StoreError: There is no such split.
        """
        entry = self._entry(split)
        shared = {k: v for k, v in self.header.items() if k not in ("splits", "sha256", "recordings", "clips")}
        hashes = {name: value for name, value in self.header["sha256"].items() if name.split("/")[0] == split}
        content = [shared, entry, hashes, self.recordings(split)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def recordings(self, split: str) -> list[dict[str, Any]]:
        """What is known of the recordings of a split (name, activity, camera, ...), by the number in ``sequence``.

        Empty for stores that were not converted from a dataset.

        Args:
            split: Name of the split.
        """
        self._entry(split)
        return list(self.header.get("recordings", {}).get(split, []))

    def has_truth(self, split: str) -> bool:
        """Whether the truth of a split is there.

        Args:
            split: Name of the split.
        """
        self._entry(split)
        return (self.path / split / TRUTH).is_dir()

    def require_truth(self, split: str) -> None:
        """Refuse a split whose truth is missing.

        Args:
            split: Name of the split.

        Raises:
            StoreError: When it is missing; the message names the folder.
        """
        if not self.has_truth(split):
            raise StoreError(f"{self.path / split / TRUTH}: missing; without it split '{split}' cannot be evaluated")

    def open(self, split: str, truth: bool = True) -> SplitArrays:
        """Map the arrays of a split, checked against the header; ``truth=False`` touches no file of the truth.

        Args:
            split: Name of the split.
            truth: Arrays of the truth by field; None where the store has none.
        """
        entry = self._entry(split)
        rows = int(entry["rows"])
        parts: dict[str, dict[str, Array]] = {OBSERVATION: {}, TRUTH: {}}
        with_truth = truth and self.has_truth(split)
        for field in _fields_of(entry):
            if field.part == OBSERVATION or with_truth:
                parts[field.part][field.name] = _map(field.path(self.path, split), (rows, *field.shape), field.dtype)
        return SplitArrays(split, rows, parts[OBSERVATION], parts[TRUTH] if with_truth else None)

    def verify(self, split: str) -> None:
        """Read every file of a split and compare its SHA-256 with the header.

        Args:
            split: Name of the split.

        Raises:
            StoreError: At the first difference.
        """
        for relative, expected in self.header["sha256"].items():
            path = self.path / relative
            if relative.split("/")[0] != split or (relative.split("/")[1] == TRUTH and not self.has_truth(split)):
                continue
            found = file_hash(path)
            if found != expected:
                raise StoreError(f"{path}: content changed: expected sha256 {expected}, found {found}")

    def _entry(self, split: str) -> dict[str, Any]:
        entry: dict[str, Any] | None = self.header["splits"].get(split)
        if entry is None:
            raise StoreError(f"{self.path}: no split '{split}'; it has: {', '.join(self.splits)}")
        return entry


def describe_split(rows: int, fields: list[Field]) -> dict[str, Any]:
    """A split's entry in store.json.

    Args:
        rows: Number of frames.
        fields: The arrays of a row.
    """
    table = {f.name: {"part": f.part, "shape": list(f.shape), "dtype": f.dtype, "unit": f.unit} for f in fields}
    return {"rows": rows, "fields": table}


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Args:
        path: Folder or file.

    Raises:
        StoreError: When it cannot be read.
    """
    try:
        return sha256(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error


def _fields_of(entry: dict[str, Any]) -> list[Field]:
    return [Field(n, f["part"], tuple(f["shape"]), f["dtype"], f["unit"]) for n, f in entry["fields"].items()]


def _read_header(path: Path) -> dict[str, Any]:
    file = path / HEADER
    try:
        if file.stat().st_size > _LARGEST_HEADER:
            raise StoreError(f"{file}: expected at most {_LARGEST_HEADER} bytes, found {file.stat().st_size}")
        header = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path}: not a frame store ({HEADER} is missing); make one with `s2m data open`") from None
    except StoreError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{file}: cannot be read: {str(error)[:200]}") from error
    version = header.get("schema_version") if isinstance(header, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise StoreError(f"{file}: schema_version: expected {SCHEMA_VERSION}, found {str(version)[:40]}")
    missing = sorted({"joint_set", "mask_size", "image_size", "splits", "sha256"} - header.keys())
    if missing:
        raise StoreError(f"{file}: missing entries: {', '.join(missing)}")
    _check_header(file, header)
    return dict(header)


def _check_header(file: Path, header: dict[str, Any]) -> None:
    """Types of what is read, and names that lead to no other place."""

    def expect(fine: bool, entry: str, expected: str) -> None:
        if not fine:
            raise StoreError(f"{file}: {entry}: expected {expected}")

    expect(isinstance(header["joint_set"], str), "joint_set", "a name")
    for name in ("mask_size", "image_size"):
        expect(_is_count(header[name]) and header[name] > 0, name, "a positive whole number")
    expect(isinstance(header["splits"], dict), "splits", "an entry per split")
    for split, entry in header["splits"].items():
        where = f"splits/{split[:40]}"
        path_part(split, f"{file}: splits")
        fine = isinstance(entry, dict) and isinstance(entry.get("fields"), dict) and _is_count(entry.get("rows"))
        expect(fine, where, "rows and fields")
        for name, field in entry["fields"].items():
            path_part(name, f"{file}: {where}/fields")
            expect(isinstance(field, dict) and _is_field(field), f"{where}/fields/{name}", "part, shape, dtype, unit")
    hashes = header["sha256"]
    fine = isinstance(hashes, dict) and all(isinstance(value, str) for value in hashes.values())
    expect(fine, "sha256", "a hash per file")
    for relative in hashes:
        expect(relative.count("/") == 2, f"sha256/{relative[:40]}", "split/part/field.npy")
        for part in relative.split("/"):
            path_part(part, f"{file}: sha256")
    recordings = header.get("recordings", {})
    fine = isinstance(recordings, dict) and all(isinstance(listed, list) for listed in recordings.values())
    expect(fine, "recordings", "a list per split")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _is_field(field: dict[str, Any]) -> bool:
    shape, dtype = field.get("shape"), field.get("dtype")
    return (
        field.get("part") in (OBSERVATION, TRUTH)
        and isinstance(shape, list)
        and all(_is_count(length) for length in shape)
        and isinstance(dtype, str)
        and _DTYPE.fullmatch(dtype) is not None
        and isinstance(field.get("unit"), str)
    )


def _map(path: Path, shape: tuple[int, ...], dtype: str) -> Array:
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StoreError(f"{path}: missing; expected an array of shape {shape}") from None
    except Exception as error:  # NumPy raises nearly anything on a damaged header
        expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raise StoreError(
            f"{path}: truncated or damaged: expected {expected} bytes of data for shape {shape}, "
            f"found a file of {path.stat().st_size} bytes ({error})"
        ) from error
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise StoreError(f"{path}: expected {dtype} {shape}, found {array.dtype.str} {array.shape}")
    return array
