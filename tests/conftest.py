from __future__ import annotations

import pytest
import torch

from tests.stages.fixtures import chain, store, train

__all__ = ["chain", "store", "train"]


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
