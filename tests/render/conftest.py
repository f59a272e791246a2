from __future__ import annotations

import pytest
import torch

from studies.render.bench import posed_bodies


@pytest.fixture(scope="session")
def people() -> tuple[torch.Tensor, torch.Tensor]:
    """Three posed bodies of about 600 faces in the crop."""
    return posed_bodies(3, 600)


@pytest.fixture
def triangle() -> tuple[torch.Tensor, torch.Tensor]:
    """One front face (counter-clockwise on the screen) in the middle of the crop."""
    points = torch.tensor([[[-0.5, 0.4, 0.0], [0.05, -0.6, 0.0], [0.55, 0.5, 0.0]]])
    return points, torch.tensor([[0, 2, 1]])
