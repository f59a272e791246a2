from __future__ import annotations

from pathlib import Path

import pytest

from s2m.config_files import FOLDER, find_config
from stages.cli import shipped_configs


def test_a_name_is_found_among_the_files_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("configs/mesh.yaml") == FOLDER / "mesh.yaml"
    assert find_config("configs/no_such.yaml") == Path("configs/no_such.yaml")
    assert find_config("mesh.yaml") == Path("mesh.yaml")


def test_the_users_own_file_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "configs" / "mesh.yaml"
    own.parent.mkdir()
    own.write_text("model: {}\n")
    assert find_config("configs/mesh.yaml") == Path("configs/mesh.yaml")


def test_both_spellings_of_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--config", "configs/mesh.yaml", "--config=configs/data/open.yaml", "--output", "configs/mesh.yaml"]
    assert shipped_configs(given) == [
        "--config",
        str(FOLDER / "mesh.yaml"),
        f"--config={FOLDER / 'data/open.yaml'}",
        "--output",
        "configs/mesh.yaml",
    ]
    assert shipped_configs(["--config"]) == ["--config"]
