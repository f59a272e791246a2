"""Readers of masks are told which part of a picture is needed; what is stored does not depend on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from s2m.data.store import FrameStore
from s2m.data.zoo.convert import convert
from s2m.data.zoo.human36m.masks import CellMasks
from s2m.data.zoo.source import SourceError
from tests.data.zoo.fabricate import human36m, toy


def test_human36m_reads_the_windows_alone(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((4, 60, 50)) < 0.5
    human36m.write_masks(tmp_path / "m.mat", masks)
    reader = CellMasks(tmp_path / "m.mat", np.array([3, 0, 9]), (50, 60))
    windows = np.array([[10, 20, 30, 60], [0, 0, 50, 60], [1, 1, 2, 2]])
    expected = np.zeros((3, 60, 50), bool)
    expected[0, 20:60, 10:30] = masks[3, 20:60, 10:30]
    expected[1] = masks[0]
    np.testing.assert_array_equal(reader.read(np.arange(3), windows), expected)
    np.testing.assert_array_equal(reader.read(np.arange(2)), masks[[3, 0]])
    assert not reader.read(np.array([0]), np.array([[50, 60, 50, 60]])).any()


def test_the_store_does_not_depend_on_what_a_reader_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write_recording(tmp_path / "raw" / "test" / "t.npz", 6)
    convert(toy.ToySource(tmp_path / "raw"), tmp_path / "whole", progress=False)
    read, asked = toy.StoredMasks.read, []

    def windowed(self: Any, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        assert windows is not None
        asked.extend(windows.tolist())
        whole = read(self, rows)
        part = np.zeros_like(whole)
        for mask, known, (x0, y0, x1, y1) in zip(part, whole, windows, strict=True):
            mask[y0:y1, x0:x1] = known[y0:y1, x0:x1]
        return part

    monkeypatch.setattr(toy.StoredMasks, "read", windowed)
    convert(toy.ToySource(tmp_path / "raw"), tmp_path / "part", progress=False)
    assert len(asked) == 6
    assert FrameStore(tmp_path / "part").hash == FrameStore(tmp_path / "whole").hash


def test_masks_that_are_not_bool_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write_recording(tmp_path / "raw" / "test" / "t.npz", 3)
    read = toy.StoredMasks.read
    monkeypatch.setattr(toy.StoredMasks, "read", lambda *given: read(*given).astype(np.uint8) * 255)
    with pytest.raises(SourceError, match=r"t\.npz: masks .* of bool, found \(3, 240, 320\) of uint8"):
        convert(toy.ToySource(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
