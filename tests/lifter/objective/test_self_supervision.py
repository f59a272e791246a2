from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from s2m.fused import function
from s2m.lifter import Lifter
from s2m.lifter.objective import (
    Adversarial,
    DetectionNoise,
    Discriminator,
    LearnedTurn,
    NonSaturating,
    RandomTurn,
    SelfSupervision,
    Weights,
    discriminators,
)
from s2m.skeletons import H36M17, S2M27

from ..people import person


def build(weights: Weights = Weights(), missing: float = 0.0) -> tuple[Lifter, SelfSupervision]:  # noqa: B008
    torch.manual_seed(0)
    lifter = Lifter("h36m17", 0.25, width=16, blocks=1)
    learned = {"adversarial": Adversarial([Discriminator(H36M17, 16, 1)], NonSaturating())}
    noise = DetectionNoise(H36M17, 0.05, missing)
    hidden = DetectionNoise(H36M17, 0.05, missing, hidden=0.5)
    objective = SelfSupervision(learned, person(H36M17), lifter, weights, RandomTurn(), noise, hidden)
    return lifter, objective


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(8, 17, 2, generator=torch.Generator().manual_seed(1)), torch.ones(8, 17)


def test_total_is_the_weighted_sum():
    weights = Weights(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    _, objective = build(weights)
    output = objective(*batch())
    expected = sum(weight * output.terms[name].item() for name, weight in asdict(weights).items() if weight)
    assert output.lifter.item() == pytest.approx(expected, rel=1e-5)


def test_term_of_weight_zero_is_left_out():
    _, objective = build(Weights(chirality=0.0))
    assert "chirality" not in objective(*batch()).terms


def test_negative_weight_is_refused():
    with pytest.raises(ValueError, match="bone_ratios=-1"):
        Weights(bone_ratios=-1.0)


def test_weight_without_its_player_is_refused():
    with pytest.raises(ValueError, match="no term for flow"):
        build(Weights(flow=1.0))


def test_player_of_weight_zero_does_not_play():
    _, objective = build(Weights(adversarial=0.0))
    assert not objective(*batch()).learned
    assert not any("discriminator" in name for name, _ in objective.named_parameters())


def test_frames_of_a_pair_are_turned_alike():
    _, objective = build()
    seen = []
    objective.terms["cycle_3d"].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    for together in (1, 2):
        objective.frames_per_turn = together
        joints, confidence = batch()
        objective(joints[::2].repeat_interleave(2, 0), confidence)
    alone, paired = ((cycle.rotated[::2] - cycle.rotated[1::2]).abs().max() for cycle in seen)
    # The noise of the two frames differs, their turn does not.
    assert float(paired) < 0.5 < float(alone)


def test_one_backward_pass_reaches_both_players():
    lifter, objective = build()
    output = objective(*batch())
    separate = torch.autograd.grad(output.lifter, list(lifter.parameters()), retain_graph=True)
    output.total.backward()
    for parameter, gradient in zip(lifter.parameters(), separate, strict=True):
        assert torch.equal(parameter.grad, gradient)
    assert all(float(p.grad.abs().sum()) > 0 for p in objective.terms["adversarial"].parameters())


def test_joints_of_confidence_zero_change_no_loss_and_no_gradient():
    results = []
    for spoil in (0.0, 1e5):
        lifter, objective = build(missing=0.1)
        joints, confidence = batch()
        confidence[:, H36M17.indices(["left_wrist", "right_knee"])] = 0
        joints = joints + spoil * (confidence[..., None] == 0)
        torch.manual_seed(5)
        output = objective(joints, confidence)
        output.total.backward()
        results.append([output.lifter, output.total, *(p.grad for p in lifter.parameters())])
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda joint_set: joint_set.name)
def test_compiled_geometry_changes_nothing(joint_set, monkeypatch):
    generator = torch.Generator().manual_seed(2)
    joints = torch.randn(40, len(joint_set), 2, generator=generator)
    confidence = (torch.rand(40, len(joint_set), generator=generator) > 0.1).float()
    joints[confidence == 0] = float("nan")
    confidence[0] = 0
    results = []
    for fits in (function._fits, lambda tensors: False):
        monkeypatch.setattr(function, "_fits", fits)
        torch.manual_seed(3)
        lifter = Lifter(joint_set.name, 0.25, width=16, blocks=1, elevation_width=8)
        critics = discriminators(joint_set, [H36M17], 16, 1)
        noise = DetectionNoise(joint_set, 0.1, missing=0.1, outlier=0.1, swap=0.3)
        learned = {"adversarial": Adversarial(critics, NonSaturating())}
        turn = LearnedTurn(width=8)
        objective = SelfSupervision(learned, person(joint_set), lifter, Weights(), turn, noise, noise)
        output = objective(joints, confidence)
        output.total.backward()
        gradients = [p.grad for p in (*lifter.parameters(), *objective.parameters())]
        results.append([output.lifter, *output.terms.values(), *output.learned.values(), *gradients])
    assert all(bool(value.isfinite().all()) for value in results[0])
    for compiled, plain in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, atol=1e-4 * float(plain.abs().max()) + 1e-7, rtol=1e-3)
