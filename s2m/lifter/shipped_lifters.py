"""The trained lifters that come with the package, and a user's own."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from s2m import artifact as artifacts
from s2m.artifact import ArtifactError
from s2m.errors import UserError
from s2m.files import intact
from s2m.lifter.committee import AnyLifter, Committee
from s2m.lifter.doubt import DoubtHead, load_doubt
from s2m.lifter.lineage import lineage
from s2m.lifter.network import Lifter
from s2m.lifter.temporal_head import TemporalHead, load_temporal
from s2m.skeletons import get_joint_set
from s2m.spec import SpecError, build

LIST = "shipped.json"


def assets() -> Path:
    """The folder of the shipped lifters."""
    return Path(str(resources.files("s2m.lifter") / "assets"))


def shipped(joint_set: str = "h36m17", folder: Path | None = None) -> Lifter:
    """The lifter that ships for a joint set, trained without 3D labels on the open data; frozen, evaluation mode.

    Args:
        joint_set: Name of the joint set.
        folder: Where it lies; the package's own by default.

    Raises:
        UserError: When none ships for the joint set, or when a file is missing or is not the one that was shipped.
    """
    return read_lifter(shipped_file(joint_set, folder), joint_set)


def shipped_committee(joint_set: str = "h36m17", folder: Path | None = None) -> AnyLifter:
    """:func:`shipped`, together with the shipped lifter of the most of its joints, where there is one: what lifts best.

    Args:
        joint_set: Name of the joint set.
        folder: Where they lie; the package's own by default.

    Raises:
        UserError: See :func:`shipped`.
    """
    lifter, parts = shipped(joint_set, folder), []
    for name in shipped_records(folder):
        joints = get_joint_set(name).joints
        if len(joints) < len(lifter.joint_set) and set(joints) <= set(lifter.joint_set.joints):
            parts.append((len(joints), name))
    return Committee(lifter, shipped(max(parts)[1], folder)).eval() if parts else lifter


def shipped_file(joint_set: str = "h36m17", folder: Path | None = None) -> Path:
    """The file of the lifter that ships for a joint set, as it was shipped.

    Args:
        joint_set: Name of the joint set.
        folder: Where it lies; the package's own by default.

    Raises:
        UserError: See :func:`shipped`.
    """
    record, folder = _record(joint_set, folder)
    return intact(folder, record)


def shipped_head(joint_set: str = "h36m17", folder: Path | None = None) -> TemporalHead:
    """The temporal head that ships with the lifter of a joint set, for video; frozen, evaluation mode.

    Args:
        joint_set: Name of the joint set.
        folder: Where it lies; the package's own by default.

    Raises:
        UserError: As :func:`shipped`.
    """
    return read_head(*_beside(joint_set, folder, "video", "temporal head"))


def shipped_doubt(joint_set: str = "h36m17", folder: Path | None = None) -> DoubtHead:
    """The head that ships with the lifter of a joint set and tells how far off it may be; frozen, evaluation mode.

    Args:
        joint_set: Name of the joint set.
        folder: Where it lies; the package's own by default.

    Raises:
        UserError: As :func:`shipped`.
    """
    return read_doubt(*_beside(joint_set, folder, "doubt", "head that tells doubt"))


def _beside(joint_set: str, folder: Path | None, key: str, what: str) -> tuple[Path, Path]:
    """The files of a head and of the lifter that it belongs to."""
    record, folder = _record(joint_set, folder)
    if key not in record:
        raise UserError(f"{folder}: no {what} for joint set '{joint_set}'")
    return intact(folder, record[key]), intact(folder, record)


def _record(joint_set: str, folder: Path | None) -> tuple[dict[str, Any], Path]:
    folder = assets() if folder is None else folder
    records = shipped_records(folder)
    if joint_set not in records:
        known = ", ".join(records) or "none"
        raise UserError(f"{folder}: no lifter for joint set '{joint_set}'; there are lifters for: {known}")
    return records[joint_set], folder


def shipped_records(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """What is known of each shipped lifter, by joint set: file, sha256, command, seed, data, metrics; the same of
    its temporal head as ``video`` and of the head that tells doubt as ``doubt``.

    Args:
        folder: Where the list lies; the package's own by default.

    Raises:
        UserError: When the list cannot be read.
    """
    path = (assets() if folder is None else folder) / LIST
    try:
        content = json.loads(path.read_text())
        return {record["joint_set"]: record for record in content["lifters"] if record["file"] and record["sha256"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a readable list of the shipped lifters ({error})") from error


def read_lifter(path: str | Path, joint_set: str | None = None) -> Lifter:
    """The lifter in an artifact of stage 1, frozen and in evaluation mode, whatever body it was trained with.

    Args:
        path: The artifact.
        joint_set: Name of the joint set it has to be for; any by default.

    Raises:
        ArtifactError: When the file is no lifter, or one for another joint set.
    """
    path = Path(path)
    artifact = artifacts.load(path, "lifter", joint_set=joint_set)
    try:
        lifter = build(artifact.spec)
    except (SpecError, ValueError) as error:
        raise ArtifactError(f"{path}: field spec: {error}") from error
    if not isinstance(lifter, Lifter):
        raise ArtifactError(f"{path}: field spec: expected a Lifter, found {type(lifter).__name__}")
    artifacts.restore(path, lifter, artifact)
    return lifter.eval().requires_grad_(False)


def read_head(path: str | Path, lifter: str | Path) -> TemporalHead:
    """The temporal head in an artifact of ``make temporal``, frozen and in evaluation mode.

    Args:
        path: The artifact.
        lifter: The file of the lifter that it was trained on, or of one that was adapted from it.

    Raises:
        ArtifactError: When the file is no temporal head, or belongs to another lifter.
    """
    return load_temporal(path, read_lifter(lifter), lifter).head


def head_of(path: str | Path) -> TemporalHead | None:
    """The temporal head that ships, for a lifter that ships or was adapted from one that does.

    Args:
        path: The lifter's artifact.

    Returns:
        The head; ``None`` for other lifters.

    Raises:
        ArtifactError: When the file is no lifter.
        UserError: As :func:`shipped`.
    """
    known, folder = lineage(path), assets()
    for record in shipped_records(folder).values():
        if record["sha256"] in known and "video" in record:
            return read_head(intact(folder, record["video"]), path)
    return None


def read_doubt(path: str | Path, lifter: str | Path) -> DoubtHead:
    """The head in an artifact of ``make doubt``, which tells how far off a lifter may be; frozen, evaluation mode.

    Args:
        path: The artifact.
        lifter: The file of the lifter that it was trained on.

    Raises:
        ArtifactError: When the file is no such head, or belongs to another lifter.
    """
    return load_doubt(path, read_lifter(lifter), lifter)
