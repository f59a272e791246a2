"""Where the time of a command goes: functions of the package, wrapped while they are watched."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import isgenerator
from typing import Any


class Clock:
    """Seconds by stage. What a stage spends in another one counts for that one alone; each thread counts for itself."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._adding = threading.Lock()
        self._running = threading.local()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens in the block.

        Args:
            name: Of the stage.
        """
        outer: list[list[float]] = self._running.__dict__.setdefault("inner", [])
        outer.append([0.0])
        begin = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begin
            (inner,) = outer.pop()
            with self._adding:
                self.seconds[name] += took - inner
            if outer:
                outer[-1][0] += took

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose time counts; of a generator, the time that it takes itself.

        Args:
            name: Of the stage.
            function: The function.
        """

        @functools.wraps(function)
        def counted(*arguments: Any, **named: Any) -> Any:
            with self.stage(name):
                found = function(*arguments, **named)
            return self._steps(name, found) if isgenerator(found) else found

        return counted

    def _steps(self, name: str, steps: Iterator[Any]) -> Iterator[Any]:
        with contextlib.closing(steps):  # type: ignore[type-var]
            while True:
                with self.stage(name):
                    step = next(steps, self)
                if step is self:
                    return
                yield step


@contextlib.contextmanager
def watched(clock: Clock, places: dict[str, tuple[str, ...]]) -> Iterator[None]:
    """Count the time of functions while the block runs.

    Args:
        clock: Where it is counted.
        places: Of each stage, functions as ``module:name`` or ``module:class.name``.

    Raises:
        AttributeError: There is no such function.
    """
    with contextlib.ExitStack() as stack:
        for stage, functions in places.items():
            for place in functions:
                owner, name = _found(place)
                plain = getattr(owner, name)
                setattr(owner, name, clock.wrapped(stage, plain))
                stack.callback(setattr, owner, name, plain)
        yield


def _found(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name
