from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch

from s2m.lifter.objective import (
    Adversarial,
    Discriminator,
    LeastSquares,
    NonSaturating,
    PartDiscriminator,
    discriminators,
)
from s2m.skeletons import H36M17, S2M27

from .cycles import make_cycle


class Constant(Discriminator):
    """Scores a pose by its first coordinate."""

    def forward(self, joints2d, visible):
        return joints2d[:, 0, 0] + 0.0 * self.network[0].bias.sum()


class Doubled(Constant):
    """Twice the score."""

    def forward(self, joints2d, visible):
        return 2 * super().forward(joints2d, visible)


def poses(values: list[float]) -> torch.Tensor:
    joints = torch.zeros(len(values), 17, 2)
    joints[:, 0, 0] = torch.tensor(values)
    return joints


def test_losses_are_the_non_saturating_ones():
    term = Adversarial([Constant(H36M17, width=4, blocks=1)], NonSaturating())
    cycle = make_cycle(2, masked=poses([0.5, -2.0]), target=poses([3.0, 1.0]))
    log = lambda x: math.log(1 / (1 + math.exp(-x)))  # noqa: E731
    torch.testing.assert_close(term(cycle).item(), -(log(0.5) + log(-2.0)) / 2, atol=1e-5, rtol=1e-5)
    expected = -(log(3.0) + log(1.0)) / 2 - (log(-0.5) + log(2.0)) / 2
    torch.testing.assert_close(term.own_loss(cycle).item(), expected, atol=1e-5, rtol=1e-5)


def test_losses_are_least_squares_with_its_rule():
    term = Adversarial([Constant(H36M17, width=4, blocks=1)], LeastSquares())
    cycle = make_cycle(2, masked=poses([0.5, -2.0]), target=poses([3.0, 1.0]))
    assert term(cycle).item() == pytest.approx(((0.5 - 1) ** 2 + (-2.0 - 1) ** 2) / 2 / 2)
    assert term.own_loss(cycle).item() == pytest.approx((2.0**2 + 0.0) / 2 / 2 + (0.5**2 + 2.0**2) / 2 / 2)


@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_players_do_not_reach_each_others_weights(joint_set):
    torch.manual_seed(0)
    count = len(joint_set)
    term = Adversarial(discriminators(joint_set, [H36M17], 8, 1), NonSaturating())
    masked = torch.randn(4, count, 2, requires_grad=True)
    cycle = make_cycle(4, count, masked=masked, target=torch.randn(4, count, 2))
    term(cycle).backward()
    assert float(masked.grad.abs().sum()) > 0
    assert all(p.grad is None for p in term.parameters())
    masked.grad = None
    term.own_loss(cycle).backward()
    assert masked.grad is None
    assert all(p.grad is not None for p in term.parameters())


def test_judging_gives_the_same_logits():
    discriminator = Discriminator(H36M17, width=8, blocks=1)
    joints, visible = torch.randn(4, 17, 2), torch.ones(4, 17)
    assert torch.equal(discriminator(joints, visible), discriminator.frozen(joints, visible))


def test_held_weights_are_as_they_were_afterwards():
    discriminator = Discriminator(H36M17, width=8, blocks=1)
    frozen, *others = discriminator.parameters()
    frozen.requires_grad_(False)
    joints = torch.randn(4, 17, 2, requires_grad=True)
    with pytest.raises(RuntimeError):
        discriminator.frozen(joints, torch.ones(3, 17))
    judged = discriminator.frozen(joints, torch.ones(4, 17))
    assert not frozen.requires_grad
    assert all(weight.requires_grad for weight in others)
    # The same gradient for the input as by torch's own way, and none for the weights.
    judged.sum().backward()
    constants = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    again = joints.detach().clone().requires_grad_()
    torch.func.functional_call(discriminator, constants, (again, torch.ones(4, 17))).sum().backward()
    torch.testing.assert_close(joints.grad, again.grad)
    assert all(weight.grad is None for weight in discriminator.parameters())


@pytest.mark.parametrize("bones", [True, False])
@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_missing_joints_cannot_be_seen(joint_set, bones):
    """Where a missing joint lies says nothing, neither by itself nor through its bones."""
    discriminator = Discriminator(joint_set, width=8, blocks=1, bones=bones)
    joints, visible = torch.randn(1, len(joint_set), 2), torch.ones(1, len(joint_set))
    elbow = joint_set.index("left_elbow")
    visible[:, elbow] = 0
    joints[:, elbow] = 0
    wires = discriminator.network[0].weight[:, 3 * len(joint_set) :] if bones else None
    before = discriminator(joints, visible)
    if wires is not None:
        with torch.no_grad():
            # Directions and lengths of the elbow's two bones.
            slots = [i for i, (parent, child) in enumerate(joint_set.bones) if elbow in (parent, child)]
            count = len(joint_set.bones)
            for slot in slots:
                wires[:, [2 * slot, 2 * slot + 1, 2 * count + slot]] += 10
    assert torch.equal(before, discriminator(joints, visible))


def test_bones_are_directions_and_lengths():
    discriminator = Discriminator(H36M17, width=8, blocks=1)
    seen = []
    discriminator.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    joints = torch.randn(2, 17, 2)
    discriminator(joints, torch.ones(2, 17))
    count = len(H36M17.bones)
    bones = seen[0][:, 3 * 17 :]
    for i, (parent, child) in enumerate(H36M17.bones):
        offset = joints[:, child] - joints[:, parent]
        back = bones[:, 2 * i : 2 * i + 2] * bones[:, 2 * count + i, None]
        torch.testing.assert_close(back, offset, atol=1e-5, rtol=1e-5)


def test_discriminator_learns_to_tell_two_kinds_of_poses():
    torch.manual_seed(0)
    term = Adversarial([Discriminator(H36M17, width=16, blocks=1)], NonSaturating())
    optimiser = torch.optim.Adam(term.parameters(), 1e-2)
    real, fake, visible = torch.randn(64, 17, 2) + 0.5, torch.randn(64, 17, 2) - 0.5, torch.ones(64, 17)
    for _ in range(40):
        optimiser.zero_grad()
        term.own_loss(make_cycle(64, target=real, masked=fake)).backward()
        optimiser.step()
    (discriminator,) = term.discriminators
    assert float((discriminator(real, visible) > 0).float().mean()) > 0.95
    assert float((discriminator(fake, visible) < 0).float().mean()) > 0.95


def test_the_lifter_hears_the_mean_of_two_discriminators_and_each_learns_for_itself():
    term = Adversarial([Constant(S2M27, width=4, blocks=1), Doubled(S2M27, width=4, blocks=1)], LeastSquares())
    cycle = make_cycle(1, masked=poses([0.5]), target=poses([3.0]))
    assert term(cycle).item() == pytest.approx(((0.5 - 1) ** 2 / 2 + (1.0 - 1) ** 2 / 2) / 2)
    first, second = (3.0 - 1) ** 2 / 2 + 0.5**2 / 2, (6.0 - 1) ** 2 / 2 + 1.0**2 / 2
    assert term.own_loss(cycle).item() == pytest.approx(first + second)


def test_a_part_is_judged_in_its_own_unit_and_without_the_rest():
    part = PartDiscriminator(S2M27, H36M17, width=8, blocks=1)
    visible = torch.ones(3, 27)
    visible[0, S2M27.index("left_knee")] = 0
    joints = torch.randn(3, 27, 2) * visible[..., None]
    shared = S2M27.indices(H36M17.joints)
    unit = (joints[:, shared].norm(dim=-1).sum(1) / visible[:, shared].sum(1))[:, None, None]
    expected = part.discriminator(joints[:, shared] / unit, visible[:, shared])
    torch.testing.assert_close(part(joints, visible), expected)
    others = [index for index in range(27) if index not in shared]
    joints[:, others], visible[:, others] = 7.0, 0.0
    torch.testing.assert_close(part(3 * joints, visible), expected)


def test_a_part_gets_a_discriminator_where_the_joint_set_has_more():
    assert [type(each) for each in discriminators(H36M17, [H36M17], 8, 1)] == [Discriminator]
    assert [type(each) for each in discriminators(S2M27, [], 8, 1)] == [Discriminator]
    whole, part = discriminators(S2M27, [H36M17], 8, 1, bones=False)
    assert whole.network[0].in_features == 3 * 27
    assert part.discriminator.network[0].in_features == 3 * 17


@pytest.mark.parametrize("bones", [True, False])
def test_steepness_and_its_gradient_are_those_of_finite_differences(bones):
    torch.manual_seed(0)
    critic = Discriminator(H36M17, width=6, blocks=1, bones=bones)
    cycle = make_cycle(3, target=torch.randn(3, 17, 2), masked=torch.randn(3, 17, 2))
    flat, steep = (Adversarial([critic], NonSaturating(), steepness=s) for s in (0.0, 1e3))
    losses = [steep.own_loss(cycle) for _ in range(4)]
    assert losses[0] == flat.own_loss(cycle)
    losses[3].backward()
    slope_of_weight = critic.network[0].weight.grad[2, 1].clone()
    critic.zero_grad()
    flat.own_loss(cycle).backward()
    slope_of_weight -= critic.network[0].weight.grad[2, 1]

    exact = copy.deepcopy(critic).double()

    def penalty(more: float) -> float:
        with torch.no_grad():
            exact.network[0].weight[2, 1] += more
            total, step = 0.0, 1e-5
            for joint, axis in itertools.product(range(17), range(2)):
                moved = torch.zeros(17, 2, dtype=torch.double)
                moved[joint, axis] = step
                up, down = (exact(cycle.target.double() + s * moved, cycle.visible.double()) for s in (1, -1))
                total += ((up - down) / (2 * step)).square().mean().item()
            exact.network[0].weight[2, 1] -= more
        return 4 * 1e3 * total

    assert losses[3].item() - losses[0].item() == pytest.approx(penalty(0.0), rel=1e-3)
    assert slope_of_weight.item() == pytest.approx((penalty(1e-3) - penalty(-1e-3)) / 2e-3, rel=2e-2)
