"""FBX, through Blender: the format has no open specification, so the program that is known to write it does.

A GLB is made, and Blender, which has to be installed, turns it into FBX. Debian's package (``apt-get install blender
python3-numpy``) is what the tests run: its reader of GLB needs NumPy, which the package only recommends.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from s2m.errors import UserError
from s2m.export.glb import write_glb
from s2m.export.motion import BodyMotion
from s2m.files import replacing
from s2m.skeletons import SMPL24

BLENDER = "blender"


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
    program = shutil.which(BLENDER)
    if program is None:
        raise UserError(
            f"{path}: FBX is written by Blender, of which no command `{BLENDER}` was found; install it (Debian: "
            "apt-get install blender python3-numpy), or write .glb, which Unity, Unreal and Blender read"
        )
    with replacing(path) as temporary, tempfile.TemporaryDirectory(prefix="s2m-") as folder:
        glb, made = Path(folder) / "motion.glb", Path(folder) / "motion.fbx"
        write_glb(glb, people, names)
        with resources.as_file(resources.files("s2m.export") / "assets" / "glb_to_fbx.py") as script:
            command = [program, "--background", "--factory-startup", "--python-exit-code", "3", "--python", str(script)]
            words = [*command, "--", str(glb), str(made), f"{people[0].fps:.9g}"]
            ran = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        if ran.returncode or not made.is_file():
            said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
            raise UserError(f"{path}: Blender failed ({said[-1] if said else f'exit code {ran.returncode}'})")
        shutil.copyfile(made, temporary)
