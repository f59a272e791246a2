"""Which code a training's figures depend on, by the import graph: the mark that tells whether a result is stale."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("s2m", "stages")
# Runs every stage: imports all of them, and what records them. What a stage depends on begins at the stage itself.
RUNNER, BASE = "stages.cli", "stages.base"
# Rooms that show figures and compute none; a training imports them to leave pictures and records behind.
SHOWING = ("s2m.report", "s2m.compare", "s2m.cli", "stages.tracking", "stages.showcase")


def code_mark(stage: str, configs: Sequence[Path]) -> str:
    """A version of everything that decides the figures of a training.

    Args:
        stage: name of the stage, ``python -m stages STAGE``.
        configs: yaml files of the training; the classes that they name count, and what those import.

    Returns:
        SHA-256 over the meaning of the sources, where comments and docstrings do not count.
    """
    digest = hashlib.sha256()
    for name in deciding_modules(stage, configs):
        digest.update(f"{name} {_module_hash(name)}\n".encode())
    return digest.hexdigest()


def deciding_modules(stage: str, configs: Sequence[Path]) -> list[str]:
    """Names of all modules of this project that a stage's figures depend on, sorted; arguments as of `code_mark`.

    Args:
        stage: Its name.
        configs: Configuration files of the training.
    """
    graph = _graph()
    offered = graph.find_modules_directly_imported_by(RUNNER) - {BASE}
    stages = {module for module in offered if graph.chain_exists(importer=module, imported=BASE)}
    own = {f"stages.{stage}", BASE}
    named = {module for path in configs for name in _class_paths(path) if (module := _home(name)) is not None}
    # The runner, without the stages that it offers beside this one.
    found = own | {RUNNER} | named
    waiting = list(found)
    while waiting:
        module = waiting.pop()
        imported = graph.find_modules_directly_imported_by(module)
        others = stages - own if module == RUNNER else set()
        fresh = {name for name in imported if name not in found and name not in others and not _shows(name)}
        found |= fresh
        waiting += fresh
    return sorted(found)


@cache
def _graph() -> grimp.ImportGraph:
    """Imports of the project, those for type checkers included: lazy packages tell there where their names live."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def _shows(module: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in SHOWING)


def _class_paths(path: Path) -> Iterator[str]:
    yield from _strings_under(yaml.safe_load(path.read_text(encoding="utf-8")), "class_path")


def _strings_under(value: Any, key: str) -> Iterator[str]:
    """Strings of nested mappings and lists that stand under a key."""
    children: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and isinstance(value.get(key), str):
        yield value[key]
    for child in children:
        yield from _strings_under(child, key)


def _home(class_path: str) -> str | None:
    """The module of this project that a class path names; None for other people's classes."""
    module = class_path.rpartition(".")[0]
    return module if module in _graph().modules else None


@cache
def _module_hash(name: str) -> str:
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return meaning(file.read_text(encoding="utf-8"))


def meaning(source: str) -> str:
    """SHA-256 of Python source without comments, layout and docstrings; the same under every version of Python.

    Args:
        source: Python source.
    """
    return hashlib.sha256(json.dumps(_shape(ast.parse(source))).encode()).hexdigest()


def _shape(node: Any) -> Any:
    """A syntax tree as lists. Fields that are empty are left out, since newer versions of Python have more of them."""
    if isinstance(node, list):
        return [_shape(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    values = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        values["body"] = values["body"][1:]
    return [type(node).__name__, [[name, _shape(value)] for name, value in values.items()]]
