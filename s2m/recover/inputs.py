"""What a command is given: photos, videos and folders of them; and which process takes which."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2m.errors import UserError
from s2m.formats.picture_names import PHOTOS, VIDEOS, is_picture, to_convert


@dataclass(frozen=True)
class Item:
    """One photo or video.

    Attributes:
        file: Where it is.
        name: Of the folder that takes its results: unlike those of all others.
    """

    file: Path
    name: str

    @property
    def is_video(self) -> bool:
        """Whether it is one, by its suffix."""
        return self.file.suffix.lower() in VIDEOS


def items_of(paths: Iterable[Path]) -> tuple[list[Item], list[Path]]:
    """The photos and videos of files and folders.

    Args:
        paths: As they were given. Of a folder its own files are taken, not those of folders in it.

    Returns:
        What there is, each once, in order; and the files of folders that were passed over because they are neither.

    Raises:
        UserError: For a file that is neither, or missing, and folders without any.
    """
    files: dict[Path, None] = {}
    passed = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith(".")]
            known = [file for file in inside if is_picture(file)]
            if not known:
                hint = next(filter(None, map(to_convert, inside)), "")
                raise UserError(f"{path}: expected photos or videos, found none among its {len(inside)} files{hint}")
            files |= dict.fromkeys(known)
            passed += [file for file in inside if not is_picture(file)]
        elif not path.is_file():
            raise UserError(f"{path}: expected a photo, a video or a folder, found nothing")
        elif not is_picture(path):
            ends = ", ".join((*PHOTOS, *VIDEOS))
            raise UserError(f"{path}: expected a name that ends in {ends}, found '{path.suffix}'{to_convert(path)}")
        else:
            files[path] = None
    return [Item(file, name) for file, name in zip(files, _names(list(files)), strict=True)], passed


def share(items: Sequence[Item], environment: Mapping[str, str] = os.environ) -> list[Item]:
    """What this process takes, of several that ``torchrun`` started.

    Args:
        items: All of them, in the same order in every process.
        environment: Says ``RANK`` and ``WORLD_SIZE``; without them everything is this process's.

    Returns:
        Every so-manieth.

    Raises:
        UserError: The two do not fit.

    Example:
        >>> everything = [Item(Path(f"{n}.jpg"), str(n)) for n in range(5)]
        >>> [item.name for item in share(everything, {"RANK": "1", "WORLD_SIZE": "2"})]
        ['1', '3']
    """
    rank, world = environment.get("RANK", "0"), environment.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
        raise UserError(f"RANK: expected a number below WORLD_SIZE, found {rank} of {world}")
    return list(items[int(rank) :: int(world)])


def _names(files: list[Path]) -> list[str]:
    """The stem; with the suffix where two have one stem; with the folder where that is not enough."""
    stems, names = (Counter(getattr(file, part).casefold() for file in files) for part in ("stem", "name"))
    return [
        file.stem
        if stems[file.stem.casefold()] == 1
        else file.name
        if names[file.name.casefold()] == 1
        else f"{file.resolve().parent.name}-{file.name}"
        for file in files
    ]
