"""A fused function against the function itself, and the cases in which it must step aside."""

from __future__ import annotations

import copy
import logging
import shutil

import pytest
import torch
from torch import Tensor

from s2m.fused import Fused, differentiable_twice
from s2m.fused import function as fusing
from s2m.fused import kernel as kernels


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def measures(points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Two results of different shapes; both have a kink."""
    length = torch.linalg.vector_norm(points, dim=-1)
    return (weight * length).sum(1), torch.relu(points - length.mean(1)[:, None, None])


def inputs(count: int = 37, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 5, 3, generator=generator), torch.rand(count, 5, generator=generator)


def compiled(function) -> Fused:
    """Skips the test where there is no compiler."""
    fused = Fused(function)
    fused(*inputs(2))
    if None in fused._kernels.values():
        pytest.skip("no C++ compiler")
    return fused


@pytest.mark.parametrize("count", [0, 1, 16, 37])
def test_results_are_the_functions(count):
    given = inputs(count)
    for found, expected in zip(compiled(measures)(*given), measures(*given), strict=True):
        torch.testing.assert_close(found, expected)


def test_a_single_result_is_no_tuple():
    def total(points: Tensor, weight: Tensor) -> Tensor:
        return points.sum((1, 2)) * weight[:, 0]

    torch.testing.assert_close(compiled(total)(*inputs()), total(*inputs()))


@pytest.mark.parametrize("trained", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("seeds", [(1.0, -0.5), (2.0, None), (None, 1.0)])
def test_gradients_are_autograds(trained, seeds):
    fused = compiled(measures)
    gradients = []
    for function in (fused, measures):
        given = [value.requires_grad_(train) for value, train in zip(inputs(), trained, strict=True)]
        results = function(*given)
        used = [seed * r.square().sum() for seed, r in zip(seeds, results, strict=True) if seed is not None]
        loss = torch.stack([*used, *(0 * value.sum() for value in given)]).sum()
        loss.backward()
        gradients.append([value.grad for value in given])
    for found, expected, train in zip(*gradients, trained, strict=True):
        assert (found is None) == (not train)
        if train:
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_length_of_nothing_has_no_slope():
    points = torch.zeros(3, 5, 3, requires_grad=True)
    compiled(measures)(points, torch.ones(3, 5))[0].sum().backward()
    assert torch.equal(points.grad, torch.zeros(3, 5, 3))


def test_what_is_not_a_number_is_passed_on_and_can_be_masked():
    def masked(points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return points.masked_fill(weight[..., None] < 0.5, 0.0), points * 2

    points, weight = inputs()
    points[3, 1], weight[3, 1], weight[3, 2] = float("nan"), 0.1, 0.9
    hidden, shown = compiled(masked)(points, weight)
    assert not hidden.isnan().any()
    assert torch.equal(shown.isnan(), points.isnan())


def test_views_are_read_as_what_they_show():
    points, weight = inputs()
    turned = points.flip(0).transpose(1, 2).contiguous().transpose(1, 2)
    found, _ = compiled(measures)(turned, weight)
    torch.testing.assert_close(found, measures(turned, weight)[0])


def test_another_shape_gets_a_kernel_of_its_own():
    fused = compiled(measures)
    generator = torch.Generator().manual_seed(1)
    other = torch.randn(4, 7, 2, generator=generator), torch.rand(4, 7, generator=generator)
    torch.testing.assert_close(fused(*other), measures(*other))
    assert len(fused._kernels) == 2


def test_double_precision_is_left_to_the_function(monkeypatch):
    fused = compiled(measures)
    monkeypatch.setattr(kernels.Kernel, "run", None)
    given = [value.double() for value in inputs()]
    assert fused(*given)[0].dtype == torch.float64
    assert torch.autograd.gradcheck(fused, [value[:2].requires_grad_() for value in given])


def test_without_a_compiler_it_is_the_function_and_says_so_once(monkeypatch, tmp_path, caplog):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    fusing._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        results = [fused(*inputs()) for fused in (Fused(measures), Fused(measures)) for _ in range(2)]
    for found in results:
        torch.testing.assert_close(found, measures(*inputs()), atol=0, rtol=0)
    assert len(caplog.records) == 1
    assert "no C++ compiler" in caplog.text


def from_the_mean(points: Tensor, weight: Tensor) -> Tensor:
    return points - points.mean(0, keepdim=True) * weight[..., None]


def from_the_first(points: Tensor, weight: Tensor) -> Tensor:
    return points - points[:1] * weight[..., None]


def up_to_here(points: Tensor, weight: Tensor) -> Tensor:
    return points.cumsum(0) * weight[..., None]


def of_nobody(points: Tensor, weight: Tensor) -> Tensor:
    return torch.ones(3)


@pytest.mark.parametrize("function", [from_the_mean, from_the_first, up_to_here, of_nobody])
def test_samples_that_are_mixed_are_refused(function):
    compiled(measures)
    with pytest.raises(ValueError, match=f"{function.__name__}: .*one sample depends on another"):
        Fused(function)(*inputs())


def test_constants_that_are_no_numbers():
    def marked(points: Tensor, weight: Tensor) -> Tensor:
        wide = torch.where(points > 1, torch.inf, points).masked_fill(points < -1, -torch.inf)
        return wide.masked_fill(weight[..., None] < 0.2, torch.nan)

    torch.testing.assert_close(compiled(marked)(*inputs()), marked(*inputs()), equal_nan=True)


def test_a_copy_works_and_leaves_the_original_alone():
    class Scaled:
        def __init__(self, factor: float) -> None:
            self.factor = factor
            self.scale = Fused(self.scaled)

        def scaled(self, points: Tensor, weight: Tensor) -> Tensor:
            return self.factor * points * weight[..., None]

    one, given = Scaled(2.0), inputs()
    first = one.scale(*given)
    other = copy.deepcopy(one)
    other.factor = 3.0
    torch.testing.assert_close(other.scale(*given), 1.5 * first)
    torch.testing.assert_close(one.scale(*given), first)


@pytest.mark.parametrize("count", [130, 1001])
def test_the_number_of_threads_changes_nothing(count):
    fused, before = compiled(measures), torch.get_num_threads()
    points, weight = inputs(count)
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            given = points.clone().requires_grad_()
            results = fused(given, weight)
            results[0].sum().backward()
            found.append([*results, given.grad])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
    torch.testing.assert_close(found[0][0], measures(points, weight)[0])


def test_a_compiler_without_threads_compiles_all_the_same(monkeypatch, tmp_path):
    real = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if real is None:
        pytest.skip("no C++ compiler")
    asked = tmp_path / "asked"
    compiler = tmp_path / "plain-c++"
    refusal = 'case "$*" in *-fopenmp*) exit 1;; esac'
    compiler.write_text(f'#!/bin/sh\necho "$*" >> {asked}\n{refusal}\nexec {real} "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    for one, other in zip(compiled(measures)(*inputs(200)), measures(*inputs(200)), strict=True):
        torch.testing.assert_close(one, other)
    assert [("-fopenmp" in line) for line in asked.read_text().splitlines()] == [True, False]


def test_gradients_have_gradients_where_that_is_asked_for():
    cubed = Fused(lambda x: x * x * x)
    x = torch.tensor([[2.0], [-1.0]], requires_grad=True)
    with differentiable_twice():
        (slope,) = torch.autograd.grad(cubed(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    torch.testing.assert_close(bend, 6 * x.detach())
