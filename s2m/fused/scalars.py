"""Expressions as a function of Python's own numbers: for one sample at a time, without a compiler.

A tensor operation costs microseconds, whatever its size; for a single skeleton that is all of the time. The same
expressions, written out as Python statements, take some 30 nanoseconds each.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from s2m.fused.expressions import Graph

_FORMS = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / {1})",
    "sqrt": "sqrt({0})",
    "length": "sqrt({0})",
    "rsqrt": "(1.0 / sqrt({0}))",
    "exp": "exp({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "atan2": "atan2({0}, {1})",
    "lt": "({0} < {1})",
    "and": "({0} and {1})",
    "not": "(not {0})",
    "select": "({1} if {0} else {2})",
}
_DEEPEST = 8  # Python's parser limits how deeply brackets may be nested
_NAMES = ("sqrt", "exp", "sin", "cos", "atan2")


def scalar_function(graph: Graph, outputs: Sequence[int]) -> Callable[[Sequence[float]], tuple[float, ...]]:
    """The outputs as a function of the numbers of one sample, in double precision.

    Args:
        graph: Expressions; its inputs are numbered through the entries of one sample.
        outputs: Nodes of the results.

    Returns:
        A function without state (any number of threads may call it). It raises ArithmeticError or ValueError where
        a result is not finite, such as the root of a negative number.

    Example:
        >>> graph = Graph()
        >>> x, y = graph.input(0), graph.input(1)
        >>> scalar_function(graph, [graph.op("sqrt", graph.op("mul", x, y))])([2.0, 8.0])
        (4.0,)
    """
    outputs = [graph.number(node) for node in outputs]
    order = graph.used(outputs)
    uses = Counter(argument for node in order for argument in graph.nodes[node][1])
    uses.update(outputs)
    text: dict[int, str] = {}
    depth: dict[int, int] = {}
    lines = ["def run(x):"]
    for node in order:
        kind, arguments, number = graph.nodes[node]
        if kind == "const":
            text[node], depth[node] = repr(number), 0
            continue
        written = f"x[{int(number)}]" if kind == "input" else _FORMS[kind].format(*(text[a] for a in arguments))
        depth[node] = 1 + max((depth[a] for a in arguments), default=0)
        if uses[node] > 1 or depth[node] > _DEEPEST:
            lines.append(f"    v{node} = {written}")
            written, depth[node] = f"v{node}", 0
        text[node] = written
    lines.append(f"    return ({''.join(f'{text[node]}, ' for node in outputs)})")
    space: dict[str, Callable[[Sequence[float]], tuple[float, ...]]] = {name: getattr(math, name) for name in _NAMES}
    exec(compile("\n".join(lines), "<expressions>", "exec"), space)  # the text is made of the tables above alone
    return space["run"]
