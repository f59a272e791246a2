"""The tables are written from what is measured; small versions of each."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.ik import DIK
from s2m.markdown import markdown_table
from s2m.skeletons import H36M17, JOINT_SETS, SMPL24
from studies import writing
from studies.ik import bench, smpl_joints, stability, tables
from studies.ik.evaluation import Poses, SkinnedJoints, motion_poses, random_poses
from studies.ik.training import train_learned


@pytest.fixture(scope="module")
def skinned():
    return SkinnedJoints(load_body(), H36M17)


def short_motion(part: str = "all") -> Poses:
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
    assert "81.98 to 69.70" in (tmp_path / "table6.md").read_text()
    assert (tmp_path / "table6.png").stat().st_size > 5000


def test_bench(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "_solvers", lambda s: {"DIK, eager": DIK(s["h36m17"].rest)})
    bench.main(["--output", str(tmp_path), "--largest", "64"])
    rows = json.loads((tmp_path / "bench_ik.json").read_text())["rows"]
    assert [r["batch"] for r in rows] == [1, 64]
    assert rows[1]["forward_ms"] < rows[1]["with_backward_ms"]
    clips = json.loads((tmp_path / "bench_ik.json").read_text())["clips"]
    assert {row["joint_set"] for row in clips} == set(JOINT_SETS)
    assert all(row[time] > 0 for row in clips for time in ("solve_ms", "noisy_ms", "clip_ms"))
    text = (tmp_path / "bench_ik.md").read_text()
    assert "vs copy" in text
    assert "| smplx144 |" in text


def test_entries_cover_what_the_paper_compares():
    names = {entry.name: entry for entry in tables.entries(1, 4)}
    assert set(tables.PUBLISHED) <= set(names)
    assert names["swing-only, 24 joints"].joint_set is SMPL24


def test_straight_limbs_are_steady(skinned):
    rotations = random_poses(30, 1).rotations
    joints = stability.straightened(skinned, rotations, body=False)
    a, b, c = (joints[:, H36M17.index(f"left_{part}")] for part in ("shoulder", "elbow", "wrist"))
    assert torch.linalg.cross(b - a, c - b).norm(dim=-1).max() < 1e-6
    gains = [stability.worst_gain(DIK(skinned.rest, variant), joints, "wrist") for variant in ("ours", "paper")]
    assert gains[0] <= 25
    assert gains[1] > 10 * gains[0]


def test_gains_cover_all_limbs_and_bends(skinned):
    """The bar is 25; an elbow that moves turns its short bones against each other, and stays below 40."""
    found = stability.straight_gains(skinned, 20)
    assert len(found) == 8
    for name, gains in found.items():
        assert max(gains["wrist"], gains["ankle"], gains["knee"]) <= 25, name
        assert gains["elbow"] <= 40, name
    bent = stability.bent(torch.eye(3).expand(1, 24, 3, 3), -8.0)[0]
    elbow, knee = (bent[SMPL24.index(f"left_{part}")].numpy() for part in ("elbow", "knee"))
    np.testing.assert_allclose(Rotation.from_matrix(elbow).as_rotvec(degrees=True), [0, 8, 0], atol=1e-4)
    np.testing.assert_allclose(Rotation.from_matrix(knee).as_rotvec(degrees=True), [-8, 0, 0], atol=1e-4)


def test_tuning_clips_and_held_out_ones_share_no_frame():
    parts = {part: motion_poses(part) for part in ("all", "tuning", "held out")}
    assert len(parts["tuning"].lengths) + len(parts["held out"].lengths) == len(parts["all"].lengths)
    assert sum(parts["tuning"].lengths) + sum(parts["held out"].lengths) == len(parts["all"].rotations)
    names = {clip.name: len(clip) for clip in open_motion()}
    assert sum(parts["held out"].lengths) == sum(
        names[n] for n in ("kick", "walk", "dance_b", "punch", "backflip", "cartwheel", "roll", "spinkick")
    )


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
    writing.write(tmp_path / "new" / "a.json", {"b": 1})
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == {"b": 1}
    with pytest.raises(TypeError):
        writing.write(tmp_path / "new" / "a.json", {"b": object()})
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.json"]
    assert markdown_table(["x"], [["1"]]) == "| x |\n| --- |\n| 1 |\n"


def test_smpls_own_joints(tmp_path, capsys):
    """Clips of known rotations, as AMASS has them, whose joints come back exactly."""
    (clip,) = (each for each in open_motion() if each.name == "walk")
    poses = np.zeros((len(clip.poses), 156), np.float32)
    poses[:, :66] = clip.poses.reshape(len(poses), -1)[:, :66]
    np.savez(
        tmp_path / "walk_2.npz",
        poses=poses,
        trans=clip.trans,
        mocap_framerate=30.0,
        betas=np.zeros(10),
        gender="neutral",
    )
    smpl_joints.main(["--motions", str(tmp_path)])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.strip()][2:]
    assert [row[0] for row in rows] == ["neutral", "female", "male"]
    for row in rows:
        assert float(row[-1]) < 0.1  # millimetres
        assert float(row[1]) == pytest.approx(np.mean([float(each) for each in row[2:-1]]), abs=2e-3)
        assert float(row[1]) < 0.2  # these hinges turn about other axes than people's
