"""Components as plain data: ``{"class_path": ..., "init_args": {...}}``, the form that configs and artifacts share."""

from __future__ import annotations

import importlib
from typing import Any

from s2m.errors import UserError

PACKAGE = __name__.partition(".")[0]
_LARGEST = 65_536


class SpecError(UserError, ValueError):
    """A component's description cannot be built."""


def build(spec: dict[str, Any], *runtime: Any) -> Any:
    """Build the component that ``spec`` describes; ``runtime`` are the positional arguments that come before its own.

    Only classes of this package are built, since specs are also read from artifacts that a user downloaded.

    Args:
        spec: ``{"class_path": "s2m.module.Class", "init_args": {...}}``.
        *runtime: Positional arguments that the program gives before those of the spec, such as a body.

    Returns:
        The component.

    Raises:
        SpecError: Names the class and what is wrong with it.
    """
    if not isinstance(spec, dict):
        raise SpecError(f"expected class_path and init_args, found {type(spec).__name__}")
    path = spec.get("class_path")
    if not isinstance(path, str) or not path.startswith(PACKAGE + "."):
        raise SpecError(f"class_path: expected a class of {PACKAGE}, found {path!r}")
    module_name, _, class_name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")):
        raise SpecError(f"class_path: expected a class of {PACKAGE}, found {path[:80]!r}")
    try:
        component = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"class_path: {path} does not exist ({error})") from error
    if not isinstance(component, type):
        raise SpecError(f"class_path: {path} is not a class")
    arguments = spec.get("init_args") or {}
    if not isinstance(arguments, dict) or not all(isinstance(name, str) for name in arguments):
        raise SpecError(f"init_args of {path}: expected arguments by name, found {type(arguments).__name__}")
    _check_sizes(path, arguments)
    try:
        return component(*runtime, **arguments)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise SpecError(f"init_args of {path}: {said[:200]}") from error


def _check_sizes(path: str, arguments: dict[str, Any]) -> None:
    """Refuse networks that no machine holds: what a file says of itself is not to be trusted."""
    for name, value in arguments.items():
        if isinstance(value, int | float) and not abs(value) <= _LARGEST:
            raise SpecError(f"init_args of {path}: {name}: expected at most {_LARGEST}, found {value}")
