"""Skeleton2Mesh: SMPL bodies from 2D skeletons and silhouettes, without 3D annotation.

Example:
    >>> import s2m
    >>> [name for name in dir(s2m) if name in ("Solver", "lift", "load_body", "solve")]
    ['Solver', 'lift', 'load_body', 'solve']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.body import load_body
    from s2m.ik.api import solve
    from s2m.ik.streaming import Solver
    from s2m.lifter.api import lift

__version__ = "0.1.0"
__all__ = ["Solver", "__version__", "lift", "load_body", "solve"]

# Loaded when first used: importing the package should wait neither for torch nor for NumPy.
_HOMES = {
    "Solver": "s2m.ik.streaming",
    "lift": "s2m.lifter.api",
    "load_body": "s2m.body",
    "solve": "s2m.ik.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
