"""How the camera is held is told by people who stand, and by nobody else."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.cli import main
from s2m.lifter.tilt import LEVEL, Tilt, Told
from s2m.recover.bodies import Bodies
from s2m.recover.standing import standing, tilt_of
from s2m.skeletons import S2M27

from .actors import CAMERA, Actors, acted, true_joints
from .test_commands import assert_world_is_camera, film

FRAMES, FPS = 24, 10.0


def before(pitch: float, turn: float = 0.5, roll: float = 0.0) -> BodyParams:
    """Somebody who walks, the pelvis 4 metres before a camera that is held so (degrees)."""
    params = acted("walk", range(FRAMES), (0.0, 0.0, 0.0), turn)
    tilt = torch.from_numpy(Rotation.from_euler("xz", [pitch, roll], degrees=True).as_matrix()).float()
    rotations = params.rotations.clone()
    rotations[:, 0] = tilt @ rotations[:, 0]
    joints = true_joints(BodyParams.from_rotations(rotations, params.betas, torch.zeros(len(rotations), 3)))
    return BodyParams.from_rotations(rotations, params.betas, torch.tensor([0.0, 0.0, 4.0]) - joints[:, 0])


class Known:
    """A person of whom everything is known."""

    number, first = 0, 0

    def __init__(self, joints: torch.Tensor, hidden: tuple[str, ...] = ()) -> None:
        seen = torch.ones(joints.shape[:2], dtype=torch.bool)
        seen[:, S2M27.indices(hidden)] = False
        rest = BodyParams.from_rotations(torch.eye(3).expand(len(joints), 24, 3, 3), torch.zeros(len(joints), 10))
        self._bodies = Bodies(rest, joints, CAMERA.pixels(joints), seen, seen.float())
        self.valid = np.ones(len(joints), bool)

    def __len__(self) -> int:
        return len(self.valid)

    def read(self, start: int, stop: int) -> Bodies:
        return self._bodies[start:stop]


def told(joints: torch.Tensor, hidden: tuple[str, ...] = (), fps: float | None = FPS, count: int = 1) -> Tilt:
    return tilt_of([Known(joints, hidden)] * count, S2M27, fps)  # type: ignore[list-item]


@pytest.mark.parametrize("degrees", [-20, 16, 30])
@pytest.mark.parametrize("turn", [0.0, 1.5, 3.0])
def test_who_walks_tells_how_far_the_camera_looks_down(degrees: float, turn: float) -> None:
    found = told(true_joints(before(degrees, turn=turn)))
    assert found.pitch.degrees == pytest.approx(degrees, abs=6)  # this one leans by five
    assert found.roll.radians == 0
    assert f"{'down' if degrees > 0 else 'up'} by" in str(found)
    assert "the person who stands" in str(found)


def test_a_level_camera_is_level() -> None:
    assert told(true_joints(before(0))) == LEVEL
    # What one person cannot tell from chance, many can.
    assert told(true_joints(before(7, 1.5))) == LEVEL
    assert told(true_joints(before(7, 1.5)), count=12).pitch.radians > 0


@pytest.mark.parametrize("pitch", [0, 20])
@pytest.mark.parametrize("roll", [-25, 20])
@pytest.mark.parametrize("turn", [0.0, 1.5, 3.0])
def test_who_walks_tells_how_far_the_camera_is_rolled(roll: float, pitch: float, turn: float) -> None:
    found = told(true_joints(before(pitch, turn, roll)))
    assert found.roll.degrees == pytest.approx(roll, abs=6)
    assert f"picture leans to the {'right' if roll > 0 else 'left'} by" in str(found)


def test_short_clips_count_every_frame_once() -> None:
    """Up to those that are read in stretches."""
    walk = true_joints(before(0))
    stands = next(one for one in walk if len(standing(Known(one[None]), S2M27)))  # type: ignore[arg-type]
    for count, looked_at in ((24, 24), (100, 100), (256, 256), (300, 256)):
        many = stands.expand(count, -1, -1)
        assert len(standing(Known(many), S2M27)) == looked_at  # type: ignore[arg-type]


def test_who_is_not_seen_whole_or_does_not_stand_tells_nothing() -> None:
    joints = true_joints(before(25))
    assert told(joints, ("left_ankle",)) == LEVEL
    assert told(joints[:4]) == LEVEL  # less than half a second
    assert told(joints, fps=None) == LEVEL  # a photo of one person
    assert told(joints, fps=None, count=3) != LEVEL
    sitting = joints.clone()
    hips, knees = (S2M27.indices([f"left_{part}", f"right_{part}"]) for part in ("hip", "knee"))
    sitting[:, knees] = sitting[:, hips] + torch.tensor([0.0, 0.0, -0.45])
    assert told(sitting) == LEVEL
    lying = joints @ torch.from_numpy(Rotation.from_euler("x", 80, degrees=True).as_matrix()).float().T
    assert told(lying) == LEVEL


@pytest.mark.parametrize("roll", [0.0, -0.3, 0.9])
def test_levelling_takes_a_tilted_cameras_up_to_a_level_ones(roll: float) -> None:
    tilt = Tilt(Told(0.4), Told(roll))
    held = Rotation.from_euler("xz", [0.4, roll])
    np.testing.assert_allclose(tilt.levelled.numpy(), held.inv().as_matrix(), atol=1e-6)
    up = held.apply([0, -1, 0])  # what is up in the world, in the tilted camera's frame
    np.testing.assert_allclose(tilt.levelled.numpy() @ up, [0, -1, 0], atol=1e-6)
    assert torch.equal(LEVEL.levelled, torch.eye(3))


class FromAbove(Actors):
    """A detector that sees somebody walk before a camera that looks down by 20 degrees, and is rolled by 22."""

    def __init__(self) -> None:
        super().__init__([true_joints(before(20, roll=22))])

    def _one(self, number: int, frame: int):
        return super()._one(number, min(frame, FRAMES - 1))


def upright(file: Path) -> float:
    """Degrees between the world's up and the mean line from ankles to shoulders, in AMASS's world."""
    with np.load(file) as found:
        assert_world_is_camera(found)
        world = (found["joints3d"] - found["world_to_camera"][:3, 3]) @ found["world_to_camera"][:3, :3]
        shoulders, ankles = (
            world[:, S2M27.indices([f"left_{part}", f"right_{part}"])].mean(1) for part in ("shoulder", "ankle")
        )
    lines = (shoulders - ankles) / np.linalg.norm(shoulders - ankles, axis=1, keepdims=True)
    return math.degrees(math.acos(lines.mean(0)[2] / np.linalg.norm(lines.mean(0))))


def test_people_filmed_from_above_stand_upright_in_what_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = film(tmp_path / "walk.mp4", FRAMES, FPS)
    command = ["recover", str(file), "--detector", f"{__name__}:FromAbove", "--write", "npz"]
    assert main([*command, "-o", str(tmp_path / "told")]) == 0
    said = capsys.readouterr().out
    assert "camera looks down by" in said
    assert "picture leans to the right by" in said
    record = json.loads((tmp_path / "told" / "walk" / "people.json").read_text())["camera"]
    assert record["pitch_degrees"] == pytest.approx(20, abs=7)
    assert record["pitch_source"] == "told by the person who stands"
    assert record["roll_degrees"] == pytest.approx(22, abs=4)
    assert record["roll_source"] == "told by the person who stands"
    assert main([*command, "-o", str(tmp_path / "level"), "--pitch", "0", "--roll", "0"]) == 0
    assert "camera level, as given" in capsys.readouterr().out
    leaning = upright(tmp_path / "level" / "walk" / "person-0.npz")
    assert leaning > 12
    assert upright(tmp_path / "told" / "walk" / "person-0.npz") < 5


@pytest.mark.parametrize("option", ["--pitch", "--roll"])
def test_an_angle_that_no_camera_has_is_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recover", "a.png", "-o", str(tmp_path), option, "120"]) == 2
    assert f"{option}: expected degrees from -90 to 90, found 120" in capsys.readouterr().err
