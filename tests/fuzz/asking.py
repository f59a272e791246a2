"""Runs a command in this process, in a folder of its own, and says what is wrong with how it ended."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from s2m.cli import main
from tests.fuzz import mutate

Command = Callable[[Sequence[str]], int | None]


@dataclass(frozen=True)
class Place:
    """Where a command runs: its inputs, its outputs, and its temporary folder, below a root that is watched."""

    root: Path

    @property
    def inputs(self) -> Path:
        """What the command reads."""
        return self.root / "deep" / "down" / "in"

    @property
    def output(self) -> Path:
        """The only folder that it may write to."""
        return self.root / "deep" / "down" / "out"

    @property
    def temporary(self) -> Path:
        """TMPDIR."""
        return self.root / "deep" / "tmp"

    def make(self) -> None:
        """All three, empty."""
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in (self.inputs, self.output, self.temporary):
            folder.mkdir(parents=True)


@dataclass(frozen=True)
class Sample:
    """A valid input of a command.

    write: puts it into a folder. words: the command line, of that folder and the folder of outputs. damaged: which
    files of it may be damaged, as a pattern. own: what a command writes beside its inputs, by name (its output there).
    ends: exit code of the valid input, for commands that a later argument stops before heavy work. kept: names of what
    may stay for work that goes on later. skips: damaged files are passed over, with exit code 0.
    """

    name: str
    write: Callable[[Path], None]
    words: Callable[[Path, Path], Sequence[str]]
    damaged: str = "*"
    own: tuple[str, ...] = ()
    ends: int = 0
    kept: tuple[str, ...] = ()
    skips: bool = False


def tried(sample: Sample, place: Place, count: int, seed: int = 0, command: Command = main) -> list[str]:
    """Try a sample as it is, which has to succeed, and damaged ``count`` times. Returns what went wrong."""
    template = place.root.with_name(f"{place.root.name}-{sample.name}")
    template.mkdir(parents=True)
    sample.write(template)
    wrong, codes = [], Counter[int]()
    for number in range(-1, count):
        place.make()
        shutil.copytree(template, place.inputs, dirs_exist_ok=True)
        rng = random.Random(f"{sample.name} {seed} {number}")
        label = "intact"
        if number >= 0:
            chosen = rng.choice(sorted(path for path in place.inputs.rglob(sample.damaged) if path.is_file()))
            kind, _ = mutate.file(rng, chosen)
            label = f"{chosen.relative_to(place.inputs)}: {kind}"
        code, complaint = _asked(sample, place, command)
        codes[code] += 1
        if number < 0 and code != sample.ends:
            complaint = complaint or f"expected exit {sample.ends}, found {code}"
        if complaint:
            wrong.append(f"{sample.name} {number} [{label}]: {complaint}")
    assert codes[2] or sample.skips or not count, f"{sample.name}: no damage was noticed"
    shutil.rmtree(template)
    return wrong


def _asked(sample: Sample, place: Place, command: Command) -> tuple[int, str | None]:
    before = _content(place.root)
    words = [str(word) for word in sample.words(place.inputs, place.output)]
    code, said, raised = run(words, place, command)
    if raised:
        return code, raised
    complaint = about_message(code, said)
    if complaint:
        return code, complaint
    foreign = [path for path in _changed(before, _content(place.root)) if not _allowed(path, sample, place, code)]
    return code, f"exit {code}, and wrote {', '.join(foreign[:4])}" if foreign else None


def run(words: Sequence[str], place: Place, command: Command = main) -> tuple[int, str, str | None]:
    """Run a command; returns its exit code, what it said on stderr, and the exception that reached us, if any."""
    said = io.StringIO()
    with _inside(place), contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            return int(command(words) or 0), said.getvalue(), None
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
            return code, said.getvalue(), None
        except Exception as error:
            return 1, said.getvalue(), _last_line(error)


def about_message(code: int, said: str) -> str | None:
    """What is wrong with an exit code and what was said; None for success, and for one line with exit code 2."""
    if "Traceback" in said:
        return f"exit {code} with a traceback: {said.splitlines()[-1][:300]}"
    if code not in (0, 2):
        return f"exit {code}: {said[-300:]!r}"
    lines = said.splitlines()
    if code == 2 and lines and lines[0].startswith("usage: "):
        return None if "error: " in said else f"a usage without an error: {said[:300]!r}"
    if code == 2 and (sum("error: " in line for line in lines) != 1 or "error: " not in lines[-1]):
        return f"expected one line of error, the last: {said[:600]!r}"
    if len(said) > 20_000:
        return f"{len(said)} characters: {said[:200]!r}"
    return None


@contextlib.contextmanager
def _inside(place: Place) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(place.inputs.parent)
    try:
        with (
            mock.patch.dict(os.environ, {"TMPDIR": str(place.temporary)}),
            mock.patch.object(tempfile, "tempdir", str(place.temporary)),
        ):
            yield
    finally:
        os.chdir(before)


def _last_line(error: Exception) -> str:
    """The exception, and the project's line that let it through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tests/" not in frame.filename]
    ours = [f for f in frames if f"{os.sep}s2m{os.sep}" in f.filename or f"{os.sep}stages{os.sep}" in f.filename]
    line = f"{ours[-1].filename.rpartition('fuzz/')[2]}:{ours[-1].lineno}" if ours else "?"
    return f"TRACEBACK {line}: {type(error).__name__}: {str(error)[:160]}"


def _content(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(root)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def _changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _allowed(name: str, sample: Sample, place: Place, code: int) -> bool:
    path = place.root / name
    parts = path.relative_to(place.root).parts
    if any(kept in parts for kept in sample.kept):
        return True
    if code != 0:
        return False
    return path.is_relative_to(place.output) or any(own in parts for own in sample.own)
