"""``s2m convert`` on files, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.cli import main
from s2m.export.motion import ArrayRows
from s2m.formats.amass import write_amass
from tests.export.motions import FPS, person, truth
from tests.formats.fabricated import FILES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    motion = person()
    path = tmp_path / "walk.npz"
    write_amass(path, motion.poses.read(0, 12), motion.trans, motion.betas, FPS, motion.label)
    return path


@pytest.mark.parametrize("name", ["a.glb", "a.bvh", "a.csv", "a.trc", "a.npz", "a.usda"])
def test_every_suffix(walk: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name.endswith(".usda"):
        pytest.importorskip("pxr")
    out = walk.with_name(name)
    assert main(["convert", str(walk), str(out)]) == 0
    assert out.stat().st_size > 1000
    assert "12 frames" in capsys.readouterr().out
    assert main(["convert", str(walk), str(out), "-q"]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert sorted(path.name for path in walk.parent.iterdir()) == sorted({"walk.npz", name})


def test_there_and_back(walk: Path) -> None:
    """npz to npz keeps everything; SMPL-X and back keeps rotations and places."""
    for kind in ("amass", "smplx"):
        out, again = walk.with_name(f"{kind}.npz"), walk.with_name(f"{kind}_again.npz")
        assert main(["convert", str(walk), str(out), "--format", kind, "-q"]) == 0
        assert main(["convert", str(out), str(again), "-q"]) == 0
        with np.load(again) as one, np.load(walk) as other:
            for field in ("poses", "trans", "mocap_framerate", "valid"):
                np.testing.assert_array_equal(one[field], other[field])
            assert np.array_equal(one["betas"], other["betas"]) == (kind == "amass")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kinect.json", ()),
        ("walk.bvh", ("--keep-scale",)),
        ("amass_stageii.npz", ()),
        ("sam3d_body", ("--fit-shape", "--up", "y-down")),
        ("X3D.npy", ("--preset", "motionbert", "--fps", "25")),
        ("gait.c3d", ("--markers", "markers.yaml")),
    ],
)
def test_whatever_ik_reads(
    name: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same motion and the same words as from `s2m ik`."""
    body = load_body()
    monkeypatch.setattr("s2m.ik.chosen_body.load_body", lambda path: body)
    monkeypatch.chdir(tmp_path)
    for file in {name, "markers.yaml"}:
        FILES[file](tmp_path / file)
    assert main(["ik", name, "-o", "ik.npz", *words]) == 0
    by_ik = capsys.readouterr()
    assert main(["convert", name, "converted.npz", *words]) == 0
    by_convert = capsys.readouterr()
    with np.load("ik.npz") as one, np.load("converted.npz") as other:
        assert set(one) == set(other)
        for field in one:
            np.testing.assert_array_equal(one[field], other[field])
    assert by_ik.out.replace("ik.npz", "converted.npz") == by_convert.out
    assert by_ik.err == by_convert.err


def test_everybody_of_a_file_of_joints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trimesh

    monkeypatch.chdir(tmp_path)
    name = "S001C001P001R001A001.skeleton"
    FILES[name](tmp_path / name)
    assert main(["convert", name, "two.glb", "--people", "all", "-q"]) == 0
    assert len(trimesh.load("two.glb").geometry) == 2
    assert main(["convert", name, "two.bvh", "--people", "all", "-q"]) == 2
    assert not Path("two.bvh").exists()


@pytest.mark.parametrize(
    ("name", "content", "words", "message"),
    [
        ("a.bvh", b"HIERARCHY", (), "a.bvh: "),
        ("a.trc", b"x", (), "a.trc: "),
        ("a.json", b"[1, 2", (), "a.json: cannot be read"),
        ("a.glb", b"x", (), "a.glb: expected a GLB"),
        ("a.glb", b"glTF" + bytes(30), (), "a.glb: expected glTF 2.0"),
        ("a.npy", b"x", (), "a.npy: cannot be read"),
        ("a.pkl", b"x", (), "a.pkl: cannot be read"),
        ("a.bvh", b"HIERARCHY", ("--smooth",), "a.bvh: --smooth: the file brings its own"),
        ("a.npy", b"x", ("--fps", "0"), "--fps: expected a positive number"),
        ("a.npy", b"x", ("--markers", "out.glb"), "OUT out.glb: expected another file than the input"),
    ],
)
def test_bad_joints_are_named(
    tmp_path: Path,
    name: str,
    content: bytes,
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    assert main(["convert", name, "out.glb", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_robots_take_is_read_back(walk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("holosmpl", "holosoma"):
        out, again = walk.with_name(f"{kind}.npz"), walk.with_name(f"{kind}_again.npz")
        assert main(["convert", str(walk), str(out), "--format", kind, "-q"]) == 0
        assert main(["convert", str(out), str(again)]) == 0
    with np.load(walk.with_name("holosmpl_again.npz")) as one, np.load(walk) as other:
        for field in ("poses", "betas", "mocap_framerate"):
            np.testing.assert_array_equal(one[field], other[field])
        np.testing.assert_allclose(one["trans"], other["trans"], atol=1e-6)
    assert f"smpl22 (no other set has 22 joints), in m, z up, {FPS:g} frames" in capsys.readouterr().out


def test_several_files_are_several_people(walk: Path) -> None:
    import trimesh

    assert main(["convert", str(walk), str(walk), str(walk.with_name("two.glb")), "-q"]) == 0
    assert sorted(trimesh.load(walk.with_name("two.glb")).geometry) == ["walk", "walk_2"]


def test_shape_of_another_body_is_not_put_on_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is kept where a file holds parameters, and not drawn."""
    monkeypatch.chdir(tmp_path)
    poses, betas = np.zeros((2, 156), np.float32), np.ones(16, np.float32)
    for name, shape in (("amass", betas), ("mean", 0 * betas)):
        np.savez(f"{name}.npz", poses=poses, trans=np.zeros((2, 3)), betas=shape, gender="male", mocap_framerate=60)
        assert main(["convert", f"{name}.npz", f"{name}.csv", "-q"]) == 0
    assert "the betas belong to smplh, not to this body: its mean shape is shown" in capsys.readouterr().err
    assert Path("amass.csv").read_bytes() == Path("mean.csv").read_bytes()
    assert main(["convert", "amass.npz", "a.npz"]) == 0
    assert "mean shape" not in capsys.readouterr().err
    with np.load("a.npz") as file:
        np.testing.assert_array_equal(file["betas"], betas)
        assert (file["body"], file["gender"]) == ("smplh", "male")
    assert main(["convert", "amass.npz", "gmr.npz", "--format", "gmr"]) == 0
    assert "gmr does not hold shape (betas of other bodies mean nothing to SMPL-X" in capsys.readouterr().out
    assert not np.load("gmr.npz")["betas"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": np.zeros((3, 70))}, "poses: expected numbers, one of (frames, 72), (frames, 156), (frames, 165)"),
        ({"poses": np.full((3, 72), np.nan)}, "poses: expected finite numbers"),
        ({"poses": np.zeros((0, 72))}, "poses: expected frames, found none"),
        ({"poses": np.array([["a"] * 72] * 3)}, "poses: expected numbers"),
        ({"trans": np.zeros((2, 3))}, "trans: expected (3, 3), found (2, 3)"),
        ({"mocap_framerate": 0}, "mocap_framerate: expected one number of 0.1 to 10000, found 0"),
        ({"betas": np.zeros((2, 2, 2))}, "betas: expected one row of numbers, found (2, 2, 2)"),
        ({"valid": np.zeros(2, bool)}, "valid: expected 3 of true or false"),
        ({"gender": 3}, "gender: expected a word"),
    ],
)
def test_broken_files_are_named(
    tmp_path: Path, change: dict[str, object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"poses": np.zeros((3, 72)), "trans": np.zeros((3, 3)), "betas": np.zeros(10), "mocap_framerate": 30}
    np.savez(tmp_path / "bad.npz", **(fields | change))  # type: ignore[arg-type]
    assert main(["convert", str(tmp_path / "bad.npz"), str(tmp_path / "out.glb")]) == 2
    error = capsys.readouterr().err
    assert f"bad.npz: {message}" in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.npz"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.npz", "a.glb"), "none.npz: expected a file of motion, found nothing"),
        (("walk.npz", "a.obj"), "OUT a.obj: expected a name that ends in one of .npz, .glb"),
        (("walk.npz", "walk.npz", "--overwrite"), "OUT walk.npz: expected another file than the input"),
        (("setup.cfg", "a.glb"), "setup.cfg: expected a file that ends in .npy, .npz"),
        (("walk.npz", "a.glb", "--format", "bvh"), "--format bvh: expected glb for a.glb"),
        (("walk.npz", "a.npz", "--names", "vrm"), "--names vrm: expected a format that names joints, found amass"),
        (("walk.npz", "walk.npz", "a.bvh"), "a.bvh: expected one person for a file of format bvh, found 2"),
        (("walk.npz", "a.glb", "--body", "none.pkl"), "body file none.pkl: expected an SMPL .pkl or .npz file"),
        (("walk.npz", "-"), "OUT: expected the name of a file, found -"),
    ],
)
def test_what_cannot_be_done_is_said(
    walk: Path,
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(walk.parent)
    words = tuple(str(ROOT / word) if word == "setup.cfg" else word for word in words)
    message = message.replace("setup.cfg", str(ROOT / "setup.cfg"))
    assert main(["convert", *words]) == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert [path.name for path in walk.parent.iterdir()] == ["walk.npz"]


def test_fbx_without_blender_says_what_to_install(
    walk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["convert", str(walk), str(walk.with_suffix(".fbx"))]) == 2
    assert "apt-get install blender python3-numpy" in capsys.readouterr().err
    assert [path.name for path in walk.parent.iterdir()] == ["walk.npz"]


def test_an_hour_takes_as_much_memory_as_a_minute(tmp_path: Path) -> None:
    """Peak memory of 100,000 frames beside that of 2,000; the poses alone are 62 MB."""
    code = (
        "import resource, sys; from s2m.cli import main\n"
        "for path in sys.argv[1:]:\n"
        "    main(['convert', path, path + '.glb', '-q'])\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    paths = []
    for frames in (2_000, 100_000):
        paths.append(tmp_path / f"{frames}.npz")
        nobody = np.zeros((frames, 156), np.float32), np.zeros((frames, 3)), np.zeros(10, np.float32)
        write_amass(paths[-1], *nobody, 30.0)
    command = [sys.executable, "-c", code, *map(str, paths)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    minute, hour = (int(line) / 1024 for line in ran.stdout.split())
    assert hour - minute < 30  # megabytes: places and times are 5


def test_pieces_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from s2m.export import motion as module
    from s2m.export.bvh import write_bvh
    from s2m.export.glb import write_glb

    someone = person(11)
    for rows in (3, 1000):
        monkeypatch.setattr(module.BodyMotion.pieces, "__defaults__", (rows,))
        write_glb(tmp_path / f"{rows}.glb", [someone])
        write_bvh(tmp_path / f"{rows}.bvh", someone)
    for kind in ("glb", "bvh"):
        assert (tmp_path / f"3.{kind}").read_bytes() == (tmp_path / f"1000.{kind}").read_bytes()
    assert len(ArrayRows(truth(11).joints)) == 11


@pytest.mark.parametrize("name", ["a.csv", "a.bvh", "a.glb", "a.usdc", "a.usda"])
@pytest.mark.parametrize("names", ["smpl", "mixamo"])
def test_what_is_written_is_read_back(walk: Path, name: str, names: str) -> None:
    """Rotations and places of the mean body, whatever its joints are called."""
    if ".usd" in name:
        pytest.importorskip("pxr")
    out, again = walk.with_name(name), walk.with_name("again.npz")
    with np.load(walk) as file:
        fields = {field: file[field] for field in file.files}
    np.savez(walk, **{**fields, "betas": np.zeros(10, np.float32)})
    assert main(["convert", str(walk), str(out), "--names", names, "-q"]) == 0
    assert main(["convert", str(out), str(again), "-q"]) == 0
    with np.load(again) as one:
        turns = [Rotation.from_rotvec(each["poses"][:, :66].reshape(-1, 3)) for each in (one, fields)]
        assert (turns[0].inv() * turns[1]).magnitude().max() < 1e-5
        np.testing.assert_allclose(one["trans"], fields["trans"], atol=1e-5)
        assert one["mocap_framerate"] == fields["mocap_framerate"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text.replace("0.0", "x", 1), "expected numbers"),
        (lambda text: text.splitlines()[0] + "\n", "expected frames, found none"),
        (lambda text: text.rsplit(",", 1)[0], "expected numbers"),
        (lambda text: text.rsplit(",", 1)[0] + ",nan\n", "expected finite numbers"),
    ],
)
def test_damaged_rotations(walk: Path, damage: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = walk.with_name("a.csv")
    assert main(["convert", str(walk), str(table), "-q"]) == 0
    table.write_text(damage(table.read_text()))
    assert main(["convert", str(table), str(walk.with_name("again.npz"))]) == 2
    message = capsys.readouterr().err
    assert "a.csv" in message
    assert words in message


def test_usd_without_a_skeleton_and_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pxr")
    for content, words in (("#usda 1.0\n", "found none"), ("#usda 1.0\ndef {", "expected USD"), ("x", "expected USD")):
        (tmp_path / "a.usda").write_text(content)
        assert main(["convert", str(tmp_path / "a.usda"), str(tmp_path / "a.npz")]) == 2
        assert words in capsys.readouterr().err.splitlines()[-1]
