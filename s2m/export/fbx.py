"""FBX, through Blender: the format has no open specification, so the program that is known to write it does.

A GLB is made, and Blender, which has to be installed, turns it into FBX. Debian's package (``apt-get install blender
python3-numpy``) is what the tests run: its reader of GLB needs NumPy, which the package only recommends.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from s2m.export.glb import write_glb
from s2m.export.motion import BodyMotion
from s2m.files import replacing
from s2m.formats.blender import run_in_blender
from s2m.skeletons import SMPL24


def write_fbx(path: str | Path, people: Sequence[BodyMotion], names: tuple[str, ...] = SMPL24.joints) -> None:
    """Write people as one FBX, whole or not at all.

    Args:
        path: The file to write.
        people: Their motions.
        names: Of SMPL's 24 joints, in their order.

    Raises:
        UserError: Blender is not installed, or fails.
        WriteError: The file cannot be written.
    """
    with replacing(path) as temporary, tempfile.TemporaryDirectory(prefix="s2m-") as folder:
        glb, made = Path(folder) / "motion.glb", Path(folder) / "motion.fbx"
        write_glb(glb, people, names)
        words = [str(glb), str(made), f"{people[0].fps:.9g}"]
        instead = "write .glb, which Unity, Unreal and Blender read"
        run_in_blender("s2m.export", "glb_to_fbx.py", words, made, path, instead)
        shutil.copyfile(made, temporary)
