"""How sure a file is of its joints: a column of their array, or a field of its own."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError

Floats = NDArray[np.float64]

_SURE = ("confidence", "confidences", "conf", "scores", "keypoint_scores", "keypoints_scores", "visibility", "visible")
_UNCLEAR = ("mask", "masks", "joint_mask", "joints_mask")  # of what was seen, or of what was not


def check_confidence(sure: Floats, dimensions: int, path: Path) -> None:
    """Refuse a column of confidences with others than 0 to 1; -1 and NaN mark what was not seen.

    Args:
        sure: Numbers of any shape.
        dimensions: How many columns stand before it.
        path: The file, for messages.

    Raises:
        UserError: The message says what was found.
    """
    told = sure[np.isfinite(sure) & (sure != -1)]
    if len(told) and (told.min() < 0 or told.max() > 1):
        column = "third" if dimensions == 2 else "fourth"
        hint = "; are these 3D joints? `s2m ik` takes them" if dimensions == 2 else ""
        raise UserError(
            f"{path}: confidence (the {column} column): expected values in [0, 1], found {told.min():.4g} to "
            f"{told.max():.4g}{hint}"
        )


def confidence_field(there: Collection[Any]) -> str | None:
    """The field that holds confidences of joints in another one.

    Args:
        there: The fields of a file.

    Returns:
        One of them; ``None`` where there is none, and for what `s2m lift` writes, which has every joint whatever was
        seen of it.
    """
    return None if "joint_set" in there else next((name for name in _SURE if name in there), None)


def confidence_notes(field: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[str, ...]:
    """What to say of confidences that do not fit the joints.

    Args:
        field: Where they stand.
        found: Their shape.
        wanted: (T, K) frames and joints.
    """
    if found in (wanted, (*wanted, 1)) or (found == wanted[1:] and wanted[0] == 1):
        return ()
    return (f"{field}: not read as confidences of the joints: expected {wanted}, found {found}",)


def check_numbers(field: str, kind: np.dtype[Any], path: Path) -> None:
    """Refuse confidences that are no numbers.

    Args:
        field: Where they stand.
        kind: Their type.
        path: The file, for messages.

    Raises:
        UserError: The message names the field.
    """
    if kind.kind not in "fiub":
        raise UserError(f"{path}: field {field}: expected numbers, found {kind}")


def unclear_notes(there: Collection[Any]) -> tuple[str, ...]:
    """What to say of fields that may mark what was seen, or what was not.

    Args:
        there: The fields of a file.
    """
    found = [name for name in _UNCLEAR if name in there]
    return tuple(f"{name}: not read; call what marks the joints that were seen 'visible'" for name in found)


def counted(values: Any) -> Any:
    """True and false as one and zero.

    Args:
        values: What stands in a file; others stay as they are.
    """
    array = np.asarray(values) if isinstance(values, (list, np.ndarray)) and np.size(values) else np.zeros(0)
    return array.astype(np.float64) if array.dtype == np.bool_ else values
