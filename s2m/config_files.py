"""Where the configuration files are: the checkout's ``configs/``, or its copy in an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s2m.errors import FormatError

NAME = "configs"
_LARGEST, _MOST_ENTRIES = 1 << 18, 100_000
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


def read_yaml(path: Path) -> Any:
    """What a yaml file holds, as plain data; nothing of it is run.

    A file of some hundred bytes can name a part of itself again and again: such a one is refused before it is written
    out, here or in somebody's error message.

    Args:
        path: The file.

    Returns:
        Dictionaries, lists, texts, numbers.

    Raises:
        FormatError: It cannot be read, is no yaml, or holds more than 100,000 entries when all references are followed.
    """
    import yaml

    loader = yaml.SafeLoader  # the one in C overflows the stack on deep files
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise FormatError(f"{path}: expected settings of at most {_LARGEST} bytes, found more")
        if _entries(yaml.compose(content, loader), {}) > _MOST_ENTRIES:
            raise FormatError(
                f"{path}: expected at most {_MOST_ENTRIES} entries, found more (references to references)"
            )
        return yaml.load(content, loader)
    except FormatError:
        raise
    except RecursionError as error:
        raise FormatError(f"{path}: cannot be read: too deep, or it holds itself") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FormatError(f"{path}: cannot be read: {' '.join(str(error)[:300].split())}") from error


def _entries(node: Any, known: dict[int, int]) -> int:
    """How many there are under a node of yaml's graph, references followed."""
    if node is None or isinstance(node.value, str):
        return 1
    if id(node) not in known:
        children = [part for child in node.value for part in (child if isinstance(child, tuple) else (child,))]
        known[id(node)] = 1 + sum(_entries(child, known) for child in children)
    return known[id(node)]
