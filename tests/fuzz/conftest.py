from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

import s2m.body
from s2m.body import Body, load_body
from tests.fuzz.asking import Place

_HEADROOM = 3 << 30
_MEMORY = Path("/dev/shm")  # a file system in memory, where there is one


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """In memory if possible: thousands of folders are made and removed, which takes disks longer than the commands."""
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)):
        yield Place(tmp_path / "place")
        return
    with tempfile.TemporaryDirectory(prefix="s2m-fuzz-", dir=_MEMORY) as folder:
        yield Place(Path(folder).resolve() / "place")


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    """One thread, and the open body, which nobody changes, is read once; a user's own is read every time."""
    kept = cache(load_body)

    def quick(path: Any = None) -> Body:
        return kept() if path is None else load_body(path)

    torch.set_num_threads(1)
    with mock.patch.object(s2m.body, "load_body", quick), _bounded():
        yield


@contextmanager
def _bounded() -> Iterator[None]:
    """What takes gigabytes more than there are now gets a MemoryError instead of the machine."""
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _HEADROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
