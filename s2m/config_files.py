"""Where the configuration files are: the checkout's ``configs/``, or its copy in an installed package."""

from __future__ import annotations

from pathlib import Path

NAME = "configs"
_HERE = Path(__file__).parent
# setup.py copies configs/ into the wheel beside this file; a checkout has it one folder up.
FOLDER = _HERE / NAME if (_HERE / NAME).is_dir() else _HERE.parent / NAME


def find_config(path: str | Path) -> Path:
    """The file that a user means by ``configs/...``, wherever the command runs.

    Args:
        path: a file, relative to the current folder as usual; or ``configs/NAME``, which is looked up among the
            files that ship where the current folder has none.

    Returns:
        The path as given where it exists or nothing of the name ships, else that of the shipped file.

    Example:
        >>> find_config("configs/preset/smoke/data.yaml").is_file()
        True
    """
    path = Path(path)
    shipped = FOLDER.parent / path
    return shipped if path.parts[:1] == (NAME,) and not path.exists() and shipped.is_file() else path
