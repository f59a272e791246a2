"""Using a trained lifter: ``s2m lift``, :func:`lift`, and the lifters that ship.

The names below are loaded when they are first used, so that the command line does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.lifting.api import Lift, lift
    from s2m.lifting.pretrained import read_head, read_lifter, shipped, shipped_head

__all__ = ["Lift", "lift", "read_head", "read_lifter", "shipped", "shipped_head"]

_HOMES = {"Lift": "api", "lift": "api"} | dict.fromkeys(
    ("read_head", "read_lifter", "shipped", "shipped_head"), "pretrained"
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
