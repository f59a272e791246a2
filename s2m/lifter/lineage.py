"""Lifters that went on learning (``s2m adapt``) and those that they come from, whose temporal heads serve them, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from s2m import artifact as artifacts
from s2m.files import sha256


def lineage(path: str | Path) -> list[str]:
    """sha256 of a lifter's file and of those that it was adapted from, the newest first.

    Args:
        path: The artifact.

    Raises:
        ArtifactError: When the file is no lifter.
    """
    artifact = artifacts.load(Path(path), "lifter")
    adapted = artifact.config.get("adapted")
    if not isinstance(adapted, Mapping):
        return [sha256(Path(path))]
    older = adapted.get("of")
    if not isinstance(older, list):  # of an earlier version, which knew its parent alone
        older = [artifact.parents.get("lifter")]
    return [sha256(Path(path)), *(each for each in older if isinstance(each, str))]
