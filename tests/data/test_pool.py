from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from s2m.data.pool import WorkerError, run_jobs


def double(job: int) -> tuple[int, int]:
    return 2 * job, os.getpid()


def fail(job: int) -> int:
    if job == 1:
        raise ValueError("job 1")
    return job


def die(job: int) -> int:
    if job == 1:
        os._exit(1)
    return job


class Leave:
    """Marks in a folder what was done; the first job fails at once, the others take a moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, job: int) -> None:
        if job == 0:
            raise ValueError("the first")
        time.sleep(0.05)
        (self.folder / str(job)).touch()


def test_jobs_are_done_in_other_processes_or_here() -> None:
    here = list(run_jobs([1, 2, 3], double, 0))
    assert here == [(2, os.getpid()), (4, os.getpid()), (6, os.getpid())]
    # A single job is not worth a process.
    assert list(run_jobs([5], double, 4)) == [(10, os.getpid())]
    elsewhere = list(run_jobs([1, 2, 3], double, 2))
    assert sorted(value for value, _ in elsewhere) == [2, 4, 6]
    assert os.getpid() not in {process for _, process in elsewhere}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_reaches_the_caller(workers: int) -> None:
    with pytest.raises(ValueError, match="job 1"):
        list(run_jobs([1, 2, 3], fail, workers))


def test_the_first_error_drops_what_has_not_started(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the first"):
        list(run_jobs(range(200), Leave(tmp_path), 2))
    assert len(list(tmp_path.iterdir())) < 150


def test_a_worker_that_dies_is_an_error_that_says_so() -> None:
    with pytest.raises(WorkerError, match="a worker process died .*; fewer --workers need less"):
        list(run_jobs([1, 2], die, 2))
