"""``s2m adapt`` on files, good and bad."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from s2m import artifact as artifacts
from s2m.adaptation import adapt as adaptation
from s2m.adaptation import recordings
from s2m.adaptation.reading import Reading
from s2m.cli import build_parser, main
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter.normalise import turned_to
from s2m.lifter.shipped_lifters import read_lifter, shipped_file
from s2m.skeletons import H36M17, S2M27
from tests.lifter.scenes import recording
from tests.recover.actors import CAMERA, SIZE
from tests.recover.test_commands import FRAMES, NOBODY, WALKERS, Walkers, film


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    np.save(tmp_path / "walk.npy", recording(H36M17, 80)[1])
    return tmp_path / "walk.npy"


@pytest.fixture
def few_poses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "REPLAY", 40)
    monkeypatch.setattr(adaptation, "REPLAY_HELD", 20)


def adapt(*arguments: object) -> int:
    return main(["adapt", *map(str, arguments)])


@pytest.mark.usefixtures("few_poses")
def test_a_lifter_that_is_not_better_is_not_written(
    walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapt(walk, "-o", tmp_path / "my.pt", "--steps", 1) == 0
    said = capsys.readouterr()
    assert "nothing is written, the lifter stays as it was: nothing is better by more than chance" in said.err
    assert "held out: cycle" in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["walk.npy"]


@pytest.mark.usefixtures("few_poses")
def test_a_better_lifter_is_one_that_lift_takes(walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "objections", lambda before, after: [])
    monkeypatch.setattr(adaptation, "forgotten", lambda before, after: [])
    assert adapt(walk, "-o", tmp_path / "my.pt", "--steps", 2, "--held-out", walk) == 0
    start = shipped_file("h36m17")
    own = artifacts.load(tmp_path / "my.pt", "lifter", joint_set="h36m17")
    assert own.parents["lifter"] == sha256(start)
    assert own.config["adapted"]["recordings"] == ["walk.npy"]
    old, new = read_lifter(start), read_lifter(tmp_path / "my.pt")
    changes = [float((a - b).abs().max()) for a, b in zip(old.parameters(), new.parameters(), strict=True)]
    assert max(changes) > 0
    assert max(changes) < 0.01
    assert main(["lift", str(walk), "-o", str(tmp_path / "out.npz"), "--lifter", str(tmp_path / "my.pt")]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "my.npz"], r"--output .*my\.npz: expected a name that ends in \.pt"),
        (["-o", "my.pt", "--steps", "0"], "--steps: expected 1 to 100000, found 0"),
        (["-o", "my.pt", "--people", "none"], "--people: expected how many people, or 'all', found none"),
        (["-o", "my.pt", "--seed", "-1"], "--seed: expected 0 or more, found -1"),
        (["-o", "my.pt", "--focal", "1000"], "expected its image_size as well"),
        (["-o", "my.pt", "--lifter", "walk.npy"], r"walk\.npy: not a readable artifact"),
        (["-o", "my.pt", "--held-out", "gone.npy"], r"gone\.npy"),
        (["-o", "there.pt"], "there is such a file already; --overwrite replaces it"),
    ],
)
def test_bad_input_is_named(
    walk: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.pt").touch()
    assert adapt(walk, *options) == 2
    assert re.search(message, capsys.readouterr().err)
    assert {path.name for path in tmp_path.iterdir()} == {"walk.npy", "there.pt"}


def test_too_short_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "short.npy", recording(H36M17, 20)[1])
    assert adapt(tmp_path / "short.npy", "-o", tmp_path / "my.pt") == 2
    assert "expected 50 or more frames" in capsys.readouterr().err
    assert not (tmp_path / "my.pt").exists()


@pytest.mark.usefixtures("few_poses")
def test_mirrored_depth_is_given_up(
    walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from s2m.lifter.objective.chirality import Chirality

    def everybody(self: Chirality, skeleton: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(skeleton), dtype=torch.bool)

    monkeypatch.setattr(Chirality, "suspicious", everybody)
    assert adapt(walk, "-o", tmp_path / "my.pt", "--steps", 2) == 0
    assert "it learned depth with the wrong sign" in capsys.readouterr().err
    assert not (tmp_path / "my.pt").exists()


@pytest.mark.usefixtures("few_poses")
def test_videos_are_watched_and_what_learned_from_them_lifts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(adaptation, "objections", lambda before, after: [])
    monkeypatch.setattr(adaptation, "forgotten", lambda before, after: [])
    monkeypatch.setattr(recordings, "FEWEST_FRAMES", 10)
    video, own, seen = film(tmp_path / "walk.mp4", FRAMES), tmp_path / "my.pt", ("--detector", WALKERS)
    assert adapt(video, "-o", own, "--steps", 2, "--people", "all", *seen) == 0
    said = capsys.readouterr()
    assert "as pictures and mirrored" in said.out
    assert "how people look from other sides is not learned from so few" in said.err
    found = artifacts.load(own, "lifter", joint_set="s2m27")
    assert found.config["adapted"]["recordings"] == ["walk.mp4, person 0", "walk.mp4, person 1"]
    assert found.config["adapted"]["of"] == [sha256(shipped_file("s2m27"))]

    state = {name: value + 0.02 * torch.randn(value.shape) for name, value in found.state.items()}
    artifacts.save(tmp_path / "other.pt", dataclasses.replace(found, state=state))
    poses = []
    for lifter in (own, tmp_path / "other.pt"):
        words = ("-o", tmp_path / lifter.stem, *seen, "--write", "npz", "--lifter", lifter)
        assert main(["recover", *map(str, (video, *words))]) == 0
        poses.append(np.load(tmp_path / lifter.stem / "walk" / "person-0.npz")["poses"])
    assert np.abs(poses[0] - poses[1]).max() > 0.05


def test_who_is_watched_is_seen_as_the_detector_says(tmp_path: Path) -> None:
    video, joints = film(tmp_path / "walk.mp4", FRAMES), Walkers()
    found = _reading("--detector", WALKERS).recordings([video], S2M27)
    assert [one.name for one in found] == ["walk.mp4"]
    sure = torch.ones(FRAMES, len(S2M27))
    true = max((torch.from_numpy(pixels[:FRAMES]).float() for pixels in joints._pixels), key=_extent)
    camera = true.new_tensor([CAMERA.focal, CAMERA.focal, SIZE[0] / 2, SIZE[1] / 2]).expand(FRAMES, 4)
    torch.testing.assert_close(found[0].joints2d, turned_to(true, sure, camera, S2M27).seen(true), atol=1e-3, rtol=0)
    assert _reading("--detector", WALKERS).best_set(video) == "s2m27"
    with pytest.raises(UserError, match=r"walk\.mp4: expected pictures of --image-size 640x480, found 320x240"):
        _reading("--detector", WALKERS, "--image-size", "640x480").recordings([video], S2M27)
    with pytest.raises(UserError, match="expected people, found none"):
        _reading("--detector", NOBODY).recordings([video], S2M27)


def _reading(*words: str) -> Reading:
    arguments = build_parser("adapt").parse_args(["adapt", "a.mp4", "-o", "b.pt", *words])
    return Reading(arguments, lambda file: lambda stage, done, total: None)


def _extent(pixels: torch.Tensor) -> float:
    return float((pixels.amax(1) - pixels.amin(1)).norm(dim=-1).sum())
