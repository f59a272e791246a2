"""Blender opens our files and shows our joints. `make test-blender` installs Blender where it may."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

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
