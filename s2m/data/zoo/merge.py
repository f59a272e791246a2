"""Second pass of a conversion: the parts of all recordings become the arrays of a store."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL.Image import Image

from s2m.data.store import Field, dataset_fields
from s2m.data.store_writer import StoreWriter
from s2m.data.zoo.checks import Distances
from s2m.data.zoo.contact_sheet import write_contact_sheet
from s2m.data.zoo.parts import SEQUENCE, Options, Part, SplitPlan, part_files, read_part
from s2m.data.zoo.report import write_report
from s2m.data.zoo.source import SPLITS, PictureReader, RecordingRef, Source, SourceError
from s2m.skeletons import get_joint_set

_log = logging.getLogger(__name__)
_COPY = 1 << 22


class Merger:
    """Plans and writes a store out of parts.

    Args:
        source: The dataset that is read.
        options: Settings of the conversion.
        folder: Folder of the parts.
        refs: All recordings.

    Raises:
        SourceError: When the parts do not make one.
    """

    def __init__(self, source: Source, options: Options, folder: Path, refs: list[RecordingRef]):
        self._source, self._options, self._folder = source, options, folder
        self._distances: dict[str, Distances] = {}
        self._parts = [self._load(ref) for ref in refs]
        self._refs = {ref.key: ref for ref in refs}
        self._pictures: tuple[str, PictureReader | None] = ("", None)

    def _load(self, ref: RecordingRef) -> Part:
        """A part without what only its copying needs: a dataset may have a hundred thousand."""
        part = _require(self._folder, ref)
        distances = Distances.from_dict(part.distances)
        self._distances.setdefault(part.split, Distances()).merge(distances)
        return dataclasses.replace(part, blocks=[], files=[], distances=distances.summary())

    @cached_property
    def plans(self) -> list[SplitPlan]:
        """The splits that have frames, in the order of SPLITS."""
        self._joint_set  # noqa: B018  refuses a mixture before anything is written
        plans = [self._plan(split) for split in SPLITS if split in self._options.splits]
        plans = [plan for plan in plans if plan.rows]
        if not plans:
            reasons: Counter[str] = Counter()
            for part in self._parts:
                reasons.update(part.dropped)
            found = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common()) or "no frame at all"
            raise SourceError(f"{self._source.name}: expected usable frames, found none: {found}")
        return plans

    @cached_property
    def _joint_set(self) -> str:
        names = {part.joint_set: part.name for part in self._parts}
        if len(names) != 1:
            found = ", ".join(f"{joints} ({recording})" for joints, recording in sorted(names.items()))
            raise SourceError(f"{self._source.name}: expected one joint set, found {found}")
        return next(iter(names))

    def write(self, writer: StoreWriter) -> None:
        """Lay out the splits, copy the parts, add report and contact sheet.

        Args:
            writer: Writer of the store.
        """
        for plan in self.plans:
            writer.create(plan.name, plan.rows, plan.fields)
            self._copy(plan, writer.folder)
        write_report(writer.folder, self._source, self.plans, self._parts, self._distances, self._options)
        write_contact_sheet(writer.folder, self.plans, get_joint_set(self._joint_set), self._picture)

    def header(self) -> dict[str, Any]:
        """The entries of store.json that depend on the recordings."""
        sizes = [max(part.info["image_size"]) for part in self._parts]
        return {
            "joint_set": self._joint_set,
            "mask_size": self._options.mask_size,
            "image_size": max(sizes),
            "recordings": {plan.name: [{**part.info, "rows": part.rows} for part in plan.parts] for plan in self.plans},
            "notes": [*self._source.notes, *(note for plan in self.plans for note in plan.notes)],
            "frames": "camera frame: +x right, +y down, +z forward; metres, radians, pixels",
        }

    def _picture(self, part: Part, frame: int) -> Image | None:
        """The picture of a frame, for the contact sheet; one that cannot be read stops nobody."""
        if not part.pictures:
            return None
        try:
            if self._pictures[0] != part.key:
                self._pictures = part.key, self._source.read(self._refs[part.key]).pictures
            reader = self._pictures[1]
            return None if reader is None else reader.read(frame)
        except SourceError as error:
            _log.warning("no picture for the contact sheet: %s", error)
            self._pictures = part.key, None
            return None

    def _plan(self, split: str) -> SplitPlan:
        parts = [part for part in self._parts if part.split == split]
        masked = any(part.silhouettes for part in parts)
        without = [part for part in parts if masked and not part.silhouettes]
        parts = [part for part in parts if part.rows and part.silhouettes == masked]
        groups, notes = self._groups(split, parts)
        if without:
            notes.append(
                f"{split}: {len(without)} recordings without silhouettes are left out (--masks none keeps them), e.g. "
                f"{without[0].name}; {self._mask_advice}"
            )
        elif parts and not masked and self._options.masks != "none":
            notes.append(f"{split}: no recording has silhouettes, which stage 3 trains on; {self._mask_advice}")
        size = self._options.mask_size if masked else None
        fields = dataset_fields(len(get_joint_set(self._joint_set)), size, groups)
        return SplitPlan(split, parts, without, fields, notes)

    @property
    def _mask_advice(self) -> str:
        own = self._source.mask_files
        where = f"they are read from {own}, or" if own else "they are read"
        return f"{where} from pictures of your own, e.g. of a segmentation network: --masks DIR"

    def _groups(self, split: str, parts: list[Part]) -> tuple[list[str], list[str]]:
        """What of the truth all recordings have; without 3D joints in some, evaluation would mislead."""
        groups, notes = [], []
        for group in ("joints3d", "camera", "body"):
            lacking = [part for part in parts if group not in part.groups]
            if not lacking:
                groups.append(group)
            elif len(lacking) < len(parts):
                if group == "joints3d":
                    raise SourceError(
                        f"{self._source.name}: split {split}: expected 3D joints in all recordings or in none, found "
                        f"{len(lacking)} of {len(parts)} without, e.g. {lacking[0].name}"
                    )
                notes.append(
                    f"{split}: no {group} truth is stored: {len(lacking)} of {len(parts)} recordings have none, "
                    f"e.g. {lacking[0].name}"
                )
        return groups, notes

    def _copy(self, plan: SplitPlan, folder: Path) -> None:
        with ExitStack() as stack:
            targets = {spec.name: stack.enter_context(_data_of(spec, folder, plan.name)) for spec in plan.fields}
            for number, part in enumerate(plan.parts):
                data, manifest = part_files(self._folder, part.key)
                blocks = json.loads(manifest.read_text())["blocks"]
                with data.open("rb") as stream:
                    for name, offset, size in blocks:
                        if name in targets:
                            for piece in _pieces(stream, offset, size):
                                targets[name].write(piece)
                targets[SEQUENCE].write(np.full(part.rows, number, "<i4").tobytes())


def _require(folder: Path, ref: RecordingRef) -> Part:
    part = read_part(folder, ref.key)
    if part is None:
        raise SourceError(f"recording {ref.name}: its files changed while the dataset was converted; start again")
    return part


def _data_of(spec: Field, folder: Path, split: str) -> IO[bytes]:
    """The array's file, positioned behind its header: sequential writing needs no memory, unlike a map."""
    stream = spec.path(folder, split).open("r+b")
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    read(stream)
    return stream


def _pieces(stream: IO[bytes], offset: int, size: int) -> Iterator[bytes]:
    stream.seek(offset)
    while size > 0:
        piece = stream.read(min(size, _COPY))
        if not piece:
            raise EOFError(f"{stream.name}: ended early")
        size -= len(piece)
        yield piece
