"""From a function of tensors to scalar expressions: the solver's own code is the only source of its formulas.

``make_fx`` records what torch executes for one sample. Every tensor in the record becomes an integer tensor of the
same shape that holds the numbers of its entries' expressions: operations that only move entries are executed by
torch on those numbers, operations that compute build expressions entry by entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from s2m.fused.expressions import Graph

# Operations that copy or move entries: torch does them on the numbers of the expressions.
_MOVING = frozenset(
    {
        *("slice", "select", "unsqueeze", "squeeze", "cat", "unbind", "expand", "stack", "index", "transpose"),
        *("permute", "t", "clone", "alias", "repeat", "diagonal", "lift_fresh_copy", "detach", "reshape", "flip"),
    }
)
_BINARY = {"mul": "mul", "add": "add", "sub": "sub", "div": "div", "atan2": "atan2", "bitwise_and": "and"}
_UNARY = frozenset({"sqrt", "rsqrt", "exp", "sin", "cos"})


def trace(function: Callable[..., Any], *examples: Tensor) -> tuple[Graph, Any]:
    """What ``function`` returns, as tensors of the numbers of their entries' expressions, and the graph of these.

    Args:
        function: Takes the tensors and returns a tensor or a tuple of tensors.
        *examples: Its arguments, finite; the entries of all of them are the graph's inputs, in order.

    Raises:
        NotImplementedError: For an operation that is not known here.
    """
    record = make_fx(lambda *given: function(*given))(*examples)  # methods, too
    graph = Graph()
    values: dict[Any, Any] = {}
    arguments, start = iter(examples), 0
    for node in record.graph.nodes:
        if node.op == "placeholder":
            example = next(arguments)
            flat = [graph.input(start + i) for i in range(example.numel())]
            values[node] = torch.tensor(flat).reshape(example.shape)
            start += example.numel()
        elif node.op == "get_attr":
            values[node] = _constants(graph, getattr(record, node.target))
        elif node.op == "call_function":
            given = torch.fx.node.map_arg(node.args, lambda n: values[n])
            options = torch.fx.node.map_arg(node.kwargs, lambda n: values[n])
            values[node] = _Step(graph, node, given, options).run()
        elif node.op == "output":
            (result,) = node.args
            return graph, torch.fx.node.map_arg(result, lambda n: values[n])
    raise NotImplementedError("a record without an output")


def _constants(graph: Graph, tensor: Tensor) -> Tensor:
    # Indices and masks stay what they are, told apart from numbers of expressions by their type.
    if not tensor.is_floating_point():
        return tensor if tensor.dtype == torch.bool else tensor.int()
    return torch.tensor([graph.constant(v) for v in tensor.double().flatten().tolist()]).reshape(tensor.shape)


class _Step:
    """One recorded operation."""

    def __init__(self, graph: Graph, node: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.graph, self.node, self.arguments, self.options = graph, node, arguments, options
        target = node.target
        self.name = target.__name__.split(".")[0] if hasattr(target, "overloadpacket") else "getitem"

    def run(self) -> Any:
        if self.name == "getitem":
            return self.arguments[0][self.arguments[1]]
        if not self._has_expressions():
            found = self.node.target(*self.arguments, **self.options)
            parts = isinstance(found, (list, tuple))
            return [_constants(self.graph, part) for part in found] if parts else _constants(self.graph, found)
        if self.name == "_to_copy":  # between truth values and numbers, which are the same here
            return self.arguments[0]
        if self.name in ("view", "_unsafe_view"):  # strides differ from those that were recorded
            return self.arguments[0].reshape(self.arguments[1])
        if self.name in _MOVING:
            return self.node.target(*self.arguments)
        method = getattr(self, f"_{self.name}", None)
        if method is not None:
            return method(*self.arguments)
        if self.name in _BINARY:
            return self._each(_BINARY[self.name], *self.arguments[:2])
        if self.name in _UNARY:
            return self._each(self.name, self.arguments[0])
        raise NotImplementedError(f"operation {self.node.target} has no scalar form")

    def _has_expressions(self) -> bool:
        given: list[Any] = []
        torch.fx.node.map_aggregate((self.arguments, self.options), given.append)
        return any(isinstance(value, Tensor) and value.dtype == torch.int64 for value in given)

    def _tensor(self, value: Any) -> Tensor:
        if isinstance(value, Tensor) and value.dtype == torch.bool:
            return _constants(self.graph, value.double())
        return value if isinstance(value, Tensor) else torch.tensor(self.graph.constant(float(value)))

    def _each(self, kind: str, *operands: Any) -> Tensor:
        return self._map(lambda *nodes: self.graph.op(kind, *nodes), *operands)

    def _map(self, function: Callable[..., int], *operands: Any) -> Tensor:
        tensors = torch.broadcast_tensors(*(self._tensor(operand) for operand in operands))  # type: ignore[no-untyped-call]
        if any(tensor.dtype != torch.int64 for tensor in tensors):
            raise NotImplementedError(f"{self.node.target} computes with indices, which has no scalar form")
        rows = zip(*(tensor.flatten().tolist() for tensor in tensors), strict=True)
        return torch.tensor([function(*row) for row in rows], dtype=torch.int64).reshape(tensors[0].shape)

    def _reduce(self, kind: str, x: Tensor, dim: int | list[int], keepdim: bool) -> Tensor:
        dims = [dim] if isinstance(dim, int) else list(dim)
        for axis in sorted((d % x.ndim for d in dims), reverse=True):
            parts = x.unbind(axis)
            total = parts[0]
            for part in parts[1:]:
                total = self._each(kind, total, part)
            x = total.unsqueeze(axis) if keepdim else total
        return x

    def _sum(self, x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
        return self._reduce("add", x, dim, keepdim)

    def _mean(self, x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
        count = math.prod(x.shape[d] for d in dim)
        return self._each("div", self._reduce("add", x, dim, keepdim), count)

    def _all(self, x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return self._reduce("and", x, dim, keepdim)

    def _cumsum(self, x: Tensor, dim: int) -> Tensor:
        parts = list(x.unbind(dim))
        for i in range(1, len(parts)):
            parts[i] = self._each("add", parts[i - 1], parts[i])
        return torch.stack(parts, dim)

    def _rsub(self, x: Any, y: Any) -> Tensor:
        return self._each("sub", y, x)

    def _neg(self, x: Tensor) -> Tensor:
        return self._each("sub", 0.0, x)

    def _reciprocal(self, x: Tensor) -> Tensor:
        return self._each("div", 1.0, x)

    def _pow(self, x: Tensor, exponent: float) -> Tensor:
        if exponent != 2:
            raise NotImplementedError(f"power {exponent} has no scalar form")
        return self._each("mul", x, x)

    def _abs(self, x: Tensor) -> Tensor:
        return self._where(self._each("lt", x, 0.0), self._neg(x), x)

    def _lt(self, x: Any, y: Any) -> Tensor:
        return self._each("lt", x, y)

    def _gt(self, x: Any, y: Any) -> Tensor:
        return self._each("lt", y, x)

    def _ge(self, x: Any, y: Any) -> Tensor:
        return self._each("not", self._each("lt", x, y))

    def _eq(self, x: Tensor, y: Tensor) -> Tensor:
        if not torch.equal(x, y):
            raise NotImplementedError("equality of different values has no scalar form")
        return self._map(lambda _: self.graph.constant(1), x)

    def _ne(self, x: Tensor, y: float) -> Tensor:
        if not math.isinf(y):
            raise NotImplementedError("inequality has no scalar form")
        return self._map(lambda _: self.graph.constant(1), x)

    def _where(self, condition: Tensor, x: Any, y: Any) -> Tensor:
        return self._each("select", condition, x, y)

    def _masked_fill(self, x: Tensor, mask: Any, value: float) -> Tensor:
        return self._where(mask, value, x)

    def _bitwise_not(self, x: Tensor) -> Tensor:
        return self._each("not", x)

    def _clamp(self, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
        low, high = self.options.get("min", low), self.options.get("max", high)
        if low is not None:
            x = self._where(self._each("lt", x, low), low, x)
        if high is not None:
            x = self._where(self._each("lt", high, x), high, x)
        return x

    def _clamp_min(self, x: Tensor, low: Any) -> Tensor:
        return self._clamp(x, low)

    def _minimum(self, x: Tensor, y: Tensor) -> Tensor:
        return self._where(self._each("lt", y, x), y, x)

    def _linalg_cross(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = torch.broadcast_tensors(x, y)  # type: ignore[no-untyped-call]
        a, b, c = x.unbind(-1)
        d, e, f = y.unbind(-1)

        def minor(p: Tensor, q: Tensor, r: Tensor, s: Tensor) -> Tensor:
            return self._each("sub", self._each("mul", p, q), self._each("mul", r, s))

        return torch.stack([minor(b, f, c, e), minor(c, d, a, f), minor(a, e, b, d)], -1)

    def _mm(self, x: Tensor, y: Tensor) -> Tensor:
        return self._reduce("add", self._each("mul", x[..., :, :, None], y[..., None, :, :]), -2, False)

    def _bmm(self, x: Tensor, y: Tensor) -> Tensor:
        return self._mm(x, y)

    def _addmm(self, bias: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self._each("add", self._mm(x, y), bias)

    def _addcmul(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return self._each("add", x, self._each("mul", y, z))

    def _hypot(self, x: Tensor, y: Tensor) -> Tensor:
        return self._each("sqrt", self._each("add", self._each("mul", x, x), self._each("mul", y, y)))

    def _relu(self, x: Tensor) -> Tensor:
        return self._where(self._each("lt", 0.0, x), x, 0.0)

    def _linalg_vector_norm(self, x: Tensor, order: float, dim: Any, keepdim: bool = False) -> Tensor:
        if order != 2:
            raise NotImplementedError(f"{self.node.target} of order {order} has no scalar form")
        return self._each("length", self._reduce("add", self._each("mul", x, x), dim, keepdim))

    def _argmax(self, x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        best, index = x.select(dim, 0), self._map(lambda _: self.graph.constant(0), x.select(dim, 0))
        for i in range(1, x.shape[dim]):
            more = self._each("lt", best, x.select(dim, i))
            index, best = self._where(more, float(i), index), self._where(more, x.select(dim, i), best)
        return index.unsqueeze(dim) if keepdim else index

    def _gather(self, x: Tensor, dim: int, index: Tensor) -> Tensor:
        shape = list(index.shape)
        result = x.narrow(dim, 0, 1).expand(shape)
        for i in range(1, x.shape[dim]):
            here = self._each("lt", float(i) - 0.5, index)
            result = self._where(here, x.narrow(dim, i, 1).expand(shape), result)
        return result

    def _index_add(self, x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        parts = list(x.unbind(dim))
        for position, part in zip(index.tolist(), source.unbind(dim), strict=True):
            parts[position] = self._each("add", parts[position], part)
        return torch.stack(parts, dim)

    def _filled(self, shape: Any, value: float) -> Tensor:
        return torch.full(tuple(shape), self.graph.constant(value), dtype=torch.int64)

    def _zeros_like(self, x: Tensor) -> Tensor:
        return self._filled(x.shape, 0.0)

    def _ones_like(self, x: Tensor) -> Tensor:
        return self._filled(x.shape, 1.0)

    def _new_zeros(self, x: Tensor, shape: Any) -> Tensor:
        return self._filled(shape, 0.0)

    def _eye(self, count: int) -> Tensor:
        return _constants(self.graph, torch.eye(count))
