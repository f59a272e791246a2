"""Scalar expressions: what one entry of an output is, as a graph of operations without shapes.

Equal expressions are stored once, constants are folded, and gradients are expressions too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

Node = tuple[str, tuple[int, ...], float]

# Operations whose result is a truth value, and those that take them.
_TRUTHS = frozenset({"lt", "and", "not"})
_LOGIC = frozenset({"and", "not"})

_FOLD: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "sqrt": lambda a: math.sqrt(a),
    "length": lambda a: math.sqrt(a),
    "rsqrt": lambda a: 1 / math.sqrt(a),
    "exp": lambda a: math.exp(a),
    "sin": lambda a: math.sin(a),
    "cos": lambda a: math.cos(a),
    "atan2": lambda a, b: math.atan2(a, b),
    "lt": lambda a, b: float(a < b),
    "and": lambda a, b: float(bool(a) and bool(b)),
    "not": lambda a: float(not a),
    "select": lambda c, a, b: a if c else b,
}


class Graph:
    """Expressions, numbered in an order in which each follows what it is made of."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Node, int] = {}

    def constant(self, value: float) -> int:
        """A number.

        Args:
            value: The number.

        Returns:
            Number of its node.
        """
        return self._add(("const", (), float(value)))

    def input(self, position: int) -> int:
        """Entry ``position`` of the input.

        Args:
            position: Among all inputs, from 0.

        Returns:
            Number of its node.
        """
        return self._add(("input", (), float(position)))

    def value(self, node: int) -> float | None:
        """The number that a node is, or ``None``.

        Args:
            node: Number of a node.
        """
        kind, _, number = self.nodes[node]
        return number if kind == "const" else None

    def op(self, kind: str, *arguments: int) -> int:
        """An operation on nodes, simplified where that is exact for finite numbers.

        "length" is a square root whose derivative at zero is zero, as torch defines it for the norm of a vector.

        Args:
            kind: Name of the operation, such as ``add``.
            *arguments: Nodes that it takes.

        Returns:
            Number of the result's node.
        """
        arguments = self._typed(kind, arguments)
        values = [self.value(argument) for argument in arguments]
        if all(value is not None for value in values):
            return self.constant(_FOLD[kind](*values))
        simple = self._simplified(kind, arguments, values)
        if simple is not None:
            return simple
        if kind in ("add", "mul") and arguments[0] > arguments[1]:
            arguments = arguments[::-1]
        return self._add((kind, tuple(arguments), 0.0))

    def is_truth(self, node: int) -> bool:
        """Whether a node is the result of a comparison.

        Args:
            node: Number of a node.
        """
        return self.nodes[node][0] in _TRUTHS

    def number(self, node: int) -> int:
        """A node, as 0 or 1 if it is a truth value.

        Args:
            node: Number of a node.
        """
        return self.op("select", node, self.constant(1), self.constant(0)) if self.is_truth(node) else node

    def _truth(self, node: int) -> int:
        if self.is_truth(node) or self.value(node) is not None:
            return node
        zero = self.constant(0)
        sides = [self.op("not", self.op("lt", *pair)) for pair in ((node, zero), (zero, node))]
        return self.op("not", self.op("and", *sides))

    def _typed(self, kind: str, arguments: tuple[int, ...]) -> tuple[int, ...]:
        if kind == "select":
            return self._truth(arguments[0]), *(self.number(argument) for argument in arguments[1:])
        convert = self._truth if kind in _LOGIC else self.number
        return tuple(convert(argument) for argument in arguments)

    def _simplified(self, kind: str, arguments: tuple[int, ...], values: list[float | None]) -> int | None:
        first, last = arguments[0], arguments[-1]
        if kind == "select":
            if values[0] is not None:
                return arguments[1] if values[0] else last
            return last if arguments[1] == last else None
        if kind == "and" and None in values and len(set(values)) == 2:
            known = values[0] if values[0] is not None else values[1]
            return (last if values[0] is not None else first) if known else self.constant(0)
        neutral = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}.get(kind)
        if neutral is not None and values[1] == neutral:
            return first
        if kind in ("add", "mul") and values[0] == neutral:
            return last
        if kind == "mul" and 0.0 in values:
            return self.constant(0)
        if kind == "div" and values[0] == 0.0:
            return self.constant(0)
        if kind == "sub" and first == last:
            return self.constant(0)
        return None

    def _add(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]

    def used(self, outputs: list[int]) -> list[int]:
        """The nodes that the outputs need, in order.

        Args:
            outputs: Numbers of nodes.
        """
        needed = set(outputs)
        for node in range(max(outputs), -1, -1):
            if node in needed:
                needed.update(self.nodes[node][1])
        return sorted(needed)

    def inputs(self, outputs: list[int]) -> set[int]:
        """The positions of the inputs that the outputs need.

        Args:
            outputs: Numbers of nodes.
        """
        return {int(number) for kind, _, number in map(self.nodes.__getitem__, self.used(outputs)) if kind == "input"}

    def renumbered(self, outputs: list[int], places: Mapping[int, int]) -> tuple[Graph, list[int]]:
        """The outputs alone in a graph of their own, where input ``i`` is ``places[i]``.

        Args:
            outputs: Numbers of nodes.
            places: Old -> new position of each input.

        Returns:
            The new graph, and the outputs' nodes there.
        """
        graph = Graph()
        found: dict[int, int] = {}
        for node in self.used(outputs):
            kind, arguments, number = self.nodes[node]
            number = places[int(number)] if kind == "input" else number
            found[node] = graph._add((kind, tuple(found[argument] for argument in arguments), float(number)))
        return graph, [found[node] for node in outputs]

    def gradient(self, outputs: list[int], seeds: list[int], inputs: list[int]) -> list[int]:
        """Reverse mode: the derivative of sum(seed * output) with respect to every input.

        Args:
            outputs: Numbers of nodes.
            seeds: Node of the factor of each output.
            inputs: Nodes to differentiate by.

        Returns:
            Nodes of the derivatives, in the order of ``inputs``.
        """
        order = self.used(outputs)
        adjoint: dict[int, int] = {}
        for output, seed in zip(outputs, seeds, strict=True):
            self._accumulate(adjoint, output, seed)
        for node in reversed(order):
            if node in adjoint:
                self._pull(node, adjoint[node], adjoint)
        zero = self.constant(0)
        return [adjoint.get(node, zero) for node in inputs]

    def _accumulate(self, adjoint: dict[int, int], node: int, amount: int) -> None:
        adjoint[node] = self.op("add", adjoint[node], amount) if node in adjoint else amount

    def _pull(self, node: int, seed: int, adjoint: dict[int, int]) -> None:
        kind, arguments, _ = self.nodes[node]
        for argument, amount in zip(arguments, self._partials(kind, node, arguments, seed), strict=False):
            if amount is not None and self.value(argument) is None:
                self._accumulate(adjoint, argument, amount)

    def _partials(self, kind: str, node: int, arguments: tuple[int, ...], seed: int) -> list[int | None]:
        op, zero = self.op, self.constant(0)
        if kind == "add":
            return [seed, seed]
        if kind == "sub":
            return [seed, op("sub", zero, seed)]
        if kind == "mul":
            return [op("mul", seed, arguments[1]), op("mul", seed, arguments[0])]
        if kind == "div":
            share = op("div", seed, arguments[1])
            return [share, op("sub", zero, op("mul", share, node))]
        if kind == "select":
            condition = arguments[0]
            return [None, op("select", condition, seed, zero), op("select", condition, zero, seed)]
        if kind == "length":
            return [op("select", op("lt", zero, node), op("div", op("mul", seed, self.constant(0.5)), node), zero)]
        if kind == "sqrt":
            return [op("div", op("mul", seed, self.constant(0.5)), node)]
        if kind == "rsqrt":
            cube = op("mul", node, op("mul", node, node))
            return [op("mul", seed, op("mul", cube, self.constant(-0.5)))]
        if kind == "exp":
            return [op("mul", seed, node)]
        if kind == "sin":
            return [op("mul", seed, op("cos", arguments[0]))]
        if kind == "cos":
            return [op("sub", zero, op("mul", seed, op("sin", arguments[0])))]
        if kind == "atan2":
            y, x = arguments
            square = op("add", op("mul", x, x), op("mul", y, y))
            share = op("div", seed, square)
            return [op("mul", share, x), op("sub", zero, op("mul", share, y))]
        return []
