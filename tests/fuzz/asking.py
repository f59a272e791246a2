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

COUNT = "S2M_FUZZ"  # environment variable: how many damaged files each sample is tried with, instead of its own count
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
    may stay for work that goes on later. skips: damaged files are passed over, with exit code 0; where nothing is said
    of them, the output has to be that of the intact input.
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
    wrong, codes, intact = [], Counter[int](), _Answer(0)
    for number in range(-1, int(os.environ.get(COUNT, count))):
        place.make()
        shutil.copytree(template, place.inputs, dirs_exist_ok=True)
        rng = random.Random(f"{sample.name} {seed} {number}")
        label = "intact"
        if number >= 0:
            chosen = rng.choice(sorted(path for path in place.inputs.rglob(sample.damaged) if path.is_file()))
            kind, _ = mutate.file(rng, chosen)
            label = f"{chosen.relative_to(place.inputs)}: {kind}"
        answer = _asked(sample, place, command)
        codes[answer.code] += 1
        complaint = answer.complaint
        if number < 0:
            intact = answer
            if answer.code != sample.ends:
                complaint = complaint or f"expected exit {sample.ends}, found {answer.code}"
        elif sample.skips and answer.unsaid and not gone(label) and answer.output != intact.output:
            complaint = complaint or "another output than that of the intact input, and nothing was said"
        if complaint:
            wrong.append(f"{sample.name} {number} [{label}]: {complaint}")
    assert codes[2] or sample.skips or not count, f"{sample.name}: no damage was noticed"
    shutil.rmtree(template)
    return wrong


def gone(label: str) -> bool:
    """Whether a file has another name now, or a folder has its name: it is none of those that were asked for."""
    return ": renamed to" in label or label.endswith(": a folder of this name")


@dataclass(frozen=True)
class _Answer:
    """How a command ended: exit code, what is wrong with it, whether it said nothing, and texts that it wrote."""

    code: int
    complaint: str | None = None
    unsaid: bool = False
    output: tuple[tuple[str, str], ...] = ()


def _asked(sample: Sample, place: Place, command: Command) -> _Answer:
    before = _content(place.root)
    words = [str(word) for word in sample.words(place.inputs, place.output)]
    code, said, raised = run(words, place, command)
    complaint = raised or about_message(code, said)
    if complaint:
        return _Answer(code, complaint)
    foreign = [path for path in _changed(before, _content(place.root)) if not _allowed(path, sample, place, code)]
    if foreign:
        return _Answer(code, f"exit {code}, and wrote {', '.join(foreign[:4])}")
    return _Answer(code, None, code == 0 and "warning: " not in said, _texts(place.output) if sample.skips else ())


def _texts(folder: Path) -> tuple[tuple[str, str], ...]:
    files = (path for path in sorted(folder.rglob("*")) if path.suffix in (".md", ".csv", ".json"))
    return tuple((path.name, path.read_text()) for path in files)


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
