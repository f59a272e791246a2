"""``s2m convert`` on files, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from s2m.body import load_body
from s2m.cli import main
from s2m.convert.sources import BodyChoice, read_motion
from s2m.formats.amass import write_amass
from s2m.formats.rows import ArrayRows
from tests.export.motions import FPS, person, truth

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
    choice = BodyChoice.of(None)
    for kind in ("amass", "smplx"):
        out = walk.with_name(f"{kind}.npz")
        assert main(["convert", str(walk), str(out), "--format", kind, "-q"]) == 0
        with read_motion(out, choice, walk.parent) as source, read_motion(walk, choice, walk.parent) as given:
            (one,), (other,) = source.people, given.people
            np.testing.assert_array_equal(one.poses.read(0, 12), other.poses.read(0, 12))
            np.testing.assert_array_equal(one.trans, other.trans)
            assert one.fps == FPS
            assert np.array_equal(one.betas, other.betas) == (kind == "amass")


def test_several_files_are_several_people(walk: Path) -> None:
    import trimesh

    assert main(["convert", str(walk), str(walk), str(walk.with_name("two.glb")), "-q"]) == 0
    assert sorted(trimesh.load(walk.with_name("two.glb")).geometry) == ["walk", "walk_2"]


def test_shape_of_another_body_is_not_put_on_this_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poses, betas = np.zeros((2, 156), np.float32), np.ones(16, np.float32)
    np.savez(
        tmp_path / "amass.npz", poses=poses, trans=np.zeros((2, 3)), betas=betas, gender="male", mocap_framerate=60
    )
    assert main(["convert", str(tmp_path / "amass.npz"), str(tmp_path / "a.npz"), "-q"]) == 0
    assert "the betas belong to a male body of SMPLH, not to this body" in capsys.readouterr().err
    with np.load(tmp_path / "a.npz") as file:
        assert not file["betas"].any()
        assert file["body"] == f"open-body/{load_body().hash[:12]}"
        assert file["gender"] == "male"


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
        (("none.npz", "a.glb"), "none.npz: expected a file, found nothing"),
        (("walk.npz", "a.obj"), "OUT a.obj: expected a name that ends in one of .npz, .glb"),
        (("walk.npz", "walk.npz", "--overwrite"), "OUT walk.npz: expected another file than the input"),
        (("walk.txt", "a.glb"), "walk.txt: expected a file of motion, one of .npz"),
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
