"""What `pip install skeleton2mesh` alone brings is enough for `s2m ik` and `s2m lift`; the rest says what it lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from s2m.optional import EXTRAS, MissingPackageError, extras_explained, require

ROOT = Path(__file__).parents[1]
TESTS = ("tests/ik/test_commands.py", "tests/lifter/test_commands.py")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_ik_and_lift_pass_their_tests_without_any_extra() -> None:
    result = python("-m", "pytest", "-q", "-x", "-p", "tests.blocked", "-p", "no:cacheprovider", *TESTS)
    assert result.returncode == 0, result.stdout[-4000:]
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


@pytest.mark.parametrize("module", ["wandb", "torchmetrics", "smplx.lbs", "torchvision"])
def test_what_is_blocked_is_not_there(module: str) -> None:
    result = python("-c", f"import tests.blocked, {module}")
    assert f"No module named '{module.partition('.')[0]}' (blocked)" in result.stderr


def test_a_command_that_needs_an_extra_names_it(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    command = f"import tests.blocked; from s2m.cli import main; exit(main(['data', 'open', '--output', {store!r}]))"
    result = python("-c", command)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: package ")
    assert "pip install 'skeleton2mesh[train]' brings it" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_training_needs_an_extra_and_its_help_none() -> None:
    stages = "import sys, runpy, tests.blocked; sys.argv[1:] = {}; runpy.run_module('stages', run_name='__main__')"
    result = python("-c", stages.format(["lifter", "--output", "nowhere"]))
    assert result.returncode == 2, result.stderr
    assert "pip install 'skeleton2mesh[train]' brings it" in result.stderr
    assert result.stderr.count("\n") == 1
    shown = python("-c", stages.format(["--help"]))
    assert shown.returncode == 0, shown.stderr
    assert "stage 3: " in shown.stdout


def test_help_of_the_stages_waits_for_nothing_heavy() -> None:
    code = "import sys, stages.__main__; sys.exit(' '.join({'torch', 'pytorch_lightning', 'numpy'} & set(sys.modules)))"
    assert python("-c", code).stderr.strip() == ""


def test_every_extra_is_one_of_the_distribution() -> None:
    from configparser import ConfigParser

    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert set(EXTRAS.values()) <= set(setup["options.extras_require"])


def test_a_package_that_is_no_extra_fails_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"), extras_explained():
        import no_such_package  # noqa: F401
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackageError, match=r"package av: missing; pip install 'skeleton2mesh\[datasets\]'"):
        require("av")
    with pytest.raises(MissingPackageError, match=r"package av: missing; pip install 'skeleton2mesh\[photo\]'"):
        require("av", "photo")


def test_recover_names_the_extra_for_photos_and_photos_need_no_videos(tmp_path: Path) -> None:
    """With joints of another program a photo needs none at all, until something is to be drawn."""
    import numpy as np
    from PIL import Image

    from tests.recover.actors import CAMERA, acted, save, true_joints

    photo = save(tmp_path / "a.png")
    Image.open(photo).save(tmp_path / "b.gif")
    pixels = CAMERA.pixels(true_joints(acted("walk", [0], (0.0, 0.1, 4.0)))).numpy()
    np.savez(tmp_path / "k.npz", joints2d=pixels, joint_set=np.array("s2m27"))
    keypoints = ["--keypoints", str(tmp_path / "k.npz"), "--write"]
    words = [[str(photo), *keypoints, "npz"], [str(photo), "--overwrite"], [str(tmp_path / "b.gif"), *keypoints, ""]]
    words += [[str(photo), *keypoints, "overlay", "--overwrite"]]
    code = "import tests.blocked; from s2m.cli import main\nfor words in {}: print(main(['recover', *words]))"
    result = python("-c", code.format([[*some, "-o", str(tmp_path / "out")] for some in words]))
    assert result.stdout.split()[-4:] == ["0", "2", "2", "2"], result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error")]
    for line, package in zip(lines, ("ai_edge_litert", "av", "fast_simplification"), strict=True):
        assert line.startswith(f"error: package {package}")
        assert "pip install 'skeleton2mesh[photo]' brings it" in line
