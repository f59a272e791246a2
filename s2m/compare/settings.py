"""Which settings make a run what it is, and in which of them runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from s2m.compare.execution import PARENTS, changes_a_result
from s2m.compare.runs import Run

Settings = dict[str, Any]

_MAIN_SEED = "seed_everything"
_LINEAGE = "lineage"
DATA_HASH = "lineage.data"
# What the data was converted from, or that it is the open data.
DATASET = "lineage.dataset"


def seed_of(run: Run) -> str:
    """The seeds of a run as text: ``3``, or ``3/1`` where the data has one of its own that is not 0.

    Args:
        run: One stage of one run.
    """
    others = [run.config[key] for key in sorted(run.config) if _is_seed(key) and key != _MAIN_SEED]
    seeds = [run.config.get(_MAIN_SEED), *(seed for seed in others if seed != 0)]
    return "/".join(str(seed) for seed in seeds if seed is not None)


def settings_of(run: Run) -> Settings:
    """What the run's result depends on, but for its seed; numbers as floats, so that 1 equals 1.0.

    Args:
        run: One stage of one run.
    """
    return {
        key: _canonical(value)
        for key, value in run.config.items()
        if changes_a_result(key)
        and not _is_seed(key)
        and (key == DATA_HASH or key.split(".")[0] not in (_LINEAGE, "_wandb", "wandb_version"))
    }


def signature(run: Run) -> str:
    """Equal for runs that differ by seed, place and execution at most; known while a run is not finished yet.

    Args:
        run: One stage of one run.
    """
    return canonical_text({key: value for key, value in settings_of(run).items() if key != DATA_HASH})


def settings_with_parents(runs: Sequence[Run], everything: Iterable[Run]) -> dict[str, Settings]:
    """Settings of each run by identifier, those of the runs whose artifacts it was trained on included.

    Args:
        runs: Whose settings are wanted.
        everything: All runs of all stages. A parent is the newest run that wrote into the folder of the artifact before
            the run began; settings of parents count only if those of all runs are known.
    """
    settings = {run.identifier: settings_of(run) for run in runs}
    writers: dict[str, list[Run]] = {}
    for run in sorted(everything, key=lambda run: run.started):
        writers.setdefault(str(PurePath(str(run.config.get("output", "")))), []).append(run)
    for parent, key in PARENTS.items():
        found = {run.identifier: _writer(run, key, writers) for run in runs}
        if any(writer is None for writer in found.values()):
            continue
        for identifier, writer in found.items():
            assert writer is not None
            inherited = {k: v for k, v in settings_of(writer).items() if k.startswith(("model.", "trainer."))}
            settings[identifier].update({f"{parent}:{k}": v for k, v in inherited.items()})
    return settings


def differing_keys(settings: Sequence[Settings]) -> list[str]:
    """Keys whose value is not the same everywhere, sorted.

    Arguments of exchanged classes that only come and go with their class are implied by it, and left out.

    Args:
        settings: Of several runs.
    """
    keys = sorted({key for each in settings for key in each})
    differing = [key for key in keys if len({canonical_text(each.get(key, ...)) for each in settings}) > 1]
    classes = [key.removesuffix("class_path") for key in differing if key.endswith(".class_path")]

    def implied(key: str) -> bool:
        present = {canonical_text(each[key]) for each in settings if key in each}
        return len(present) == 1 and any(key.startswith(f"{owner}init_args.") for owner in classes)

    return [key for key in differing if not implied(key)]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Keys without the sections that they have in common, where that leaves them distinct.

    Args:
        keys: Dotted keys.
    """
    short = {key: _short(key) for key in keys}
    counts: dict[str, int] = {}
    for name in short.values():
        counts[name] = counts.get(name, 0) + 1
    return {key: name if counts[name] == 1 else key for key, name in short.items()}


def show_value(key: str, value: Any) -> str:
    """A setting as text: a class by its name, a hash by its beginning, a path by its end.

    Args:
        key: The setting's name.
        value: The setting.
    """
    if value is ...:
        return "–"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return " ".join(show_value(key, item) for item in value)
    if key.endswith("class_path"):
        return str(value).rpartition(".")[2]
    if key == DATA_HASH:
        return str(value)[:8]
    return str(value)


def data_names(run: Run) -> list[str]:
    """What the data of a run may be called: its store's folder, its class, its hash.

    Args:
        run: One stage of one run.
    """
    store, kind = run.config.get("data.init_args.store"), run.config.get("data.class_path")
    names = [PurePath(str(store)).name if store else "", str(kind).rpartition(".")[2] if kind else ""]
    return [name for name in (*names, str(run.config.get(DATA_HASH, ""))) if name]


def canonical_text(value: Any) -> str:
    """Equal for equal settings.

    Args:
        value: A setting.
    """
    return json.dumps(value, sort_keys=True, default=str)


def _canonical(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_seed(key: str) -> bool:
    return key.rpartition(".")[2] in ("seed", _MAIN_SEED)


def _writer(run: Run, key: str, writers: Mapping[str, list[Run]]) -> Run | None:
    path = run.config.get(key)
    if not path:
        return None
    candidates = writers.get(str(PurePath(str(path)).parent), [])
    return next((writer for writer in reversed(candidates) if writer.started <= run.started), None)


def _short(key: str) -> str:
    parent, _, rest = key.rpartition(":")
    parts = [part for part in rest.split(".") if part not in ("init_args", "class_path")]
    if parts[0] == _LINEAGE or (len(parts) > 1 and parts[0] in ("model", "data", "trainer")):
        parts = parts[1:]
    name = ".".join(parts) or rest
    return f"{parent} {name}".strip()
