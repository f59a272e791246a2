"""What ``s2m ik`` and ``s2m lift`` write is read back by them and gives the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from s2m.cli import main
from s2m.export.known import FORMATS
from tests.formats.test_formats_page import posed
from tests.fuzz.asking import Place, about_message, run
from tests.fuzz.samples import keypoints, skeletons


def _run(*words: object) -> dict[str, np.ndarray]:
    """Run a command; the npz after ``-o``."""
    texts = [str(word) for word in words]
    assert main([*texts, "-q"]) == 0
    with np.load(texts[texts.index("-o") + 1], allow_pickle=False) as archive:
        return dict(archive)


@pytest.mark.parametrize("video", [[], ["--video"]])
def test_what_lift_writes_is_what_lift_and_ik_read(tmp_path: Path, video: list[str]) -> None:
    """3D joints by ``s2m ik``; 2D joints, as the lifter believes them, by ``s2m lift`` again."""
    np.save(tmp_path / "a.npy", keypoints())
    lifted = _run("lift", tmp_path / "a.npy", *video, "-o", tmp_path / "b.npz", "--ik", tmp_path / "c.npz")
    again = _run("ik", tmp_path / "b.npz", "-o", tmp_path / "d.npz")
    plain = tmp_path / "plain.npy"
    np.save(plain, lifted["joints3d"])
    told = ("--up", "y-down", "--noise", "15", "--keep-scale")  # what the npz says of itself
    same = _run("ik", plain, *told, "-o", tmp_path / "e.npz")
    at_once = np.load(tmp_path / "c.npz")
    for field in ("poses", "trans", "betas"):
        np.testing.assert_allclose(again[field], same[field], atol=1e-6)
        np.testing.assert_allclose(again[field], at_once[field], atol=1e-6)
    assert len(again["poses"]) == len(lifted["joints3d"])
    relifted = _run("lift", tmp_path / "b.npz", *video, "-o", tmp_path / "f.npz")
    assert relifted["joints3d"].shape == lifted["joints3d"].shape


def test_frames_pictures_and_person_come_through(tmp_path: Path) -> None:
    """A detector's frames 7 to 11, one of them empty; of two people the second."""
    people = [
        {"image_id": f"{frame:03d}.jpg", "category_id": 1, "score": 0.9, "idx": person}
        | {"keypoints": (keypoints("coco17")[0] + [400 * person, 0, 0]).ravel().tolist()}
        for frame in (7, 8, 10, 11)
        for person in (3, 5)
    ]
    (tmp_path / "a.json").write_text(json.dumps(people))
    lifted = _run("lift", tmp_path / "a.json", "--person", 5, "-o", tmp_path / "b.npz", "--ik", tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz") as archive:
        at_once = dict(archive)
    again = _run("ik", tmp_path / "b.npz", "-o", tmp_path / "d.npz")
    relifted = _run("lift", tmp_path / "b.npz", "-o", tmp_path / "e.npz")
    for found in (lifted, at_once, again, relifted):
        assert found["frames"].tolist() == [7, 8, 9, 10, 11]
        assert found["images"].tolist() == ["007.jpg", "008.jpg", "", "010.jpg", "011.jpg"]
        assert found["person"] == 5
    assert relifted["lifted"].tolist() == lifted["lifted"].tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(again["poses"], at_once["poses"], atol=1e-6)


def test_formats_agree(tmp_path: Path) -> None:
    """The same joints as npy, npz, JSON and CSV give the same motion."""
    points = skeletons().astype(np.float32)
    np.save(tmp_path / "a.npy", points)
    np.savez(tmp_path / "a.npz", joints3d=points)
    (tmp_path / "a.json").write_text(json.dumps(points.tolist()))
    np.savetxt(tmp_path / "a.csv", points.reshape(len(points), -1), "%.9g", ",")
    found = [
        _run("ik", tmp_path / f"a.{kind}", "-o", tmp_path / f"{kind}.npz") for kind in ("npy", "npz", "json", "csv")
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other["poses"], found[0]["poses"], atol=1e-5)
        np.testing.assert_allclose(other["trans"], found[0]["trans"], atol=1e-5)


def test_what_ik_writes_is_known_when_it_comes_back(place: Place) -> None:
    """A motion of a body holds no joints: it is read, or refused by its name, but never taken for something else."""
    place.make()
    np.save(place.inputs / "a.npy", skeletons())
    written = _run("ik", place.inputs / "a.npy", "-o", place.inputs / "b.npz")
    again = place.output / "c.npz"
    code, said, raised = run(["ik", str(place.inputs / "b.npz"), "-o", str(again), "-q"], place)
    assert raised is None
    assert about_message(code, said) is None
    if code == 0:
        with np.load(again, allow_pickle=False) as archive:
            np.testing.assert_allclose(archive["poses"], written["poses"], atol=1e-3)
    else:
        assert "b.npz" in said
        assert not again.exists()


# What holds places alone tells no twist of straight limbs; their joints are met.
_PLACES_ALONE = {"holosoma", "trc"}
_OTHER_SHAPE = {"anny"}  # the nearest that it has


@pytest.mark.parametrize(("kind", "suffix"), [(known.name, suffix) for known in FORMATS for suffix in known.suffixes])
@pytest.mark.parametrize("command", ["ik", "lift"])
def test_every_suffix_is_read_back(
    tmp_path: Path, kind: str, suffix: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A motion of the mean body, at 25 frames per second."""
    if kind == "usd":
        pytest.importorskip("pxr")
    file, out, direct = tmp_path / "a.npy", tmp_path / f"out{suffix}", tmp_path / "direct.npz"
    np.save(file, skeletons() if command == "ik" else keypoints())
    words = [command, str(file), "--fps", "25", "-q"]
    for target in (direct, out):
        other = (
            ["-o", str(target)]
            if command == "ik"
            else ["-o", str(tmp_path / f"{target.stem}_l.npz"), "--ik", str(target)]
        )
        chosen = ["--format", kind] if target == out else []
        if main([*words, *other, *chosen]) != 0:
            pytest.skip(f"this machine cannot write {kind}: {capsys.readouterr().err}")
    back = tmp_path / "back.npz"
    assert main(["ik", str(out), "-o", str(back), "-q"]) == 0
    with np.load(back) as found, np.load(direct) as expected:
        assert float(found["mocap_framerate"]) == 25
        np.testing.assert_allclose(found["trans"], expected["trans"], atol=5e-3 if kind in _OTHER_SHAPE else 1e-4)
        if kind not in _PLACES_ALONE:
            np.testing.assert_allclose(found["poses"][:, :66], expected["poses"][:, :66], atol=1e-4)
    off = np.linalg.norm(posed(back) - posed(direct), axis=-1)
    assert off.mean() < (2e-3 if kind in _PLACES_ALONE else 8e-3 if kind in _OTHER_SHAPE else 1e-4)
