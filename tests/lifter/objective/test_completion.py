from __future__ import annotations

import torch

from s2m.lifter import Lifter
from s2m.lifter.normalise import normalise
from s2m.lifter.objective import DetectionNoise
from s2m.lifter.objective.completion import Completion
from s2m.skeletons import H36M17, S2M27


def labels(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, 17, 2, generator=torch.Generator().manual_seed(1)), torch.ones(count, 17)


def test_its_value_is_the_written_one() -> None:
    """Recomputed joint by joint for one drawing of what is hidden."""
    torch.manual_seed(0)
    lifter = Lifter("h36m17", 0.25, width=16, blocks=1)
    torch.nn.init.normal_(lifter.partial_network[-1].weight, std=0.3)
    target = normalise(*labels(), H36M17)
    noise = DetectionNoise(H36M17, 0.05, hidden=0.9)
    skeleton = torch.randn(6, 17, 3)
    torch.manual_seed(5)
    found = Completion(lifter, noise)(target, labels()[1], skeleton)
    torch.manual_seed(5)
    hidden = noise(target)
    denoised, lifted = lifter.read(lifter.tell_partial(hidden.joints2d, hidden.visible), hidden.joints2d)
    total = 0.0
    for i in range(6):
        deep = [float((hidden.scale[i] * lifted[i, j] - skeleton[i, j]).norm()) for j in range(17)]
        placed = hidden.origin[i] + hidden.scale[i] * denoised[i]
        flat = [float((placed[j] - target.joints2d[i, j]).norm()) for j in range(17)]
        total += (sum(deep) + 2 * sum(flat)) / 17 / 6
    assert abs(float(found) - total) < 1e-4


def test_only_the_network_for_hidden_people_learns_from_it() -> None:
    torch.manual_seed(0)
    lifter = Lifter("h36m17", 0.25, width=16, blocks=1)
    skeleton = torch.randn(6, 17, 3, requires_grad=True)
    Completion(lifter, DetectionNoise(H36M17, 0.05, hidden=0.5))(
        normalise(*labels(), H36M17), labels()[1], skeleton
    ).backward()
    assert skeleton.grad is None
    assert all(weight.grad is None for weight in lifter.network.parameters())
    assert any(bool(weight.grad.any()) for weight in lifter.partial_network.parameters())


def test_parts_of_the_body_are_hidden_together() -> None:
    joints = torch.ones(4000, 27, 2) + torch.randn(4000, 27, 2)
    target = normalise(joints, torch.ones(4000, 27), S2M27)
    torch.manual_seed(2)
    shown = DetectionNoise(S2M27, 0.0, missing=0.0, hidden=0.5)(target).visible.bool()
    assert int(shown.sum(1).min()) >= 4
    legs, rest = S2M27.indices(["left_knee", "right_knee", "left_ankle", "right_ankle"]), S2M27.index("head")
    legless = ~shown[:, legs].any(1)
    assert 0.05 < float(legless.float().mean()) < 0.4
    assert float(shown[legless, rest].float().mean()) > 0.5
    assert 0.2 < float(shown.all(1).float().mean()) < 0.4
