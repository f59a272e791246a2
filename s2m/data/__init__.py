"""Data: motion sources, the open data, the frame store and what feeds it to Lightning.

The names below are loaded when they are first used, so that making data does not wait for Lightning.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.data.module import FrameDataModule, OpenData
    from s2m.data.store import FrameStore, StoreError

__all__ = ["FrameDataModule", "FrameStore", "OpenData", "StoreError"]

_HOMES = {
    "FrameDataModule": "s2m.data.module",
    "FrameStore": "s2m.data.store",
    "OpenData": "s2m.data.module",
    "StoreError": "s2m.data.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_HOMES[name]), name)
