from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.transform import Rotation

from s2m.metrics import AUC, MPJPE, PCK, DepthCosine, ReversedDepth
from s2m.metrics.joints import joint_errors, mpjpe
from s2m.skeletons import H36M17, S2M27


def skeletons(frames: int = 6, joints: int = 17, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(frames, joints, 3)) * 0.4
    return true + rng.normal(size=true.shape) * 0.08, true


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(array, dtype=torch.float64) for array in arrays]


def oracle_pa(pred: np.ndarray, true: np.ndarray) -> float:
    """Proper Procrustes with scipy: when the best orthogonal map reflects, flip its weakest axis (Umeyama)."""
    x, y = pred - pred.mean(0), true - true.mean(0)
    turn, _ = orthogonal_procrustes(x, y)
    if np.linalg.det(turn) < 0:
        turn, _ = Rotation.align_vectors(y, x)
        turn = turn.as_matrix().T
    scale = np.sum((x @ turn) * y) / np.sum(x * x)
    return float(np.linalg.norm(scale * x @ turn - y, axis=-1).mean())


def test_mpjpe_is_root_relative_brute_force() -> None:
    pred, true = skeletons()
    expected = [
        np.mean([np.linalg.norm((p[j] - p[0]) - (t[j] - t[0])) for j in range(17)])
        for p, t in zip(pred, true, strict=True)
    ]
    shifted = pred + np.array([1.0, -2.0, 5.0])
    assert np.allclose(mpjpe(*tensors(shifted, true)).numpy(), expected, atol=1e-12)


def test_scale_alignment_is_the_best_scale() -> None:
    pred, true = skeletons(3)
    value = mpjpe(*tensors(pred * 0.37, true), "scale").numpy()
    x, y = pred - pred[:, :1], true - true[:, :1]
    for i in range(3):
        scales = np.linspace(0.5, 1.5, 20001)
        best = scales[np.argmin([np.sum((s * x[i] - y[i]) ** 2) for s in scales])]
        assert value[i] == pytest.approx(np.linalg.norm(best * x[i] - y[i], axis=-1).mean(), abs=1e-4)


def test_pa_mpjpe_against_scipy() -> None:
    pred, true = skeletons()
    turn = Rotation.random(6, random_state=1).as_matrix()
    moved = 2.3 * np.einsum("bij,bnj->bni", turn, pred) + 4.0
    expected = [oracle_pa(p, t) for p, t in zip(pred, true, strict=True)]
    assert np.allclose(mpjpe(*tensors(moved, true), "procrustes").numpy(), expected, atol=1e-9)


def test_pa_mpjpe_does_not_reflect() -> None:
    _, true = skeletons()
    mirrored = true * np.array([1.0, 1.0, -1.0])
    expected = [oracle_pa(p, t) for p, t in zip(mirrored, true, strict=True)]
    value = mpjpe(*tensors(mirrored, true), "procrustes").numpy()
    assert np.allclose(value, expected, atol=1e-9)
    assert value.min() > 0.02


def test_pck_and_auc_known_values() -> None:
    true = torch.zeros(1, 17, 3)
    pred = true.clone()
    pred[0, 1:5, 0] = 0.151  # four of seventeen are outside
    pck, auc = PCK(), AUC()
    pck.update(pred, true)
    auc.update(pred, true)
    assert pck.compute() == pytest.approx(13 / 17, abs=1e-6)
    assert auc.compute() == pytest.approx(13 / 17, abs=1e-6)
    auc.reset()
    pred[0, 1:] = torch.tensor([0.0, 0.0, 0.0721])
    auc.update(pred, true)
    # Thresholds 75, 80, ..., 150 mm hold sixteen joints more than the root.
    assert auc.compute() == pytest.approx((31 * 1 + 16 * 16) / (31 * 17), abs=1e-6)


def test_reversed_depth_agrees_with_the_better_mirror() -> None:
    pred, true = skeletons(200, seed=3)
    pred = np.random.default_rng(1).normal(size=true.shape)
    x, y = pred - pred[:, :1], true - true[:, :1]

    def at_scale(points: np.ndarray, scale: float) -> np.ndarray:
        return ((points * scale - y) ** 2).sum((1, 2))

    mirrored = x * np.array([1.0, 1.0, -1.0])
    expected = at_scale(mirrored, 0.7) < at_scale(x, 0.7)
    metric = ReversedDepth()
    metric.update(*tensors(pred, true))
    assert 0.2 < expected.mean() < 0.8
    assert metric.compute() == pytest.approx(expected.mean())


def test_depth_cosine_ends() -> None:
    _, true = skeletons()
    for sign, expected in ((2.0, 1.0), (-0.5, -1.0), (0.0, 0.0)):
        metric = DepthCosine()
        metric.update(*tensors(true * np.array([1.0, 1.0, sign]), true))
        assert metric.compute() == pytest.approx(expected, abs=1e-6)


def test_other_joint_sets_are_read_by_name() -> None:
    pred, true = skeletons(joints=27)
    order = [S2M27.joints.index(name) for name in H36M17.joints]
    full = joint_errors(*tensors(pred, true), joint_set=S2M27)
    assert torch.equal(full, joint_errors(*tensors(pred[:, order], true[:, order])))
    with pytest.raises(ValueError, match=r"h36m17: expected \(B, 17, 3\), found \(6, 27, 3\)"):
        joint_errors(*tensors(pred, true))


def test_unknown_alignment() -> None:
    with pytest.raises(ValueError, match="procrustes, found 'reflect'"):
        mpjpe(*tensors(*skeletons()), "reflect")  # type: ignore[arg-type]


def test_no_frames_and_bad_predictions() -> None:
    metric = MPJPE("procrustes")
    metric.update(torch.zeros(0, 17, 3), torch.zeros(0, 17, 3))
    metric.update(torch.zeros(4, 17, 3), None)
    assert metric.compute().isnan()
    pred, true = tensors(*skeletons())
    metric.update(pred, true)
    before = metric.compute()
    pred[2, 3, 1] = float("nan")
    metric._computed = None
    with pytest.raises(ValueError, match=r"MPJPE: pred_joints is not finite in 1 of 6 frames \(rows \[2\]"):
        metric.update(pred, true)
    assert torch.equal(metric.total / metric.count, before)
    with pytest.raises(ValueError, match="same number of frames, found pred_joints 5, true_joints 6"):
        metric.update(true[:5], true)


def test_degenerate_prediction_is_not_perfect() -> None:
    _, true = tensors(*skeletons())
    collapsed = torch.zeros_like(true)
    expected = (true - true.mean(1, keepdim=True)).norm(dim=-1).mean(1)
    assert torch.allclose(mpjpe(collapsed, true, "procrustes"), expected)
