"""Blender as a converter, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from s2m.errors import UserError

BLENDER = "blender"


def run_in_blender(package: str, script: str, words: Sequence[str], made: Path, path: str | Path, instead: str) -> None:
    """Let Blender run one of our scripts.

    Args:
        package: Whose ``assets`` hold the script.
        script: Its name.
        words: What it is given.
        made: The file that it makes.
        path: The user's file, for messages.
        instead: What to do without Blender, for messages.

    Raises:
        UserError: Blender is not installed, or fails.
    """
    program = shutil.which(BLENDER)
    if program is None:
        raise UserError(
            f"{path}: FBX goes through Blender, of which no command `{BLENDER}` was found; install it (Debian: "
            f"apt-get install blender python3-numpy), or {instead}"
        )
    with resources.as_file(resources.files(package) / "assets" / script) as file:
        command = [
            program,
            "--background",
            "--factory-startup",
            "--disable-autoexec",
            "--python-exit-code",
            "3",
            "--python",
            str(file),
            "--",
        ]
        ran = subprocess.run([*command, *words], capture_output=True, text=True, errors="replace", check=False)
    if ran.returncode or not made.is_file():
        said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
        raise UserError(f"{path}: Blender failed ({said[-1] if said else f'exit code {ran.returncode}'})")
