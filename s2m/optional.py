"""Packages that only some commands need, and the extras of the distribution that bring them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from s2m.errors import UserError

DISTRIBUTION = "skeleton2mesh"

# Import name to extra; tests/test_core_alone.py proves that `s2m ik` and `s2m lift` do without all of them.
EXTRAS = {
    **dict.fromkeys(
        (
            "fast_simplification",
            "jinja2",
            "jsonargparse",
            "lightning_fabric",
            "matplotlib",
            "omegaconf",
            "pytorch_lightning",
            "roma",
            "torchmetrics",
            "torchvision",
            "wandb",
            "zuko",
        ),
        "train",
    ),
    "pytorch3d": "pytorch3d",
    **dict.fromkeys(("av", "cdflib", "h5py"), "datasets"),
    "ai_edge_litert": "photo",
    "wandb_workspaces": "compare",
    "anny": "body",
    "pxr": "usd",
}


class MissingPackageError(UserError, ImportError):
    """A package of an extra is not installed; the message says how to install it."""


def require(name: str, extra: str | None = None) -> ModuleType:
    """Import a package of an extra where it is needed.

    Args:
        name: import name, one of ``EXTRAS``.
        extra: of several that bring the package, the one that brings what else the command needs; the one of ``EXTRAS``
            by default.

    Returns:
        The module.

    Raises:
        MissingPackageError: it is not installed, or something that it imports is not.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise _missing(name, error, extra) from error


@contextmanager
def extras_explained() -> Iterator[None]:
    """Let a failed import of an extra's package, anywhere in the block, say how to install it.

    Raises:
        MissingPackageError: instead of the ModuleNotFoundError of a package in ``EXTRAS``.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise _missing(package, error) from error


def _missing(name: str, error: ImportError, extra: str | None = None) -> MissingPackageError:
    extra = EXTRAS[name.partition(".")[0]] if extra is None else extra
    return MissingPackageError(f"package {name}: missing; pip install '{DISTRIBUTION}[{extra}]' brings it ({error})")
