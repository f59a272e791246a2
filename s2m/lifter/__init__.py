"""Lifting 2D joints to 3D skeletons: the network (stage 1), its objective, the lifters that ship, and ``s2m lift``.

The names below are loaded when they are first used, so that the command line does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.lifter.api import Lift, lift
    from s2m.lifter.network import Lifter, mean_bone_length, planar_skeleton, shared_bones
    from s2m.lifter.shipped_lifters import (
        read_doubt,
        read_head,
        read_lifter,
        shipped,
        shipped_doubt,
        shipped_head,
    )

__all__ = [
    "Lift",
    "Lifter",
    "lift",
    "mean_bone_length",
    "planar_skeleton",
    "read_doubt",
    "read_head",
    "read_lifter",
    "shared_bones",
    "shipped",
    "shipped_doubt",
    "shipped_head",
]

_HOMES = {
    **dict.fromkeys(("Lift", "lift"), "api"),
    **dict.fromkeys(("Lifter", "mean_bone_length", "planar_skeleton", "shared_bones"), "network"),
    **dict.fromkeys(
        ("read_doubt", "read_head", "read_lifter", "shipped", "shipped_doubt", "shipped_head"), "shipped_lifters"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
