"""Errors of seen joints: what is hidden has no part in them, but for the pelvis where it is the origin."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studies.lifter.game import main, plot
from studies.lifter.hidden import middle, pelvis, seen_error


def test_hidden_joints_count_only_as_the_origin() -> None:
    true = torch.randn(4, 17, 3, generator=torch.Generator().manual_seed(0))
    seen = torch.ones(4, 17)
    seen[:, [0, 3]] = 0
    found = 2.5 * true + torch.tensor([1.0, -2.0, 3.0])
    found[:, 3] += 7
    assert seen_error(found, true, seen, middle) == pytest.approx(0, abs=1e-3)
    assert seen_error(found, true, seen, pelvis) == pytest.approx(0, abs=1e-3)
    found[:, 0] += 0.5
    assert seen_error(found, true, seen, middle) == pytest.approx(0, abs=1e-3)
    assert seen_error(found, true, seen, pelvis) > 50


def test_two_joints_by_hand() -> None:
    """Half a metre apart instead of one, in the same direction but for 90 degrees: no scale helps."""
    true, found, seen = torch.zeros(1, 3, 3), torch.zeros(1, 3, 3), torch.tensor([[0.0, 1.0, 1.0]])
    true[0, 1, 0], true[0, 2, 0], found[0, 1, 1], found[0, 2, 1] = -0.5, 0.5, -0.25, 0.25
    assert seen_error(found, true, seen, middle) == pytest.approx(500)


def test_a_picture_of_the_game(tmp_path: Path) -> None:
    columns = "step,train/real_called_real,train/reprojections_called_real,val/real_called_real"
    (tmp_path / "metrics.csv").write_text(f"{columns}\n100,0.6,0.4,\n200,0.7,0.3,\n200,,,0.5\n")
    assert main([f"a run={tmp_path}", "-o", str(tmp_path / "game.png")]) == 0
    plot([("one", tmp_path), ("two", tmp_path)], tmp_path / "two.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("game.png", "two.png"))
