"""Expressions as a differentiable function of tensors."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from s2m.fused.compiler import build, source
from s2m.fused.expressions import Graph

SAMPLES_PER_THREAD = 64  # fewer are done before another thread has begun

Shapes = Sequence[tuple[int, ...]]


class Kernel:
    """A compiled function of tensors (B, ...), float32 on the CPU, each sample on its own.

    The kernel of a gradient is compiled when the gradient is first asked for.

    Args:
        graph: Its inputs are numbered through the entries of one sample, tensor after tensor.
        outputs: Nodes of all entries of all results.
        input_shapes: Of one sample, one for each input.
        output_shapes: Of one sample, one for each result.

    Raises:
        CompilerMissing: When there is no C++ compiler.
    """

    def __init__(self, graph: Graph, outputs: list[int], input_shapes: Shapes, output_shapes: Shapes) -> None:
        self.input_shapes, self.output_shapes = [*map(tuple, input_shapes)], [*map(tuple, output_shapes)]
        self._graph, self._outputs = graph, outputs
        self._in, self._out = _sizes(input_shapes), _sizes(output_shapes)
        self._forward = _Library(graph, outputs, self._in, self._out)
        self._backward: dict[tuple[tuple[bool, ...], tuple[bool, ...]], _Library] = {}

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Results (B, ...), differentiable once."""
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            results: tuple[Tensor, ...] = _Differentiable.apply(self, *tensors)  # type: ignore[no-untyped-call]
            return results
        return self.run(tensors)

    def run(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The results without a graph of autograd.

        Args:
            tensors: The inputs (B, ...), float32, contiguous, on the CPU.
        """
        count = tensors[0].shape[0]
        results = tuple(tensors[0].new_empty((count, *shape)) for shape in self.output_shapes)
        self._forward(count, [*_contiguous(tensors), *results])
        return results

    def pull(self, tensors: Sequence[Tensor], seeds: Sequence[Tensor | None], wanted: Sequence[bool]) -> list[Any]:
        """Gradients of sum(seed * result) with respect to the wanted inputs, None for others.

        A seed that is None is zero.

        Args:
            tensors: The inputs (B, ...).
            seeds: Gradient with respect to each result, in its shape; ``None`` is zero.
            wanted: For each input, whether its gradient is needed.
        """
        key = tuple(seed is not None for seed in seeds), tuple(wanted)
        if key not in self._backward:
            self._backward[key] = self._gradient_library(*key)
        given = [seed for seed in seeds if seed is not None]
        gradients = [torch.empty_like(t) if want else None for t, want in zip(tensors, wanted, strict=True)]
        made = [gradient for gradient in gradients if gradient is not None]
        self._backward[key](tensors[0].shape[0], [*tensors, *_contiguous(given), *made])
        return gradients

    def _gradient_library(self, seeded: Sequence[bool], wanted: Sequence[bool]) -> _Library:
        graph, total = self._graph, sum(self._in)
        inputs = _chunks([graph.input(i) for i in range(total)], self._in)
        sizes = [size for size, use in zip(self._out, seeded, strict=True) if use]
        seeds = [graph.input(total + i) for i in range(sum(sizes))]
        ends = _chunks(self._outputs, self._out)
        outputs = [node for part, use in zip(ends, seeded, strict=True) if use for node in part]
        asked = [part for part, want in zip(inputs, wanted, strict=True) if want]
        gradient = graph.gradient(outputs, seeds, [node for part in asked for node in part])
        return _Library(graph, gradient, [*self._in, *sizes], [len(part) for part in asked])


class _Library:
    """One compiled function; rows of numbers in, rows of numbers out."""

    def __init__(self, graph: Graph, outputs: list[int], widths: Sequence[int], result_widths: Sequence[int]) -> None:
        self._library = build(source(graph, outputs, widths, result_widths))
        self._run = self._library.run
        self._run.argtypes = [ctypes.c_int, ctypes.c_int64] + [ctypes.c_void_p] * (len(widths) + len(result_widths))
        self._run.restype = None

    def __call__(self, count: int, tensors: Sequence[Tensor]) -> None:
        threads = max(1, min(torch.get_num_threads(), count // SAMPLES_PER_THREAD))
        self._run(threads, count, *(tensor.data_ptr() for tensor in tensors))


class _Differentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernel: Kernel, *tensors: Tensor) -> tuple[Tensor, ...]:
        tensors = tuple(_contiguous(tensors))
        ctx.kernel = kernel
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return kernel.run(tensors)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *seeds: Tensor | None) -> tuple[Any, ...]:
        return None, *ctx.kernel.pull(ctx.saved_tensors, seeds, ctx.needs_input_grad[1:])


def _contiguous(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.contiguous() for tensor in tensors]


def _sizes(shapes: Shapes) -> list[int]:
    return [math.prod(shape) for shape in shapes]


def _chunks(nodes: list[int], sizes: Sequence[int]) -> list[list[int]]:
    ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
    return [nodes[end - size : end] for end, size in zip(ends, sizes, strict=True)]
