"""Sources made of other sources: one part of each recording is exchanged."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from s2m.data.zoo.source import RecordingRef, Source


class WrappedSource(Source):
    """Passes everything on to another source; subclasses exchange parts of what is read.

    Args:
        source: The other source.
    """

    def __init__(self, source: Source):
        self.source = source
        self.name = source.name  # type: ignore[misc]
        self.reprojection_limit_px = source.reprojection_limit_px  # type: ignore[misc]
        self.mask_files = source.mask_files  # type: ignore[misc]

    def recordings(self) -> list[RecordingRef]:
        """Those of the other source."""
        return self.source.recordings()

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the other source."""
        return self.source.settings

    @property
    def notes(self) -> list[str]:
        """Those of the other source."""
        return self.source.notes

    def prepare(self, folder: Path) -> None:
        """As the other source.

        Args:
            folder: A private folder, kept for a resume.
        """
        self.source.prepare(folder)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Source:
        """Wrapped sources have no command of their own.

        Args:
            arguments: Parsed options, which are not used.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{cls.__name__} is built around another source")
