"""A lifter of one's own in the place of those that ship."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from s2m.lifter.network import Lifter
from s2m.lifter.shipped_lifters import head_of, read_lifter
from s2m.lifter.temporal_head import TemporalHead


@dataclass(frozen=True)
class OwnLifter:
    """What lifts, and what smooths it.

    Attributes:
        lifter: The lifter.
        head: For videos, which are lifted frame by frame without one.
    """

    lifter: Lifter
    head: TemporalHead | None = None


def own_lifter(path: Path) -> OwnLifter:
    """The lifter in a file, such as ``s2m adapt`` writes.

    Args:
        path: The artifact.

    Returns:
        The lifter, with the temporal head of the shipped one that it was adapted from.

    Raises:
        ArtifactError: When the file is no lifter.
    """
    return OwnLifter(read_lifter(path), head_of(path))
