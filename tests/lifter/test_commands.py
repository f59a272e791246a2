"""``s2m lift`` on files, good and bad."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from s2m import artifact as artifacts
from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.cli import main
from s2m.errors import UserError
from s2m.formats.keypoints2d import read_keypoints
from s2m.ik.body_joints import body_regressor
from s2m.lifter.commands import run
from s2m.lifter.shipped_lifters import assets
from s2m.skeletons import COCO17, H36M17, S2M27
from s2m.skeletons.places import moved, to_detector

from .scenes import n_mpjpe_mm, recording, scene

ROOT = Path(__file__).parents[2]


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    np.save(tmp_path / "walk.npy", scene(H36M17)[1])
    return tmp_path / "walk.npy"


def lift(*arguments: object) -> int:
    return main(["lift", *map(str, arguments)])


def test_a_file_is_lifted(walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lift(walk, "-o", tmp_path / "out.npz", "--fps", 25) == 0
    assert capsys.readouterr().err == ""
    true, pixels = scene(H36M17)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert n_mpjpe_mm(found["joints3d"], true) < 80
        assert np.abs(found["joints2d"] - pixels).mean() < 6
        assert found["elevation_deg"].shape == (24,)
        assert np.abs(found["elevation_deg"]).max() < 30
        assert tuple(found["joints"]) == H36M17.joints
        assert str(found["joint_set"]) == "h36m17"
        assert float(found["fps"]) == 25
        assert found["lifted"].all()
        assert not found["reversed_suspected"].any()
    assert {path.name for path in tmp_path.iterdir()} == {"walk.npy", "out.npz"}


def test_what_it_writes_is_what_ik_reads(walk: Path, tmp_path: Path) -> None:
    assert lift(walk, "-o", tmp_path / "out.npz") == 0
    """Joint set, frame rate and axes are the file's own: the same motion as --ik writes."""
    made = ["--ik", tmp_path / "own.npz", "--fps", 25]
    assert lift(walk, "-o", tmp_path / "out.npz", "--overwrite", *made) == 0
    assert main(["ik", str(tmp_path / "out.npz"), "-o", str(tmp_path / "motion.npz")]) == 0
    with np.load(tmp_path / "own.npz") as own, np.load(tmp_path / "motion.npz") as read:
        for field in own.files:
            np.testing.assert_array_equal(own[field], read[field])


def test_another_suffix_asks_for_the_motion(walk: Path, tmp_path: Path) -> None:
    """`-o walk.bvh` is `--ik walk.bvh` without the skeletons."""
    assert lift(walk, "-o", tmp_path / "out.npz", "--ik", tmp_path / "a.bvh") == 0
    assert lift(walk, "-o", tmp_path / "b.bvh") == 0
    assert (tmp_path / "a.bvh").read_bytes() == (tmp_path / "b.bvh").read_bytes()


def test_its_denoised_joints_can_be_lifted_again(walk: Path, tmp_path: Path) -> None:
    assert lift(walk, "-o", tmp_path / "out.npz") == 0
    assert read_keypoints(tmp_path / "out.npz").points.shape == (24, 17, 2)


def test_the_solved_body_is_the_lifted_skeleton(walk: Path, tmp_path: Path) -> None:
    """An SMPL tool that opens the motion shows an upright person (+z up) whose joints are the lifted ones."""
    assert lift(walk, "-o", tmp_path / "out.npz", "--ik", tmp_path / "motion.npz", "--fps", 25) == 0
    with np.load(tmp_path / "motion.npz", allow_pickle=False) as file:
        assert float(file["mocap_framerate"]) == 25
        rotations = np.tile(np.eye(3), (24, 24, 1, 1))
        rotations[:, :22] = Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
        betas = torch.from_numpy(file["betas"])[None].expand(24, -1)
        params = BodyParams.from_rotations(
            torch.from_numpy(rotations).float(), betas, torch.from_numpy(file["trans"]).float()
        )
    body = load_body()
    with torch.no_grad():
        joints = (body_regressor(body, H36M17) @ body(params).vertices).numpy()
    assert np.median(joints[:, H36M17.index("head"), 2] - joints[:, H36M17.index("left_ankle"), 2]) > 1.2
    # +z up back to the camera: x right, y down, z forward.
    back = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], -1)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert np.linalg.norm(back - found["joints3d"], axis=-1).mean() < 0.06


def test_height_is_the_persons(walk: Path, tmp_path: Path) -> None:
    for name, height in (("a", 1.6), ("b", 1.84)):
        assert lift(walk, "-o", tmp_path / f"{name}.npz", "--height", height) == 0
    small, tall = (np.load(tmp_path / f"{name}.npz")["joints3d"] for name in "ab")
    np.testing.assert_allclose(tall, small * 1.15, rtol=1e-4, atol=1e-6)


def test_a_picture_shows_both_views(walk: Path, tmp_path: Path) -> None:
    assert lift(walk, "-o", tmp_path / "out.npz", "--picture", tmp_path / "p.png") == 0
    picture = np.asarray(Image.open(tmp_path / "p.png")).astype(int)
    assert picture.shape[1] == 6 * 260
    for half in np.array_split(picture, 2):
        for column in np.array_split(half, 6, axis=1):
            assert ((column[..., 2] - column[..., 0]) > 80).sum() > 100  # left: blue
            assert ((column[..., 0] - column[..., 2]) > 80).sum() > 100  # right: orange


def test_detectors_files_are_lifted(tmp_path: Path) -> None:
    true, pixels = (moved(points, np.ones((24, 27)), S2M27.joints, to_detector()) for points in scene(S2M27))
    coco = np.stack([pixels[:, S2M27.index(j if j in S2M27 else "neck_nose")] for j in COCO17.joints], 1)
    people = [
        {"image_id": f"{i}.jpg", "keypoints": np.pad(frame, ((0, 0), (0, 1)), constant_values=0.9).ravel().tolist()}
        for i, frame in enumerate(coco)
    ]
    (tmp_path / "people.json").write_text(json.dumps(people))
    assert lift(tmp_path / "people.json", "-o", tmp_path / "out.npz") == 0
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert found["images"].tolist() == [f"{i}.jpg" for i in range(24)]
        assert n_mpjpe_mm(found["joints3d"], true[:, : len(H36M17)]) < 80


def test_a_lifter_of_ones_own(walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = assets() / "lifter_h36m17.pt"
    assert lift(walk, "-o", tmp_path / "out.npz", "--lifter", own) == 0
    (tmp_path / "broken.pt").write_bytes(own.read_bytes()[:1000])
    assert lift(walk, "-o", tmp_path / "b.npz", "--lifter", tmp_path / "broken.pt") == 2
    assert "broken.pt: not a readable artifact" in capsys.readouterr().err


def test_a_video_is_steadier_than_its_frames(tmp_path: Path) -> None:
    pixels = recording(H36M17)[1]
    np.save(tmp_path / "v.npy", pixels + np.random.default_rng(0).normal(0, 8.0, pixels.shape))
    assert lift(tmp_path / "v.npy", "-o", tmp_path / "a.npz") == 0
    assert lift(tmp_path / "v.npy", "-o", tmp_path / "b.npz", "--video", "--ik", tmp_path / "m.npz") == 0
    shaking, steady = (
        np.linalg.norm(np.diff(np.load(tmp_path / name)["joints3d"], 2, axis=0), axis=-1).mean()
        for name in ("a.npz", "b.npz")
    )
    assert steady < 0.25 * shaking
    with np.load(tmp_path / "m.npz") as motion:
        assert len(motion["poses"]) == len(pixels)


def test_the_frame_rate_of_a_video_counts(tmp_path: Path) -> None:
    """At four times the rate the head looks at frames four times as far away: not the same answer."""
    np.save(tmp_path / "v.npy", recording(H36M17)[1])
    for fps in (30, 120):
        assert lift(tmp_path / "v.npy", "-o", tmp_path / f"{fps}.npz", "--video", "--fps", fps) == 0
    slow, fast = (np.load(tmp_path / f"{fps}.npz")["joints3d"] for fps in (30, 120))
    assert np.abs(slow - fast).max() > 0.005


def test_a_video_with_a_lifter_and_head_of_ones_own(
    walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [assets() / f"{kind}_h36m17.pt" for kind in ("lifter", "temporal")]
    own = ("--video", "--lifter", files[0], "--temporal", files[1], "--no-one-person")
    assert lift(walk, "-o", tmp_path / "a.npz", *own) == 0
    assert lift(walk, "-o", tmp_path / "b.npz", "--video", "--no-one-person") == 0
    np.testing.assert_array_equal(*(np.load(tmp_path / name)["joints3d"] for name in ("a.npz", "b.npz")))
    other = ("--lifter", assets() / "lifter_s2m27.pt", "--temporal", files[1])
    assert lift(walk, "-o", tmp_path / "d.npz", "--video", "--lifter", files[0], "--no-one-person") == 0
    np.testing.assert_array_equal(*(np.load(tmp_path / name)["joints3d"] for name in ("a.npz", "d.npz")))
    own_one = artifacts.load(files[0], "lifter")
    artifacts.save(tmp_path / "own.pt", replace(own_one, config={**own_one.config, "seed": 99}))
    assert lift(walk, "-o", tmp_path / "c.npz", "--video", "--lifter", tmp_path / "own.pt") == 2
    assert "own.pt needs a head of its own, --temporal FILE" in capsys.readouterr().err
    assert lift(walk, "-o", tmp_path / "c.npz", "--video", *other) == 2
    assert "temporal_h36m17.pt: field joint_set: expected s2m27, found h36m17" in capsys.readouterr().err
    assert lift(walk, "-o", tmp_path / "c.npz", "--video", "--lifter", files[0], "--temporal", files[0]) == 2
    assert "field stage: expected temporal, found lifter" in capsys.readouterr().err
    assert not (tmp_path / "c.npz").exists()


def test_doubts_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = scene(H36M17)[1]
    pixels[3, H36M17.index("left_wrist")] = np.nan
    pixels[4] = np.nan
    np.save(tmp_path / "a.npy", pixels)
    assert lift(tmp_path / "a.npy", "-o", tmp_path / "out.npz") == 0
    said = capsys.readouterr().err
    assert "joints missing in 2 of 24 frames (3, 4); they are filled in by the lifter: left_wrist (1)" in said
    assert "fewer than 6 joints in 1 of 24 frames (4)" in said
    with np.load(tmp_path / "out.npz") as found:
        assert np.isnan(found["joints3d"][4]).all()
        assert np.isfinite(found["joints3d"][3]).all()


def test_a_file_with_y_up_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", scene(H36M17)[1] * [1, -1])
    assert lift(tmp_path / "a.npy", "-o", tmp_path / "out.npz") == 0
    assert "upside down" in capsys.readouterr().err


def test_joints_that_are_never_seen_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = scene(H36M17)[1]
    trusted = np.concatenate([pixels, np.full((24, 17, 1), 0.8)], -1)
    trusted[:, H36M17.index("neck_nose"), 2] = 0.1
    np.save(tmp_path / "a.npy", trusted)
    assert lift(tmp_path / "a.npy", "-o", tmp_path / "out.npz", "--min-confidence", 0.2) == 0
    assert "filled them in: neck_nose" in capsys.readouterr().err
    assert lift(tmp_path / "a.npy", "-o", tmp_path / "out.npz", "--overwrite") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-o", "out.txt"), "--output out.txt: expected a name that ends in one of .npz, .glb"),
        (("-o", "nowhere/out.npz"), "the folder does not exist"),
        (("-o", "walk.npz", "--ik", "walk.npz"), "found one name twice"),
        (("-o", "out.npz", "--picture", "p.jpg"), "--picture p.jpg: expected a name that ends in .png"),
        (("-o", "out.npz", "--fps", "0"), "--fps"),
        (("-o", "out.npz", "--fps", "nan"), "--fps"),
        (("-o", "out.npz", "--min-confidence", "1"), "--min-confidence"),
        (("-o", "out.npz", "--noise", "20"), "for --ik"),
        (("-o", "out.npz", "--names", "vrm"), "--format, --names: these are for --ik"),
        (("-o", "out.bvh", "--format", "glb"), "--format glb: expected bvh"),
        (("-o", "out.npz", "--ik", "m.npz", "--noise", "-1"), "--noise: expected millimetres"),
        (("-o", "out.npz", "--joint-set", "nobody"), "--joint-set: unknown joint set"),
        (("-o", "out.npz", "--joint-set", "lsp14"), r"walk.npy: expected \(frames, 14, 2\)"),
        (("-o", "out.npz", "--height", "170"), "height: expected metres"),
        (("-o", "out.npz", "--lifter", "no.pt"), "no.pt: no such file"),
        (("-o", "out.npz", "--temporal", "t.pt"), "--temporal: it is for --video with a --lifter of your own"),
        (("-o", "out.npz", "--video", "--temporal", "t.pt"), "of which one is missing"),
        (("-o", "out.npz", "--video", "--lifter", "no.pt"), "no.pt: no such file"),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(
    walk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(walk.parent)
    assert lift("walk.npy", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(expected, error), error
    assert [path.name for path in walk.parent.iterdir()] == ["walk.npy"]


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints2d=scene(H36M17)[1])
    before = (tmp_path / "a.npz").read_bytes()
    assert lift(tmp_path / "a.npz", "-o", tmp_path / "a.npz") == 2
    assert (tmp_path / "a.npz").read_bytes() == before


def test_lifting_needs_none_of_the_training_machinery(walk: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from s2m.cli import main;"
        f"assert main(['lift', {str(walk)!r}, '-o', {str(tmp_path / 'o.npz')!r}, '--ik', {str(tmp_path / 'm.npz')!r},"
        f" '--picture', {str(tmp_path / 'p.png')!r}, '--height', '1.8', '--video']) == 0;"
        "heavy = {'pytorch_lightning', 'wandb', 'pytorch3d', 'jsonargparse', 'torchmetrics'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_function_behind_the_command_raises_for_bad_input(walk: Path) -> None:
    from s2m.cli import build_parser

    with pytest.raises(UserError, match="folder"):
        run(build_parser().parse_args(["lift", str(walk), "-o", "/nowhere/at/all/o.npz"]))
