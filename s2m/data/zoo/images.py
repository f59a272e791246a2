"""Your own pictures and videos: ``s2m data images --root DIR --output STORE``.

What a lab brings: a folder of pictures or videos, the JSON of a 2D detector, and masks, if there are any. There is no
truth; a store of the training split trains everything, since training needs none.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from s2m.data.zoo.image_masks import ImageMasks, picture_size
from s2m.data.zoo.pictures import ListedPictures, VideoPictures
from s2m.data.zoo.source import SPLITS, PictureReader, Recording, RecordingRef, Source, SourceError
from s2m.formats.coco import Detection, as_joint_set, read_coco
from s2m.optional import require
from s2m.skeletons import COCO17, H36M17, S2M27

JOINT_SETS = (H36M17.name, S2M27.name, COCO17.name)
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
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
    ) -> None:
        for option, good, expected in (
            (f"--joints {joints}", joints in JOINT_SETS, f"one of {', '.join(JOINT_SETS)}"),
            (f"--split {split}", split in SPLITS, f"one of {', '.join(SPLITS)}"),
            (f"--val-share {val_share}", 0 <= val_share < 1, "at least 0 and below 1"),
            (f"--val-share {val_share}", split != "val" or not val_share, "another --split than val"),
            (f"--person {person}", person == BEST or person.isdecimal(), f"{BEST} or a number"),
            (f"--keypoints {keypoints}", keypoints is None or keypoints.exists(), "a file or a folder"),
            (f"--masks-in {masks}", masks is None or masks.is_dir(), "a folder"),
        ):
            if not good:
                raise SourceError(f"{option}: expected {expected}")
        self.root, self.joints, self.photos, self.person = root, joints, photos, person
        self.split, self.val_share = split, val_share
        self._keypoints = keypoints or (root / _KEYPOINTS if (root / _KEYPOINTS).is_file() else root)
        self._masks = masks or root / _MASKS

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """See the class."""
        parser.add_argument("--keypoints", type=Path, metavar="JSON", help="file, or folder with <recording>.json")
        parser.add_argument("--masks", type=Path, metavar="DIR", help="masks, named as the pictures (root/masks)")
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
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Options that change the result."""
        from s2m.data.store import file_hash

        names = ("joints", "photos", "person", "split", "val_share")
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
        for folder, pictures in _by_folder(self.root, self._masks).items():
            name = folder if folder != "." else self.root.resolve().name
            found |= self._of_pictures(name, pictures)
        for video in _below(self.root, self._masks, VIDEOS):
            name = video.relative_to(self.root).with_suffix("").as_posix()
            if name in found:
                raise SourceError(f"{video}: expected another name, found pictures or a video of the same one")
            found[name] = {"video": str(video)}
        if not found:
            raise SourceError(f"{self.root}: expected pictures ({', '.join(PICTURES)}) or videos, found none")
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
        people = self._people(str(ref.payload["group"]))
        kept = _share(len(pictures), ref.payload["from"], ref.payload["to"])
        found = [self._choose(_named(people, picture, self.root)) for picture in pictures]
        chosen = {i: d for i in kept if (d := found[i]) is not None}
        if not any(found) and not self.photos:
            names = ", ".join(sorted(people)[:3]) or "nobody"
            person = "" if self.person == BEST else f" with person {self.person}"
            raise SourceError(
                f"{self._file(str(ref.payload['group']))}: expected people{person} in pictures such as "
                f"{pictures[kept[0]].name}, found {names}"
            )
        size = _common_size([pictures[i] for i in kept])
        masks = [self._mask(pictures[i].relative_to(self.root).with_suffix(".png")) for i in chosen]
        shown = ListedPictures(dict(enumerate(pictures)))
        return self._recording(ref, chosen, len(kept), size, masks, pictures[kept[0]], shown)

    def _read_video(self, ref: RecordingRef, video: Path) -> Recording:
        size, frames = _video_header(video)
        people = {_frame_number(self._file(ref.name), image): d for image, d in self._people(ref.name).items()}
        last = max(people, default=-1)
        if frames and last >= frames:
            raise SourceError(f"{self._file(ref.name)}: expected frames 0 to {frames - 1} as in {video}, found {last}")
        kept = _share(frames or last + 1, ref.payload["from"], ref.payload["to"])
        found = {i: self._choose(entries) for i, entries in people.items()}
        chosen = {i: d for i in kept if (d := found.get(i)) is not None}
        if not any(found.values()):
            raise SourceError(f"{self._file(ref.name)}: expected people in frames of {video}, found none")
        folder = self._masks / ref.name
        pictures = {p.stem.lstrip("0") or "0": p for p in sorted(folder.glob("*.png"))} if folder.is_dir() else {}
        shown = VideoPictures(video)
        return self._recording(ref, chosen, len(kept), size, [pictures.get(str(i)) for i in chosen], video, shown)

    def _recording(
        self,
        ref: RecordingRef,
        chosen: Mapping[int, Detection],
        frames: int,
        size: tuple[int, int],
        masks: Sequence[Path | None],
        origin: Path,
        pictures: PictureReader,
    ) -> Recording:
        points = np.array([d.keypoints for d in chosen.values()]) if chosen else np.zeros((0, len(COCO17), 3))
        joints2d, confidence = as_joint_set(points, self.joints)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=self.joints,
            joints2d=joints2d,
            confidence=confidence,
            frame=np.array(list(chosen), np.int64),
            image_size=size,
            masks=ImageMasks(masks, size) if any(masks) else None,
            pictures=pictures,
            detected=True,
            source_files=(self._file(str(ref.payload.get("group", ref.name))), origin),
            left_out={"keypoints: nobody found": frames - len(chosen)} if frames > len(chosen) else {},
        )

    def _of_pictures(self, name: str, pictures: Sequence[Path]) -> dict[str, dict[str, Any]]:
        files = [str(picture) for picture in pictures]
        if not self.photos:
            return {name: {"pictures": files, "group": name}}
        return {
            Path(file).relative_to(self.root).with_suffix("").as_posix(): {"pictures": [file], "group": name}
            for file in files
        }

    def _file(self, name: str) -> Path:
        return self._keypoints / f"{name}.json" if self._keypoints.is_dir() else self._keypoints

    def _people(self, name: str) -> dict[str, list[Detection]]:
        file = self._file(name)
        if not file.is_file():
            raise SourceError(f"{file}: expected a detector's COCO-style JSON (--keypoints), found nothing")
        state = file.stat()
        return _read_people(file, (state.st_mtime_ns, state.st_size))

    def _choose(self, people: Sequence[Detection]) -> Detection | None:
        if self.person == BEST:
            return max(people, key=lambda person: person.score, default=None)
        return next((person for person in people if person.track == int(self.person)), None)

    def _mask(self, relative: Path) -> Path | None:
        file = self._masks / relative
        return file if file.is_file() else None


@lru_cache(maxsize=4)
def _read_people(file: Path, state: tuple[int, int]) -> dict[str, list[Detection]]:
    """People by picture. ``state`` tells a file from what it was before."""
    people: dict[str, list[Detection]] = {}
    for detection in read_coco(file):
        people.setdefault(detection.image, []).append(detection)
    return people


def _below(root: Path, masks: Path, kinds: Sequence[str]) -> list[Path]:
    files = (path for path in sorted(root.rglob("*")) if path.suffix.lower() in kinds and path.is_file())
    return [path for path in files if masks not in path.parents]


def _by_folder(root: Path, masks: Path) -> dict[str, list[Path]]:
    folders: dict[str, list[Path]] = {}
    for path in _below(root, masks, PICTURES):
        folders.setdefault(path.parent.relative_to(root).as_posix(), []).append(path)
    return folders


def _share(count: int, first: float, last: float) -> range:
    return range(round(count * first), round(count * last))


def _slice(count: int, first: float, last: float) -> slice:
    part = _share(count, first, last)
    return slice(part.start, part.stop)


def _named(people: Mapping[str, list[Detection]], picture: Path, root: Path) -> list[Detection]:
    """Who was found in a picture: by its path below the root, its name, its stem, or its stem as a number."""
    number = picture.stem.lstrip("0") or "0"
    for key in (picture.relative_to(root).as_posix(), picture.name, picture.stem, number):
        if key in people:
            return people[key]
    return []


def _frame_number(file: Path, image: str) -> int:
    stem = Path(image).stem
    if not stem.isdecimal():
        raise SourceError(
            f"{file}: field image_id: expected frame numbers for a video (0, 1, ... or 0.jpg), found {image}"
        )
    return int(stem)


def _common_size(pictures: Sequence[Path]) -> tuple[int, int]:
    size = picture_size(pictures[0])
    for picture in pictures[1:]:
        if (found := picture_size(picture)) != size:
            raise SourceError(f"{picture}: expected {size} pixels as its neighbours (else --photos), found {found}")
    return size


def _video_header(video: Path) -> tuple[tuple[int, int], int]:
    """Width and height, and the number of frames (0 where the file does not say)."""
    av = require("av")
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            return (int(stream.width), int(stream.height)), int(stream.frames)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise SourceError(f"{video}: not a readable video ({error})") from error
