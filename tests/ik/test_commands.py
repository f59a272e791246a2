"""``s2m ik`` on files, good and bad."""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.data.motion.amass import read
from s2m.errors import UserError
from s2m.formats.joints3d import UP_AXES
from s2m.ik.body_joints import body_regressor
from s2m.ik.commands import add_ik_command
from s2m.skeletons import H36M17, H36M32

from .kinematics import poses


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_ik_command(parser.add_subparsers())
    options = parser.parse_args(["ik", *map(str, arguments)])
    return options.run(options)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def upright(body) -> np.ndarray:
    """Standing people, +y up, metres, (12, 17, 3)."""
    truth = poses(12, 3)
    truth[:, 0] = Rotation.from_rotvec(np.arange(12)[:, None] * [[0, np.pi / 6, 0]]).as_matrix()
    with torch.no_grad():
        posed = body(BodyParams.from_rotations(torch.from_numpy(truth).float(), torch.zeros(12, 10)))
    return (body_regressor(body, H36M17) @ posed.vertices + torch.tensor([1.0, 1.2, -3.0])).numpy()


def posed_again(body, path) -> np.ndarray:
    """Joints (T, 17, 3) that an SMPL tool shows for the file, in its +z-up world."""
    with np.load(path, allow_pickle=False) as file:
        assert file["poses"].shape[1] == 156
        assert str(file["gender"]) == "neutral"
        pose = Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
        rotations = np.tile(np.eye(3), (len(pose), 24, 1, 1))
        rotations[:, :22] = pose
        betas = torch.from_numpy(file["betas"])[None].expand(len(pose), -1)
        params = BodyParams.from_rotations(
            torch.from_numpy(rotations).float(), betas, torch.from_numpy(file["trans"]).float()
        )
    with torch.no_grad():
        return (body_regressor(body, H36M17) @ body(params).vertices).numpy()


@pytest.mark.parametrize("up", ["y", "z", "y-down", "z-down"])
@pytest.mark.parametrize(("unit", "size"), [("m", 1.0), ("mm", 1000.0)])
def test_file_reproduces_the_joints_in_amass_world(tmp_path, body, upright, up, unit, size, capsys):
    source = upright @ np.array(UP_AXES[up]) * size  # the inverse of the rotation that the command applies
    np.save(tmp_path / "in.npy", source)
    assert run(tmp_path / "in.npy", "--up", up, "--unit", unit, "--fps", "50", "-o", tmp_path / "out.npz") == 0
    expected = np.stack([upright[..., 0], -upright[..., 2], upright[..., 1]], -1)
    error = np.linalg.norm(posed_again(body, tmp_path / "out.npz") - expected, axis=-1)
    assert error.mean() < 0.012
    assert read(tmp_path / "out.npz").clip.fps == 50
    assert "12 frames" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_all_formats_say_the_same(tmp_path, upright):
    joints = upright[:3].astype(np.float32)
    np.save(tmp_path / "a.npy", joints)
    np.savez(tmp_path / "b.npz", other=np.zeros(3), joints3d=joints)
    (tmp_path / "c.json").write_text(json.dumps({"fps": 3, "joints": joints.tolist()}))
    header = ",".join(f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyz")
    rows = [",".join(repr(float(v)) for v in frame.reshape(-1)) for frame in joints]
    (tmp_path / "d.csv").write_text("\n".join([header, *rows]) + "\n")
    np.save(tmp_path / "e.npy", np.concatenate([joints, np.ones((3, 17, 1), np.float32)], -1))
    found = []
    for name in ("a.npy", "b.npz", "c.json", "d.csv", "e.npy"):
        run(tmp_path / name, "-o", tmp_path / "out.npz", "--overwrite")
        with np.load(tmp_path / "out.npz") as file:
            found.append(file["poses"])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5)


def test_smooth_and_shape(tmp_path, upright, capsys):
    clip = np.repeat(upright[:1], 20, axis=0)
    clip[10] = clip[10, list(H36M17.mirror)]
    np.save(tmp_path / "in.npy", clip)
    run(tmp_path / "in.npy", "--smooth", "--fit-shape", "-o", tmp_path / "out.npz")
    said = capsys.readouterr().err
    assert "left and right were exchanged in 1 of 20 frames (10)" in said
    assert "corrected 0 of 20 frames" in said
    with np.load(tmp_path / "out.npz") as file:
        np.testing.assert_allclose(file["poses"][10, :3], file["poses"][9, :3], atol=1e-4)
        assert file["betas"].shape == (10,)


def test_human36ms_own_files_are_recognised_and_their_doubles_not_measured(tmp_path, upright, capsys):
    """All 32 joints, 15 of which repeat another one or are ends."""
    clip = np.repeat(upright[:, :1], 32, 1)
    clip[:, H36M32.indices(H36M17.joints)] = upright
    clip[:, H36M32.index("unused_4")] = upright[:, H36M17.index("right_ankle")]
    np.save(tmp_path / "in.npy", clip)
    run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")
    said = "".join(capsys.readouterr())
    assert "joints of h36m32 (32 joints, and of h36m32 or kinect32 it alone makes a person" in said
    assert "unused" not in said
    found = re.search(r"fit: (\d+) mm mean", said)
    assert found is not None
    assert int(found[1]) < 30
    with pytest.raises(UserError, match=r"32 joints: --joint-set h36m32 or kinect32\?"):
        run(tmp_path / "in.npy", "--joint-set", "h36m17", "-o", tmp_path / "other.npz")


def test_missing_joints_are_named(tmp_path, upright, capsys):
    broken = upright.copy()
    broken[[2, 5], H36M17.index("left_knee")] = np.nan
    np.save(tmp_path / "in.npy", broken)
    run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")
    assert "missing in 2 of 12 frames ([2, 5]): left_knee (2)" in capsys.readouterr().err


def test_mirrored_input_is_named(tmp_path, upright, capsys):
    np.save(tmp_path / "in.npy", upright[:, list(H36M17.mirror)])
    run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")
    assert "left and right look mirrored" in capsys.readouterr().err


def test_sound_input_gives_no_warning(tmp_path, upright, capsys):
    np.save(tmp_path / "in.npy", upright)
    run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")
    assert "warning" not in capsys.readouterr().err


def test_wrong_up_axis_is_named(tmp_path, upright, capsys):
    np.save(tmp_path / "in.npy", upright)
    run(tmp_path / "in.npy", "--up", "y-down", "-o", tmp_path / "out.npz")
    assert "upside down" in capsys.readouterr().err


@pytest.mark.parametrize("axis", [0, 1])
def test_flat_people_are_named(tmp_path, upright, capsys, axis):
    """Sports2D writes 2D joints with zero as the third coordinate."""
    flat = upright.copy()
    flat[..., axis] = 0.25
    np.save(tmp_path / "in.npy", flat)
    run(tmp_path / "in.npy", "--joint-set", "h36m17", "-o", tmp_path / "out.npz")
    assert "all joints lie in one plane" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (np.zeros((3, 15, 3)), (), r"expected as many joints as a known joint set has, found 15; known: 14 \(lsp14\)"),
        (np.zeros((3, 17, 3)), (), "17 joints: coco17 or h36m17 or mpi3dhp17\\? No frame shows enough to tell"),
        (
            np.zeros((3, 16, 3)),
            ("--joint-set", "h36m17"),
            r"expected \(frames, 17, 3\) for the joint set h36m17, found \(3, 16, 3\)",
        ),
        (np.zeros((0, 17, 3)), (), "expected"),
        (np.array(["a"]), (), "expected numbers"),
        (None, ("--unit", "mm"), "in mm this person would be .* m tall; in m the size would be right"),
        (None, ("--fps", "0"), "--fps: expected a positive number"),
        (None, ("--noise", "-1"), "--noise"),
        (None, ("--joint-set", "h36m"), "--joint-set: unknown joint set 'h36m'"),
        (None, ("--body", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_bad_input_is_named(tmp_path, upright, content, arguments, message):
    np.save(tmp_path / "in.npy", upright if content is None else content)
    with pytest.raises(UserError, match=message):
        run(tmp_path / "in.npy", *arguments, "-o", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_two_kilometres_tall(tmp_path, upright):
    np.save(tmp_path / "in.npy", upright * 1000)
    with pytest.raises(UserError, match=r"in m this person would be 1\.\d+e\+03 m tall; in mm the size would be right"):
        run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.txt", b"", "ends in .npy, .npz, .json, .jsonl, .csv"),
        ("in.npy", b"nonsense", "cannot be read"),
        ("in.json", b"{", "cannot be read"),
        ("in.json", b'{"a": 1, "b": 2}', "which field holds the joints"),
        ("in.csv", b"1,2\n3\n", "cannot be read"),
        ("in.npz", b"PK", "cannot be read"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        run(tmp_path / name, "-o", tmp_path / "out.npz")
    assert name in str(caught.value)


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "in.npy", np.array([{"evil": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be read"):
        run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")


def test_missing_file_and_bad_output(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        run(tmp_path / "none.npy", "-o", tmp_path / "out.npz")
    with pytest.raises(UserError, match="ends in one of .npz, .glb"):
        run(tmp_path / "none.npy", "-o", tmp_path / "out.pkl")
    with pytest.raises(UserError, match="folder does not exist"):
        run(tmp_path / "none.npy", "-o", tmp_path / "no" / "out.npz")


def test_key_names_the_field(tmp_path, upright):
    np.savez(tmp_path / "in.npz", mine=upright, joints=np.zeros((1, 17, 3)))
    run(tmp_path / "in.npz", "--key", "mine", "-o", tmp_path / "out.npz")
    with pytest.raises(UserError, match="has no field 'x'; it has: mine, joints"):
        run(tmp_path / "in.npz", "--key", "x", "-o", tmp_path / "other.npz")


def test_confidence_must_be_one(tmp_path, upright):
    np.save(tmp_path / "in.npy", np.concatenate([upright, 7 * np.ones((12, 17, 1))], -1))
    with pytest.raises(UserError, match="confidence"):
        run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")


def test_heavy_packages_stay_unloaded(tmp_path, upright):
    np.save(tmp_path / "in.npy", upright)
    code = (
        "import argparse, sys\n"
        "from s2m.ik.commands import add_ik_command\n"
        "parser = argparse.ArgumentParser(); add_ik_command(parser.add_subparsers())\n"
        f"options = parser.parse_args(['ik', {str(tmp_path / 'in.npy')!r}, '-o', {str(tmp_path / 'out.npz')!r}])\n"
        "assert 'torch' not in sys.modules\n"
        "options.run(options)\n"
        "heavy = {'pytorch_lightning', 'lightning', 'wandb', 'pytorch3d', 'torch._dynamo', 'torchvision', 'roma'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_nothing_is_replaced_unasked(tmp_path, upright):
    np.save(tmp_path / "in.npy", upright)
    (tmp_path / "out.npz").write_bytes(b"mine")
    with pytest.raises(UserError, match="there is such a file already; --overwrite replaces it"):
        run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")
    assert (tmp_path / "out.npz").read_bytes() == b"mine"
    run(tmp_path / "in.npy", "-o", tmp_path / "out.npz", "--overwrite", "--quiet")
    assert (tmp_path / "out.npz").read_bytes() != b"mine"


def test_pipes_carry_the_same_as_files(tmp_path, upright):
    np.save(tmp_path / "in.npy", upright)
    run(tmp_path / "in.npy", "-o", tmp_path / "out.npz")
    command = [sys.executable, "-m", "s2m.cli", "ik", "-", "-o", "-"]
    done = subprocess.run(command, input=(tmp_path / "in.npy").read_bytes(), capture_output=True, check=True)
    with np.load(io.BytesIO(done.stdout)) as piped, np.load(tmp_path / "out.npz") as filed:
        np.testing.assert_allclose(piped["poses"], filed["poses"], atol=1e-6)
    assert b"12 frames" in done.stderr


def test_the_suffix_says_which_format(tmp_path, upright):
    """Solved and written at once, or written as npz and converted: the same file."""
    from s2m.cli import main

    np.save(tmp_path / "in.npy", upright)
    run(tmp_path / "in.npy", "-o", tmp_path / "a.npz", "--fps", "50", "-q")
    run(tmp_path / "in.npy", "-o", tmp_path / "a.bvh", "--fps", "50", "-q", "--names", "cmu")
    assert main(["convert", str(tmp_path / "a.npz"), str(tmp_path / "b.bvh"), "--names", "cmu", "-q"]) == 0
    assert (tmp_path / "a.bvh").read_bytes() == (tmp_path / "b.bvh").read_bytes()
