"""The profile replays exactly the passes that a step made."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from studies.lifter.profile import PassesAlone, PassRecorder, outermost_networks, read_ratio


class BaseDiscriminator(nn.Module):
    """A network of 2D poses that can be asked without a gradient for its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, joints2d: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        return self.network(torch.cat([joints2d.flatten(1), visible], dim=1))

    def frozen(self, joints2d: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        constants = {name: weight.detach() for name, weight in self.named_parameters()}
        return torch.func.functional_call(self, constants, (joints2d, visible))


class Players(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lifter = nn.Sequential(nn.Linear(6, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 6))
        self.discriminator = BaseDiscriminator()


def test_passes_are_noted_with_what_they_train() -> None:
    learned = Players()
    networks = outermost_networks(learned)
    assert set(networks) == {"lifter", "discriminator.network"}
    inputs, visible = torch.randn(5, 6), torch.ones(5, 2)
    with PassRecorder(networks) as recorder:
        lifted = learned.lifter(inputs)
        pose = lifted[:, :4].reshape(5, 2, 2)
        learned.discriminator.frozen(pose, visible)
        learned.discriminator(torch.cat([pose.detach(), pose.detach()]), torch.ones(10, 2))
    learned.lifter(inputs)  # after the recording
    noted = [(p.network, tuple(p.inputs[0].shape), p.inputs_trained, p.weights_trained) for p in recorder.passes]
    assert noted == [
        ("lifter", (5, 6), (False,), True),
        ("discriminator.network", (5, 6), (True,), False),
        ("discriminator.network", (10, 6), (False,), True),
    ]


def test_replaying_moves_copies_alone() -> None:
    learned = Players()
    networks = outermost_networks(learned)
    with PassRecorder(networks) as recorder:
        learned.lifter(torch.randn(5, 6))
    before = {name: value.clone() for name, value in learned.state_dict().items()}
    alone = PassesAlone(recorder)
    copies = {name: value.clone() for name, value in alone._networks["lifter"].state_dict().items()}
    alone()
    assert all(torch.equal(before[name], value) for name, value in learned.state_dict().items())
    moved = alone._networks["lifter"].state_dict()
    assert any(not torch.equal(copies[name], moved[name]) for name in copies)


def test_a_profile_is_read_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    assert read_ratio(path) is None
    path.write_text(json.dumps({"ratio": 0.91}))
    assert read_ratio(path) == 0.91
    for content in ("{", "[]", json.dumps({"ratio": "much"})):
        path.write_text(content)
        assert read_ratio(path) is None
