"""Whether proportions that are told go with the true ones."""

from __future__ import annotations

import math

import pytest
import torch

from s2m.lifter.proportions import BONES, Proportions
from s2m.skeletons import H36M17, S2M27
from studies.lifter.proportions import agreement, true_logarithms
from tests.lifter.people import person


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda joints: joints.name)
def test_lengths_of_the_truth_are_those_that_proportions_change(joint_set) -> None:
    """Whoever has bones made longer by known ratios has lengths that differ by those, whichever way limbs point."""
    ratios = torch.linspace(-0.2, 0.2, len(BONES))
    people = person(joint_set)[None].repeat(5, 1, 1)
    other = Proportions(joint_set, ratios).own(people)
    torch.testing.assert_close(
        true_logarithms(other, joint_set) - true_logarithms(people, joint_set), ratios, atol=1e-5, rtol=0
    )


def test_agreement_leaves_size_and_the_mean_person_out() -> None:
    true = torch.randn(40, 10, generator=torch.Generator().manual_seed(0)) * 0.05
    size, mean = torch.linspace(-1, 1, 40)[:, None], torch.linspace(-3, 0, 10)
    assert agreement(true, true + size + mean) == pytest.approx((1.0, 0.0), abs=1e-5)
    assert agreement(true / 2, true + size) == pytest.approx((1.0, 0.25), abs=1e-5)
    noise = torch.randn(40, 10, generator=torch.Generator().manual_seed(1)) * 0.05
    correlation, left = agreement(noise, true)
    assert abs(correlation) < 3 / math.sqrt(400)
    assert left == pytest.approx(2.0, abs=0.4)
