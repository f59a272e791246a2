"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import s2m
import stages

ROOT = Path(s2m.__file__).parent.parent
PACKAGES = (s2m, stages)
FILES = [path for package in PACKAGES for path in sorted(Path(str(package.__file__)).parent.rglob("*.py"))]
WITH_EXAMPLES = [path for path in FILES if ">>> " in path.read_text()]


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 3


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_run(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
