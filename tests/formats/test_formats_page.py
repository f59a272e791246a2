"""The commands of docs/formats.md, run on a file in each layout whose motion is known."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.cli import main
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import S2M27
from tests.formats.fabricated import FILES, FRAMES, vertices

BODY = load_body()
REGRESSOR = body_regressor(BODY, S2M27)
PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
COMMANDS = re.findall(r"\| `s2m (ik [^`]+)` \|", PAGE)
RATES = {"kinect.json": 15, "lifted.npz": 25, "opencap.trc": 60, "gait.c3d": 100, "aist.pkl": 60, "videopose3d.npy": 50,
         "mdm_results.npy": 20, "humanml3d_263.npy": 20, "amass_stageii.npz": 120}  # fmt: skip
EXPECTED = ("people, numbered", "markers that make no joint", "relative to it", ": head (all)")
PLACES_UNKNOWN = {"mediapipe.json", "X3D.npy", "S001C001P001R001A001.skeleton", "sam3d_body", "humanml3d_263.npy",
                  "motion_272.npy", "hmr4d_results.pt", "hps_track_0.npy"}  # fmt: skip


def posed(path: Path) -> np.ndarray:
    """Joints (T, 27, 3) of the body that a file poses; +y up."""
    with np.load(path) as file:
        rotations = np.tile(np.eye(3), (len(file["poses"]), 24, 1, 1))
        rotations[:, :22] = Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
        params = BodyParams.from_rotations(
            torch.from_numpy(rotations).float(),
            torch.zeros(len(rotations), 10),
            torch.from_numpy(file["trans"]).float(),
        )
    with torch.no_grad():
        found = REGRESSOR @ BODY(params).vertices
    return found.numpy() @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]).T


def test_every_layout_has_a_line() -> None:
    used = {word for command in COMMANDS for word in shlex.split(command)}
    assert set(FILES) <= used
    assert len(COMMANDS) == len(FILES)  # one file more (the map of markers), one command more (MHR's rig)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("s2m.ik.chosen_body.load_body", lambda path: BODY)
    words = shlex.split(command)
    for name in FILES.keys() & set(words):
        FILES[name](tmp_path / name)
    name = words[1]
    assert main(words) == 0
    said = capsys.readouterr()
    warnings = [line for line in said.err.splitlines() if line.startswith("warning")]
    assert [line for line in warnings if not any(text in line for text in EXPECTED)] == []
    outputs = sorted(tmp_path.glob("a[.-]*npz"))
    assert len(outputs) == (2 if "--people" in words else 1)
    found = posed(outputs[0])
    expected = (REGRESSOR @ vertices()).numpy()[: len(found)]
    assert len(found) >= FRAMES - 1
    if name in PLACES_UNKNOWN:
        found, expected = (points - points[:, :1] for points in (found, expected))
    limbs = [S2M27.index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle", "wrist")]
    error = np.linalg.norm(found - expected, axis=-1)[:, limbs].mean()
    assert error < 0.03, f"{error:.3f} m"
    with np.load(outputs[0]) as file:
        assert float(file["mocap_framerate"]) == pytest.approx(RATES.get(name, 30), rel=1e-3)
