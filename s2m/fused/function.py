"""A function of samples that runs as a kernel where that is possible."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

from s2m.fused.compiler import CompilerMissing
from s2m.fused.kernel import Kernel
from s2m.fused.tracing import trace

_log = logging.getLogger(__name__)
_as_they_are = ContextVar("as_they_are", default=False)


@contextlib.contextmanager
def differentiable_twice() -> Iterator[None]:
    """Fused functions run as they are while the block does: more slowly, and their gradients have gradients."""
    before = _as_they_are.set(True)
    try:
        yield
    finally:
        _as_they_are.reset(before)


class Fused:
    """A function of tensors (B, ...) as one kernel; can be used as a decorator.

    Args:
        function: Takes tensors, each with the batch in front, returns one such tensor or a tuple of them, and treats
            every sample on its own; what else it uses (indices, settings) must never change. It is traced once for each
            shape of a sample. On another device or in another precision, and where no C++ compiler is found, the
            function itself runs: same results up to rounding, more slowly. Its results can be differentiated once;
            within :func:`differentiable_twice` as often as the function's.

    Raises:
        ValueError: When a sample's result depends on another sample.
        NotImplementedError: For an operation that the kernel cannot do.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__
        self._kernels: dict[tuple[Any, ...], _Traced | None] = {}

    def __call__(self, *tensors: Tensor) -> Any:
        """The function's result."""
        traced = self._traced(tensors) if _fits(tensors) and not _as_they_are.get() else None
        return self.function(*tensors) if traced is None else traced(*tensors)

    def __getstate__(self) -> dict[str, Any]:
        """Compiled code stays where it is; a copy compiles (in fact: loads) its own."""
        return {**self.__dict__, "_kernels": {}}

    def _traced(self, tensors: tuple[Tensor, ...]) -> _Traced | None:
        key = tuple(tensor.shape[1:] for tensor in tensors)
        if key not in self._kernels:
            try:
                self._kernels[key] = _Traced(self.function, key)
            except CompilerMissing as error:
                _say_once(str(error))
                self._kernels[key] = None
        return self._kernels[key]


class _Traced:
    """The kernel of a function for one shape of samples, and whether it returns a tuple."""

    def __init__(self, function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> None:
        # Of two samples, so that a result that mixes them is found out.
        examples = [torch.linspace(0.1, 0.9, 2 * shape.numel()).view(2, *shape) for shape in map(torch.Size, shapes)]
        with torch.no_grad():
            graph, results = trace(function, *examples)
        self.alone = isinstance(results, Tensor)
        parts = [results] if isinstance(results, Tensor) else results
        outputs = [node for part in parts for node in part[0].flatten().tolist()]
        # Inputs are numbered tensor by tensor, two samples each; the kernel knows the first ones alone.
        places, start = {}, 0
        for shape in map(torch.Size, shapes):
            places.update({2 * start + i: start + i for i in range(shape.numel())})
            start += shape.numel()
        if not graph.inputs(outputs) <= set(places):
            raise ValueError(f"{_name(function)}: the result of one sample depends on another sample of the batch")
        graph, outputs = graph.renumbered(outputs, places)
        self.kernel = Kernel(graph, outputs, shapes, [tuple(part.shape[1:]) for part in parts])
        self._check(function, shapes)

    @torch.no_grad()
    def _check(self, function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> None:
        """The first sample alone was traced; whether the others are treated alike shows in their results."""
        generator = torch.Generator().manual_seed(0)
        examples = [0.1 + 0.8 * torch.rand(2, *shape, generator=generator) for shape in shapes]
        wanted, found = function(*examples), self.kernel(*examples)
        for one, other in zip([wanted] if self.alone else wanted, found, strict=True):
            same = one.shape == other.shape and torch.allclose(
                other, one.to(other.dtype), rtol=1e-2, atol=1e-3, equal_nan=True
            )
            if not same:
                raise ValueError(f"{_name(function)}: the result of one sample depends on another sample of the batch")

    def __call__(self, *tensors: Tensor) -> Any:
        results = self.kernel(*tensors)
        return results[0] if self.alone else results


def _fits(tensors: tuple[Tensor, ...]) -> bool:
    count = tensors[0].shape[0]
    return all(t.dtype is torch.float32 and t.is_cpu and t.shape[0] == count for t in tensors)


@cache
def _say_once(reason: str) -> None:
    """A training has a dozen fused functions, and one machine."""
    _log.warning("geometry runs without compiled kernels, which is slower: %s", reason)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
