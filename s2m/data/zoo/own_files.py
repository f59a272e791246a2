"""Which of a user's files are pictures, in what order they follow each other, and which mask is whose."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from s2m.data.zoo.source import SourceError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MASKS = (".png", *(kind for kind in PICTURES if kind != ".png"))
_NUMBERS = re.compile(r"(\d+)")
T = TypeVar("T")


def natural(text: str) -> list[tuple[bool, int, str]]:
    """A key that sorts numbers in names by value: 2 comes before 10.

    Args:
        text: A name.

    Example:
        >>> sorted(["f10", "f2", "f1"], key=natural)
        ['f1', 'f2', 'f10']
    """
    pieces = _NUMBERS.split(text)
    return [(piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]


def plain_number(stem: str) -> str:
    """A stem that is a number, without leading zeros; others as they are.

    Args:
        stem: Name without its suffix.
    """
    return stem.lstrip("0") or "0"


def files_below(root: Path, without: Path, kinds: Sequence[str]) -> list[Path]:
    """Files of some kinds, in natural order of their paths.

    Args:
        root: Folder that is searched.
        without: Folder whose files do not count.
        kinds: Suffixes, lower case.
    """
    files = (path for path in root.rglob("*") if path.suffix.lower() in kinds and path.is_file())
    kept = [path for path in files if without not in path.parents]
    return sorted(kept, key=lambda path: natural(path.relative_to(root).as_posix()))


def pictures_by_folder(root: Path, masks: Path) -> dict[str, list[Path]]:
    """Pictures by their folder below the root.

    Args:
        root: Folder that is searched.
        masks: Folder of the masks.

    Raises:
        SourceError: Two pictures of a folder differ in nothing but the suffix or leading zeros.
    """
    folders: dict[str, list[Path]] = {}
    for path in files_below(root, masks, PICTURES):
        folders.setdefault(path.parent.relative_to(root).as_posix(), []).append(path)
    for pictures in folders.values():
        _by_number(pictures)
    return folders


def shared_names(folders: Mapping[str, Sequence[Path]]) -> set[str]:
    """Folders with a picture whose name is in another folder, too.

    Args:
        folders: Pictures by folder.
    """
    counts = Counter(plain_number(path.stem) for pictures in folders.values() for path in pictures)
    return {
        folder for folder, pictures in folders.items() if any(counts[plain_number(path.stem)] > 1 for path in pictures)
    }


def frame_numbers(pictures: Sequence[Path]) -> list[int]:
    """When each picture was taken, in steps of the sequence: 0 first, gaps where a number is missing.

    Args:
        pictures: In natural order.

    Returns:
        By the last number in their names where all have one and these grow, else by position.

    Example:
        >>> frame_numbers([Path("f_0005.jpg"), Path("f_0010.jpg"), Path("f_0020.jpg")])
        [0, 1, 3]
    """
    found = [_NUMBERS.findall(path.stem)[-1:] for path in pictures]
    numbers = [int(last[0][-15:]) for last in found if last]
    steps = [after - before for before, after in pairwise(numbers)]
    if len(numbers) < len(pictures) or not steps or min(steps) <= 0:
        return list(range(len(pictures)))
    return [(number - numbers[0]) // math.gcd(*steps) for number in numbers]


def numbered_masks(folder: Path, frames: int) -> dict[str, Path]:
    """Masks by number of the frame, as text without leading zeros.

    Args:
        folder: Folder of ``<frame number>.png``.
        frames: Number of frames in the video; 0: unknown. Masks 1 to this number count from 1, as ffmpeg does.

    Raises:
        SourceError: Two files have one number.
    """
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return counted_from_zero(_by_number([path for path in files if path.suffix.lower() in MASKS]), frames)


def counted_from_zero(found: Mapping[str, T], frames: int) -> dict[str, T]:
    """What is numbered 1 to ``frames``, numbered 0 to ``frames`` - 1; anything else as it is.

    Args:
        found: By number as text.
        frames: How many there are in the sequence; 0: unknown.
    """
    from_one = frames > 0 and "0" not in found and str(frames) in found
    return {
        str(int(number) - 1) if from_one and number.isdecimal() else number: value for number, value in found.items()
    }


def place_in_sequence(picture: Path, first: str) -> str | None:
    """Where a picture stands in its sequence, counted from 0 as some detectors do: by the last number in its name.

    Args:
        picture: The picture.
        first: Stem of the sequence's first picture; numbers count from 0 or, as ffmpeg's, from 1.

    Returns:
        The place as text; ``None`` where the name tells no number.

    Raises:
        SourceError: The sequence begins with another number, so that places are not clear.
    """
    begin, own = (_NUMBERS.findall(stem)[-1:] for stem in (first, picture.stem))
    if not begin or not own:
        return None
    if int(begin[0]) > 1:
        raise SourceError(
            f"{picture}: expected pictures numbered from 0 or from 1, found {first} first: the keypoints count frames "
            "from 0, and which picture is frame 0 is not clear; give the pictures' names in the keypoints"
        )
    return str(int(own[0]) - int(begin[0]))


def mask_of(folder: Path, picture: Path) -> Path | None:
    """The mask of a picture: of its name, with any picture's suffix.

    Args:
        folder: Folder of the masks.
        picture: The picture's path below the root.
    """
    choices = (folder / picture.with_suffix(kind) for kind in MASKS)
    return next((file for file in choices if file.is_file()), None)


def _by_number(files: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files:
        number = plain_number(path.stem)
        if number in found:
            raise SourceError(f"{path}: expected another name, found {found[number].name} beside it")
        found[number] = path
    return found
