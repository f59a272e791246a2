"""A plugin of pytest (``-p tests.blocked``): as if no package of any extra were installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

from s2m.optional import EXTRAS


class Blocker(MetaPathFinder):
    """Finds the packages of the extras first, and says that there are none."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        package = name.partition(".")[0]
        if package in EXTRAS or package == "smplx":  # the oracle of some tests
            raise ModuleNotFoundError(f"No module named {package!r} (blocked)", name=package)


sys.meta_path.insert(0, Blocker())
