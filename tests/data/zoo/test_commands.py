from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from s2m.cli import main
from s2m.data.store import FrameStore
from s2m.data.zoo import SOURCES, source_class
from s2m.data.zoo.parts import part_files
from s2m.data.zoo.source import Source
from tests.data.zoo.fabricate import human36m as fabricate


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_dataset_has_a_source_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = source_class(name)
    assert issubclass(source, Source)
    assert source.name == name
    with pytest.raises(SystemExit) as done:
        main(["data", name, "--help"])
    assert done.value.code == 0
    assert "--root DIR" in capsys.readouterr().out


def test_help_waits_for_no_dataset() -> None:
    code = (
        "import sys; from s2m.cli import build_parser; build_parser();"
        "loaded = [m for m in sys.modules if m.split('.')[0] in ('h5py', 'cdflib', 'av', 'scipy')];"
        "sys.exit(', '.join(loaded) or None)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_workers_wait_for_no_torch() -> None:
    """What converts is started in every worker; torch would double the time of a small dataset."""
    code = (
        "import sys; import s2m.data.zoo.convert; from s2m.data.zoo import SOURCES, source_class;"
        "[source_class(name) for name in SOURCES]; sys.exit('torch' if 'torch' in sys.modules else None)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_conversion_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fabricate.write_official(tmp_path / "raw", 3)
    command = ["data", "human36m", "--root", str(tmp_path / "raw"), "--output", str(tmp_path / "out"), "--workers", "1"]
    chosen = ["--splits", "test", "--every", "2", "--mask-size", "32", "--cameras", "frontal", "--no-progress"]
    assert main([*command, *chosen]) == 0
    assert f"{tmp_path / 'out'}: written" in capsys.readouterr().out
    store = FrameStore(tmp_path / "out")
    assert (store.splits, store.mask_size, store.open("test").rows) == (["test"], 32, 4)
    assert main([*command, *chosen]) == 0
    assert "already there with the same settings (test 4)" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path / "out")]) == 0
    assert main([*command, "--no-progress"]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err


def test_errors_are_one_line_and_tell_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fabricate.write_official(tmp_path / "raw", 3)
    command = ["data", "human36m", "--root", str(tmp_path / "raw"), "--output", str(tmp_path / "out"), "--workers", "1"]
    (tmp_path / "raw/S5/MyPoseFeatures/D2_Positions/TakingPhoto 1.60457274.cdf").write_bytes(b"")
    assert main([*command, "--no-progress"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "TakingPhoto 1.60457274.cdf: Pose: expected a CDF file" in error
    assert "6 recordings are finished, the same command goes on from there (--restart forgets them)" in error
    assert main([*command, "--no-progress", "--restart", "--splits", "test"]) == 0
    assert main(["data", "human36m", "--root", str(tmp_path / "none"), "--output", "x"]) == 2
    assert "expected a folder, found nothing" in capsys.readouterr().err
    assert main([*command, "--workers", "0"]) == 2
    assert main([*command, "--every", "0"]) == 2


def test_a_recordings_name_may_hold_anything(tmp_path: Path) -> None:
    """Names become file names of parts: slashes and dots must not lead out of the folder."""
    data, manifest = part_files(tmp_path, "test/../../../etc/passwd")
    assert data.parent == manifest.parent == tmp_path
    assert data.name != part_files(tmp_path, "train/../../../etc/passwd")[0].name
