from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from s2m.data.open.config import Frames, OpenConfig, Subjects
from s2m.data.open.generate import generate

TINY = OpenConfig(
    seed=5,
    frames=Frames(
        train=40,
        train_pose=170,
        val=12,
        test=50,
        acrobatic=20,
        train_video=60,
        above=20,
        half_body=20,
        sitting=20,
        detector=40,
    ),
    subjects=Subjects(4),
    chunk=16,
)


@pytest.fixture(scope="session")
def tiny() -> OpenConfig:
    return TINY


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store that no test may change."""
    path = tmp_path_factory.mktemp("open") / "store"
    assert generate(path, TINY, progress=False)
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "store"))
