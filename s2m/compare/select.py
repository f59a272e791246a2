"""Choosing runs by stage, data, ablation and settings."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from s2m.compare.ablations import Ablations
from s2m.compare.metrics import nearest
from s2m.compare.runs import CompareError, Run
from s2m.compare.settings import data_names, show_value


@dataclass(frozen=True)
class Selection:
    """What to compare.

    Attributes:
        stage: Such as ``mesh``.
        data: A store, class or hash; any if ``None``.
        ablation: Name of an ablation; any if ``None``.
        settings: ``key=value`` on config keys or their ends.
    """

    stage: str = "mesh"
    data: str | None = None
    ablation: str | None = None
    settings: Sequence[str] = field(default_factory=tuple)


def select(runs: Sequence[Run], wanted: Selection, ablations: Ablations) -> list[Run]:
    """The runs that pass every filter, in the given order.

    Args:
        runs: Any runs of a source.
        wanted: The filters.
        ablations: The overlays by which ablations are recognised.

    Raises:
        CompareError: Says which filter left none.
    """
    left = runs_of_stage(runs, wanted.stage)
    if wanted.data is not None:
        left = _narrow(left, lambda run: _names_data(run, str(wanted.data)), f"--data {wanted.data}", _data_found(left))
    if wanted.ablation is not None:
        label = ablations.named(wanted.ablation)
        found = ", ".join(sorted({ablations.label(run) for run in left}))
        left = _narrow(left, lambda run: ablations.label(run) == label, f"--ablation {wanted.ablation}", found)
    for setting in wanted.settings:
        left = _filter(left, setting)
    return left


def runs_of_stage(runs: Sequence[Run], stage: str) -> list[Run]:
    """The runs of one stage.

    Args:
        runs: Any runs of a source.
        stage: Such as ``mesh``.

    Raises:
        CompareError: Counts the runs of the other stages if there are none.
    """
    left = [run for run in runs if run.stage == stage]
    if runs and not left:
        stages = sorted({run.stage for run in runs})
        found = ", ".join(f"{sum(run.stage == s for run in runs)} of {s or 'no stage'}" for s in stages)
        raise CompareError(f"--stage {stage}: expected finished runs of this stage, found {found}")
    return left


def _filter(runs: list[Run], setting: str) -> list[Run]:
    key, sign, text = setting.partition("=")
    if not sign or not key:
        raise CompareError(f"--filter {setting}: expected KEY=VALUE, found no '='")
    keys = sorted({name for run in runs for name in run.config})
    matching = [name for name in keys if name == key or _plain(name).endswith(f".{_plain(key)}")]
    if key in matching:
        matching = [key]
    if not matching:
        known = sorted({_plain(name).rpartition(".")[2] for name in keys} | set(keys))
        raise CompareError(
            f"--filter {setting}: expected a config key of these runs, found '{key}'; {nearest(key, known)}"
        )
    found = sorted({show_value(name, run.config[name]) for run in runs for name in matching if name in run.config})

    def passes(run: Run) -> bool:
        return any(name in run.config and equal_setting(name, run.config[name], text) for name in matching)

    return _narrow(runs, passes, f"--filter {setting}", ", ".join(found[:12]))


def equal_setting(key: str, value: Any, text: str) -> bool:
    """Whether a setting is what a user typed: a number by its value, anything else by its shown or full text.

    Args:
        key: The setting's name.
        value: What a run has.
        text: What the user typed.
    """
    try:
        typed = yaml.safe_load(text)
        typed = float(text) if isinstance(typed, str) else typed
    except (
        yaml.YAMLError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
    ):  # as text that is meant for no parser does
        typed = text
    if not isinstance(typed, str) and value == typed and isinstance(value, bool) == isinstance(typed, bool):
        return True
    return any(fnmatch.fnmatchcase(shown, text) for shown in (str(value), show_value(key, value)))


def _narrow(runs: list[Run], passes: Callable[[Run], bool], option: str, found: str) -> list[Run]:
    left = [run for run in runs if passes(run)]
    if runs and not left:
        raise CompareError(f"{option}: expected to leave some of {len(runs)} runs, found none; they have: {found}")
    return left


def _names_data(run: Run, wanted: str) -> bool:
    names = data_names(run)
    return any(fnmatch.fnmatch(name.lower(), wanted.lower()) for name in names) or (
        len(wanted) >= 6 and any(name.startswith(wanted) for name in names)
    )


def _data_found(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({name for run in runs for name in data_names(run)[:2]}))


def _plain(key: str) -> str:
    """A key as users think of it: ``model.pose.class_path`` is ``model.pose``, ``init_args`` goes without saying."""
    parts = [part for part in key.split(".") if part not in ("init_args", "class_path")]
    return ".".join(parts) or key
