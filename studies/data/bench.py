"""Speed of conversion and loading, memory and size of stores: the measurements of ``make bench-data``.

Human3.6M's official layout is written with a stick figure at full resolution and converted by the command that users
give. Nothing here imports torch before it is needed: Linux counts a parent's memory into its children's peak.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from s2m.data.store import FrameStore
from s2m.errors import UserError
from studies.data.bench_files import ROWS, write_human36m, write_tiled

SIZES = (112, 224)
FULL_SIZE = 1_500_000
BARS = {
    "conversion_per_second": 300,
    "memory_gb": 2,
    "store_gb": 12,
    "loading_per_second": 5000,
    "loading_times_stage3": 3,
}


class BenchError(UserError):
    """The benchmark cannot go on: a package is missing, or a command failed (the message holds what it said)."""


def require_litdata() -> None:
    """Raise BenchError where the comparison with litdata cannot be made."""
    if find_spec("litdata") is None:
        raise BenchError(
            "package litdata: missing; the comparison with it needs `pip install 'litdata>=0.2.76,<0.3'`, "
            "--without-litdata leaves it out"
        )


def measure(folder: Path, frames: int, rows: int, loaded: int, rounds: int, litdata: bool) -> dict[str, Any]:
    """All measurements but stage 3's, as plain data. Needs some gigabytes of disk in ``folder``.

    Args:
        folder: The folder.
        frames: Of each of the four recordings that are converted.
        rows: Of joints without masks, for the memory.
        loaded: Training rows of the stores that are loaded.
        rounds: How often everything that is loaded is timed.
        litdata: Whether the store is compared with it. BenchError when litdata is wanted and missing, or when a
            conversion fails.
    """
    if litdata:
        require_litdata()
    memory = _memory(folder, rows)
    write_human36m(folder / "raw", frames)
    conversion = [_conversion(folder, size) for size in SIZES]
    # torch comes with the loaders.
    from studies.data.bench_loading import BATCH, loading_rates

    loading = []
    for size in SIZES:
        store = folder / f"loaded{size}"
        write_tiled(store_of(folder, size), store, loaded)
        shards = folder / f"shards{size}" if litdata else None
        loading += [{"mask_px": size, **found} for found in loading_rates(store, shards, rounds)]
    chosen = {"frames": 4 * frames, "memory_rows": rows, "loaded_rows": loaded, "rounds": rounds, "batch": BATCH}
    return {"chosen": chosen, "conversion": conversion, "memory": memory, "loading": loading}


def store_of(folder: Path, size: int) -> Path:
    """Where :func:`measure` puts the store with masks of ``size`` pixels.

    Args:
        folder: The folder.
    """
    return folder / f"store{size}"


def _conversion(folder: Path, size: int) -> dict[str, Any]:
    store = store_of(folder, size)
    options = ["--mask-size", str(size), "--workers", "2"]
    seconds, cpu = _run(["human36m", "--root", str(folder / "raw"), "--output", str(store), *options])
    rows = FrameStore(store).open("train").rows
    used = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    return {
        "mask_px": size,
        "frames": rows,
        "seconds": seconds,
        "per_second": rows / seconds,
        "cpu_ms_per_frame": cpu / rows * 1e3,
        "bytes_per_frame": used / rows,
        "full_size_gb": used / rows * FULL_SIZE / 1e9,
    }


def _memory(folder: Path, rows: int) -> dict[str, Any]:
    options = ["--root", str(folder), "--output", str(folder / "many"), "--workers", "1"]
    seconds, _ = _run(["other", "studies.data.bench_files:Rows", *options], {ROWS: str(rows)})
    # The largest of all children so far, this being the first; Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"rows": rows, "seconds": seconds, "per_second": rows / seconds, "peak_gb": peak / 1e9}


def _run(arguments: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Seconds on the clock and of all cores that ``s2m data`` takes with its workers, its start included."""
    command = [sys.executable, "-m", "s2m.cli", "data", *arguments, "--no-progress"]
    start, before = time.perf_counter(), _cpu_of_children()
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{' '.join(command[1:])}: {done.stderr.strip()}")
    return time.perf_counter() - start, _cpu_of_children() - before


def _cpu_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
