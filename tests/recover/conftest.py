from __future__ import annotations

from tests.detect.conftest import blazepose, person

__all__ = ["blazepose", "person"]
