"""What is free goes back to the system."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from s2m.memory import give_back

STATUS = Path("/proc/self/statm")


def resident() -> int:
    return int(STATUS.read_text().split()[1]) * 4096


@pytest.mark.skipif(not STATUS.is_file(), reason="needs Linux's /proc")
def test_freed_blocks_below_one_that_is_kept_go_back() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        pytest.skip("needs glibc")
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    blocks = [libc.malloc(100_000) for _ in range(1_000)]  # too small for pages of their own
    for block in blocks:
        ctypes.memset(block, 1, 100_000)
    kept = blocks.pop()
    full = resident()
    for block in blocks:
        libc.free(block)
    give_back()
    assert full - resident() > 90_000_000
    libc.free(kept)
