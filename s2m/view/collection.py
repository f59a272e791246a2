"""The motion that a page shows: files, each as a GLB that is made when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from s2m.convert.people import distinct
from s2m.convert.sources import READERS, BodyChoice, is_motion, read_motion
from s2m.errors import FormatError, UserError
from s2m.export.glb import write_glb
from s2m.reading import reading

GLB = ".glb"
_MOST = 1000  # files of a folder
_MAGIC = b"glTF"


class Collection:
    """Files of motion and their GLB.

    Args:
        files: The files.
        choice: The body that motion is shown on.
        folder: Where the GLB are kept meanwhile.
    """

    def __init__(self, files: Sequence[Path], choice: BodyChoice, folder: Path) -> None:
        self.files = list(files)
        self.notes: list[str] = []
        self._choice, self._folder = choice, folder
        self._made: dict[int, Path] = {}
        self._lock = Lock()  # a browser asks for two at a time

    def names(self, root: Path | None) -> list[str]:
        """What the files are called on the page.

        Args:
            root: The folder to which names are relative; ``None``: the names alone.
        """
        return [path.name if root is None else path.relative_to(root).as_posix() for path in self.files]

    def glb(self, number: int) -> bytes:
        """A file as GLB.

        Args:
            number: Of the file.

        Raises:
            UserError: It cannot be read.
        """
        path = self.files[number]
        if path.suffix.lower() == GLB:
            with reading(path, "a GLB"):
                content = path.read_bytes()
            if not content.startswith(_MAGIC):
                raise FormatError(f"{path}: expected a GLB, found something else")
            return content
        with self._lock:
            if number not in self._made:
                target = self._folder / f"{number}{GLB}"
                with read_motion(path, self._choice, self._folder) as source:
                    self.notes += source.notes
                    write_glb(target, distinct(source.people))
                self._made[number] = target
            return self._made[number].read_bytes()


def files_of(given: Sequence[Path]) -> tuple[list[Path], Path | None]:
    """The files of motion that a command was given: files, or one folder.

    Args:
        given: As they were given.

    Returns:
        The files, and the folder that they are in if it was one.

    Raises:
        UserError: For what is neither, and for a folder without motion.
    """
    if len(given) == 1 and given[0].is_dir():
        folder = given[0]
        known = {GLB, *READERS}
        found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in known and p.is_file()]
        found = [path for path in found if path.suffix.lower() == GLB or is_motion(path)]
        if not 0 < len(found) <= _MOST:
            raise UserError(f"{folder}: expected 1 to {_MOST} files of motion below this folder, found {len(found)}")
        return found, folder
    for path in given:
        if not path.is_file():
            raise UserError(f"{path}: expected a file of motion, found {'a folder' if path.is_dir() else 'nothing'}")
    return list(given), None
