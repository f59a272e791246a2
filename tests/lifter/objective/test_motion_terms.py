from __future__ import annotations

import math

import pytest
import torch

from s2m.lifter.objective import LeastSquares, NonSaturating
from s2m.lifter.objective.motion_terms import TemporalAdversarial, TemporalDiscriminator
from s2m.skeletons import H36M17, S2M27

from .cycles import make_cycle


class Constant(TemporalDiscriminator):
    """Scores a pair by the first coordinate of its first frame."""

    def forward(self, pairs, visible):
        return pairs[:, 0, 0, 0] + 0.0 * self.network[0].bias.sum()


def scored(values: list[float]) -> torch.Tensor:
    """Pairs of frames, one after the other, whose first frames have these scores."""
    frames = torch.zeros(2 * len(values), 17, 2)
    frames[::2, 0, 0] = torch.tensor(values)
    return frames


def game_of(real: torch.Tensor, fake: torch.Tensor):
    return make_cycle(len(real), target=real, masked=fake)


def test_non_saturating_losses():
    game = TemporalAdversarial(Constant(H36M17, 4, 1), NonSaturating())
    log = lambda x: math.log(1 / (1 + math.exp(-x)))  # noqa: E731
    cycle = game_of(scored([3.0, 1.0]), scored([0.5, -2.0]))
    assert game(cycle).item() == pytest.approx(-(log(0.5) + log(-2.0)) / 2)
    expected = -(log(3.0) + log(1.0)) / 2 - (log(-0.5) + log(2.0)) / 2
    assert game.own_loss(cycle).item() == pytest.approx(expected)


def test_least_squares_losses():
    game = TemporalAdversarial(Constant(H36M17, 4, 1), LeastSquares())
    cycle = game_of(scored([3.0, 1.0]), scored([0.5, -2.0]))
    assert game(cycle).item() == pytest.approx((0.25 + 9) / 4)
    assert game.own_loss(cycle).item() == pytest.approx((4 + 0) / 4 + (0.25 + 4) / 4)


def test_players_do_not_reach_each_others_weights():
    torch.manual_seed(0)
    game = TemporalAdversarial(TemporalDiscriminator(H36M17, 8, 1), NonSaturating())
    fake = torch.randn(8, 17, 2, requires_grad=True)
    cycle = game_of(torch.randn(8, 17, 2), fake)
    game(cycle).backward()
    assert float(fake.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in game.parameters())
    fake.grad = None
    game.own_loss(cycle).backward()
    assert fake.grad is None
    assert all(weight.grad is not None for weight in game.parameters())


def test_only_the_difference_of_the_frames_is_seen():
    torch.manual_seed(0)
    discriminator, pairs, visible = TemporalDiscriminator(H36M17, 8, 1), torch.randn(4, 2, 17, 2), torch.ones(4, 17)
    moved = pairs + torch.randn(4, 1, 17, 2)
    torch.testing.assert_close(discriminator(pairs, visible), discriminator(moved, visible), atol=1e-5, rtol=1e-4)
    backwards = discriminator(pairs.flip(1), visible)
    assert float((discriminator(pairs, visible) - backwards).abs().max().detach()) > 1e-4


@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_missing_joints_cannot_be_seen(joint_set):
    torch.manual_seed(0)
    count = len(joint_set)
    discriminator, pairs, visible = (
        TemporalDiscriminator(joint_set, 8, 1),
        torch.randn(2, 2, count, 2),
        torch.ones(2, count),
    )
    elbow = joint_set.index("left_elbow")
    visible[:, elbow] = 0
    before = discriminator(pairs, visible)
    pairs[:, 1, elbow] += 5
    assert torch.equal(before, discriminator(pairs, visible))
    visible[:, elbow] = 1
    assert not torch.equal(before, discriminator(pairs, visible))


def test_discriminator_learns_to_tell_steady_from_shaking_poses():
    torch.manual_seed(0)
    game = TemporalAdversarial(TemporalDiscriminator(H36M17, 32, 1), LeastSquares())
    optimiser = torch.optim.Adam(game.parameters(), 3e-3)

    def draw(shake: float) -> torch.Tensor:
        first = torch.randn(256, 1, 17, 2)
        return torch.cat([first, first + shake * torch.randn(256, 1, 17, 2)], 1)

    visible = torch.ones(256, 17)
    for _ in range(300):
        optimiser.zero_grad()
        game.own_loss(game_of(draw(0.05).flatten(0, 1), draw(0.5).flatten(0, 1))).backward()
        optimiser.step()
    discriminator = game.discriminator
    assert float((discriminator(draw(0.05), visible) > 0.5).float().mean()) > 0.95
    assert float((discriminator(draw(0.5), visible) < 0.5).float().mean()) > 0.95


def test_a_joint_must_be_visible_in_both_frames():
    game = TemporalAdversarial(TemporalDiscriminator(H36M17, 8, 1), NonSaturating())
    wrist = H36M17.index("left_wrist")
    visible = torch.ones(4, 17)
    visible[1, wrist] = 0
    real, fake = torch.randn(4, 17, 2), torch.randn(4, 17, 2)
    cycle = make_cycle(4, target=real, masked=fake, visible=visible)
    before = game(cycle), game.own_loss(cycle)
    real[0, wrist] += 5
    fake[0, wrist] -= 5
    assert (game(cycle), game.own_loss(cycle)) == before
    fake[2, wrist] -= 5
    assert game(cycle) != before[0]


def test_an_odd_batch_is_refused():
    game = TemporalAdversarial(TemporalDiscriminator(H36M17, 8, 1), NonSaturating())
    with pytest.raises(ValueError, match="expected pairs of frames, found a batch of 3"):
        game(make_cycle(3))


@pytest.mark.parametrize(
    ("pairs", "visible"),
    [((3, 2, 16, 2), (3, 17)), ((3, 17, 2), (3, 17)), ((3, 3, 17, 2), (3, 17)), ((3, 2, 17, 2), (3, 2, 17))],
)
def test_wrong_shapes(pairs, visible):
    with pytest.raises(ValueError, match=r"expected \(B, 2, 17, 2\)"):
        TemporalDiscriminator(H36M17, 4, 1)(torch.zeros(pairs), torch.zeros(visible))
