"""Components as plain data: ``{"class_path": ..., "init_args": {...}}``, the form that configs and artifacts share."""

from __future__ import annotations

import importlib
from typing import Any

from s2m.errors import UserError

PACKAGE = __name__.partition(".")[0]


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
    path = spec.get("class_path")
    if not isinstance(path, str) or not path.startswith(PACKAGE + "."):
        raise SpecError(f"class_path: expected a class of {PACKAGE}, found {path!r}")
    module_name, _, class_name = path.rpartition(".")
    try:
        component = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"class_path: {path} does not exist ({error})") from error
    if not isinstance(component, type):
        raise SpecError(f"class_path: {path} is not a class")
    arguments = spec.get("init_args") or {}
    try:
        return component(*runtime, **arguments)
    except TypeError as error:
        raise SpecError(f"init_args of {path}: {error}") from error
