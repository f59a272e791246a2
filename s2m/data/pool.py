"""Independent jobs in worker processes that end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any

from s2m.errors import UserError

MOST_WORKERS = 1024
_worker: Callable[[Any], Any] | None = None


class WorkerError(UserError, RuntimeError):
    """A worker process ended before its work did."""


def run_jobs(jobs: Sequence[Any], work: Callable[[Any], Any], workers: int) -> Generator[Any, None, None]:
    """Yield ``work(job)`` as the jobs end; 0 or 1 workers: in this process. ``work`` and the jobs must be picklable.

    The first error ends everything; closing the generator drops what has not started.

    Args:
        jobs: The pieces of work.
        work: What is done with each; it travels to the workers.
        workers: Number of processes; 0 or 1: this one.

    Raises:
        WorkerError: When a worker dies.
    """
    if workers <= 1 or len(jobs) <= 1:
        yield from map(work, jobs)
        return
    # spawn: forking a process whose libraries have started threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, _start, (work,)) as pool:
        futures = [pool.submit(_run, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise WorkerError("a worker process died (out of memory?); fewer --workers need less") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(work: Callable[[Any], Any]) -> None:
    global _worker
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _worker = work


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _run(job: Any) -> Any:
    assert _worker is not None
    return _worker(job)
