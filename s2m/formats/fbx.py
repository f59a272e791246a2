"""FBX files, through Blender: the format has no open specification, so the program that is known to read it does."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from s2m.errors import FormatError
from s2m.formats.blender import run_in_blender
from s2m.formats.gltf import GltfPerson, read_gltf

FBX = ".fbx"


def read_fbx(path: Path) -> list[GltfPerson]:
    """Read the skeletons of an FBX.

    Args:
        path: The file.

    Returns:
        One person for every skeleton.

    Raises:
        FormatError: The message names the file, what was expected and what was found.
        UserError: Blender is not installed, or cannot read the file.
    """
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    with tempfile.TemporaryDirectory(prefix="s2m-") as folder:
        made, takes = Path(folder) / "motion.glb", Path(folder) / "takes.txt"
        words = [str(path.resolve()), str(made), str(takes)]
        run_in_blender("s2m.formats", "fbx_to_glb.py", words, made, path, "give a .glb or .bvh")
        try:
            people = read_gltf(made)
        except FormatError as error:
            raise FormatError(f"{path}: {str(error).removeprefix(f'{made}: ')}") from error
        count = int(takes.read_text())
    return [replace(person, animations=count, takes=()) for person in people]
