from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.lifter.objective import LeastSquares, NonSaturating
from s2m.lifter.objective.temporal import (
    TemporalAdversarial,
    TemporalDiscriminator,
    normalised_pairs,
    turned_pairs,
)
from s2m.skeletons import H36M17, S2M27

from ..people import person, seen_from


class Constant(TemporalDiscriminator):
    """Scores a pair by the first coordinate of its first frame."""

    def forward(self, pairs, visible):
        return pairs[:, 0, 0, 0] + 0.0 * self.network[0].bias.sum()


def scored(values: list[float]) -> torch.Tensor:
    pairs = torch.zeros(len(values), 2, 17, 2)
    pairs[:, 0, 0, 0] = torch.tensor(values)
    return pairs


def test_non_saturating_losses():
    game = TemporalAdversarial(Constant(H36M17, 4, 1), NonSaturating())
    log = lambda x: math.log(1 / (1 + math.exp(-x)))  # noqa: E731
    fake, real, visible = scored([0.5, -2.0]), scored([3.0, 1.0]), torch.ones(2, 17)
    assert game.lifter_loss(fake, visible).item() == pytest.approx(-(log(0.5) + log(-2.0)) / 2)
    expected = -(log(3.0) + log(1.0)) / 2 - (log(-0.5) + log(2.0)) / 2
    assert game.player_loss(real, fake, visible).item() == pytest.approx(expected)


def test_least_squares_losses():
    game = TemporalAdversarial(Constant(H36M17, 4, 1), LeastSquares())
    fake, real, visible = scored([0.5, -2.0]), scored([3.0, 1.0]), torch.ones(2, 17)
    assert game.lifter_loss(fake, visible).item() == pytest.approx((0.25 + 9) / 4)
    assert game.player_loss(real, fake, visible).item() == pytest.approx((4 + 0) / 4 + (0.25 + 4) / 4)


def test_players_do_not_reach_each_others_weights():
    torch.manual_seed(0)
    game = TemporalAdversarial(TemporalDiscriminator(H36M17, 8, 1), NonSaturating())
    real, fake = torch.randn(4, 2, 17, 2), torch.randn(4, 2, 17, 2, requires_grad=True)
    game.lifter_loss(fake, torch.ones(4, 17)).backward()
    assert float(fake.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in game.parameters())
    fake.grad = None
    game.player_loss(real, fake, torch.ones(4, 17)).backward()
    assert fake.grad is None
    assert all(weight.grad is not None for weight in game.parameters())


def test_only_the_difference_of_the_frames_is_seen():
    torch.manual_seed(0)
    player, pairs, visible = TemporalDiscriminator(H36M17, 8, 1), torch.randn(4, 2, 17, 2), torch.ones(4, 17)
    moved = pairs + torch.randn(4, 1, 17, 2)
    torch.testing.assert_close(player(pairs, visible), player(moved, visible), atol=1e-5, rtol=1e-4)
    backwards = player(pairs.flip(1), visible)
    assert float((player(pairs, visible) - backwards).abs().max().detach()) > 1e-4


@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_missing_joints_cannot_be_seen(joint_set):
    torch.manual_seed(0)
    count = len(joint_set)
    player, pairs, visible = TemporalDiscriminator(joint_set, 8, 1), torch.randn(2, 2, count, 2), torch.ones(2, count)
    elbow = joint_set.index("left_elbow")
    visible[:, elbow] = 0
    before = player(pairs, visible)
    pairs[:, 1, elbow] += 5
    assert torch.equal(before, player(pairs, visible))
    visible[:, elbow] = 1
    assert not torch.equal(before, player(pairs, visible))


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
        game.player_loss(draw(0.05), draw(0.5), visible).backward()
        optimiser.step()
    player = game.discriminator
    assert float((player(draw(0.05), visible) > 0.5).float().mean()) > 0.95
    assert float((player(draw(0.5), visible) < 0.5).float().mean()) > 0.95


def test_pairs_have_their_own_origins_and_one_scale():
    first = torch.rand(3, 17, 2) * 100
    second = 1.5 * first + torch.tensor([40.0, -7.0])
    pairs, visible = normalised_pairs(torch.stack([first, second], 1), torch.ones(3, 2, 17), H36M17)
    root = H36M17.root_index
    assert bool((pairs[:, :, root] == 0).all())
    assert bool((visible == 1).all())
    # Moving through the picture is not a change, growing is one.
    torch.testing.assert_close(pairs[:, 1], 1.5 * pairs[:, 0], atol=1e-5, rtol=1e-5)
    # Mean distances of the two frames: m and 1.5 m, of mean 1.
    torch.testing.assert_close(pairs[:, 0].norm(dim=-1).mean(1), torch.full((3,), 0.8), atol=1e-5, rtol=1e-5)


def test_a_joint_must_be_in_both_frames():
    points, confidence = torch.rand(2, 2, 17, 2), torch.ones(2, 2, 17)
    root, wrist = H36M17.root_index, H36M17.index("left_wrist")
    confidence[0, 1, root] = 0  # the second frame's root is missing: the first frame must not be moved to its own
    confidence[1, 0, wrist] = 0
    pairs, visible = normalised_pairs(points, confidence, H36M17)
    assert torch.equal((visible == 0).nonzero(), torch.tensor([[0, root], [1, wrist]]))
    hips = H36M17.indices(["left_hip", "right_hip"])
    torch.testing.assert_close(pairs[0, :, hips].mean(1), torch.zeros(2, 2), atol=1e-5, rtol=0)
    assert bool((pairs[1, :, wrist] == 0).all())


def test_turned_pairs_are_seen_by_one_camera():
    body = person(H36M17)
    still = seen_from(body - body[H36M17.root_index], torch.zeros(2))[:, None].expand(-1, 2, -1, -1)
    moving = still.clone()
    wrist = H36M17.index("left_wrist")
    moving[:, 1, wrist] += torch.tensor([0.1, 0.2, 0.3])
    rotations = Rotation.random(2, random_state=0)
    turn = torch.tensor(rotations.as_matrix(), dtype=torch.float32)
    seen = turned_pairs(moving, turn, 10.0)
    unmoved = [joint for joint in range(17) if joint != wrist]
    assert torch.equal(seen[:, 0, unmoved], seen[:, 1, unmoved])
    for sample in range(2):
        for frame in range(2):
            x, y, z = rotations[sample].apply(moving[sample, frame].numpy()).T
            expected = torch.tensor(np.stack([10 * x / (10 + z), 10 * y / (10 + z)], 1), dtype=torch.float32)
            torch.testing.assert_close(seen[sample, frame], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("pairs", "visible"),
    [((3, 2, 16, 2), (3, 17)), ((3, 17, 2), (3, 17)), ((3, 3, 17, 2), (3, 17)), ((3, 2, 17, 2), (3, 2, 17))],
)
def test_wrong_shapes(pairs, visible):
    with pytest.raises(ValueError, match=r"expected \(B, 2, 17, 2\)"):
        TemporalDiscriminator(H36M17, 4, 1)(torch.zeros(pairs), torch.zeros(visible))


def test_wrong_shapes_of_pairs_to_normalise():
    with pytest.raises(ValueError, match=r"\(3, 2, 17\), found \(3, 2, 17, 2\) and \(3, 17\)"):
        normalised_pairs(torch.zeros(3, 2, 17, 2), torch.ones(3, 17), H36M17)
