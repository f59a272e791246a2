"""Protocols against a slow computation by hand, joint by joint and frame by frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from scipy.spatial.transform import Rotation
from torch import distributed

from s2m.metrics import protocols
from s2m.metrics.groups import ByGroup
from s2m.metrics.joints import MPJPE
from s2m.metrics.protocols import Protocol
from s2m.skeletons import H36M17, LSP14, MPI3DHP17

FRAMES = 13
SHARDS = ((slice(0, 3), slice(3, 10)), (slice(10, 13), slice(13, 13)))  # rank 1 also sees a batch without frames
GROUPS = ("a", "b", "never", "d")
ALL = [value for value in vars(protocols).values() if isinstance(value, Protocol)]


def frames() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    true = rng.normal(size=(FRAMES, 17, 3)) * 0.3
    turn = Rotation.from_rotvec(rng.normal(size=(FRAMES, 3)) * 0.2).as_matrix()
    pred = 0.9 * np.einsum("bij,bnj->bni", turn, true) + rng.normal(size=true.shape) * 0.06 + 3
    return pred, true, rng.choice([0, 1, 3], FRAMES)


def by_hand(protocol: Protocol, pred: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Sums over frames, joints and thresholds, in plain loops."""
    order = list(MPI3DHP17.joints)
    rows = [order.index(name) for name in protocol.counted]
    millimetres = []
    for p, t in zip(pred, true, strict=True):
        x = [(p[row] - p[order.index("pelvis")]) * 1000 for row in rows]
        y = [(t[row] - t[order.index("pelvis")]) * 1000 for row in rows]
        x, y = np.array(x), np.array(y)
        if protocol.alignment == "scale":
            x = x * (x * y).sum() / (x * x).sum()
        elif protocol.alignment == "procrustes":
            xc, yc = x - x.mean(0), y - y.mean(0)
            turn, _ = Rotation.align_vectors(yc, xc)
            turned = turn.apply(xc)
            x = turned * (turned * yc).sum() / (xc * xc).sum() + y.mean(0)
        millimetres.extend(np.linalg.norm(a - b) for a, b in zip(x, y, strict=True))

    def within(threshold: float) -> float:
        inside = [e < threshold if protocol.strict else e <= threshold + 1e-9 for e in millimetres]
        return sum(inside) / len(inside)

    return {
        "mpjpe_mm": sum(millimetres) / len(millimetres),
        "pck150": within(150),
        "auc31": sum(within(t) for t in range(0, 151, 5)) / 31,
        "auc11": sum(within(t) for t in range(0, 151, 15)) / 11,
    }


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in arrays]


@pytest.mark.parametrize("protocol", ALL, ids=lambda p: p.label)
def test_every_protocol_by_hand(protocol: Protocol) -> None:
    pred, true, _ = frames()
    metrics = protocol.metrics(MPI3DHP17)
    metrics.update(**dict(zip(("pred_joints", "true_joints"), tensors(pred, true), strict=True)))
    computed = {name: float(value) for name, value in metrics.compute().items()}
    assert computed == pytest.approx(by_hand(protocol, pred, true), abs=1e-6)


def test_groups_by_hand_and_mean_of_activities() -> None:
    pred, true, group = frames()
    protocol = Protocol(average="activities")
    overall, grouped = protocol.metrics(MPI3DHP17), protocol.grouped(MPI3DHP17, GROUPS)
    p, t, g = tensors(pred, true, group)
    overall.update(pred_joints=p, true_joints=t)
    grouped.update(pred_joints=p, true_joints=t, group=g)
    by_group = grouped.compute()
    expected = {i: by_hand(protocol, pred[group == i], true[group == i]) for i in (0, 1, 3)}
    for name, values in by_group.items():
        assert [float(values[i]) for i in (0, 1, 3)] == pytest.approx([expected[i][name] for i in (0, 1, 3)], abs=1e-6)
        assert values[2].isnan()
    means = {name: np.mean([expected[i][name] for i in (0, 1, 3)]) for name in by_group}
    assert protocol.summary(overall.compute(), by_group) == pytest.approx(means, abs=1e-6)
    frames_mean = Protocol(average="frames").summary(overall.compute(), by_group)
    assert frames_mean == pytest.approx(by_hand(protocol, pred, true), abs=1e-6)
    assert frames_mean["mpjpe_mm"] != pytest.approx(means["mpjpe_mm"], abs=1e-3)


def worker(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    pred, true, group = tensors(*frames())
    protocol = protocols.MPI3DHP_OFFICIAL_PA
    overall, grouped = protocol.metrics(MPI3DHP17), protocol.grouped(MPI3DHP17, GROUPS)
    for shard in SHARDS[rank]:
        overall.update(pred_joints=pred[shard], true_joints=true[shard])
        grouped.update(pred_joints=pred[shard], true_joints=true[shard], group=group[shard])
    results = {name: float(value) for name, value in overall.compute().items()}
    results.update({f"by/{name}": values.tolist() for name, values in grouped.compute().items()})
    Path(folder, f"{rank}.json").write_text(json.dumps(results))
    distributed.destroy_process_group()


def test_two_processes_with_uneven_shards_equal_the_hand(tmp_path: Path) -> None:
    mp.spawn(worker, args=(str(tmp_path),), nprocs=2)
    pred, true, group = frames()
    expected = by_hand(protocols.MPI3DHP_OFFICIAL_PA, pred, true)
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
        for i in (0, 1, 3):
            part = by_hand(protocols.MPI3DHP_OFFICIAL_PA, pred[group == i], true[group == i])
            assert {name: found[f"by/{name}"][i] for name in part} == pytest.approx(part, abs=1e-6)


def test_the_official_fourteen() -> None:
    # mpii_get_pck_auc_joint_groups.m, in MATLAB's numbers: head 1, neck 2, shoulders 3 6, elbows 4 7, wrists 5 8,
    # hips 9 12, knees 10 13, ankles 11 14
    official = {MPI3DHP17.joints[i - 1] for i in range(1, 15)}
    assert set(protocols.MPI3DHP_OFFICIAL.counted) == official
    assert set(LSP14.joints) == official
    assert protocols.MPI3DHP_OFFICIAL.truth == "universal"


def test_a_strict_threshold_leaves_the_root_out_at_zero() -> None:
    true = torch.zeros(1, 17, 3)
    values = [
        float(Protocol(alignment="root", strict=strict).metrics(H36M17)(pred_joints=true, true_joints=true)["auc31"])
        for strict in (False, True)
    ]
    assert values == pytest.approx([1.0, 30 / 31], abs=1e-6)


def test_labels_tell_protocols_apart() -> None:
    assert len({protocol.label for protocol in ALL}) == len(ALL)
    for word in ("14 joints", "root-aligned", "scale as predicted", "all cameras", "universal", "mean of frames"):
        assert word in protocols.MPI3DHP_OFFICIAL.label
    assert "frontal camera" in protocols.H36M_MESH_PA_FRONTAL.label
    assert "mean of activities" in protocols.H36M_LIFTING.label


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="alignment: expected root, scale, procrustes, found 'mirror'"):
        Protocol(alignment="mirror")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="counted"):
        Protocol(counted=())
    metric = ByGroup(MPJPE(), GROUPS)
    p, t, g = tensors(*[a.copy() for a in frames()])
    metric.metric.joint_set = MPI3DHP17
    with pytest.raises(ValueError, match="expected 0 to 3, found -1 to"):
        metric.update(p, t, g - 1)
    with pytest.raises(ValueError, match="same number of frames"):
        metric.update(p, t[:3], g)
    p[4, 2, 1] = float("nan")
    with pytest.raises(ValueError, match=r"pred_joints is not finite in 1 of 13 frames \(rows \[4\]"):
        metric.update(p, t, g)
    assert float(metric.count.sum()) == 0
