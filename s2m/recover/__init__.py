"""From photos and videos to bodies: detect, follow, lift, solve, place; and what is written of it.

The names below are loaded when they are first used, so that the command line does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.recover.bodies import Bodies
    from s2m.recover.camera import Camera
    from s2m.recover.recoverer import Recovered, Recoverer

__all__ = ["Bodies", "Camera", "Recovered", "Recoverer"]

_HOMES = {"Bodies": "bodies", "Camera": "camera", "Recovered": "recoverer", "Recoverer": "recoverer"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
