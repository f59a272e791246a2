"""Silhouettes that a user brings for a dataset without: one picture per frame, in one folder per recording."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from s2m.data.zoo.image_masks import ImageMasks
from s2m.data.zoo.mask_checks import require_joints_on_masks
from s2m.data.zoo.mask_values import Labels
from s2m.data.zoo.own_files import numbered_masks
from s2m.data.zoo.source import Recording, RecordingRef, Source, SourceError
from s2m.data.zoo.wrapped import WrappedSource


class WithMasks(WrappedSource):
    """Another source, whose recordings take their silhouettes from ``folder``/<recording name>/<frame number>.png.

    Frame numbers may be padded with zeros. A frame without a picture is without a silhouette (and is dropped); a
    recording without a folder keeps the silhouettes that it has.

    Args:
        source: The other source.
        folder: Folder of the masks.
        labels: Labels of the person in label maps. None: the only one; empty: all.

    Raises:
        SourceError: When the folder does not exist.
    """

    def __init__(self, source: Source, folder: Path, labels: Labels = None):
        super().__init__(source)
        self._labels = labels
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing"
            raise SourceError(f"{folder}: expected a folder of masks, found {found}")
        self._folder = folder

    def recordings(self) -> list[RecordingRef]:
        """Those of the other source; SourceError when the folder has masks of none of them."""
        refs = self.source.recordings()
        if refs and not any((self._folder / ref.name).is_dir() for ref in refs):
            raise SourceError(f"{self._folder}: expected folders named like recordings ({refs[0].name}), found none")
        return refs

    def read(self, ref: RecordingRef) -> Recording:
        """The recording with the folder's masks.

        Args:
            ref: The recording to read.

        Raises:
            SourceError: When no picture is named like a frame.
        """
        recording = self.source.read(ref)
        folder = self._folder / recording.name
        if not folder.is_dir() or not len(recording):
            return recording
        pictures = numbered_masks(folder, 0)
        files = [pictures.get(str(int(number))) for number in recording.frame]
        if not any(files):
            first = int(recording.frame[0])
            raise SourceError(f"{folder}: expected pictures named by frame number ({first}.png, ...), found none")
        masks = ImageMasks(files, recording.image_size, self._labels)
        require_joints_on_masks(masks, recording.joints2d, recording.confidence)
        return dataclasses.replace(recording, masks=masks)

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the other source, and that masks come from a folder."""
        return {**self.source.settings, "masks": "folder", "mask_labels": self._labels}
