"""Converting one recording: its rows go into one file, what is known about them into a manifest beside it.

A part without a manifest does not exist: the manifest takes its name when everything else is on disk. Rows are
streamed in blocks, so that the memory needed does not grow with the recording.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.store import GENDERS, Field, dataset_fields, pack_masks
from s2m.data.zoo.checks import describe, reprojection, require_projection, unusable, validate
from s2m.data.zoo.crops import crop_masks, crop_windows, square_crops
from s2m.data.zoo.source import SPLITS, Recording, RecordingRef, Source, SourceError
from s2m.files import WriteError, hidden_name, write_text
from s2m.skeletons import get_joint_set

SEQUENCE = "sequence"
# Full-image masks are held one byte per pixel: 64 of 1920 x 1080 take 130 MB.
_MASKS_AT_ONCE = 64
_MASK_BYTES = 1 << 27
_ROWS_AT_ONCE = 8192
MASKS = ("auto", "none")
_MOST = 10**9


@dataclass(frozen=True)
class Options:
    """What the user chooses for any dataset.

    Args:
        splits: Which to convert.
        every: Keep every n-th frame.
        test_every: The same for the test split (``None``: as ``every``).
        masks: "auto" stores silhouettes in splits that have any; "none" stores none.
        mask_size: Their side in pixels, a multiple of 4.
        margin: Side of the crop over the longer side of the joints' box.
        min_joints: Frames with fewer joints found are dropped.
        reprojection_limit_px: See :func:`s2m.data.zoo.checks.require_projection`; ``None`` is the dataset's own.
    """

    splits: tuple[str, ...] = SPLITS
    every: int = 1
    test_every: int | None = None
    masks: str = "auto"
    mask_size: int = 112
    margin: float = 1.5
    min_joints: int = 6
    reprojection_limit_px: float | None = None

    def __post_init__(self) -> None:
        limit = self.reprojection_limit_px
        checks = {
            "splits": (set(self.splits) <= set(SPLITS) and len(self.splits) > 0, f"some of {', '.join(SPLITS)}"),
            "every": (all(n is None or 1 <= n <= _MOST for n in (self.every, self.test_every)), f"1 to {_MOST}"),
            "masks": (self.masks in MASKS, f"one of {', '.join(MASKS)}"),
            "mask_size": (
                0 < self.mask_size <= 1024 and self.mask_size % 4 == 0,
                "a positive multiple of 4, up to 1024",
            ),
            "margin": (0 < self.margin <= 10, "a positive number up to 10"),
            "min_joints": (2 <= self.min_joints <= 1000, "at least 2 (a crop needs them), at most 1000"),
            "reprojection_limit": (limit is None or 0 < limit <= _MOST, "a positive number of pixels"),
        }
        for name, (fine, expected) in checks.items():
            if not fine:
                found = getattr(self, name, limit)
                raise SourceError(f"--{name.replace('_', '-')}: expected {expected}, found {found}")

    def step(self, split: str) -> int:
        """Every how many frames of a split one is kept.

        Args:
            split: Name of the split.
        """
        return self.test_every if split == "test" and self.test_every is not None else self.every


@dataclass(frozen=True)
class Part:
    """The manifest of a converted recording.

    Args:
        key: Name of the recording's files.
        name: Name of the recording.
        split: Name of the split.
        rows: Number of frames.
        joint_set: Name of the joint set.
        silhouettes: Whether there are masks.
        groups: Which of :data:`s2m.data.store.GROUPS` it has.
        dropped: Number of unusable frames by reason.
        left_out: Number of frames by reason why the source left them out.
        distances: Distances of the projected truth from the 2D joints.
        info: What evaluations ask.
        files: (path, size, time of change) of what it was made from.
        pictures: Whether it has any, for the contact sheet.
        blocks: (field, offset, bytes) in the data file, in the order of the rows.
    """

    key: str
    name: str
    split: str
    rows: int
    joint_set: str
    silhouettes: bool
    groups: tuple[str, ...]
    dropped: dict[str, int]
    left_out: dict[str, int]
    distances: dict[str, Any]
    info: dict[str, Any]
    files: list[tuple[str, int, int]]
    pictures: bool = False
    blocks: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class SplitPlan:
    """What a split will hold: ``parts`` with rows, and those that cannot be part of it.

    Args:
        name: Name of the recording.
        parts: Parts with rows.
        without_masks: Parts that cannot be used for lack of masks.
        fields: Arrays of the split.
        notes: What the report says of it.
    """

    name: str
    parts: list[Part]
    without_masks: list[Part]
    fields: list[Field]
    notes: list[str]

    @property
    def rows(self) -> int:
        """Number of frames."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class PartMaker:
    """Turns recordings into parts; travels to the workers.

    Args:
        source: The dataset that is read.
        options: Settings of the conversion.
        folder: Folder of the parts.
    """

    source: Source
    options: Options
    folder: Path

    def __call__(self, ref: RecordingRef) -> str:
        """Convert one recording and return its key. SourceError naming the file that is to blame."""
        try:
            recording = self.source.read(ref)
            validate(recording)
            self._write(ref, recording)
        except WriteError:
            raise
        except (OSError, EOFError) as error:
            raise SourceError(f"recording {ref.name}: cannot be read: {type(error).__name__}: {error}") from error
        return ref.key

    def _write(self, ref: RecordingRef, recording: Recording) -> None:
        data, manifest = part_files(self.folder, ref.key)
        rows, dropped = self._usable(recording)
        distances = reprojection(recording, rows)
        limit = self.options.reprojection_limit_px
        require_projection(recording, distances, self.source.reprojection_limit_px if limit is None else limit)
        with data.open("wb") as stream:
            written = _Writer(stream, self._fields(recording))
            for block in self._blocks(recording, rows):
                arrays, empty = self._arrays(recording, block)
                dropped["silhouette: empty"] += empty
                written.add(arrays)
        part = Part(
            key=ref.key,
            name=recording.name,
            split=recording.split,
            rows=written.rows,
            joint_set=recording.joint_set,
            silhouettes=self._has_masks(recording),
            groups=_groups(recording),
            dropped={reason: count for reason, count in sorted(dropped.items()) if count},
            left_out=dict(recording.left_out),
            distances=distances.to_dict(),
            info=_info(recording),
            files=[fingerprint(path) for path in recording.source_files],
            pictures=recording.pictures is not None,
            blocks=written.blocks,
        )
        write_text(manifest, json.dumps(dataclasses.asdict(part)))

    def _usable(self, recording: Recording) -> tuple[NDArray[np.int64], Counter[str]]:
        chosen = np.arange(0, len(recording), self.options.step(recording.split))
        kept, dropped = [np.zeros(0, np.int64)], Counter[str]()
        for start in range(0, len(chosen), _ROWS_AT_ONCE):
            rows = chosen[start : start + _ROWS_AT_ONCE]
            reasons = unusable(take(recording, rows), self.options.min_joints)
            dropped.update({reason: int(bad.sum()) for reason, bad in reasons.items()})
            kept.append(rows[~np.logical_or.reduce(list(reasons.values()))])
        return np.concatenate(kept), dropped

    def _has_masks(self, recording: Recording) -> bool:
        return recording.masks is not None and self.options.masks != "none"

    def _fields(self, recording: Recording) -> list[Field]:
        size = self.options.mask_size if self._has_masks(recording) else None
        return dataset_fields(len(get_joint_set(recording.joint_set)), size, _groups(recording))

    def _blocks(self, recording: Recording, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        width, height = recording.image_size
        masks = min(_MASKS_AT_ONCE, max(1, _MASK_BYTES // (width * height)))
        size = masks if self._has_masks(recording) else _ROWS_AT_ONCE
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def _arrays(self, recording: Recording, rows: NDArray[np.int64]) -> tuple[dict[str, Any], int]:
        part = take(recording, rows)
        valid = part.confidence > 0
        crop = square_crops(part.joints2d, valid, self.options.margin)
        arrays: dict[str, Any] = {
            "joints2d": np.where(valid[..., None], part.joints2d, crop[:, None, :2]),
            "confidence": part.confidence,
            "crop": crop,
            "frame": part.frame,
            "image_size": np.tile(part.image_size, (len(rows), 1)),
            **_truth(part),
        }
        if recording.camera is not None:
            arrays["intrinsics"] = np.tile(recording.camera.intrinsics, (len(rows), 1))
        if not self._has_masks(recording):
            return arrays, 0
        assert recording.masks is not None
        masks = _read_masks(recording, rows, crop)
        silhouettes = crop_masks(masks, crop, self.options.mask_size)
        full = silhouettes.any((1, 2))
        arrays["silhouette"] = pack_masks(silhouettes)
        return {name: values[full] for name, values in arrays.items()}, int((~full).sum())


class _Writer:
    """Appends the fields of blocks of rows to a file and remembers where they are."""

    def __init__(self, stream: IO[bytes], fields: list[Field]):
        self._stream = stream
        # Which number a recording has among those of its split is known in the end only.
        self._fields = [f for f in fields if f.name != SEQUENCE]
        self.rows = 0
        self.blocks: list[tuple[str, int, int]] = []

    def add(self, arrays: dict[str, Any]) -> None:
        for spec in self._fields:
            values = np.ascontiguousarray(arrays[spec.name], np.dtype(spec.dtype))
            assert values.shape[1:] == spec.shape, (spec.name, values.shape)
            self.blocks.append((spec.name, self._stream.tell(), values.nbytes))
            self._stream.write(values.tobytes())
        self.rows += len(arrays["crop"])


def part_files(folder: Path, key: str) -> tuple[Path, Path]:
    """Data file and manifest of a recording.

    Args:
        folder: Folder of the parts.
        key: Name of the recording's files.
    """
    name = hidden_name(key)
    return folder / f"{name}.bin", folder / f"{name}.json"


def read_part(folder: Path, key: str) -> Part | None:
    """The manifest of a recording, or ``None`` when it is not converted yet or its files changed since.

    Args:
        folder: Folder of the parts.
        key: Name of the recording's files.
    """
    data, manifest = part_files(folder, key)
    try:
        values = json.loads(manifest.read_text())
        part = Part(**{**values, "groups": tuple(values["groups"]), "files": [tuple(f) for f in values["files"]]})
        current = [fingerprint(Path(path)) for path, _, _ in part.files]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    complete = data.stat().st_size == sum(size for _, _, size in part.blocks) if data.is_file() else False
    return part if complete and current == part.files else None


def fingerprint(path: Path) -> tuple[str, int, int]:
    """What tells that a file changed.

    Args:
        path: The file.
    """
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def take(recording: Recording, rows: NDArray[np.int64]) -> Recording:
    """Some rows of a recording, without its masks.

    Args:
        recording: The recording.
        rows: Number of frames.
    """
    body = recording.body
    if body is not None:
        betas = body.betas if np.ndim(body.betas) == 1 else body.betas[rows]
        body = dataclasses.replace(body, poses=body.poses[rows], betas=betas, transl=body.transl[rows])
    return dataclasses.replace(
        recording,
        joints2d=recording.joints2d[rows],
        confidence=recording.confidence[rows],
        frame=recording.frame[rows],
        joints3d=None if recording.joints3d is None else recording.joints3d[rows],
        body=body,
        masks=None,
    )


def _read_masks(recording: Recording, rows: NDArray[np.int64], crops: NDArray[np.float32]) -> NDArray[np.bool_]:
    assert recording.masks is not None
    masks = recording.masks.read(rows, crop_windows(crops, recording.image_size))
    width, height = recording.image_size
    if masks.shape != (len(rows), height, width) or masks.dtype != bool:
        raise SourceError(
            f"{describe(recording)}: masks of recording {recording.name}: expected shape "
            f"{(len(rows), height, width)} of bool, found {masks.shape} of {masks.dtype}"
        )
    return masks


def _groups(recording: Recording) -> tuple[str, ...]:
    present = {"joints3d": recording.joints3d, "camera": recording.camera, "body": recording.body}
    return tuple(name for name, there in present.items() if there is not None)


def _truth(recording: Recording) -> dict[str, Any]:
    truth: dict[str, Any] = {}
    count = len(recording)
    if recording.joints3d is not None:
        truth["joints3d"] = recording.joints3d
    if recording.body is not None:
        body = recording.body
        truth["poses"], truth["transl"] = body.poses, body.transl
        truth["betas"] = np.broadcast_to(body.betas, (count, 10))
        truth["gender"] = np.full(count, GENDERS.index(body.gender))
    return truth


def _info(recording: Recording) -> dict[str, Any]:
    camera = None if recording.camera is None else dataclasses.asdict(recording.camera)
    return {
        "name": recording.name,
        "activity": recording.activity,
        "image_size": list(recording.image_size),
        "detected": recording.detected,
        "gender": None if recording.body is None else recording.body.gender,
        "camera": camera,
        "files": [path.name for path in recording.source_files],
    }
