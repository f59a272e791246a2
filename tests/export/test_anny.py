"""Anny's parameters: Anny's own model shows what the open body shows."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.cli import main
from s2m.data.motion.clips import open_motion
from s2m.export.anny import write_anny
from s2m.export.motion import ArrayRows, BodyMotion
from s2m.export.npz import write_amass_npz
from s2m.skeletons import SMPL24

from .motions import person

needs_anny = pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="needs the extra 'body'")
slow = pytest.mark.slow


def walk(frames: int = 12) -> BodyMotion:
    """A shipped clip on the mean body, in AMASS's world."""
    clip = next(clip for clip in open_motion() if clip.name == "walk")
    poses = clip.poses[:frames].reshape(frames, -1).copy()
    turn = Rotation.from_euler("x", 90, degrees=True)
    poses[:, :3] = (turn * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
    trans = turn.apply(clip.trans[:frames])
    mean = np.zeros(10, np.float32)
    return replace(person(frames), poses=ArrayRows(poses), trans=trans, betas=mean, valid=np.arange(frames) != 3)


def shown(motion: BodyMotion) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints of the open body, by its own code, in AMASS's world."""
    count = len(motion)
    vectors = motion.poses.read(0, count).reshape(-1, 3)
    rotations = Rotation.from_rotvec(vectors).as_matrix().reshape(count, len(SMPL24), 3, 3)
    betas = torch.from_numpy(motion.betas)[None].expand(count, -1)
    params = BodyParams.from_rotations(
        torch.from_numpy(rotations).float(), betas, torch.from_numpy(motion.trans).float()
    )
    with torch.inference_mode():
        posed = load_body()(params)
    return posed.vertices.double().numpy(), posed.joints.double().numpy()


def by_anny(path: Path) -> tuple[Any, np.ndarray, np.ndarray]:
    """Anny's model, and the vertices and bone heads that it gives of a file, as a user would call it."""
    import anny

    model = anny.Anny(skinning_method="lbs")
    with np.load(path, allow_pickle=False) as file:
        phenotypes = dict(zip(file["phenotype_labels"].tolist(), file["phenotypes"].tolist(), strict=True))
        assert file["bone_labels"].tolist() == model.bone_labels
        assert str(file["pose_parameterization"]) == model.pose_parameterization
        pose = torch.from_numpy(file["pose_parameters"]).to(model.dtype)
    with torch.no_grad():
        found = model(pose_parameters=pose, phenotype_kwargs=phenotypes)
    return model, found["vertices"].numpy(), found["bone_poses"][..., :3, 3].numpy()


@slow
@needs_anny
def test_annys_own_model_shows_the_same_person(tmp_path: Path) -> None:
    from s2m.body.anny_rig import open_vertices

    motion = walk()
    write_anny(tmp_path / "a.npz", motion)
    model, vertices, heads = by_anny(tmp_path / "a.npz")
    ours, joints = shown(motion)
    off = np.linalg.norm(vertices[:, open_vertices()] - ours, axis=-1)
    assert off.mean() < 3e-3
    assert off.max() < 0.03
    bones = {"upperleg01.L": "left_hip", "lowerleg01.R": "right_knee", "foot.L": "left_ankle", "wrist.R": "right_wrist"}
    for bone, joint in bones.items():
        apart = np.linalg.norm(heads[:, model.bone_labels.index(bone)] - joints[:, SMPL24.index(joint)], axis=-1)
        assert apart.max() < 8e-3, joint


@slow
@needs_anny
def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    motion = walk()
    write_amass_npz(tmp_path / "walk.npz", motion)
    assert main(["convert", str(tmp_path / "walk.npz"), str(tmp_path / "a.npz"), "--format", "anny"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]) == 0
    assert "a body's motion (anny)" in capsys.readouterr().out
    with np.load(tmp_path / "walk.npz") as first, np.load(tmp_path / "b.npz") as again:
        np.testing.assert_allclose(again["poses"], first["poses"], atol=1e-5)
        np.testing.assert_allclose(again["trans"], first["trans"], atol=5e-3)  # the pelvis of the nearest shape
        np.testing.assert_array_equal(again["valid"], first["valid"])
        assert again["mocap_framerate"] == first["mocap_framerate"]
        shapes = [load_body().rest(torch.from_numpy(file["betas"][None, :10])).vertices[0] for file in (first, again)]
    assert float((shapes[0] - shapes[1]).norm(dim=-1).mean()) < 1.5e-3


@slow
@needs_anny
def test_every_parameterization_of_anny_is_read(tmp_path: Path) -> None:
    """What Anny itself says the same pose is in its other words."""
    import anny

    from s2m.formats.anny import PARAMETERIZATIONS

    write_anny(tmp_path / "a.npz", walk(4))
    with np.load(tmp_path / "a.npz") as file:
        fields = dict(file)
    model = anny.Anny(skinning_method="lbs")
    phenotypes = dict(zip(fields["phenotype_labels"].tolist(), fields["phenotypes"].tolist(), strict=True))
    pose = torch.from_numpy(fields["pose_parameters"]).to(model.dtype)
    with torch.no_grad():
        found = model(pose_parameters=pose, phenotype_kwargs=phenotypes)
    results = []
    for kind in PARAMETERIZATIONS:
        told = model.get_pose_parameterization(found, kind).numpy()
        np.savez(tmp_path / "b.npz", **{**fields, "pose_parameters": told, "pose_parameterization": kind})
        assert main(["convert", str(tmp_path / "b.npz"), str(tmp_path / "c.npz"), "--overwrite", "-q"]) == 0
        with np.load(tmp_path / "c.npz") as file:
            results.append(np.concatenate([file["poses"], file["trans"]], 1))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=2e-5)


@slow
@needs_anny
def test_broken_files_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_anny(tmp_path / "a.npz", walk(4))
    with np.load(tmp_path / "a.npz") as file:
        fields = dict(file)
    pose = fields["pose_parameters"]
    for field, value, words in (
        ("phenotypes", fields["phenotypes"] + 2, "phenotypes: expected 6 numbers from 0 to 1"),
        ("phenotype_labels", np.array(list("abcdef")), "phenotype_labels: expected some of gender, age"),
        ("pose_parameters", pose[:, 1:], "pose_parameters: expected (frames, 104, 4, 4), found (4, 103, 4, 4)"),
        ("pose_parameters", 2 * pose, "pose_parameters: expected rotation matrices"),
        ("pose_parameters", np.where(pose == 0, np.nan, pose), "pose_parameters: holds values that are not finite"),
        ("pose_parameterization", np.array("quaternions"), "pose_parameterization: expected one of local-ref"),
        ("bone_labels", fields["bone_labels"][::-1], "bone_labels: expected those of anny.Anny()"),
        ("valid", np.ones(3, bool), "valid: expected 4 of true or false"),
    ):
        np.savez(tmp_path / "b.npz", **{**fields, field: value})
        assert main(["convert", str(tmp_path / "b.npz"), str(tmp_path / "c.npz")]) == 2
        assert f"b.npz: {words}" in capsys.readouterr().err
        assert not (tmp_path / "c.npz").exists()


@slow
@needs_anny
def test_a_shape_that_anny_has_not_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    betas = np.array([0, 0, 4, -4, 0, 0, 0, 3, 0, 0], np.float32)
    write_anny(tmp_path / "a.npz", replace(walk(2), betas=betas))
    assert "no phenotypes of Anny have this shape: the nearest are off by" in capsys.readouterr().err


def test_the_open_bodys_vertices_are_some_of_annys() -> None:
    from s2m.body.anny_rig import open_vertices

    numbers = open_vertices()
    assert numbers.shape == (len(load_body().v_template),)
    assert len(np.unique(numbers)) == len(numbers)


@pytest.mark.skipif(importlib.util.find_spec("anny") is not None, reason="anny is installed")
@pytest.mark.parametrize("command", ["write", "read"])
def test_without_the_package_the_command_says_what_brings_it(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "write":
        write_amass_npz(tmp_path / "in.npz", walk(2))
    else:
        np.savez(tmp_path / "in.npz", pose_parameters=0, phenotypes=0, phenotype_labels="a")
    words = ["--format", "anny"] if command == "write" else []
    assert main(["convert", str(tmp_path / "in.npz"), str(tmp_path / "out.npz"), *words]) == 2
    assert "pip install 'skeleton2mesh[body]' brings it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.npz"]
