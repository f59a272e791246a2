"""Frames that are shown in the report: what was observed, what was recovered, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.files import write_npz
from s2m.reading import check_archive, reading
from s2m.report.results import ReportError
from s2m.skeletons import get_joint_set

LABELS = ("best", "median", "worst", "frame")
_OPTIONAL = ("true_vertices", "true_joints", "lifted_joints")

# Dimensions by field; N frames, J joints, V vertices, F faces, S pixels.
_SHAPES = {
    "silhouette": "NSS", "pred_mask": "NSS", "joints2d": "NJ2", "confidence": "NJ", "pred_vertices": "NV3",
    "true_vertices": "NV3", "faces": "F3", "camera": "N3", "pa_mpjpe_mm": "N", "label": "N", "index": "N",
    "true_joints": "NJ3", "lifted_joints": "NJ3",
}  # fmt: skip


@dataclass(frozen=True)
class Examples:
    """N frames of one split.

    Attributes:
        joint_set: Name of the joint set.
        split: Name of the split.
        silhouette: (N, S, S) observed mask, bool or in {0, 1}.
        joints2d: (N, J, 2) crop units.
        confidence: (N, J).
        pred_vertices: (N, V, 3) metres, camera frame.
        faces: (F, 3).
        camera: (N, 3) weak perspective, scale (crop units per metre), tx, ty, for ``pred_vertices``.
        pa_mpjpe_mm: (N,) of the recovered joints, NaN without a truth.
        label: (N,) ``best``, ``median``, ``worst``, or ``frame`` where nothing says which is which.
        pred_mask: (N, S, S) recovered mask, likewise.
        index: (N,) rows in the frame store.
        true_vertices: (N, V, 3) metres, camera frame, any origin.
        true_joints: (N, J, 3) metres, camera frame, any origin; shown where the true body is not known.
        lifted_joints: (N, J, 3) metres, camera frame, any origin; shown likewise.

    Raises:
        ReportError: Names a field of another shape or value.
    """

    joint_set: str
    split: str
    silhouette: NDArray[np.generic]
    joints2d: NDArray[np.floating]
    confidence: NDArray[np.floating]
    pred_vertices: NDArray[np.floating]
    faces: NDArray[np.integer]
    camera: NDArray[np.floating]
    pa_mpjpe_mm: NDArray[np.floating]
    label: NDArray[np.str_]
    pred_mask: NDArray[np.generic]
    index: NDArray[np.integer]
    true_vertices: NDArray[np.floating] | None = None
    true_joints: NDArray[np.floating] | None = None
    lifted_joints: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        try:
            joints = len(get_joint_set(self.joint_set))
        except ValueError as error:
            raise ReportError(f"joint_set: {error}") from None
        sizes = {"N": len(self.pa_mpjpe_mm), "J": joints, "2": 2, "3": 3}
        for name, dimensions in _SHAPES.items():
            if name not in _OPTIONAL or getattr(self, name) is not None:
                _check(name, np.asarray(getattr(self, name)), dimensions, sizes)
        unknown = sorted(set(self.label.tolist()) - set(LABELS))
        if unknown:
            raise ReportError(f"label: expected {', '.join(LABELS)}, found {', '.join(map(str, unknown))}")

    def __len__(self) -> int:
        return len(self.pa_mpjpe_mm)


def _check(name: str, array: NDArray[np.generic], dimensions: str, sizes: dict[str, int]) -> None:
    if array.ndim == len(dimensions):
        for letter, size in zip(dimensions, array.shape, strict=True):
            sizes.setdefault(letter, size)
    expected = tuple(sizes.get(letter, letter) for letter in dimensions)
    if array.shape != expected:
        raise ReportError(f"{name}: expected shape ({', '.join(map(str, expected))}), found {array.shape}")
    unknown = name == "pa_mpjpe_mm" and bool(np.isnan(array).all())
    if not unknown and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ReportError(f"{name}: expected finite numbers, found NaN or infinity")


def save_examples(path: Path, examples: Examples) -> None:
    """Write examples as a compressed npz file; an interrupted write leaves the old file, or none.

    Args:
        path: The file.
        examples: The frames that are shown.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {f.name: getattr(examples, f.name) for f in fields(examples)}
    arrays = {name: np.asarray(value) for name, value in values.items() if value is not None}
    write_npz(path, arrays)


def load_examples(path: Path) -> Examples:
    """Read what :func:`save_examples` wrote.

    Args:
        path: The file.

    Raises:
        ReportError: Names the file and the field that cannot be read.
    """
    if not path.is_file():
        raise ReportError(f"{path}: expected the examples of stage mesh, found no such file; run the stage first")
    with reading(path, "an npz file without pickles", ReportError):
        check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    missing = [f.name for f in fields(Examples) if f.name not in arrays and f.name not in _OPTIONAL]
    if missing:
        raise ReportError(f"{path}: expected the fields {', '.join(missing)}, found none of them")
    values: dict[str, Any] = {f.name: arrays[f.name] for f in fields(Examples) if f.name in arrays}
    values.update({name: str(values[name]) for name in ("joint_set", "split")})
    try:
        return Examples(**values)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from None
