"""Motion of Anny's default model in npz files, as :mod:`s2m.export.anny` writes it: pose parameters and phenotypes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError, UserError
from s2m.formats.motion_npz import numbers_of
from s2m.formats.npz import array_names, read_array
from s2m.formats.rates import told_rate
from s2m.formats.raw import load
from s2m.formats.rows import FileRows, npz_rows

POSE, PHENOTYPES, LABELS = "pose_parameters", "phenotypes", "phenotype_labels"
PARAMETERIZATIONS = ("local-ref", "local-bone", "local-bone-world", "world", "world-orient")
_OFF = 0.05  # of a rotation matrix from one


@dataclass(frozen=True)
class AnnyMotion:
    """The content of a file.

    Attributes:
        path: The file.
        pose: (T, bones, 4, 4) Anny's pose parameters, on the disk.
        parameterization: What they mean, one of :data:`PARAMETERIZATIONS`.
        phenotypes: Anny's name -> from 0 to 1.
        fps: Frames per second; ``None`` where the file does not say.
        valid: (T,) bool.
    """

    path: Path
    pose: FileRows
    parameterization: str
    phenotypes: dict[str, float]
    fps: float | None
    valid: NDArray[np.bool_]

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """Pose parameters (stop - start, bones, 4, 4) of some frames.

        Args:
            start: The first frame.
            stop: One after the last.

        Raises:
            FormatError: They are no rotations and places.
        """
        where = f"{self.path}: {POSE}"
        found = numbers_of(self.pose.read(start, stop), where)
        turns = found[..., :3, :3]
        if np.abs(turns @ turns.swapaxes(-1, -2) - np.eye(3)).max(initial=0) > _OFF:
            raise FormatError(f"{where}: expected rotation matrices, found others in frames {start} to {stop - 1}")
        return found


def is_anny(path: Path) -> bool:
    """Whether a file holds the motion of Anny's model.

    Args:
        path: Any file.
    """
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        return set(array_names(path)) >= {POSE, PHENOTYPES, LABELS}
    except UserError:
        return False


@contextlib.contextmanager
def opened_anny(path: Path, bones: list[str], folder: Path) -> Iterator[AnnyMotion]:
    """Read a file, for as long as the block lasts.

    Args:
        path: The file.
        bones: Names of the bones that Anny's model has.
        folder: Where packed numbers are unpacked.

    Yields:
        Its content.

    Raises:
        FormatError: The message names the field, what was expected and what was found.
    """
    told, fields = set(array_names(path)), load(path)
    labels = _words(path, LABELS)
    values = numbers_of(read_array(path, PHENOTYPES), f"{path}: {PHENOTYPES}")
    if values.shape != (len(labels),) or not ((values >= 0) & (values <= 1)).all():
        raise FormatError(f"{path}: {PHENOTYPES}: expected {len(labels)} numbers from 0 to 1, found {values.shape}")
    if "bone_labels" in told and _words(path, "bone_labels") != bones:
        raise FormatError(f"{path}: bone_labels: expected those of anny.Anny(), found others")
    kind = _words(path, "pose_parameterization") if "pose_parameterization" in told else [PARAMETERIZATIONS[0]]
    if len(kind) != 1 or kind[0] not in PARAMETERIZATIONS:
        raise FormatError(
            f"{path}: pose_parameterization: expected one of {', '.join(PARAMETERIZATIONS)}, found {kind}"
        )
    with npz_rows(path, POSE, folder) as pose:
        if pose.shape[1:] != (len(bones), 4, 4) or not len(pose):
            raise FormatError(f"{path}: {POSE}: expected (frames, {len(bones)}, 4, 4), found {pose.shape}")
        valid = read_array(path, "valid") if "valid" in told else np.ones(len(pose), bool)
        if valid.shape != (len(pose),) or valid.dtype != np.bool_:
            raise FormatError(
                f"{path}: valid: expected {len(pose)} of true or false, found {valid.dtype} {valid.shape}"
            )
        phenotypes = dict(zip(labels, values.tolist(), strict=True))
        yield AnnyMotion(path, pose, kind[0], phenotypes, told_rate(fields, path), valid)


def _words(path: Path, field: str) -> list[str]:
    words = read_array(path, field)
    if words.dtype.kind != "U" or words.ndim > 1:
        raise FormatError(f"{path}: {field}: expected words, found {words.dtype} {words.shape}")
    return [str(word) for word in words.reshape(-1)]
