"""The lifters that ship: whole, free of the machine that made them, and refused when damaged."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from s2m import artifact as artifacts
from s2m.body import load_body
from s2m.errors import UserError
from s2m.lifter import read_lifter, shipped, shipped_head
from s2m.lifter.shipped_lifters import LIST, assets, shipped_records

MEGABYTES_AT_MOST = 4


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(assets(), tmp_path / "assets"))


@pytest.mark.parametrize("joint_set", sorted(shipped_records()))
def test_what_ships_is_small_and_says_how_it_was_made(joint_set: str) -> None:
    record = shipped_records()[joint_set]
    path = assets() / record["file"]
    content = path.read_bytes()
    assert len(content) == record["bytes"] < MEGABYTES_AT_MOST * 1_000_000
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert record["body"] == load_body().hash
    assert "-m stages lifter" in record["command"]
    assert f"--seed_everything {record['seed']}" in record["command"]
    artifact = artifacts.load(path, "lifter", joint_set=joint_set)
    assert {value.dtype for value in artifact.state.values()} == {torch.float32}
    # No absolute path, neither in what is written nor anywhere in the file.
    assert not re.search(r"(^|[\s\"'])/\w", json.dumps([record, artifact.config, artifact.spec]))
    assert not re.search(rb"/(home|root|tmp|work|usr)/", content)


@pytest.mark.parametrize("joint_set", sorted(shipped_records()))
def test_what_ships_was_better_than_constant_depth_by_the_studys_bar(joint_set: str) -> None:
    for figures in (shipped_records()[joint_set]["metrics"][name] for name in ("clean", "noise_3")):
        assert figures["lifter"]["n_mpjpe_mm"] < 0.6 * figures["planar"]["n_mpjpe_mm"]
        assert figures["lifter"]["reversed_depth"] < 0.02


@pytest.mark.parametrize("joint_set", sorted(shipped_records()))
def test_the_head_that_ships_is_small_and_says_how_it_was_made(joint_set: str) -> None:
    lifter = shipped_records()[joint_set]
    record = lifter["video"]
    content = (assets() / record["file"]).read_bytes()
    assert len(content) == record["bytes"] < 100_000
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    artifact = artifacts.load(assets() / record["file"], "temporal", joint_set=joint_set)
    assert artifact.parents == {"lifter": lifter["sha256"]}
    assert record["data"].keys() == lifter["data"].keys()
    assert not re.search(r"(^|[\s\"'])/\w", json.dumps([record, artifact.config, artifact.spec]))
    assert not re.search(rb"/(home|root|tmp|work|usr)/", content)


@pytest.mark.parametrize("joint_set", sorted(shipped_records()))
def test_the_head_that_ships_was_worth_it(joint_set: str) -> None:
    """On noise it beats frame by frame and a filter that asks for no training; exact joints lose next to nothing."""
    for split in ("test", "acrobatic"):
        found = shipped_records()[joint_set]["video"]["metrics"][split]
        exact = found["clean"]
        assert exact["with the head"]["n_mpjpe_mm"] < 1.01 * exact["frame by frame"]["n_mpjpe_mm"]
        for name in ("3 % noise, new in each frame", "3 % noise, outliers, swaps, missing joints"):
            mean = {method: figures["n_mpjpe_mm"] for method, figures in found[name].items()}
            assert mean["with the head"] < min(mean["Savitzky-Golay"], 0.92 * mean["frame by frame"])
            shaking = {method: figures["accel_mm_per_frame2"] for method, figures in found[name].items()}
            assert shaking["with the head"] < 0.3 * shaking["frame by frame"]


@pytest.mark.parametrize("joint_set", sorted(shipped_records()))
def test_the_head_that_ships_can_be_loaded(joint_set: str) -> None:
    head = shipped_head(joint_set)
    assert head.joint_set.name == joint_set
    assert not head.training
    assert not any(parameter.requires_grad for parameter in head.parameters())


def test_a_damaged_head_is_refused(copy: Path) -> None:
    path = copy / "temporal_h36m17.pt"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"temporal_h36m17\.pt: damaged: expected sha256"):
        shipped_head("h36m17", copy)
    path.unlink()
    with pytest.raises(UserError, match=r"temporal_h36m17\.pt.* is missing"):
        shipped_head("h36m17", copy)


@pytest.mark.parametrize("joint_set", sorted(shipped_records()))
def test_what_ships_can_be_loaded(joint_set: str) -> None:
    lifter = shipped(joint_set)
    assert lifter.joint_set.name == joint_set
    assert not lifter.training
    assert not any(parameter.requires_grad for parameter in lifter.parameters())


def test_the_shared_joints_have_a_lifter() -> None:
    assert "h36m17" in shipped_records()


def test_a_damaged_file_is_refused(copy: Path) -> None:
    path = copy / "lifter_h36m17.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"lifter_h36m17\.pt: damaged: expected sha256"):
        shipped("h36m17", copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "lifter_h36m17.pt").unlink()
    with pytest.raises(UserError, match=r"lifter_h36m17\.pt.* is missing"):
        shipped("h36m17", copy)


@pytest.mark.parametrize("content", ["{", "[]", '{"lifters": [{"joint_set": "h36m17"}]}'])
def test_a_broken_list_is_named(copy: Path, content: str) -> None:
    (copy / LIST).write_text(content)
    with pytest.raises(UserError, match="not a readable list"):
        shipped("h36m17", copy)


def test_other_joint_sets_have_none() -> None:
    with pytest.raises(UserError, match="no lifter for joint set 'coco17'; there are lifters for: h36m17"):
        shipped("coco17")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"stage": "lifter_supervised"}, "field stage: expected lifter, found lifter_supervised"),
        ({"spec": {"class_path": "os.system"}}, "field spec: class_path"),
        ({"spec": {"class_path": "s2m.skeletons.JointSet", "init_args": {}}}, "field spec"),
        (
            {"spec": {"class_path": "s2m.lifter.Lifter", "init_args": {"joint_set": "none", "rest_bone_length": 1.0}}},
            "unknown joint set",
        ),
        (
            {"spec": {"class_path": "s2m.lifter.Lifter", "init_args": {"joint_set": "s2m27", "rest_bone_length": 1.0}}},
            "field state",
        ),
    ],
)
def test_another_artifact_is_refused(tmp_path: Path, change: dict, expected: str) -> None:
    artifact = artifacts.load(assets() / "lifter_h36m17.pt", "lifter")
    path = tmp_path / "other.pt"
    artifacts.save(path, replace(artifact, **change))
    with pytest.raises(UserError, match=expected) as error:
        read_lifter(path)
    assert str(path) in str(error.value)
