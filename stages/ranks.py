"""Processes of a distributed training end when the first one does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_FIRST = "S2M_FIRST_PROCESS"
_SECONDS = 1.0


@contextmanager
def bound_to_first() -> Iterator[None]:
    """End this process when the one that started it is gone: it would wait for it for half an hour, or for ever.

    The first process leaves its number in the environment, which those that Lightning starts inherit. Processes that
    another launcher starts are that launcher's to end.
    """
    first = os.environ.get(_FIRST, "")
    if os.environ.get("LOCAL_RANK", "0") == "0" or not first.isdecimal():
        os.environ[_FIRST] = str(os.getpid())
        try:
            yield
        finally:
            os.environ.pop(_FIRST, None)
        return
    done = threading.Event()
    threading.Thread(target=_watch, args=(int(first), done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(first: int, done: threading.Event) -> None:
    while os.getppid() == first:
        if done.wait(_SECONDS):
            return
    if not done.is_set():
        print(f"error: process {first}, the first of this training, has ended; so does this one", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
