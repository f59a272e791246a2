from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from s2m.data.commands import ConfigError, main, read_config
from s2m.data.open.config import Frames, OpenConfig
from s2m.data.store import FrameStore

SETTINGS = (
    "frames: {train: 6, train_pose: 6, val: 2, test: 4, acrobatic: 2, train_video: 4, above: 2, half_body: 2, "
    "sitting: 2, detector: 2}\nsubjects: {train: 2}\nchunk: 6\n"
)


def run(out: Path, *more: str) -> int:
    return main(["open", "--output", str(out), "--workers", "1", "--no-progress", *more])


def test_makes_a_store_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, out = tmp_path / "data.yaml", tmp_path / "store"
    settings.write_text(SETTINGS)
    assert run(out, "--config", str(settings), "--seed", "7") == 0
    assert "written (train 6" in capsys.readouterr().out
    assert FrameStore(out).header["seed"] == 7
    assert run(out, "--config", str(settings), "--seed", "7") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run(out, "--config", str(settings), "--seed", "8") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(out, "--config", str(settings), "--seed", "8", "--overwrite") == 0
    assert FrameStore(out).header["seed"] == 8
    assert main(["check", str(out)]) == 0


def test_check_finds_damage(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = store / "val" / "observation" / "crop.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x99")
    assert main(["check", str(store)]) == 2
    assert "crop.npy: content changed" in capsys.readouterr().err


def test_own_motions_widen_training_only(tmp_path: Path) -> None:
    (tmp_path / "motions").mkdir()
    poses = np.random.default_rng(0).normal(scale=0.2, size=(400, 72))
    np.savez(
        tmp_path / "motions" / "mine.npz",
        poses=poses,
        trans=np.zeros((400, 3)),
        betas=np.zeros(10),
        mocap_framerate=30.0,
    )
    settings = tmp_path / "data.yaml"
    settings.write_text(SETTINGS.replace("train_pose: 6", "train_pose: 200"))
    assert run(tmp_path / "plain", "--config", str(settings)) == 0
    assert run(tmp_path / "wide", "--config", str(settings), "--motions", str(tmp_path / "motions")) == 0
    plain, wide = FrameStore(tmp_path / "plain"), FrameStore(tmp_path / "wide")
    number = wide.header["clips"].index("motions/mine")
    arrays = wide.open("train_pose")
    assert arrays.truth is not None
    assert (arrays.truth["clip"] == number).any()
    same = "test/observation/joints2d.npy"
    assert plain.header["sha256"][same] == wide.header["sha256"][same]
    assert (
        plain.header["sha256"]["train_pose/observation/joints2d.npy"]
        != wide.header["sha256"]["train_pose/observation/joints2d.npy"]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("frames: {trian: 3}", "trian"),
        ("sead: 3", "sead"),
        ("frames: {train: many}", "train"),
        ("- 1", "expected a mapping"),
        ("a: [", "expected yaml, found something else"),
        ("mask_size: 30", "mask_size"),
        ("frames: {val: 0}", "val"),
    ],
)
def test_bad_settings_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (tmp_path / "bad.yaml").write_text(content)
    assert run(tmp_path / "store", "--config", str(tmp_path / "bad.yaml")) == 2
    error = capsys.readouterr().err
    assert "bad.yaml" in error
    assert message in error
    assert not (tmp_path / "store").exists()


def test_other_bad_input_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "store", "--config", str(tmp_path / "none.yaml")) == 2
    assert run(tmp_path / "store", "--motions", str(tmp_path / "none")) == 2
    assert run(tmp_path / "store", "--workers", "0") == 2
    assert main(["check", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    for part in ("none.yaml: expected yaml, found no such file", "no such folder", "--workers", "not a frame store"):
        assert part in error


def test_settings_are_read_in_full(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "noisy_joints: {gaussian: 0.05, outlier_reach: [0.1, 0.2]}\ncamera: {focal: [0.9, 1.5]}\n"
    )
    config = read_config(tmp_path / "a.yaml")
    # what a file does not say keeps its default, also inside a group
    assert config.noisy_joints == replace(OpenConfig().noisy_joints, gaussian=0.05, outlier_reach=(0.1, 0.2))
    assert config.camera == replace(OpenConfig().camera, focal=(0.9, 1.5))
    assert config.frames == Frames()
    with pytest.raises(ConfigError, match="seed"):
        read_config(None, seed="x")  # type: ignore[arg-type]


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, s2m.data.commands; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("preset", ["smoke", "quick", "full"])
def test_presets_are_valid(preset: str) -> None:
    config = read_config(Path(__file__).parents[2] / "configs" / "preset" / preset / "data.yaml")
    assert config.frames.train > 0
