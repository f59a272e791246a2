"""How long ``s2m recover`` takes on this machine, and for what: ``python -m studies.recover.bench``.

Printed and not kept: times of one machine say nothing about another. Photos and videos are those of one person in the
wheel of Pose2Sim, and the same person three times beside himself. Times are of what is loaded already (but the cold
start), memory (10^6 bytes) is of the whole command.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from s2m.cli import main as s2m
from s2m.markdown import markdown_table
from s2m.recover.videos import VideoWriter
from studies.command import run_command
from studies.real.wheel import FPS, fetched
from studies.recover.clock import Clock, watched

_T = TypeVar("_T")
# Stage -> where its time is spent; several go on at the same time, each of them on one processor.
STAGES = {
    "read": ("s2m.recover.videos:Video.__iter__", "s2m.recover.recovery:read_photo"),
    "find people": ("s2m.detect.people:PeopleNetwork.__call__",),
    "landmarks": ("s2m.detect.landmarks:LandmarkNetwork.__call__",),
    "masks": ("s2m.detect.blazepose:BlazePose._detections",),
    "follow": ("s2m.recover.following:Follower.__call__",),
    "lift": ("s2m.recover.lifting:PictureLifting.__call__",),
    "shape": ("s2m.recover.clip:PersonClip._shaped",),
    "solve": ("s2m.recover.bodies:Poser.rotations",),
    "heads": ("s2m.recover.trained:TrainedModel.read", "s2m.recover.trained:TrainedModel.refined"),
    "place": ("s2m.recover.bodies:Poser.placed",),
    "fit": ("s2m.recover.clip:fitted", "s2m.recover.people:fitted"),
    "draw": ("s2m.recover.showing:_panels",),
    "encode": ("s2m.recover.videos:VideoWriter.add",),
    "write": ("s2m.recover.process:Job._write",),
}
_BESIDE = (0, 33, 66)  # frames of the video that stand beside each other


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        name: In words.
        file: A photo or a video.
        frames: How many it has.
        kinds: What is written.
    """

    name: str
    file: Path
    frames: int
    kinds: str = "npz"


@dataclass(frozen=True)
class Times:
    """What was measured.

    Attributes:
        total: Seconds of the case.
        stages: Seconds of each; their sum is more than the total, since they go on at the same time.
        computed: Seconds of all its threads in the case, which tell something on a busy machine, too.
    """

    total: float
    stages: dict[str, float]
    computed: float


def measured(case: Case, photo: Path) -> Times:
    """Run a case in this process.

    Args:
        case: The case.
        photo: Recovered first, so that everything is loaded.

    Returns:
        What it took.
    """
    with tempfile.TemporaryDirectory() as folder:
        _recover(photo, folder, "npz")
        clock = Clock()
        with watched(clock, STAGES):
            begin, computed = time.perf_counter(), time.process_time()
            _recover(case.file, folder, case.kinds)
            total, computed = time.perf_counter() - begin, time.process_time() - computed
    return Times(total, dict(clock.seconds), computed)


def most_megabytes(case: Case) -> float:
    """Memory of the command for a case; of this process, which should have done nothing else.

    Args:
        case: The case.
    """
    with tempfile.TemporaryDirectory() as folder:
        _recover(case.file, folder, case.kinds)
    return _peak_megabytes()


def _recover(file: Path, folder: str, kinds: str) -> None:
    code = s2m(["recover", str(file), "-o", folder, "--write", kinds, "--overwrite", "-q"])
    if code:
        raise RuntimeError(f"{file}: s2m recover ended with {code}")


def _peak_megabytes() -> float:
    """Of this process; what the system's own count says began with the process that started it."""
    status = Path("/proc/self/status")
    if not status.is_file():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def cases(folder: Path, wheels: Path, frames: int) -> list[Case]:
    """Make the photos and videos.

    Args:
        folder: Where to.
        wheels: Where the wheel is kept.
        frames: Of the videos.
    """
    there = fetched(wheels).video("cam01")
    back_and_forth = [*range(len(there)), *range(len(there) - 2, 0, -1)]

    def one(frame: int) -> np.ndarray[Any, Any]:
        return there[back_and_forth[frame % len(back_and_forth)]]

    def three(frame: int) -> np.ndarray[Any, Any]:
        return np.concatenate([one(frame + first)[::2, ::2] for first in _BESIDE], 1)

    found = []
    for people, picture in (("one person", one), ("three people", three)):
        name = people.replace(" ", "_")
        Image.fromarray(picture(0)).save(folder / f"{name}.jpg", quality=95)
        found.append(Case(f"a photo of {people}", folder / f"{name}.jpg", 1))
        with VideoWriter(folder / f"{name}.mp4", FPS) as writer:
            for frame in range(frames):
                writer.add(picture(frame), frame / FPS)
        found.append(Case(f"a video of {people}", folder / f"{name}.mp4", frames))
    found.append(Case("the same with overlay and page", folder / "one_person.mp4", frames, "npz,overlay,page"))
    return found


def cold_seconds(photo: Path) -> float:
    """Seconds of the command for one photo, from nothing.

    Args:
        photo: The photo.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = ["recover", str(photo), "-o", folder, "--write", "npz", "-q"]
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "s2m.cli", *words], check=True)
        return time.perf_counter() - begin


def text(case: Case, times: Times, megabytes: float) -> str:
    """What is printed of a case.

    Args:
        case: The case.
        times: What it took.
        megabytes: Of a process that does nothing else.
    """
    rows = [
        [name, f"{seconds / case.frames * 1000:.1f}"] for name in STAGES if (seconds := times.stages.get(name, 0.0)) > 0
    ]
    speed = f"{case.frames / times.total:.1f} frames/s" if case.frames > 1 else f"{times.total:.2f} s"
    each = f"{times.computed / case.frames * 1000:.0f} ms of computing per frame"
    head = f"{case.name}: {speed}, {each}, at most {megabytes:.0f} MB"
    return f"{head}\n\n{markdown_table(['stage (several at the same time)', 'ms per frame'], rows)}"


def bench(options: argparse.Namespace) -> None:
    """Measure and print.

    Args:
        options: The parsed command line.
    """
    with tempfile.TemporaryDirectory() as name:
        chosen = cases(Path(name), options.cache, options.frames)
        photo = chosen[0].file
        print(f"one photo from a cold start: {cold_seconds(photo):.1f} s\n", flush=True)
        for case in chosen:
            times, megabytes = _alone(measured, case, photo), _alone(most_megabytes, case)
            print(text(case, times, megabytes), flush=True)


def _alone(function: Callable[..., _T], *arguments: object) -> _T:
    """What it says in a process of its own: the most memory that one ever had says nothing about the next."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m studies.recover.bench", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--cache", type=Path, default=Path("data/real"), help="for the wheel")
    parser.add_argument("--frames", type=int, default=300, help="of the videos (300)")
    run_command(bench, parser.parse_args())
