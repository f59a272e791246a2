"""Runs trainings as separate processes, a few at a time, and leaves alone what is finished already."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from s2m.errors import UserError
from s2m.files import write_text

MARK = "study.json"
LOG = "train.log"
_POLL_SECONDS = 0.5
_TAIL_LINES = 12


class RunFailed(UserError):
    """A training ended with an error; the message names its log and ends with the log's last lines."""


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        name: For people.
        command: Without a shell.
        artifact: The file that it leaves when it has finished.
        settings: What its result depends on.
        directory: Where it runs.
        code: Version of the program, noted beside the result but no reason to repeat it.
        environment: Added to this process's own.
    """

    name: str
    command: tuple[str, ...]
    artifact: Path
    settings: str
    directory: Path = Path()
    code: str = ""
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        """Where the artifact, the log and the mark of a finished job lie."""
        return self.artifact.parent

    @property
    def finished(self) -> bool:
        """Whether the artifact is there and was made with these settings."""
        return self.artifact.is_file() and read_mark(self.folder).get("settings") == self.settings


def settings_hash(arguments: Sequence[str], files: Sequence[Path], *more: str) -> str:
    """SHA-256 over arguments, the contents of files, and further strings. Comments in yaml files do not count.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    digest = hashlib.sha256(json.dumps([list(arguments), list(more)]).encode())
    for path in files:
        digest.update(_meaning(path))
    return digest.hexdigest()


def _meaning(path: Path) -> bytes:
    if path.suffix != ".yaml":
        return path.read_bytes()
    return json.dumps(yaml.safe_load(path.read_text()), sort_keys=True).encode()


def recording(group: str, preset: str, data: str, ablation: str) -> tuple[str, ...]:
    """Arguments that say where W&B puts a training; no result depends on them.

    Args:
        group: the row of the table, one for all seeds.
        preset: of ``configs/preset``.
        data: of ``configs/data``.
        ablation: overlay or variant of the row. Joint set and seed become tags without being asked for.
    """
    return ("--group", group, "--tags", preset, data, ablation)


def training_environment(root: Path, threads: int) -> tuple[tuple[str, str], ...]:
    """What is added to the environment of every training: the code at ``root``, and a number of threads.

    Args:
        root: The repository.
    """
    return (("OMP_NUM_THREADS", str(threads)), ("PYTHONPATH", str(root)))


def read_mark(folder: Path) -> dict[str, object]:
    """What a finished job noted: ``settings``, ``code`` and ``seconds``; empty without a readable note.

    Args:
        folder: The folder.
    """
    try:
        noted = json.loads((folder / MARK).read_text())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def run_jobs(jobs: Sequence[Job], at_once: int, report: Callable[[str], None]) -> None:
    """Run what is not finished, ``at_once`` at a time. A job that is resumed is the command's own affair.

    Args:
        jobs: Trainings.
        report: Gets one line when a job is skipped, starts or ends. When a job fails the others are stopped (they can
            be continued later) and RunFailed is raised; so they are when this process is interrupted.
    """
    todo = [job for job in jobs if not job.finished]
    for job in jobs:
        if job not in todo:
            report(f"{job.name}: finished before")
    waiting, running, done = iter(todo), [], 0
    try:
        running = [_start(job, report) for job in _take(waiting, at_once)]
        while running:
            time.sleep(_POLL_SECONDS)
            for active in [r for r in running if r.process.poll() is not None]:
                running.remove(active)
                done += 1
                _finish(active)
                report(f"{active.job.name}: done after {active.seconds:.0f} s ({done} of {len(todo)})")
                running += [_start(job, report) for job in _take(waiting, 1)]
    finally:
        for active in running:
            active.process.terminate()
        for active in running:
            active.process.wait()


@dataclass
class _Active:
    job: Job
    process: subprocess.Popen[bytes]
    started: float
    seconds: float = 0.0


def _take(jobs: Iterator[Job], count: int) -> list[Job]:
    return [job for _, job in zip(range(count), jobs, strict=False)]


def _start(job: Job, report: Callable[[str], None]) -> _Active:
    job.folder.mkdir(parents=True, exist_ok=True)
    # Whatever happens from here on, the old result no longer stands for these settings.
    (job.folder / MARK).unlink(missing_ok=True)
    report(f"{job.name}: started, log in {job.folder / LOG}")
    with (job.folder / LOG).open("ab") as log:
        environment = {**os.environ, **dict(job.environment)}
        process = subprocess.Popen(
            job.command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=job.directory
        )
    return _Active(job, process, time.monotonic())


def _finish(active: _Active) -> None:
    job, active.seconds = active.job, time.monotonic() - active.started
    code = active.process.returncode
    if code != 0 or not job.artifact.is_file():
        log = job.folder / LOG
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        what = f"exit code {code}" if code else f"no {job.artifact.name} was left"
        raise RunFailed(f"{job.name}: {what}; {log} ends with:\n{tail}")
    note = {
        "settings": job.settings,
        "code": job.code,
        "seconds": active.seconds,
        "command": list(job.command),
    }
    write_text(job.folder / MARK, json.dumps(note, indent=1) + "\n")
