"""Pictures and places that are not as anybody would wish."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2m.detect import BlazePose
from s2m.recover.camera import Camera
from s2m.recover.observing import Detecting
from s2m.skeletons import S2M27
from tests.detect.conftest import WHITE, Rendered, rendered

from .actors import CAMERA, Actors, acted, save, true_joints
from .test_commands import ROOT, WALKERS, film, recover

_SKIN = (190, 140, 115)


class Ten(Actors):
    """A detector that finds ten people, two rows of five."""

    def __init__(self) -> None:
        places = [(x * depth / 4, 0.1, depth) for depth in (6.0, 9.0) for x in (-1.2, -0.6, 0.0, 0.6, 1.2)]
        super().__init__([true_joints(acted("walk", [0], place)) for place in places], noise=0.5)


class Panorama(Actors):
    """A detector that finds one person in a picture of 20,000 pixels."""

    def __init__(self) -> None:
        camera = Camera.of((20_000, 500))
        super().__init__([true_joints(acted("walk", [0], (30.0, 0.0, 80.0)))], camera=camera)


TEN, PANORAMA = (f"{__name__}:{kind}" for kind in ("Ten", "Panorama"))


def people_of(folder: Path) -> list[int]:
    return [person["person"] for person in json.loads((folder / "people.json").read_text())["people"]]


def test_ten_people(tmp_path: Path) -> None:
    words = (save(tmp_path / "a.png"), "--detector", TEN)
    assert recover(*words, "-o", tmp_path / "all", "--write", "npz") == 0
    assert people_of(tmp_path / "all" / "a") == list(range(10))
    places = []
    for number in range(10):
        with np.load(tmp_path / "all" / "a" / f"person-{number}.npz") as found:
            places.append(found["joints2d"][0, S2M27.index("pelvis")])
    assert np.abs(np.diff(places, axis=0)).max(-1).min() > 10  # each stands elsewhere
    assert recover(*words, "-o", tmp_path / "few", "--write", "", "--max-people", 3) == 0
    assert len(people_of(tmp_path / "few" / "a")) == 3


def test_twenty_thousand_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (20_000, 500)).save(tmp_path / "wide.png")
    assert recover(tmp_path / "wide.png", "-o", tmp_path, "--detector", PANORAMA, "--write", "npz,overlay") == 0
    with Image.open(tmp_path / "wide" / "overlay.png") as overlay:
        assert max(overlay.size) < 5000
    assert BlazePose(scales=1)(np.zeros((40, 20_000, 3), np.uint8)) == []


def behind_a_hand(person: Rendered) -> np.ndarray:
    """A palm and fingers so near that they are all that is seen."""
    picture = person.picture.copy()
    picture[:, 60:420] = _SKIN
    picture[:150, 120:420:60] = WHITE
    return picture


def test_a_hand_in_front_of_the_lens(person: Rendered, blazepose: BlazePose) -> None:
    """Nobody is made up meanwhile, and who was there before is found again under the same number."""
    observer = Detecting(blazepose, 25.0, 0.5)
    pictures = [person.picture] * 2 + [behind_a_hand(person)] * 3 + [person.picture] * 2
    numbers = [observer(frame, "", picture)[0] for frame, picture in enumerate(pictures)]
    assert numbers == [[0], [0], [], [], [], [0], [0]]


def test_a_photo_of_a_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(behind_a_hand(rendered((480, 400), 300, (230, 210)))).save(tmp_path / "hand.jpg")
    assert recover(tmp_path / "hand.jpg", "-o", tmp_path / "out") == 2
    assert "hand.jpg: expected people, found none" in capsys.readouterr().err
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows are protected otherwise")
def test_a_folder_that_only_others_may_write(capsys: pytest.CaptureFixture[str]) -> None:
    """As nobody where the tests run as root, to whom every folder is open."""
    import tempfile

    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = save(folder / "a.png")
        folder.chmod(0o555)
        assert recover(photo, "-o", "/dev/null/out", "--detector", WALKERS) == 2  # loads what is loaded late
        if root:
            os.seteuid(65534)
        try:
            assert recover(photo, "-o", folder / "out", "--detector", WALKERS) == 2
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "/dev/null/out: expected a folder that can be written, found: Not a directory" in said[0]
    assert f"{folder / 'out'}: expected a folder that can be written, found: Permission denied" in said[1]


@pytest.mark.skipif(os.name == "nt", reason="needs the limit of POSIX")
@pytest.mark.parametrize(("kilobytes", "kinds"), [(1, "npz"), (8, "overlay"), (30, "page"), (30, "obj")])
def test_a_disk_that_gets_full(tmp_path: Path, capsys: pytest.CaptureFixture[str], kilobytes: int, kinds: str) -> None:
    """The system refuses to write on: nothing half-written is left, and nothing counts as done."""
    import resource  # Windows has none

    file = film(tmp_path / "a.mp4", 2) if kinds == "overlay" else save(tmp_path / "a.png")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, before[1]))
    try:
        assert recover(file, "-o", tmp_path / "out", "--detector", WALKERS, "--write", kinds) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    error = capsys.readouterr().err
    assert "File too large" in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").rglob("*"))


def test_two_processes_of_torchrun(tmp_path: Path) -> None:
    """Each takes its share of a folder; together they leave what one alone leaves."""
    (tmp_path / "photos").mkdir()
    for number in range(3):
        save(tmp_path / "photos" / f"{number}.png", number)
    pixels = CAMERA.pixels(true_joints(acted("walk", range(3), (0.0, 0.1, 4.0)))).numpy()
    np.savez(tmp_path / "k.npz", joints2d=pixels, joint_set=np.array("s2m27"))
    words = [str(tmp_path / "photos"), "--keypoints", str(tmp_path / "k.npz"), "--write", "npz", "-q"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "s2m.recover"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *launch, *words, "-o", str(tmp_path / "two")], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert recover(*words, "-o", tmp_path / "one") == 0
    for number in range(3):
        a, b = (np.load(tmp_path / part / str(number) / "person-0.npz") for part in ("one", "two"))
        assert all(np.array_equal(a[field], b[field]) for field in a.files)
