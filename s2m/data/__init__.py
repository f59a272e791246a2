"""Data: motion sources, the open data, the frame store and what feeds it to Lightning.

The names below are loaded when they are first used, so that making data does not wait for Lightning.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.data.module import FrameDataModule, OpenData
    from s2m.data.store import FrameStore, StoreError

__all__ = ["FrameDataModule", "FrameStore", "OpenData", "StoreError", "is_open_data"]

_HOMES = {
    "FrameDataModule": "s2m.data.module",
    "FrameStore": "s2m.data.store",
    "OpenData": "s2m.data.module",
    "StoreError": "s2m.data.store",
}


def is_open_data(class_path: str) -> bool:
    """Whether a run was made on the open data, by the class that fed it.

    Args:
        class_path: ``class_path`` of the run's data, as its configuration names it.

    Returns:
        Whether it is :class:`~s2m.data.open.module.OpenData`, under its public name or that of its module.
        No class is imported for this: a file of a user's may name any.

    Example:
        >>> is_open_data("s2m.data.OpenData"), is_open_data("s2m.data.FrameDataModule")
        (True, False)
    """
    return class_path in (f"{__name__}.OpenData", f"{_HOMES['OpenData']}.OpenData")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_HOMES[name]), name)
