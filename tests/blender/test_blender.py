"""Blender opens our files and shows our joints. `make test-blender` installs Blender where it may."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.export.bvh import write_bvh
from s2m.export.fbx import write_fbx
from s2m.export.glb import write_glb
from s2m.skeletons import SMPL24
from tests.export.motions import FPS, Y_UP, person, truth

pytestmark = pytest.mark.skipif(shutil.which("blender") is None, reason="Blender is not there: make test-blender")
PROBE = Path(__file__).with_name("probe.py")
FRAMES = 12


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Blender shows of the three files."""
    folder = tmp_path_factory.mktemp("blender")
    motion = person(FRAMES)
    write_glb(folder / "a.glb", [motion])
    write_bvh(folder / "a.bvh", motion)
    write_fbx(folder / "a.fbx", [motion])
    answer = folder / "answer.json"
    command = ["blender", "--background", "--factory-startup", "--python-exit-code", "3", "--python", str(PROBE), "--"]
    pictures = os.environ.get("BLENDER_PICTURES", "")
    files = [str(folder / f"a.{kind}") for kind in ("glb", "bvh", "fbx")]
    ran = subprocess.run(
        [*command, str(answer), str(FPS), pictures, *files], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def turned() -> np.ndarray:
    """(T, 24, 3, 3) what each joint has turned by since the rest pose, in Blender's world, which is AMASS's."""
    rotations, world = truth(FRAMES).rotations, []
    for joint, parent in enumerate(SMPL24.parents):
        own = rotations[:, joint]
        world.append(own if parent < 0 else world[parent] @ own)
    return np.stack(world, axis=1) @ Y_UP  # at rest the body stands in Blender: +y of its own frame up


@pytest.mark.parametrize("kind", ["glb", "bvh", "fbx"])
def test_bones_are_ours(shown: dict[str, Any], kind: str) -> None:
    found = shown[kind]
    assert found["fps"] == pytest.approx(FPS)
    assert len(found["frames"]) == FRAMES
    heads = np.array([[frame[joint]["head"] for joint in SMPL24.joints] for frame in found["frames"]])
    assert np.linalg.norm(heads - truth(FRAMES).joints, axis=-1).max() < 1e-5  # the promise is 1e-4 m
    seen = np.array([[frame[joint]["turned"] for joint in SMPL24.joints] for frame in found["frames"]])
    apart = Rotation.from_matrix((seen @ np.swapaxes(turned(), -1, -2)).reshape(-1, 3, 3)).magnitude()
    assert np.degrees(apart.max()) < 0.01  # the promise is 0.1 degrees


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_the_skin_is_ours(shown: dict[str, Any], kind: str) -> None:
    (vertices,) = shown[kind]["last_vertices"]
    assert np.linalg.norm(np.array(vertices) - truth(FRAMES).vertices[-1], axis=-1).max() < 1e-4


def again_from(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The motion that `s2m ik` makes of a file."""
    out = folder / f"{name}.npz"
    assert main(["ik", str(folder / name), "-o", str(out), "-q"]) == 0
    with np.load(out) as file:
        return {field: file[field] for field in ("poses", "trans", "mocap_framerate")}


def test_fbx_and_what_blender_writes_itself_are_read_back(tmp_path: Path) -> None:
    """Ours as FBX; and GLB and BVH that Blender's own exporters write of it."""
    motion = replace(person(FRAMES), betas=np.zeros(10, np.float32))
    write_fbx(tmp_path / "a.fbx", [motion])
    script = Path(__file__).with_name("resave.py")
    command = ["blender", "--background", "--factory-startup", "--python-exit-code", "3", "--python", str(script), "--"]
    files = [str(tmp_path / name) for name in ("a.fbx", "b.glb", "b.bvh")]
    ran = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    expected = np.asarray(motion.poses.read(0, FRAMES))[:, :66].reshape(-1, 3)
    for name, most in (("a.fbx", 1e-4), ("b.glb", 1e-4), ("b.bvh", 1e-3)):
        found = again_from(tmp_path, name)
        apart = Rotation.from_rotvec(found["poses"][:, :66].reshape(-1, 3)).inv() * Rotation.from_rotvec(expected)
        assert apart.magnitude().max() < most, name
        way = motion.trans[:FRAMES] - motion.trans[0]
        np.testing.assert_allclose(found["trans"] - found["trans"][0], way, atol=1e-3)
        assert found["mocap_framerate"] == FPS


def test_two_people_of_an_fbx_are_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = [replace(person(FRAMES, seed, name), betas=np.zeros(10, np.float32)) for seed, name in enumerate("ab")]
    write_fbx(tmp_path / "two.fbx", people)
    assert main(["ik", str(tmp_path / "two.fbx"), "-o", str(tmp_path / "out.npz"), "-q"]) == 0
    assert capsys.readouterr().err == ""  # one take each
    for number, motion in enumerate(people):
        with np.load(tmp_path / f"out-{number}.npz") as file:
            found = Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3))
        expected = Rotation.from_rotvec(np.asarray(motion.poses.read(0, FRAMES))[:, :66].reshape(-1, 3))
        assert (found.inv() * expected).magnitude().max() < 1e-4


def test_a_file_that_blender_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.fbx").write_bytes(b"Kaydara FBX Binary  \x00 and no more")
    assert main(["ik", str(tmp_path / "a.fbx"), "-o", str(tmp_path / "a.npz")]) == 2
    assert "a.fbx: Blender failed" in capsys.readouterr().err
