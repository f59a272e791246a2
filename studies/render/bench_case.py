"""One renderer at one setting, measured in a process of its own: seconds per image, and the memory that it takes.

``python -m studies.render.bench_case JOB`` is what :func:`in_own_process` starts. Each measurement has a fresh process,
because what an allocator keeps from the last one would hide what the next one needs.
"""

from __future__ import annotations

import contextlib
import gc
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2m.errors import UserError
from s2m.render.base import SilhouetteRenderer
from s2m.render.pytorch3d import PyTorch3DSilhouette
from s2m.render.ragged import RaggedSilhouette

PYTORCH3D, EXACT, DEFAULT = "PyTorch3D", "ragged, exact", "ragged, fill + cull"
RENDERERS = (PYTORCH3D, EXACT, DEFAULT)
OUT_OF_MEMORY = "out of memory"
ENOUGH_SECONDS, MOST_REPEATS = 0.5, 50  # short work is repeated more often than asked for
TRIANGLE = [[[-0.5, 0.4, 0.0], [0.1, -0.6, 0.0], [0.5, 0.5, 0.0]]]  # (1, 3, 3) crop units, at the first call

_CHILD = [sys.executable, "-m", "studies.render.bench_case"]


class BenchError(UserError):
    """A measurement failed for another reason than memory; the message holds what it said."""


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        size: Image side, pixels.
        faces: About how many.
        batch: Images.
        sigma: Squared crop units.
    """

    device: str
    size: int
    faces: int
    batch: int
    sigma: float


@dataclass(frozen=True)
class Job:
    """What a process is to measure.

    Attributes:
        mesh: File of points (B, V, 3) and faces (F, 3), see ``torch.save``.
        faces_per_pixel: K of PyTorch3D.
        repeats: At least so many are timed.
    """

    renderer: str
    setting: Setting
    mesh: str
    faces_per_pixel: int
    threads: int
    repeats: int


@dataclass(frozen=True)
class Figures:
    """What was measured, ``None`` where it was not; ``note`` then says why.

    Seconds per image, medians. MiB at the peak beyond what the process held before, the bodies themselves included in
    the latter. ``both``: forward and backward.
    """

    forward_s: float | None = None
    both_s: float | None = None
    forward_mib: float | None = None
    both_mib: float | None = None
    note: str = ""


def in_own_process(job: Job) -> Figures:
    """Measure in a new process. BenchError when it fails; running out of memory is a result and no failure.

    Args:
        job: A training.
    """
    done = subprocess.run([*_CHILD, json.dumps(asdict(job))], capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGKILL:
        return Figures(note=f"{OUT_OF_MEMORY} (killed by the system)")
    if done.returncode:
        raise BenchError(f"{job.renderer} at {job.setting} failed: {done.stderr.strip() or done.returncode}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def main(arguments: list[str] | None = None) -> None:
    """Measure the job on the command line and print the figures, both as JSON.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    (text,) = sys.argv[1:] if arguments is None else arguments
    given = json.loads(text)
    job = Job(**{**given, "setting": Setting(**given["setting"])})
    torch.set_num_threads(job.threads)
    points, faces = torch.load(Path(job.mesh), map_location=job.setting.device, weights_only=True)
    print(json.dumps(asdict(measure(make(job), points, faces, job.setting.size, job.repeats))))


def make(job: Job) -> SilhouetteRenderer:
    """The renderer that a job names.

    Args:
        job: A training.
    """
    sigma = job.setting.sigma
    if job.renderer == PYTORCH3D:
        return PyTorch3DSilhouette(sigma, faces_per_pixel=job.faces_per_pixel)
    return RaggedSilhouette(sigma, fill=False, cull=False) if job.renderer == EXACT else RaggedSilhouette(sigma)


def measure(renderer: SilhouetteRenderer, points: Tensor, faces: Tensor, size: int, repeats: int) -> Figures:
    """Time a renderer on bodies (B, V, 3) crop units and watch the memory, forward first, then with backward.

    A single small triangle is drawn before, so that code which is loaded at the first call counts for neither. Where
    memory runs out, the figures up to there are kept.
    """

    def forward() -> None:
        with torch.no_grad():
            renderer(points, faces, size)

    def both() -> None:
        _both_ways(renderer, points, faces, size)

    found: dict[str, Any] = {}
    try:
        _both_ways(renderer, points.new_tensor(TRIANGLE), faces.new_tensor([[0, 2, 1]]), 4)
        peak = watch_memory(points.device)
        for name, work in (("forward", forward), ("both", both)):
            found[f"{name}_s"] = median_seconds(work, points.device, repeats) / len(points)
            found[f"{name}_mib"] = peak()
    except Exception as error:
        if not _memory_ran_out(error):
            raise
        found["note"] = OUT_OF_MEMORY
    return Figures(**found)


def _both_ways(renderer: SilhouetteRenderer, points: Tensor, faces: Tensor, size: int) -> None:
    leaf = points.clone().requires_grad_()
    renderer(leaf, faces, size).square().sum().backward()


def _memory_ran_out(error: Exception) -> bool:
    """Also what PyTorch's allocator on CPUs and CUDA itself raise, which are plain RuntimeErrors."""
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or any(words in str(error) for words in ("DefaultCPUAllocator", "CUDA error: out of memory"))


def median_seconds(work: Callable[[], None], device: torch.device, repeats: int) -> float:
    """Median over at least ``repeats`` calls, after one that is not counted."""
    taken: list[float] = []
    while len(taken) <= repeats or (sum(taken[1:]) < ENOUGH_SECONDS and len(taken) <= MOST_REPEATS):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def watch_memory(device: torch.device) -> Callable[[], float | None]:
    """Start watching; the function returned gives the peak since then beyond what is held now, in MiB.

    CUDA: what PyTorch allocated. CPU: resident memory of this process; ``None`` where /proc does not tell. The kernel's
    mark of the highest one is brought down first. Where that is forbidden, an earlier peak stays in and small figures
    are too high; a process that has only loaded its modules has hardly any.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        held = torch.cuda.memory_allocated(device)
        return lambda: (torch.cuda.max_memory_allocated(device) - held) / 2**20
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")

    def added() -> float | None:
        highest = _resident("VmHWM")
        return None if highest is None or before is None else max(0.0, highest - before)

    return added


def _resident(field: str) -> float | None:
    """MiB of this process now (``VmRSS``) or at most (``VmHWM``).

    Not ``ru_maxrss`` of getrusage: Linux counts into it what the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), None)


if __name__ == "__main__":
    main()
