"""Options that several commands share: one spelling and one meaning each, and what the commands say."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from s2m.errors import UserError, one_line
from s2m.skeletons import JOINT_SETS, JointSet, get_joint_set, read_joint_set

PIPE = Path("-")
AUTO = "auto"  # --joint-set: what the file tells
_LARGEST_NOISE_MM = 500
_BLOCK = 1 << 20  # bytes


class LateParser(argparse.ArgumentParser):
    """A parser that gets its options when it is chosen, so that other commands do not wait for what they need.

    ``late`` is called with the parser and the words that follow the command, before these are parsed, and returns the
    words that are left.
    """

    late: Callable[[LateParser, list[str]], list[str]] | None = None

    def complete(self, words: list[str]) -> list[str]:
        """Add the late options, once.

        Args:
            words: What follows the command.

        Returns:
            The words that are left to parse.
        """
        late, self.late = self.late, None
        return words if late is None else late(self, words)

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """See :class:`argparse.ArgumentParser`."""
        return super().parse_known_args(self.complete(list(sys.argv[1:] if args is None else args)), namespace)


def add_output(parser: argparse._ActionsContainer, text: str, *, required: bool = True, metavar: str = "FILE") -> None:
    """Add ``-o``/``--output`` and ``--overwrite``.

    Args:
        parser: Parser or group.
        text: What is written.
        required: Whether the option must be given.
        metavar: ``FILE`` or ``DIR``.
    """
    parser.add_argument("-o", "--output", type=Path, required=required, metavar=metavar, help=text)
    add_overwrite(parser)


def add_overwrite(parser: argparse._ActionsContainer) -> None:
    """Add ``--overwrite``: without it, nothing that is already there is replaced.

    Args:
        parser: Parser or group.
    """
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what is already there (refused without it; never the input)"
    )


def add_voice(parser: argparse.ArgumentParser) -> None:
    """Add ``-q``/``--quiet`` and ``-v``/``--verbose``.

    Args:
        parser: The command's parser.
    """
    voice = parser.add_mutually_exclusive_group()
    voice.add_argument("-q", "--quiet", action="store_true", help="print warnings and errors alone")
    voice.add_argument("-v", "--verbose", action="store_true", help="print each step, and where an error comes from")


def add_joint_set(
    parser: argparse._ActionsContainer, text: str, *, default: str | None = None, without: Iterable[str] = ()
) -> None:
    """Add ``--joint-set``: a name, or a yaml file with a set of the user's own.

    Args:
        parser: Parser or group.
        text: What the set is for.
        default: Its default.
        without: Names of sets that do not serve here.
    """
    known = ", ".join(sorted(set(JOINT_SETS) - set(without)))
    parser.add_argument(
        "--joint-set", default=default, metavar="NAME", help=f"{text}: one of {known}, or a yaml file with your own"
    )


def chosen_joint_set(name: str) -> JointSet:
    """The joint set that ``--joint-set`` names.

    Args:
        name: A known name, or a yaml file.

    Raises:
        UserError: For another name, or a file that holds no joint set.
    """
    try:
        return read_joint_set(name) if name.endswith((".yaml", ".yml")) else get_joint_set(name)
    except ValueError as error:
        raise UserError(f"--joint-set: {error}") from error


def set_file(name: str | None) -> Path | None:
    """The file that ``--joint-set`` names, if it names one.

    Args:
        name: What ``--joint-set`` was given; ``None`` without it.

    Returns:
        The yaml file; ``None`` for the name of a known set.
    """
    return Path(name) if name is not None and name.endswith((".yaml", ".yml")) else None


def metres_of_noise(millimetres: float) -> float:
    """What ``--noise`` (millimetres) is in metres, the unit of the package.

    Args:
        millimetres: As it was given.

    Raises:
        UserError: Unless it lies between 0 and the largest value that makes sense.
    """
    if not 0 <= millimetres <= _LARGEST_NOISE_MM:
        raise UserError(f"--noise: expected millimetres between 0 and {_LARGEST_NOISE_MM}, found {millimetres}")
    return millimetres / 1000


def check_outputs(
    written: Mapping[str, tuple[Path, str | tuple[str, ...]]], inputs: Iterable[Path], overwrite: bool
) -> None:
    """Refuse, before anything is done, what must not be written.

    Args:
        written: Option -> the file that it names, and the suffix that its name must have, or the suffixes of which it
            must have one. ``-`` is standard output.
        inputs: Files that are read.
        overwrite: Whether files that are there may be replaced.

    Raises:
        UserError: For a wrong suffix, a missing folder, a folder instead of a file, an input or one name twice, and a
            file that is there already.
    """
    read = {path.resolve() for path in inputs if path != PIPE}
    places = [path.resolve() for path, _ in written.values() if path != PIPE]
    for option, (path, suffixes) in written.items():
        if path == PIPE:
            if sys.stdout.isatty():
                raise UserError(f"{option} -: expected a pipe or a file behind standard output, found a terminal")
            continue
        wanted = (suffixes,) if isinstance(suffixes, str) else suffixes
        if path.suffix.lower() not in wanted:
            one_of = "one of " if len(wanted) > 1 else ""
            raise UserError(f"{option} {path}: expected a name that ends in {one_of}{', '.join(wanted)}")
        if not path.resolve().parent.is_dir():
            raise UserError(f"{option} {path}: the folder does not exist")
        if path.is_dir():
            raise UserError(f"{option} {path}: expected a file, found a folder")
        if path.exists() and not path.is_file():
            raise UserError(f"{option} {path}: expected a file to write, found a device; - is standard output")
        if path.resolve() in read or any(_same_file(path, other) for other in read):
            raise UserError(f"{option} {path}: expected another file than the input")
    if len(set(places)) < len(places):
        raise UserError(f"{', '.join(written)}: expected files of their own, found one name twice")
    for option, (path, _) in written.items():
        check_free(option, path, overwrite)


def _same_file(path: Path, other: Path) -> bool:
    """Whether two names are one file: hard links, and names that a file system does not tell apart."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def check_free(option: str, path: Path, overwrite: bool) -> None:
    """Refuse a file that is there already, unless it may be replaced.

    Args:
        option: The option that names it.
        path: The file; ``-`` is always free.
        overwrite: Whether it may be replaced.

    Raises:
        UserError: When the file is there.
    """
    if path != PIPE and path.exists() and not overwrite:
        raise UserError(f"{option} {path}: there is such a file already; --overwrite replaces it")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[Path]:
    """A file to read: the one named, or, for ``-``, what comes from standard input.

    The kind of what is piped (npy, npz, json or csv) is told from its first bytes. Errors call it ``-``.

    Args:
        path: As it was given.

    Yields:
        A file that exists.
    """
    if path != PIPE:
        yield path
        return
    start = sys.stdin.buffer.read(_BLOCK)
    with tempfile.TemporaryDirectory(prefix="s2m-") as folder:
        spooled = Path(folder) / f"stdin{_kind(start)}"
        with spooled.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(sys.stdin.buffer, file, _BLOCK)
        try:
            yield spooled
        except UserError as error:
            raise UserError(str(error).replace(str(spooled), "-")) from error


def folder_of(output: Path) -> Path:
    """Where large arrays wait on the disk: beside what is written, so that a full disk is told early.

    Args:
        output: What ``--output`` names.
    """
    return Path(tempfile.gettempdir()) if output == PIPE else output.resolve().parent


def _kind(content: bytes) -> str:
    if content.startswith(b"\x93NUMPY"):
        return ".npy"
    if content.startswith(b"PK"):
        return ".npz"
    return ".json" if content.lstrip()[:1] in (b"{", b"[") else ".csv"


@contextlib.contextmanager
def writable(path: Path, suffix: str = ".npz") -> Iterator[Path]:
    """A file to write: the one named, or, for ``-``, one whose content goes to standard output when it is complete.

    Args:
        path: As it was given.
        suffix: Of the file behind ``-``.

    Yields:
        Where to write.
    """
    if path != PIPE:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="s2m-") as folder:
        spooled = Path(folder) / f"stdout{suffix}"
        yield spooled
        with spooled.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def warn(message: str) -> None:
    """Print a warning.

    Args:
        message: One line.
    """
    print(f"warning: {one_line(message)}", file=sys.stderr)


def say(arguments: argparse.Namespace, message: str) -> None:
    """Print what was done, unless ``--quiet``; beside the data where these go to standard output.

    Args:
        arguments: The parsed command line.
        message: One line.
    """
    if not getattr(arguments, "quiet", False):
        print(message, file=sys.stderr if getattr(arguments, "output", None) == PIPE else sys.stdout)


def detail(arguments: argparse.Namespace, message: str) -> None:
    """Print a step, with ``--verbose`` alone.

    Args:
        arguments: The parsed command line.
        message: One line.
    """
    if getattr(arguments, "verbose", False):
        print(message, file=sys.stderr)


def progress(arguments: argparse.Namespace) -> bool | None:
    """Whether a bar is shown: ``--progress``; on a terminal if not given; never with ``--quiet``.

    Args:
        arguments: The parsed command line.
    """
    wanted: bool | None = arguments.progress
    return False if arguments.quiet else wanted


def warn_once(messages: Iterable[str]) -> None:
    """Print warnings, each of them once.

    Args:
        messages: One line each.
    """
    for message in dict.fromkeys(messages):
        warn(message)
