"""One offline run, read by W&B's own reader.

W&B 0.31 has no Python reader any more. ``wandb leet inspect --json FILE`` starts the program ``wandb-core`` that the
package brings along; it is started here without the half second of Python in between, and without the telemetry that
it would send.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from s2m.compare.runs import (
    FINISHED,
    CompareError,
    Curve,
    Run,
    finite_points,
    flatten,
    is_curve,
    metric_values,
    whole_number,
)

_STEP = "trainer/global_step"


class DamagedError(CompareError):
    """A run's file cannot be read to its end; the message says why."""


def reader_command() -> list[str]:
    """The program that reads ``.wandb`` files.

    Raises:
        CompareError: Where W&B has none for this platform.
    """
    from wandb.errors import WandbCoreNotAvailableError
    from wandb.util import get_core_path

    try:
        return [get_core_path(), "leet", "inspect", "--no-observability", "--json"]
    except WandbCoreNotAvailableError as error:
        raise CompareError(f"W&B's reader: expected the program wandb-core, found none ({error})") from None


def read_records(path: Path, command: list[str]) -> list[dict[str, Any]]:
    """The records of a ``.wandb`` file.

    Args:
        path: The ``.wandb`` file.
        command: W&B's program that reads such files.

    Raises:
        DamagedError: For a file that is not one, or has a hole.
    """
    result = subprocess.run(
        [*command, "--run-file", str(path), str(path.parent)], capture_output=True, text=True, check=False, timeout=600
    )
    complaint = result.stderr.strip()
    if result.returncode != 0 or "corrupt" in complaint:
        raise DamagedError(complaint.splitlines()[0] if complaint else f"the reader stopped with {result.returncode}")
    try:
        return [json.loads(line, parse_int=whole_number) for line in result.stdout.splitlines()]
    except ValueError as error:
        raise DamagedError(f"the reader wrote no JSON ({error})") from None


def run_of_records(records: list[dict[str, Any]], source: str) -> Run:
    """Put a run together from its records.

    Args:
        records: Of one file.
        source: The file, for messages.

    Raises:
        DamagedError: When the record that begins a run is missing.
    """
    begin = next((record["run"] for record in records if record.get("type") == "run"), None)
    if begin is None:
        raise DamagedError("no run in it: it ended before the run began")
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    curves: dict[str, Curve] = {}
    _update(config, begin.get("config", {}))
    for record in records:
        if record["type"] == "config":
            _update(config, record["config"])
        elif record["type"] == "summary":
            summary.update(record["summary"].get("update", {}))
        elif record["type"] == "history":
            _extend(curves, record["history"])
    name = begin.get("display_name", begin["run_id"])
    return Run(
        identifier=begin["run_id"],
        name=begin.get("run_group") or name,
        stage=begin.get("job_type", ""),
        state=_state(records),
        started=begin.get("start_time", ""),
        config=config,
        summary=metric_values(summary),
        curves={metric: points for metric, raw in curves.items() if (points := finite_points(raw))},
        source=source,
    )


def _update(config: dict[str, Any], change: dict[str, Any]) -> None:
    """Apply a config record: a value replaces what was there under its key, sub-keys included."""
    for key, value in change.get("update", {}).items():
        for old in [k for k in config if k == key or k.startswith(f"{key}.")]:
            del config[old]
        config.update(flatten({key: value}))


def _extend(curves: dict[str, Curve], history: dict[str, Any]) -> None:
    item = history.get("item", {})
    step = item.get(_STEP, history.get("step", {}).get("num", 0))
    for name, value in metric_values(item).items():
        if is_curve(name):
            curves.setdefault(name, []).append((float(step), value))


def _state(records: list[dict[str, Any]]) -> str:
    last = next((record["exit"] for record in reversed(records) if record.get("type") == "exit"), None)
    if last is None:
        return "unfinished: it is still running or was killed"
    code = last.get("exit_code", 0)
    return FINISHED if code == 0 else f"ended with exit code {code}"
