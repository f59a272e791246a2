"""The motion that a page shows: files, each as a GLB that is made when it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

from s2m.convert.people import distinct
from s2m.convert.sources import is_motion, read_people
from s2m.errors import FormatError, UserError
from s2m.export.glb import write_glb
from s2m.export.known import BY_NAME
from s2m.formats.gltf_file import has_meshes
from s2m.ik.chosen_body import BodyChoice
from s2m.ik.writing import say_shapes
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
        arguments: Options of :func:`s2m.ik.source_options.add_sources`, and how much the command says.
    """

    def __init__(self, files: Sequence[Path], choice: BodyChoice, folder: Path, arguments: argparse.Namespace) -> None:
        self.files = list(files)
        self._choice, self._folder, self._arguments = choice, folder, arguments
        self._made: dict[int, Path] = {}
        self._lock = Lock()  # a browser asks for two at a time

    def names(self, root: Path | None) -> list[str]:
        """What the files are called on the page.

        Args:
            root: The folder to which names are relative; ``None``: the names alone.
        """
        return [path.name if root is None else path.relative_to(root).as_posix() for path in self.files]

    def glb(self, number: int) -> bytes:
        """A file as GLB; the joints that bodies were found from are shown with them.

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
            if has_meshes(content):
                return content
        with self._lock:
            if number not in self._made:
                target = self._folder / f"{number}{GLB}"
                with ExitStack() as stack:
                    found = read_people(path, self._choice, self._folder, self._arguments, stack)
                    people = distinct([person.motion for person in found])
                    write_glb(target, people, points=[person.joints for person in found])
                    say_shapes(found, BY_NAME["glb"], self._arguments)
                self._made[number] = target
            return self._made[number].read_bytes()


def files_of(given: Sequence[Path]) -> tuple[list[Path], Path | None]:
    """The files of motion that a command was given: files, folders with a file per frame, or one folder of files.

    Args:
        given: As they were given.

    Returns:
        The files, and the folder that they are in if it was one.

    Raises:
        UserError: For what is neither, and for a folder without motion.
    """
    if len(given) == 1 and given[0].is_dir():
        folder = given[0]
        found = [path for path in sorted(folder.rglob("*")) if path.is_file() and _shown(path)]
        if len(found) > _MOST:
            raise UserError(f"{folder}: expected 1 to {_MOST} files of motion below this folder, found {len(found)}")
        if found:
            return found, folder
        if not any(path.suffix.lower() in (".json", ".npz", ".pkl") for path in folder.iterdir()):
            raise UserError(f"{folder}: expected 1 to {_MOST} files of motion below this folder, found 0")
    for path in given:
        if not path.exists():
            raise UserError(f"{path}: expected a file of motion, found nothing")
    return list(given), None


def _shown(path: Path) -> bool:
    return path.suffix.lower() == GLB or is_motion(path)
