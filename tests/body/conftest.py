from __future__ import annotations

import pytest

from s2m.body import Body, load_body


@pytest.fixture(scope="session")
def body() -> Body:
    """The open body. Shared: tests must not change it."""
    return load_body()
