"""Expressions against the function they were traced from, finite differences and NumPy."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
import torch

from s2m.fused import CompilerMissing, compiler
from s2m.fused.expressions import Graph
from s2m.fused.tracing import trace


def evaluate(graph: Graph, outputs: list[int], inputs: list[float]) -> list[float]:
    """Plain interpretation of a graph."""
    functions = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
        "sqrt": math.sqrt, "length": math.sqrt, "rsqrt": lambda a: a**-0.5, "exp": math.exp,
        "sin": math.sin, "cos": math.cos, "atan2": math.atan2, "lt": lambda a, b: a < b, "and": lambda a, b: a and b,
        "not": lambda a: not a, "select": lambda c, a, b: a if c else b,
    }  # fmt: skip
    values: list[float] = []
    for kind, arguments, number in graph.nodes:
        if kind in ("const", "input"):
            values.append(number if kind == "const" else inputs[int(number)])
        else:
            values.append(functions[kind](*(values[a] for a in arguments)))
    return [values[node] for node in outputs]


def trace_flat(function, *examples: torch.Tensor) -> tuple[Graph, list[int]]:
    graph, result = trace(function, *examples)
    return graph, result.flatten().tolist()


def everything(x: torch.Tensor) -> torch.Tensor:
    """A function with every operation that computes."""
    a, b, c = x[0].unbind(-1)
    q = torch.atan2(a, b) + torch.sin(c) * torch.cos(a) - torch.exp(-b * b) / (2 + c.abs())
    r = torch.sqrt(a * a + 1) + torch.rsqrt(b * b + 1) + (1 - c).clamp(min=0, max=5) ** 2
    q = q + torch.hypot(a, b) + torch.addcmul(a, b, c, value=1) + torch.relu(c)
    s = torch.where(a < b, a * c, b) + torch.minimum(a, c) + torch.linalg.cross(x[0], x[0].flip(0)).sum(-1)
    m = (
        torch.addmm(b[:, None], x[0], x[0].T).sum(0)
        + x[0].cumsum(0).mean(-1)
        + x[0].gather(1, x[0].argmax(1, keepdim=True))[:, 0]
    )
    seen = (~((a > b) & (c > 0))).to(x.dtype).masked_fill(c > 1, 0.5)
    n = torch.linalg.vector_norm(x[0], dim=-1) * seen + (torch.arange(3) == 1) * (a < c)
    return torch.stack([q, r, s, m, n, torch.where((a >= b) & (c > 0), a, c)])[None]


@pytest.fixture
def sample() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 3)))


def test_traced_expressions_are_the_function(sample):
    graph, outputs = trace_flat(everything, sample)
    other = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 3, 3)))
    found = evaluate(graph, outputs, other.flatten().tolist())
    np.testing.assert_allclose(found, everything(other).flatten().numpy(), atol=1e-9)


def test_gradients_are_those_of_finite_differences(sample):
    graph, outputs = trace_flat(everything, sample)
    seeds = [graph.constant(0.3 * (k + 1)) for k in range(len(outputs))]
    inputs = [graph.input(k) for k in range(9)]
    gradient = graph.gradient(outputs, seeds, inputs)
    at = np.random.default_rng(2).standard_normal(9)

    def loss(x: np.ndarray) -> float:
        return sum(0.3 * (k + 1) * v for k, v in enumerate(evaluate(graph, outputs, x.tolist())))

    expected = [(loss(at + d) - loss(at - d)) / 2e-6 for d in 1e-6 * np.eye(9)]
    np.testing.assert_allclose(evaluate(graph, gradient, at.tolist()), expected, atol=1e-6)


def test_equal_expressions_are_stored_once_and_constants_folded():
    graph = Graph()
    x, y = graph.input(0), graph.input(1)
    assert graph.op("add", x, y) == graph.op("add", y, x)
    assert graph.value(graph.op("mul", graph.constant(2), graph.constant(3))) == 6
    assert graph.op("mul", x, graph.constant(1)) == x
    assert graph.op("add", graph.constant(0), x) == x
    assert graph.value(graph.op("mul", x, graph.constant(0))) == 0
    assert graph.value(graph.op("sub", x, x)) == 0
    condition = graph.op("lt", x, y)
    assert graph.op("and", condition, graph.constant(1)) == condition
    assert graph.value(graph.op("and", graph.constant(0), condition)) == 0
    assert graph.op("select", graph.constant(1), x, y) == x
    assert graph.op("select", condition, y, y) == y
    assert graph.value(graph.op("div", graph.constant(0), x)) == 0


def test_unknown_operations_are_named(sample):
    with pytest.raises(NotImplementedError, match="erf"):
        trace(lambda x: torch.erf(x), sample)
    index = torch.arange(3)
    with pytest.raises(NotImplementedError, match="computes with indices"):
        trace(lambda x: x + index, sample)
    with pytest.raises(NotImplementedError, match="power 3"):
        trace(lambda x: x**3, sample)


@pytest.mark.parametrize("part", [1, 7, 1500])
def test_functions_in_parts_are_the_function(part, sample, monkeypatch, tmp_path):
    """Numbers and truth values cross from one part to the next; samples do not fill the last register."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "PART", part)
    graph, outputs = trace_flat(everything, sample)
    text = compiler.source(graph, outputs, [9], [len(outputs)])
    assert text.count("void part_") == math.ceil(len(graph.used(outputs)) / part)
    try:
        library = compiler.build(text)
    except CompilerMissing as error:
        pytest.skip(str(error))
    inputs = np.random.default_rng(3).standard_normal((37, 9)).astype(np.float32)
    found = np.zeros((37, len(outputs)), np.float32)
    library.run(2, ctypes.c_int64(37), *(ctypes.c_void_p(array.ctypes.data) for array in (inputs, found)))
    expected = [evaluate(graph, outputs, row.astype(float).tolist()) for row in inputs]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_compiled_functions_have_single_precision(monkeypatch, tmp_path):
    """The kernel's own sine, cosine and arc tangent against NumPy's in double precision."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    x, y = np.meshgrid(np.linspace(-20, 20, 401), np.linspace(-3, 3, 61))
    inputs = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    graph = Graph()
    a, b = graph.input(0), graph.input(1)
    outputs = [graph.op("sin", a), graph.op("cos", a), graph.op("atan2", a, b), graph.op("atan2", b, a)]
    try:
        library = compiler.build(compiler.source(graph, outputs, [2], [4]))
    except CompilerMissing as error:
        pytest.skip(str(error))
    found = np.zeros((len(inputs), 4), np.float32)
    pointers = (ctypes.c_void_p(array.ctypes.data) for array in (inputs, found))
    library.run(1, ctypes.c_int64(len(inputs)), *pointers)
    a, b = inputs.astype(np.float64).T
    expected = np.stack([np.sin(a), np.cos(a), np.arctan2(a, b), np.arctan2(b, a)], 1)
    away = (a != 0) | (b != 0)
    np.testing.assert_allclose(found[away], expected[away], atol=5e-7)
    assert np.isfinite(found).all()


def test_no_compiler_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "false")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CompilerMissing, match="false failed"):
        compiler.build("int x;")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerMissing, match="no C"):
        compiler.build("int x;")
    assert not [path for path in (tmp_path / "s2m").rglob("*") if path.is_file()]
