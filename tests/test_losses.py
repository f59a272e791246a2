from __future__ import annotations

import math

import pytest
import torch

from s2m.batch import BodyOutput, BodyParams, Lifted, Observation
from s2m.losses import (
    MeshObjective,
    iou_loss,
    joints2d_loss,
    joints3d_loss,
    mse_loss,
    pose_regulariser,
    shape_regulariser,
)
from s2m.model import Recovery


def test_joint_losses_are_mean_distances() -> None:
    target = torch.zeros(2, 3, 2)
    predicted = target + torch.tensor([3.0, 4.0])
    confidence = torch.tensor([[1.0, 0.5, 0.0]] * 2)
    assert joints2d_loss(predicted, target, confidence).item() == pytest.approx(5.0)
    predicted[:, 2] = 1e6  # confidence 0
    assert joints2d_loss(predicted, target, confidence).item() == pytest.approx(5.0)
    assert joints3d_loss(torch.ones(2, 3, 3), torch.zeros(2, 3, 3)).item() == pytest.approx(math.sqrt(3))


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
    objective = MeshObjective(w_2d=1.0, w_3d=2.5, w_mask=0.15, w_sreg=0.06, w_wreg=1.0, w_preg=0.05, norm="paper")
    observation = Observation(torch.randn(2, 17, 2), torch.ones(2, 17), (torch.rand(2, 8, 8) > 0.5).float())
    losses = objective(recovery(), observation, torch.rand(2, 8, 8), torch.tensor(0.3))
    weights = {"2d": 1.0, "3d": 2.5, "mask": 0.15, "sreg": 0.06, "wreg": 1.0, "preg": 0.05}
    assert losses.terms.keys() == weights.keys()
    expected = sum(weights[name] * value.item() for name, value in losses.terms.items())
    assert losses.total.item() == pytest.approx(expected, rel=1e-5)
    assert losses.terms["wreg"].item() == pytest.approx(0.3)


def test_terms_of_weight_zero_need_nothing() -> None:
    objective = MeshObjective(w_mask=0.0)
    assert not objective.needs_silhouette
    observation = Observation(torch.randn(2, 17, 2), torch.ones(2, 17))
    assert "mask" not in objective(recovery(), observation, None, torch.tensor(0.0)).terms


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="negative w_mask"):
        MeshObjective(w_mask=-1.0)
    with pytest.raises(ValueError, match="needs a rendered and a reference silhouette"):
        MeshObjective()(recovery(), Observation(torch.randn(2, 17, 2), torch.ones(2, 17)), None, torch.tensor(0.0))
