from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from s2m.batch import BodyOutput, BodyParams, Lifted, Observation
from s2m.losses import (
    END_REACH,
    MeshObjective,
    Pictures,
    elsewhere,
    extremities_loss,
    iou_loss,
    joints2d_loss,
    joints3d_loss,
    mse_loss,
    pose_regulariser,
    shape_regulariser,
)
from s2m.model import Recovery
from s2m.skeletons import EXTREMITIES, H36M17

ENDS = H36M17.indices(EXTREMITIES)


def test_joint_losses_are_mean_distances() -> None:
    target = torch.zeros(2, 3, 2)
    predicted = target + torch.tensor([3.0, 4.0])
    confidence = torch.tensor([[1.0, 0.5, 0.0]] * 2)
    assert joints2d_loss(predicted, target, confidence).item() == pytest.approx(5.0)
    predicted[:, 2] = 1e6  # confidence 0
    assert joints2d_loss(predicted, target, confidence).item() == pytest.approx(5.0)
    assert joints3d_loss(torch.ones(2, 3, 3), torch.zeros(2, 3, 3)).item() == pytest.approx(math.sqrt(3))


def test_the_3d_term_at_the_best_scale_is_the_n_mpjpe() -> None:
    target = torch.randn(3, 17, 3)
    predicted = target + 0.1 * torch.randn(3, 17, 3)
    expected = []
    for ours, theirs in zip(predicted.double().numpy(), target.double().numpy(), strict=True):
        (scale,), *_ = np.linalg.lstsq(ours.reshape(-1, 1), theirs.ravel(), rcond=None)
        expected.append(np.linalg.norm(scale * ours - theirs, axis=1).mean())
    for size in (1.0, 3.0):
        found = float(joints3d_loss(size * predicted, target, "best"))
        assert found == pytest.approx(float(np.mean(expected)), rel=1e-4)
    assert float(joints3d_loss(3 * predicted, target)) > 1


def test_mask_losses_on_squares() -> None:
    a, b = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    a[:, 0:4, 0:4], b[:, 2:6, 0:4] = 1.0, 1.0
    assert iou_loss(a, b).item() == pytest.approx(1 - 8 / 24)
    assert mse_loss(a, b).item() == pytest.approx(16 / 64)
    assert iou_loss(a, a).item() == pytest.approx(0.0)
    assert torch.isfinite(iou_loss(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)))


@pytest.mark.parametrize("norm", ["paper", "squared"])
def test_regularisers_by_hand(norm: str) -> None:
    betas = torch.tensor([[3.0, 4.0] + [0.0] * 8])
    theta = torch.tensor([[[0.0, 3.0, 4.0], [1.0, 0.0, 0.0]]])
    expected = {"paper": (5.0, 6.0), "squared": (25.0, 26.0)}[norm]
    assert shape_regulariser(betas, norm).item() == pytest.approx(expected[0])  # type: ignore[arg-type]
    assert pose_regulariser(theta, norm).item() == pytest.approx(expected[1])  # type: ignore[arg-type]


def test_pose_regulariser_has_a_gradient_at_rest() -> None:
    theta = torch.zeros(2, 5, 3, requires_grad=True)
    pose_regulariser(theta, "paper").backward()
    assert theta.grad is not None
    assert torch.isfinite(theta.grad).all()


def recovery(frames: int = 2) -> Recovery:
    eye = torch.eye(3).expand(frames, 24, 3, 3)
    return Recovery(
        lifted=Lifted(torch.randn(frames, 17, 3), torch.randn(frames, 17, 2)),
        params=BodyParams.from_rotations(eye, torch.randn(frames, 10)),
        body=BodyOutput(torch.randn(frames, 5, 3), torch.randn(frames, 24, 3)),
        joints3d=torch.randn(frames, 17, 3),
        camera=torch.ones(frames, 3),
        joints2d=torch.randn(frames, 17, 2),
        theta_pr=torch.randn(frames, 5, 3),
        solved=torch.ones(frames, 24, dtype=torch.bool),
    )


def test_objective_is_the_weighted_sum_of_its_terms() -> None:
    weights = {"2d": 1.0, "3d": 2.5, "mask": 0.15, "extremities": 0.7, "sreg": 0.06, "wreg": 1.0, "preg": 0.05}
    objective = MeshObjective(**{f"w_{name}": value for name, value in weights.items()}, norm="paper")
    observation = Observation(torch.randn(2, 17, 2), torch.ones(2, 17), (torch.rand(2, 8, 8) > 0.5).float())
    losses = objective(recovery(), observation, torch.rand(2, 8, 8), torch.tensor(0.3), ENDS)
    assert losses.terms.keys() == weights.keys()
    expected = sum(weights[name] * value.item() for name, value in losses.terms.items())
    assert losses.total.item() == pytest.approx(expected, rel=1e-5)
    assert losses.terms["wreg"].item() == pytest.approx(0.3)


def test_terms_of_weight_zero_need_nothing() -> None:
    objective = MeshObjective(w_mask=0.0, w_extremities=0.0)
    assert not objective.needs_silhouette
    assert MeshObjective(w_mask=0.0).needs_silhouette
    observation = Observation(torch.randn(2, 17, 2), torch.ones(2, 17))
    terms = objective(recovery(), observation, None, torch.tensor(0.0), ENDS).terms
    assert not {"mask", "extremities"} & set(terms)


def stick(angle: float, x: float, y: float, size: int = 112) -> torch.Tensor:
    """A mask (1, S, S) of a bar, 0.05 thick and 0.15 long, that starts at (x, y) crop units."""
    step = (torch.arange(size) + 0.5) * (2 / size) - 1
    u, v = torch.meshgrid(step - x, step - y, indexing="xy")
    along, across = u * math.cos(angle) + v * math.sin(angle), v * math.cos(angle) - u * math.sin(angle)
    return ((along > 0) & (along < 0.15) & (across.abs() < 0.025)).float()[None]


def at(x: float, y: float) -> torch.Tensor:
    return torch.tensor([[[x, y]]])


def test_ends_are_compared_joint_on_joint() -> None:
    """A hand that points the right way costs nothing wherever its wrist is; the whole mask charges for the place."""
    sure = torch.ones(1, 1)
    x, y = 0.1 + 4 * 2 / 112, -0.2 - 3 * 2 / 112  # moved by whole pixels
    here, moved = stick(0.5, 0.1, -0.2), stick(0.5, x, y)
    aligned = extremities_loss(Pictures(moved, here, at(x, y), at(0.1, -0.2), sure))
    # The least that can be had: windows have soft edges, and soft edges do not quite cover themselves.
    least = extremities_loss(Pictures(here, here, at(0.1, -0.2), at(0.1, -0.2), sure)).item()
    assert aligned.item() == pytest.approx(least, abs=1e-3)
    assert least < 0.35 < 0.8 < iou_loss(moved, here).item()
    turned = extremities_loss(Pictures(stick(1.3, 0.1, -0.2), here, at(0.1, -0.2), at(0.1, -0.2), sure))
    assert turned.item() > 0.5
    # Turning towards the observed direction makes it cheaper, step by step.
    costs = [
        extremities_loss(Pictures(stick(a, 0.1, -0.2), here, at(0.1, -0.2), at(0.1, -0.2), sure))
        for a in (1.3, 0.9, 0.5)
    ]
    assert costs[0] > costs[1] > costs[2]


def test_an_end_point_without_confidence_is_not_compared() -> None:
    masks = torch.cat([stick(0.0, 0.0, 0.0), stick(0.0, 0.0, 0.0)])
    wrong = torch.cat([stick(0.0, 0.0, 0.0), stick(2.0, 0.0, 0.0)])
    joints = torch.zeros(2, 1, 2)
    seen = extremities_loss(Pictures(wrong, masks, joints, joints, torch.tensor([[1.0], [0.0]])))
    assert seen.item() == pytest.approx(
        extremities_loss(Pictures(masks, masks, joints, joints, torch.ones(2, 1))).item()
    )
    nothing = extremities_loss(Pictures(wrong, masks, joints, joints, torch.zeros(2, 1)))
    assert nothing.item() == 0.0


def test_the_mask_term_leaves_the_surroundings_of_ends_out() -> None:
    target, confidence = torch.tensor([[[0.45, -0.55], [-0.5, 0.5]]]), torch.tensor([[1.0, 0.0]])
    counted = elsewhere(target, confidence, 10)[0]
    for row in range(10):
        for column in range(10):
            x, y = (column + 0.5) / 5 - 1, (row + 0.5) / 5 - 1
            near = abs(x - 0.45) < END_REACH and abs(y + 0.55) < END_REACH
            assert counted[row, column].item() == (0.0 if near else 1.0)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="negative w_mask"):
        MeshObjective(w_mask=-1.0)
    with pytest.raises(ValueError, match="need a rendered and an observed silhouette"):
        MeshObjective()(
            recovery(), Observation(torch.randn(2, 17, 2), torch.ones(2, 17)), None, torch.tensor(0.0), ENDS
        )
