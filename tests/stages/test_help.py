"""Every option that a yaml or the command line can set has help: those of all stages, and of all classes they name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from jsonargparse import ArgumentParser

import s2m
import stages
from s2m.data import FrameDataModule
from stages.cli import StageCLI
from stages.names import STAGES

OURS = (s2m, stages)


class _ParserMadeError(Exception):
    """The parser is there; what follows would read a configuration and build a stage."""


class _ParserOnly(StageCLI):
    def parse_arguments(self, parser: Any, args: Any) -> None:
        raise _ParserMadeError


def stage_parser(name: str) -> ArgumentParser:
    """The parser of ``python -m stages NAME``, before it reads anything."""
    cli = _ParserOnly.__new__(_ParserOnly)
    with pytest.raises(_ParserMadeError):
        cli.__init__(STAGES[name].load(), [])  # type: ignore[misc]
    return cli.parser


@cache
def import_everything() -> None:
    """A class is an option's choice once its module was imported."""
    for package in OURS:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in {package.__name__ for package in OURS}


def classes_in(hint: Any, given: int = 0) -> Iterator[tuple[type, int]]:
    """Our classes in a type, and how many of a class's first arguments the program passes: see ``Callable[[A], X]``."""
    if isinstance(hint, type) and get_origin(hint) is None:
        if is_ours(hint):
            yield hint, given
    elif get_origin(hint) is not None and get_args(hint):
        if isinstance(get_args(hint)[0], list):
            runtime, made = get_args(hint)
            yield from classes_in(made, len(runtime))
        else:
            for part in get_args(hint):
                yield from classes_in(part, given)


def choices(cls: type) -> Iterator[type]:
    """``cls`` and all classes below it that can be built."""
    if not inspect.isabstract(cls):
        yield cls
    below: type
    for below in cls.__subclasses__():
        if is_ours(below) and "<locals>" not in below.__qualname__:
            yield from choices(below)


def hints_of_settings(cls: type, given: int) -> list[Any]:
    """Types of a class's arguments but the first ``given``, which are made by the program."""
    hints = get_type_hints(cls.__init__)  # type: ignore[misc]
    settings = list(inspect.signature(cls).parameters)[given:]
    return [hints[name] for name in settings if name in hints]


@cache
def configurable() -> dict[type, int]:
    """All classes that a configuration of some stage can name, and their number of runtime arguments."""
    import_everything()
    found: dict[type, int] = {}
    waiting: list[tuple[type, int]] = [*((entry.load(), 0) for entry in STAGES.values()), (FrameDataModule, 0)]
    while waiting:
        base, given = waiting.pop()
        for cls in choices(base):
            if cls not in found:
                found[cls] = given
                waiting += [pair for hint in hints_of_settings(cls, given) for pair in classes_in(hint)]
    return found


def option_help(parser: ArgumentParser) -> dict[str, str]:
    """Help by option; those that only show help themselves are left out."""
    named = [action for action in parser._actions if not action.dest.endswith("help")]
    return {action.dest: (action.help or "").strip() for action in named}


def own_options(cls: type) -> dict[str, str]:
    given = configurable()[cls]
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, skip={given} if given else None)
    return option_help(parser)


def without_help(help_of: dict[str, str]) -> list[str]:
    return [name for name, text in help_of.items() if not text or text == "==SUPPRESS=="]


@pytest.mark.parametrize("name", sorted(STAGES))
def test_every_option_of_a_stage_has_help(name: str) -> None:
    missing = without_help(option_help(stage_parser(name)))
    assert missing == []


def test_the_trainers_options_come_after_the_suites_own() -> None:
    shown = stage_parser("regressor").format_help()
    places = [
        shown.index(f"  --{option} ") for option in ("output", "project", "model.lifter", "data", "trainer.max_epochs")
    ]
    assert places == sorted(places)


def test_every_argument_of_a_class_that_a_configuration_names_has_help() -> None:
    missing = {f"{cls.__module__}.{cls.__qualname__}": without_help(own_options(cls)) for cls in configurable()}
    assert {name: arguments for name, arguments in missing.items() if arguments} == {}
