"""Model files: those that ship are whole, and others say what they are not."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2m.detect.blazepose import BlazePose
from s2m.detect.models import SHIPPED, Network, shipped_model, sigmoid
from s2m.errors import UserError


def test_the_shipped_files_are_whole() -> None:
    assert all(shipped_model(name).is_file() for name in SHIPPED)


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    name = "pose_detection.tflite"
    with pytest.raises(UserError, match=rf"{name}: this file belongs to the package and is missing"):
        shipped_model(name, tmp_path)
    content = bytearray(shipped_model(name).read_bytes())
    content[1000] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: damaged: expected sha256 9ba9dd3d"):
        shipped_model(name, tmp_path)


def test_a_model_of_the_users_has_to_be_one_for_landmarks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.tflite: expected a model file, found: No such file"):
        BlazePose(tmp_path / "nowhere.tflite")
    (tmp_path / "text.tflite").write_text("no model")
    with pytest.raises(UserError, match=r"text.tflite: expected a model of LiteRT"):
        BlazePose(tmp_path / "text.tflite")
    shutil.copy(shipped_model("pose_detection.tflite"), tmp_path / "other.tflite")
    with pytest.raises(UserError, match=r"other.tflite: input: expected one picture of \(1, 256, 256, 3\)"):
        BlazePose(tmp_path / "other.tflite")
    with pytest.raises(UserError, match=r"outputs: expected sizes \[7\]"):
        Network(shipped_model("pose_detection.tflite"), 224, (7,))


class _Counted(Network):
    made = 0

    def _made(self) -> Any:
        self.made += 1
        return super()._made()


def test_a_network_runs_in_threads_and_has_no_more_copies_than_it_needs() -> None:
    network = _Counted(shipped_model("pose_detection.tflite"), 224, (2254,), copies=3)
    pictures = np.random.default_rng(0).uniform(-1, 1, (8, 224, 224, 3)).astype(np.float32)
    alone = [network(picture)[0] for picture in pictures]
    assert network.made == 1
    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(lambda picture: network(picture)[0], pictures))
    assert 1 <= network.made <= 3
    np.testing.assert_array_equal(together, alone)
    running = [network._taken() for _ in range(3)]
    assert network.made == 3
    assert len({id(one) for one in running}) == 3


def test_a_model_that_says_no_numbers_is_refused(tmp_path: Path) -> None:
    """Some weights are damaged: the file is read, and half-precision NaN goes through the network."""
    content = bytearray(shipped_model("pose_landmark_full.tflite").read_bytes())
    content[2 << 20 : (2 << 20) + 4096] = b"\xff\x7e" * 2048
    (tmp_path / "own.tflite").write_bytes(content)
    with pytest.raises(UserError, match=r"own.tflite: expected finite outputs, found others: the file is damaged"):
        BlazePose(tmp_path / "own.tflite")


def test_sigmoid_does_not_overflow() -> None:
    logits = np.array([-1e4, -3.0, 0.0, 3.0, 1e4])
    with np.errstate(all="raise"):
        found = sigmoid(logits)
    assert found == pytest.approx([0, 1 / (1 + np.exp(3.0)), 0.5, 1 / (1 + np.exp(-3.0)), 1])
