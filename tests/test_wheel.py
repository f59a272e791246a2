"""The wheel works without the repository: built, installed into an environment of its own, run from elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from s2m.body import load_body
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import get_joint_set
from tests.stages.fixtures import BRIEFLY

ROOT = Path(__file__).parents[1]
FOLDERS, FILES = ("s2m", "stages", "configs"), ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in")
TEXTS = ("README.md", "LICENSE", "NOTICE")

pytestmark = pytest.mark.slow


def ran(command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    variables |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", **env}
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout and nothing of an earlier build gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in (*FOLDERS, *FILES, *TEXTS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    ran([*pip, "-w", str(folder), str(source)], folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment with the wheel. Of the test environment it sees the dependencies, not the editable install."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = str(folder / "bin" / "python")
    there = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(ran([python, "-c", there], folder).stdout.strip())
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    ran([*pip, str(wheel)], folder)
    # .pth files of a folder that is named in a .pth file are not read, so the editable install stays out.
    (packages / "dependencies.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    return python


def test_what_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.startswith("skeleton2mesh-")
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"s2m", "stages"}
    configs = {str(Path("s2m", path.relative_to(ROOT))) for path in (ROOT / "configs").rglob("*.yaml")}
    assert {name for name in names if name.startswith("s2m/configs/")} == configs
    assets = {str(path.relative_to(ROOT)) for path in (ROOT / "s2m").rglob("assets/*") if path.is_file()}
    assert assets <= names


def test_the_readme_in_the_wheel_has_no_relative_link(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    targets = re.findall(r"\]\(([^)\s]+)\)", metadata)
    assert "# Skeleton2Mesh" in metadata
    assert [target for target in targets if not target.startswith("https://")] == []


def test_ik_and_lift(python: str, tmp_path: Path) -> None:
    h36m = get_joint_set("h36m17")
    body = load_body()
    pose = (body_regressor(body, h36m) @ body.v_template).expand(3, -1, -1).numpy()
    np.save(tmp_path / "joints.npy", pose)
    np.save(tmp_path / "points.npy", 200 + 100 * pose[..., :2])
    s2m = str(Path(python).with_name("s2m"))
    ran([s2m, "ik", "joints.npy", "-o", "motion.npz"], tmp_path)
    with np.load(tmp_path / "motion.npz") as motion:
        assert motion["poses"].shape[0] == 3
        assert np.isfinite(motion["poses"]).all()
    ran([s2m, "lift", "points.npy", "-o", "lifted.npz", "--joint-set", "h36m17", "--picture", "lifted.png"], tmp_path)
    assert {"motion.npz", "lifted.npz", "lifted.png"} <= {path.name for path in tmp_path.iterdir()}
    where = ran([python, "-c", "import s2m; print(s2m.__file__)"], tmp_path).stdout.strip()
    assert Path(where).is_relative_to(Path(python).parents[1])


def test_a_stage_of_two_steps_finds_its_configs_by_name(python: str, tmp_path: Path) -> None:
    s2m = str(Path(python).with_name("s2m"))
    ran([s2m, "data", "open", "--output", "store", "--config", "configs/preset/smoke/data.yaml"], tmp_path)
    layers = ("configs/lifter.yaml", "configs/data/open.yaml", "configs/preset/smoke/lifter.yaml")
    configs = [part for layer in layers for part in ("--config", layer)]
    options = ["--output", "run/lifter", "--data.init_args.store", "store", "--trainer.accelerator", "cpu", *BRIEFLY]
    ran([python, "-m", "stages", "lifter", *configs, *options], tmp_path)
    assert (tmp_path / "run/lifter/lifter.pt").is_file()
    assert np.isfinite(json.loads((tmp_path / "run/lifter/metrics.json").read_text())["test/n_mpjpe_mm"])
