"""Every public function, class and method of s2m and stages names its arguments in an ``Args:`` section.

Read from the source alone, nothing is imported. A dataclass's fields are the arguments of its constructor and may stand
under ``Attributes:``. An override whose docstring says "See ..." is documented where it says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("s2m", "stages")
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Two spaces at least, a name (or several that share their words), a colon.
# Hooks of Lightning, which calls them with its own arguments.
HOOK = re.compile(
    r"on_\w+|setup|(training|validation|test)_step|configure_gradient_clipping|save_checkpoint|convert_input"
)
ENTRY = re.compile(r"^\s+((?:\*{0,2}\w+(?:, )?)+)(?: \([^)]*\))?:", re.MULTILINE)


def section(docstring: str, *titles: str) -> str:
    """The indented lines below ``Args:`` (or another title), the least indented first."""
    found = []
    for title in titles:
        match = re.search(rf"^([ ]*){title}:\n((?:\1[ ]+\S.*\n?|\s*\n)+)", docstring, re.MULTILINE)
        found += [match[2]] if match else []
    return "\n".join(found)


def named(docstring: str) -> set[str]:
    entries = ENTRY.findall(section(docstring, "Args", "Attributes"))
    return {name.strip().lstrip("*") for entry in entries for name in entry.split(",")}


def arguments(function: Function, method: bool) -> list[str]:
    spec = function.args
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list)
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)][1 if method and not static else 0 :]
    rest = [a.arg for a in (spec.vararg, *spec.kwonlyargs, spec.kwarg) if a is not None]
    return [name for name in (*positional, *rest) if not name.startswith("_")]


def is_overload(function: Function) -> bool:
    return any("overload" in ast.unparse(decorator) for decorator in function.decorator_list)


def fields(cls: ast.ClassDef) -> list[str]:
    """What a dataclass's constructor takes; nothing for another class."""
    if not any("dataclass" in ast.unparse(decorator) for decorator in cls.decorator_list):
        return []
    found = [n for n in cls.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    settable = [n for n in found if "ClassVar" not in ast.unparse(n.annotation) and "init=False" not in ast.unparse(n)]
    return [n.target.id for n in settable if isinstance(n.target, ast.Name) and not n.target.id.startswith("_")]


def unnamed(node: Function | ast.ClassDef, names: list[str], more: str = "") -> list[str]:
    docstring = "\n".join(filter(None, (ast.get_docstring(node), more))) + "\n"
    if re.search(r"^See\b|\bSee :|\bSee ``", docstring):
        return []
    known = named(docstring)
    return [name for name in names if name not in known]


def of_class(cls: ast.ClassDef) -> Iterator[tuple[str, int, list[str]]]:
    """A class's constructor, and its public methods."""
    methods = [node for node in cls.body if isinstance(node, Function) and not is_overload(node)]
    inits = [node for node in methods if node.name == "__init__"]
    names = arguments(inits[0], method=True) if inits else fields(cls)
    more = ast.get_docstring(inits[0]) if inits else None
    yield cls.name, cls.lineno, unnamed(cls, names, more or "")
    for method in methods:
        if not method.name.startswith("_") and not HOOK.fullmatch(method.name):
            yield f"{cls.name}.{method.name}", method.lineno, unnamed(method, arguments(method, method=True))


def undocumented(source: str) -> list[str]:
    """``line name: arguments without words`` for every public definition that lacks some."""
    found: list[tuple[str, int, list[str]]] = []
    for node in ast.parse(source).body:
        if isinstance(node, Function) and not node.name.startswith("_") and not is_overload(node):
            found.append((node.name, node.lineno, unnamed(node, arguments(node, method=False))))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += of_class(node)
    return [f"{line} {name}: {', '.join(missing)}" for name, line, missing in found if missing]


def files() -> list[str]:
    return [str(path.relative_to(ROOT)) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("file", files())
def test_every_argument_has_words(file: str) -> None:
    assert undocumented((ROOT / file).read_text()) == []


def test_what_is_missing_is_seen() -> None:
    source = '''
from dataclasses import dataclass

def good(a, b, *rest, c=1):
    """Sum.

    Args:
        a, b: Numbers.
        *rest: More
            of them: all.
        c (int): Another.

    Returns:
        d: The sum.
    """

def bad(a, d):
    """Sum.

    Args:
        a: A number.

    Returns:
        d: Not an argument.
    """

@dataclass
class Point:
    """A point.

    Attributes:
        x: Metres.
    """

    x: float
    y: float

    def moved(self, by):
        """See :meth:`Shape.moved`."""

    def turned(self, by):
        """Turn it."""

    def _private(self, by): ...
'''
    assert undocumented(source) == ["17 bad: d", "28 Point: y", "41 Point.turned: by"]
