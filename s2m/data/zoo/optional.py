"""Packages that only some datasets need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from s2m.data.zoo.source import SourceError


def require(name: str) -> ModuleType:
    """Import a package of the extra ``datasets``; SourceError that says how to install it.

    Args:
        name: Name of the package.

    Raises:
        SourceError: When it is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise SourceError(f"package {name}: missing; pip install 's2m[datasets]' brings it ({error})") from error
