from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages.__main__ import main
from stages.lock import sole_writer
from tests.stages.fixtures import BRIEFLY, Train, stage_arguments

Refused = Callable[[str, list[str]], str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What ``python -m stages STAGE ...`` says before it ends with exit code 2; any other end fails here."""

    def call(stage: str, arguments: list[str]) -> str:
        monkeypatch.setenv("WANDB_MODE", "disabled")
        monkeypatch.setattr(sys, "argv", ["stages", stage, *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr().err
        assert end.value.code == 2, said
        return said

    return call


def test_artifact_of_another_joint_set(refused: Refused, chain: Path, store: Path) -> None:
    message = refused("regressor", stage_arguments("regressor", store, chain, "--data.init_args.joint_set", "s2m27"))
    assert "lifter.pt: field joint_set: expected s2m27, found h36m17" in message


def test_unknown_config_key(refused: Refused, store: Path, tmp_path: Path) -> None:
    message = refused("lifter", stage_arguments("lifter", store, tmp_path, "--model.widht", "3"))
    assert "widht" in message


def test_discriminator_of_joints_that_the_data_lacks(refused: Refused, store: Path, tmp_path: Path) -> None:
    parts = ("--model.discriminator_parts", "[s2m27]")
    message = refused("lifter", stage_arguments("lifter", store, tmp_path, *parts))
    assert "model.discriminator_parts: expected joint sets that are part of h36m17 (h36m17," in message
    assert "found s2m27" in message


def test_truncated_store(refused: Refused, store: Path, tmp_path: Path) -> None:
    broken = tmp_path / "store"
    shutil.copytree(store, broken)
    victim = broken / "train_pose/observation/joints2d.npy"
    victim.write_bytes(victim.read_bytes()[:-100])
    assert "joints2d.npy" in refused("lifter", stage_arguments("lifter", broken, tmp_path))


def test_store_of_another_body(refused: Refused, store: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "store"
    shutil.copytree(store, foreign)
    header = json.loads((foreign / "store.json").read_text())
    (foreign / "store.json").write_text(json.dumps({**header, "body_hash": "f00d"}))
    message = refused("lifter", stage_arguments("lifter", foreign, tmp_path))
    assert "store.json: field body_hash: expected" in message
    assert "found f00d" in message


def test_missing_store(refused: Refused, tmp_path: Path) -> None:
    message = refused("lifter", stage_arguments("lifter", tmp_path / "nothing", tmp_path))
    assert "not a frame store" in message


def test_malicious_body(refused: Refused, store: Path, tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    body = tmp_path / "SMPL_NEUTRAL.pkl"
    body.write_bytes(pickle.dumps(Malicious(), protocol=2))
    message = refused("lifter", stage_arguments("lifter", store, tmp_path, "--model.body", str(body)))
    assert "SMPL_NEUTRAL.pkl" in message
    assert not (tmp_path / "ran").exists()


def test_unusable_training_frames_are_skipped_and_counted(
    train: Train, store: Path, chain: Path, tmp_path: Path
) -> None:
    spoilt = tmp_path / "store"
    shutil.copytree(store, spoilt)
    joints = np.load(spoilt / "train/observation/joints2d.npy", mmap_mode="r+")
    confidence = np.load(spoilt / "train/observation/confidence.npy")
    joints[3, :5] = np.nan
    confidence[3, :5] = 1.0
    joints.flush()
    np.save(spoilt / "train/observation/confidence.npy", confidence)
    masks = np.load(spoilt / "train/observation/silhouette.npy", mmap_mode="r+")
    masks[7] = 0
    masks.flush()
    for stage in ("lifter", "regressor"):
        (tmp_path / stage).symlink_to(chain / stage)
    train("mesh", tmp_path, "--data.init_args.store", str(spoilt), *BRIEFLY)
    text = (tmp_path / "mesh/metrics.json").read_text()
    assert '"data/skipped/train/joints2d: not finite": 1.0' in text
    assert '"data/skipped/train/silhouette: empty": 1.0' in text


def test_another_training_in_the_same_folder(refused: Refused, store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lifter"
    folder.mkdir()
    with sole_writer(folder):
        message = refused("lifter", stage_arguments("lifter", store, tmp_path))
    assert f"{folder}: another training writes here (process {os.getpid()})" in message
    assert [path.name for path in folder.iterdir()] == [".lock"]  # nothing of the other's was touched
