"""The tables are written from what is measured; small versions of each."""

from __future__ import annotations

import json

import pytest
import torch

from s2m.body import load_body
from s2m.ik import DIK, bench, results, tables
from s2m.ik.evaluation import Poses, SkinnedJoints, motion_poses, random_poses
from s2m.ik.training import train_learned
from s2m.skeletons import H36M17, SMPL24


@pytest.fixture(scope="module")
def skinned():
    return SkinnedJoints(load_body(), H36M17)


def short_motion() -> Poses:
    return Poses("motion clips", motion_poses().rotations[:60], (30, 30))


def test_table5(tmp_path, monkeypatch):
    quick = [
        tables.Entry("DIK", H36M17, lambda s, sigma: [DIK(s.rest, "paper"), DIK(s.rest)]),
        tables.Entry("paper's plain frames", H36M17, lambda s, sigma: [DIK(s.rest, "paper")], limit=10),
    ]
    monkeypatch.setattr(tables, "entries", lambda train_steps, slow: quick)
    monkeypatch.setattr(tables, "motion_poses", short_motion)
    tables.main(["table5", "--output", str(tmp_path), "--poses", "20", "--slow", "20"])
    report = json.loads((tmp_path / "table5.json").read_text())
    assert len(report["rows"]) == 2 * 2 * len(tables.NOISE_MM)
    dik, paper = ([r for r in report["rows"] if r["solver"] == name] for name in ("DIK", "paper's plain frames"))
    assert {r["poses"] for r in paper} == {10}
    assert dik[0]["local_ten"] < paper[0]["local_ten"]  # tuning took the better of the two candidates
    assert dik[0]["local_ten"] < dik[-2]["local_ten"]
    text = (tmp_path / "table5.md").read_text()
    assert "0.391, 0.019 s" in text
    assert "## Motion clips" in text
    assert (tmp_path / "table5.png").stat().st_size > 5000


def test_table6(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "motion_poses", short_motion)
    tables.main(["table6", "--output", str(tmp_path)])
    report = json.loads((tmp_path / "table6.json").read_text())
    whole = [r for r in report["rows"] if r["frames"] == "the whole sequence"]
    assert whole[-1]["after_mm"] <= whole[-1]["before_mm"] * 1.05
    assert "Table 6" in (tmp_path / "table6.md").read_text()


def test_bench(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "_solvers", lambda s: {"DIK, eager": DIK(s["h36m17"].rest)})
    bench.main(["--output", str(tmp_path), "--largest", "64"])
    rows = json.loads((tmp_path / "bench_ik.json").read_text())["rows"]
    assert [r["batch"] for r in rows] == [1, 64]
    assert rows[1]["forward_ms"] < rows[1]["with_backward_ms"]
    assert "vs copy" in (tmp_path / "bench_ik.md").read_text()


def test_entries_cover_what_the_paper_compares():
    names = {entry.name: entry for entry in tables.entries(1, 4)}
    assert set(tables.PUBLISHED) <= set(names)
    assert names["swing-only, 24 joints"].joint_set is SMPL24


def test_straight_limbs_are_steady(skinned):
    rotations = random_poses(30, 1).rotations
    joints = tables.straightened(skinned, rotations, body=False)
    a, b, c = (joints[:, H36M17.index(f"left_{part}")] for part in ("shoulder", "elbow", "wrist"))
    assert torch.linalg.cross(b - a, c - b).norm(dim=-1).max() < 1e-6
    gains = [tables.worst_gain(DIK(skinned.rest, variant), joints) for variant in ("ours", "paper")]
    assert gains[0] < 60
    assert gains[1] > 10 * gains[0]
    assert tables.worst_gain(DIK(skinned.rest), tables.straightened(skinned, rotations, body=True)) <= 25


def test_lifter_noise_is_shared_by_a_joint_and_its_points():
    joints = torch.zeros(4000, 27, 3)
    noise = tables.lifter_noise(joints, 0)
    assert float(noise[:, 0, 2].std()) == pytest.approx(0.045, rel=0.1)
    heel = tables.S2M27.index("left_heel")
    relative = noise[:, heel] - noise[:, tables.S2M27.parents[heel]]
    assert float(relative[:, 2].std()) == pytest.approx(0.025, rel=0.1)
    assert float(relative[:, 0].std()) == pytest.approx(0.008, rel=0.1)


def test_learned_solver_is_trained(skinned):
    solver = train_learned(skinned, steps=25, sigma=0.0, batch=64)
    poses = random_poses(50, 9).rotations
    still = torch.eye(3).expand_as(poses)
    with torch.no_grad():
        found = solver(skinned(poses)).rotations
    assert (found - poses)[:, 1:].square().mean() < 0.8 * (still - poses)[:, 1:].square().mean()


def test_results_are_written_whole_or_not_at_all(tmp_path):
    results.write(tmp_path / "new" / "a.json", {"b": 1})
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == {"b": 1}
    with pytest.raises(TypeError):
        results.write(tmp_path / "new" / "a.json", {"b": object()})
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.json"]
    assert results.markdown_table(["x"], [["1"]]) == "| x |\n| --- |\n| 1 |\n"
