"""Your own pictures and videos: ``s2m data images --root DIR --output STORE``.

What a lab brings: a folder of pictures or videos, the JSON of a 2D detector, and masks, if there are any. There is no
truth; a store of the training split trains everything, since training needs none.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from s2m.data.zoo.image_masks import ImageMasks
from s2m.data.zoo.mask_checks import require_common_geometry, require_joints_inside, require_joints_on_masks
from s2m.data.zoo.mask_labels import add_mask_labels, chosen_labels
from s2m.data.zoo.mask_values import Labels
from s2m.data.zoo.own_files import (
    PICTURES,
    files_below,
    frame_numbers,
    mask_of,
    numbered_masks,
    pictures_by_folder,
    place_in_sequence,
    plain_number,
    shared_names,
)
from s2m.data.zoo.pictures import ListedPictures, VideoPictures
from s2m.data.zoo.source import SPLITS, PictureReader, Recording, RecordingRef, Source, SourceError
from s2m.formats.coco import Detection, as_joint_set, read_coco_file
from s2m.optional import require
from s2m.skeletons import COCO17, H36M17, S2M27

JOINT_SETS = (H36M17.name, S2M27.name, COCO17.name)
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
BEST = "best"
_KEYPOINTS, _MASKS = "keypoints.json", "masks"


class Images(Source):
    """Pictures and videos below ``root``: each folder of pictures and each video is a recording.

    Args:
        root: Folder of the pictures and videos.
        keypoints: A COCO-style JSON file for everything, or a folder with ``<recording>.json``; default:
            ``root/keypoints.json``, else ``root``.
        masks: Folder with a PNG per picture, at the picture's place below the root and with its stem, or
            ``<video>/<frame number>.png``; default: ``root/masks``.
        joints: Name of the joint set.
        photos: Every picture is a recording of its own, so that sizes may differ.
        person: "best", or the number that the detector's tracker gave to a person.
        split: Which split everything belongs to.
        val_share: Share at the end of each recording (with photos: of all of them) that becomes split val.
        mask_labels: Labels of the person in masks that are label maps. None: the only one; empty: all.
    """

    name: ClassVar[str] = "images"
    brings_2d: ClassVar[bool] = True
    description: ClassVar[str] = (
        "Your own pictures or videos with the COCO-style JSON of a 2D detector (AlphaPose, MMPose, Detectron, or "
        "COCO annotations) and, for the mesh model, masks (PNG)."
    )

    def __init__(
        self,
        root: Path,
        keypoints: Path | None = None,
        masks: Path | None = None,
        joints: str = H36M17.name,
        photos: bool = False,
        person: str = BEST,
        split: str = "test",
        val_share: float = 0.0,
        mask_labels: Labels = None,
    ) -> None:
        for option, good, expected in (
            (f"--joint-set {joints}", joints in JOINT_SETS, f"one of {', '.join(JOINT_SETS)}"),
            (f"--split {split}", split in SPLITS, f"one of {', '.join(SPLITS)}"),
            (f"--val-share {val_share}", 0 <= val_share < 1, "at least 0 and below 1"),
            (f"--val-share {val_share}", split != "val" or not val_share, "another --split than val"),
            (f"--person {person}", person == BEST or person.isdecimal(), f"{BEST} or a number"),
            (f"--keypoints {keypoints}", keypoints is None or keypoints.exists(), "a file or a folder"),
            (f"--masks {masks}", masks is None or masks.is_dir(), "a folder"),
        ):
            if not good:
                raise SourceError(f"{option}: expected {expected}")
        self.root, self.joints, self.photos, self.person = root, joints, photos, person
        self.split, self.val_share, self.mask_labels = split, val_share, mask_labels
        self._keypoints = keypoints or (root / _KEYPOINTS if (root / _KEYPOINTS).is_file() else root)
        self._masks = masks or root / _MASKS

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """See the class."""
        parser.add_argument("--keypoints", type=Path, metavar="JSON", help="file, or folder with <recording>.json")
        parser.add_argument("--masks", type=Path, metavar="DIR", help="masks, named as the pictures (root/masks)")
        add_mask_labels(parser)
        parser.add_argument("--joint-set", choices=JOINT_SETS, default=H36M17.name, help="default: %(default)s")
        parser.add_argument("--photos", action="store_true", help="single photos instead of a sequence per folder")
        parser.add_argument("--person", default=BEST, metavar="N", help="tracked person (default: the best score)")
        parser.add_argument("--split", choices=SPLITS, default="test", help="default: %(default)s")
        parser.add_argument(
            "--val-share", type=float, default=0.0, help="share at the end of each recording for split val (default: 0)"
        )

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Images:
        """See the class."""
        return cls(
            arguments.root,
            arguments.keypoints,
            arguments.masks,
            arguments.joint_set,
            arguments.photos,
            arguments.person,
            arguments.split,
            arguments.val_share,
            chosen_labels(arguments.mask_labels),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Options that change the result."""
        from s2m.data.store import file_hash

        names = ("joints", "photos", "person", "split", "val_share", "mask_labels")
        single = self._keypoints.is_file()
        files = [self._keypoints] if single else sorted(self._keypoints.rglob("*.json"))
        people = {"keypoints" if single else file.stem: file_hash(file) for file in files}
        return {**{name: getattr(self, name) for name in names}, "people": people, "masks": self._masks.is_dir()}

    @property
    def notes(self) -> list[str]:
        """What a reader of the pictures must know."""
        return ["joints of a detector, no truth", f"person: {self.person}"]

    def recordings(self) -> list[RecordingRef]:
        """A recording per folder of pictures (or per picture) and per video; twice where the end is for validation."""
        found: dict[str, dict[str, Any]] = {}
        folders = pictures_by_folder(self.root, self._masks)
        ambiguous = shared_names(folders) if self._keypoints.is_file() else set()
        for folder, pictures in folders.items():
            name = folder if folder != "." else self.root.resolve().name
            found |= self._of_pictures(name, pictures, folder in ambiguous)
        for video in files_below(self.root, self._masks, VIDEOS):
            name = video.relative_to(self.root).with_suffix("").as_posix()
            if name in found:
                raise SourceError(f"{video}: expected another name, found pictures or a video of the same one")
            found[name] = {"video": str(video)}
        if not found:
            raise SourceError(f"{self.root}: expected pictures ({', '.join(PICTURES)}) or videos, found none")
        self._require_masks_of(folders, found)
        parts = [(self.split, 0.0, 1 - self.val_share), ("val", 1 - self.val_share, 1.0)]
        if self.photos:
            whole = {"from": 0.0, "to": 1.0}
            return [
                RecordingRef(name, split, {**found[name], **whole})
                for split, first, last in parts
                for name in list(found)[_slice(len(found), first, last)]
            ]
        return [
            RecordingRef(name, split, {**payload, "from": first, "to": last})
            for split, first, last in parts
            for name, payload in found.items()
            if first < last and ("video" in payload or _share(len(payload["pictures"]), first, last))
        ]

    def read(self, ref: RecordingRef) -> Recording:
        """One recording: frames with the chosen person.

        Args:
            ref: The recording to read.
        """
        if "video" in ref.payload:
            return self._read_video(ref, Path(ref.payload["video"]))
        pictures = [Path(picture) for picture in ref.payload["pictures"]]
        seen = self._people(str(ref.payload["group"]))
        kept = _share(len(pictures), ref.payload["from"], ref.payload["to"])
        found = [self._choose(_named(seen, picture, self.root, ref.payload)) for picture in pictures]
        chosen = {i: d for i in kept if (d := found[i]) is not None}
        if not any(found) and not self.photos:
            names = ", ".join(sorted(seen.people)[:3]) or "nobody"
            person = "" if self.person == BEST else f" with person {self.person}"
            raise SourceError(
                f"{self._file(str(ref.payload['group']))}: expected people{person} in pictures such as "
                f"{pictures[kept[0]].name}, found {names}"
            )
        size, orientations = require_common_geometry([pictures[i] for i in kept])
        numbers = frame_numbers(pictures)
        masks = [mask_of(self._masks, pictures[i].relative_to(self.root)) for i in chosen]
        return self._recording(
            ref,
            {numbers[i]: detection for i, detection in chosen.items()},
            len(kept),
            size,
            ImageMasks(masks, size, self.mask_labels, [orientations[i - kept[0]] for i in chosen]),
            pictures[kept[0]],
            ListedPictures(dict(zip(numbers, pictures, strict=True))),
        )

    def _read_video(self, ref: RecordingRef, video: Path) -> Recording:
        size, frames = _video_header(video)
        people = {_frame_number(self._file(ref.name), image): d for image, d in self._people(ref.name).people.items()}
        last = max(people, default=-1)
        if frames and last >= frames:
            raise SourceError(f"{self._file(ref.name)}: expected frames 0 to {frames - 1} as in {video}, found {last}")
        kept = _share(frames or last + 1, ref.payload["from"], ref.payload["to"])
        found = {i: self._choose(entries) for i, entries in people.items()}
        chosen = {i: d for i in kept if (d := found.get(i)) is not None}
        if not any(found.values()):
            raise SourceError(f"{self._file(ref.name)}: expected people in frames of {video}, found none")
        numbered = numbered_masks(self._masks / ref.name, frames)
        masks = [numbered.get(str(i)) for i in chosen]
        if numbered and chosen and not any(masks):
            first = next(iter(numbered.values()))
            raise SourceError(
                f"{first.parent}: expected masks named by frame ({next(iter(chosen))}.png), found {first.name}"
            )
        return self._recording(
            ref, chosen, len(kept), size, ImageMasks(masks, size, self.mask_labels), video, VideoPictures(video)
        )

    def _recording(
        self,
        ref: RecordingRef,
        chosen: Mapping[int, Detection],
        frames: int,
        size: tuple[int, int],
        masks: ImageMasks,
        origin: Path,
        pictures: PictureReader,
    ) -> Recording:
        points = np.array([d.keypoints for d in chosen.values()]) if chosen else np.zeros((0, len(COCO17), 3))
        joints2d, confidence = as_joint_set(points, self.joints)
        keypoints = self._file(str(ref.payload.get("group", ref.name)))
        require_joints_inside(keypoints, joints2d, confidence, size, masks.orientations)
        require_joints_on_masks(masks, joints2d, confidence)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=self.joints,
            joints2d=joints2d,
            confidence=confidence,
            frame=np.array(list(chosen), np.int64),
            image_size=size,
            masks=masks if any(masks.files) else None,
            pictures=pictures,
            detected=True,
            source_files=(keypoints, origin),
            left_out={"keypoints: nobody found": frames - len(chosen)} if frames > len(chosen) else {},
        )

    def _of_pictures(self, name: str, pictures: Sequence[Path], ambiguous: bool) -> dict[str, dict[str, Any]]:
        files = [str(picture) for picture in pictures]
        common = {"group": name, "ambiguous": ambiguous, "first": pictures[0].stem, "count": len(files)}
        if not self.photos:
            return {name: {**common, "pictures": files}}
        return {
            Path(file).relative_to(self.root).with_suffix("").as_posix(): {**common, "pictures": [file]}
            for file in files
        }

    def _require_masks_of(self, folders: Mapping[str, Sequence[Path]], found: Mapping[str, Any]) -> None:
        """Refuse a folder of masks none of which is named like a picture."""
        if not self._masks.is_dir() or any((self._masks / name).is_dir() for name, p in found.items() if "video" in p):
            return
        pictures = [picture for listed in folders.values() for picture in listed]
        there = next((path for path in self._masks.rglob("*") if path.suffix.lower() in PICTURES), None)
        if pictures and there and not any(mask_of(self._masks, p.relative_to(self.root)) for p in pictures):
            example = pictures[0].relative_to(self.root).with_suffix(".png")
            raise SourceError(f"{there}: expected masks named like their pictures ({example}), found no such name")

    def _file(self, name: str) -> Path:
        return self._keypoints / f"{name}.json" if self._keypoints.is_dir() else self._keypoints

    def _people(self, name: str) -> _Seen:
        file = self._file(name)
        if not file.is_file():
            raise SourceError(f"{file}: expected a detector's COCO-style JSON (--keypoints), found nothing")
        state = file.stat()
        return _read_people(file, (state.st_mtime_ns, state.st_size))

    def _choose(self, people: Sequence[Detection]) -> Detection | None:
        if self.person == BEST:
            return max(people, key=lambda person: person.score, default=None)
        return next((person for person in people if person.track == int(self.person)), None)


@dataclass(frozen=True)
class _Seen:
    """People by picture; ``counted``: pictures are places in the sequence, from 0, instead of their own numbers."""

    people: dict[str, list[Detection]]
    counted: bool


@lru_cache(maxsize=4)
def _read_people(file: Path, state: tuple[int, int]) -> _Seen:
    """``state`` tells a file from what it was before."""
    found = read_coco_file(file)
    people: dict[str, list[Detection]] = {}
    for detection in found.detections:
        people.setdefault(detection.image, []).append(detection)
    return _Seen(people, found.counted)


def _named(seen: _Seen, picture: Path, root: Path, payload: Mapping[str, Any]) -> list[Detection]:
    """Who was found in a picture: by its path below the root, its name, its stem, or its stem as a number."""
    people, path = seen.people, picture.relative_to(root).as_posix()
    if path in people:
        return people[path]
    keys: list[str | None] = [picture.name, picture.stem, plain_number(picture.stem)]
    if seen.counted:
        keys = [place_in_sequence(picture, payload["first"])]
    key = next((key for key in keys if key in people), None)
    if key is not None and payload["ambiguous"]:
        raise SourceError(
            f"{picture}: expected its path below {root} in the keypoints, found {key}, as other folders have"
        )
    return [] if key is None else people[key]


def _share(count: int, first: float, last: float) -> range:
    return range(round(count * first), round(count * last))


def _slice(count: int, first: float, last: float) -> slice:
    part = _share(count, first, last)
    return slice(part.start, part.stop)


def _frame_number(file: Path, image: str) -> int:
    stem = Path(image).stem
    if not stem.isdecimal():
        raise SourceError(
            f"{file}: field image_id: expected frame numbers for a video (0, 1, ... or 0.jpg), found {image}"
        )
    return int(stem)


def _video_header(video: Path) -> tuple[tuple[int, int], int]:
    """Width and height as players show it, and the number of frames (0 where the file does not say)."""
    av = require("av")
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            size, frames = (int(stream.width), int(stream.height)), int(stream.frames)
            first = next(container.decode(video=0), None)
            lying = first is not None and first.rotation % 180 != 0
            return size[::-1] if lying else size, frames
    except (av.FFmpegError, IndexError, OSError) as error:
        raise SourceError(f"{video}: not a readable video ({error})") from error
