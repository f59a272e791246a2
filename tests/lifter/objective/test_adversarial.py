from __future__ import annotations

import math

import torch

from s2m.lifter.objective import Adversarial, Discriminator, discriminator_loss

from .cycles import make_cycle


class Constant(Discriminator):
    """Scores a pose by its first coordinate."""

    def forward(self, joints2d, visible):
        return joints2d[:, 0, 0] + 0.0 * self.network[0].bias.sum()


def poses(values: list[float]) -> torch.Tensor:
    joints = torch.zeros(len(values), 17, 2)
    joints[:, 0, 0] = torch.tensor(values)
    return joints


def test_losses_are_the_non_saturating_ones():
    player = Constant(17, width=4, blocks=1)
    fake, real = [0.5, -2.0], [3.0, 1.0]
    log = lambda x: math.log(1 / (1 + math.exp(-x)))  # noqa: E731
    loss = Adversarial(player)(make_cycle(2, masked=poses(fake)))
    torch.testing.assert_close(loss.item(), -(log(0.5) + log(-2.0)) / 2, atol=1e-5, rtol=1e-5)
    other = discriminator_loss(player, poses(real), poses(fake), torch.ones(2, 17))
    expected = -(log(3.0) + log(1.0)) / 2 - (log(-0.5) + log(2.0)) / 2
    torch.testing.assert_close(other.item(), expected, atol=1e-5, rtol=1e-5)


def test_players_do_not_reach_each_others_weights():
    torch.manual_seed(0)
    player = Discriminator(17, width=8, blocks=1)
    masked = torch.randn(4, 17, 2, requires_grad=True)
    Adversarial(player)(make_cycle(4, masked=masked)).backward()
    assert float(masked.grad.abs().sum()) > 0
    assert all(p.grad is None for p in player.parameters())
    masked.grad = None
    discriminator_loss(player, torch.randn(4, 17, 2), masked, torch.ones(4, 17)).backward()
    assert masked.grad is None
    assert all(p.grad is not None for p in player.parameters())


def test_judging_gives_the_same_logits():
    player = Discriminator(17, width=8, blocks=1)
    joints, visible = torch.randn(4, 17, 2), torch.ones(4, 17)
    assert torch.equal(player(joints, visible), player.judge(joints, visible))


def test_discriminator_learns_to_tell_two_kinds_of_poses():
    torch.manual_seed(0)
    player = Discriminator(17, width=16, blocks=1)
    optimiser = torch.optim.Adam(player.parameters(), 1e-2)
    real, fake, visible = torch.randn(64, 17, 2) + 0.5, torch.randn(64, 17, 2) - 0.5, torch.ones(64, 17)
    for _ in range(40):
        optimiser.zero_grad()
        discriminator_loss(player, real, fake, visible).backward()
        optimiser.step()
    assert float((player(real, visible) > 0).float().mean()) > 0.95
    assert float((player(fake, visible) < 0).float().mean()) > 0.95
