"""Sweep files: their form, their names, and the command that W&B's agent makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml

from s2m.cli import main
from s2m.compare.local import LocalRuns
from s2m.compare.runs import flatten
from s2m.metrics.collections import body_metrics, skeleton_metrics

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "configs/sweep").glob("*.yaml"))

# After W&B's documentation of sweep configurations, for the distributions that are used here.
_RANGE = {"type": "object", "required": ["distribution", "min", "max"], "additionalProperties": False,
          "properties": {"distribution": {"enum": ["uniform", "log_uniform_values"]},
                         "min": {"type": "number"}, "max": {"type": "number"}}}  # fmt: skip
_VALUES = {"type": "object", "required": ["values"], "additionalProperties": False,
           "properties": {"values": {"type": "array", "minItems": 1}}}  # fmt: skip
SCHEMA = {
    "type": "object",
    "required": ["program", "method", "metric", "parameters", "command", "project"],
    "additionalProperties": False,
    "properties": {
        "project": {"type": "string"},
        "name": {"type": "string"},
        "program": {"type": "string"},
        "method": {"enum": ["bayes", "random", "grid"]},
        "metric": {
            "type": "object",
            "required": ["name", "goal"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "goal": {"enum": ["minimize", "maximize"]}},
        },
        "parameters": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$"},
            "additionalProperties": {"oneOf": [_RANGE, _VALUES]},
        },
        "command": {"type": "array", "items": {"type": "string"}, "contains": {"const": "${args}"}},
    },
}


def load(path: Path) -> dict[str, Any]:
    """As ``wandb sweep`` does."""
    from wandb.sdk.launch.sweeps.utils import load_sweep_config

    config = load_sweep_config(str(path))
    assert config is not None
    return config


def sample(sweep: dict[str, Any]) -> dict[str, Any]:
    """One point of the search space: the middle of a range, the last of a list."""
    return {
        name: space["values"][-1] if "values" in space else (space["min"] * space["max"]) ** 0.5
        for name, space in sweep["parameters"].items()
    }


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """W&B's agent up to the point where it would start the command; returns command and environment."""
    from wandb import wandb_agent

    def start(sweep: dict[str, Any], values: dict[str, Any], run_id: str) -> tuple[list[str], dict[str, str]]:
        started: dict[str, Any] = {}
        monkeypatch.setattr(wandb_agent, "AgentProcess", lambda **given: started.update(given) or SimpleNamespace())
        monkeypatch.chdir(tmp_path)
        for name in ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
            monkeypatch.setenv(name, "swept")  # so that what the agent sets is undone
        this = SimpleNamespace(
            _in_jupyter=False, _sweep_command=list(sweep["command"]), _function=None, _forward_signals=False,
            _run_processes={},
        )  # fmt: skip
        arguments = {name: {"value": value} for name, value in values.items()}
        wandb_agent.Agent._command_run(this, {"run_id": run_id, "args": arguments, "program": sweep["program"]})
        return started["command"], started["env"]

    return start


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_is_what_wandb_takes(path: Path) -> None:
    sweep = load(path)
    jsonschema.validate(sweep, SCHEMA)
    assert (ROOT / sweep["program"]).is_file()
    for space in sweep["parameters"].values():
        assert "values" in space or space["min"] < space["max"]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_metric_is_one_that_validation_logs(path: Path) -> None:
    split, name = load(path)["metric"]["name"].split("/")
    assert split == "val"
    assert name in {"lifter": skeleton_metrics, "mesh": body_metrics}[path.stem]()


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_parameter_reaches_the_stages_config(path: Path, agent: Any, tmp_path: Path) -> None:
    """``--print_config`` shows what the stage would be made of, and stops before it needs data or artifacts."""
    sweep = load(path)
    values = sample(sweep)
    command, env = agent(sweep, values, "abc")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    result = subprocess.run(
        [*command, "--print_config"], env=here(env), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    resolved = flatten(yaml.safe_load(result.stdout))
    assert {name: resolved[name] for name in values} == pytest.approx(values)
    assert resolved["output"] == f"runs/sweep-swept-abc/{path.stem}"


def test_the_agents_command_trains_and_is_found_by_compare(agent: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert main(["data", "open", "--output", str(store), "--config", str(ROOT / "configs/preset/smoke/data.yaml")]) == 0
    sweep = load(ROOT / "configs/sweep/lifter.yaml")
    values = sample(sweep)
    command, env = agent(sweep, values, "run7")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    fast = [
        "--trainer.accelerator",
        "cpu",
        "--trainer.check_val_every_n_epoch",
        "1",
        "--trainer.limit_test_batches",
        "0",
    ]
    result = subprocess.run(
        [*command, *fast], env=here(env, STORE=str(store)), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (run,) = LocalRuns(tmp_path / "runs").load().runs
    # The sweep's server knows the run by this id, and judges it by this metric.
    assert run.identifier == "run7"
    assert sweep["metric"]["name"] in run.summary
    assert {name: run.config[name] for name in values} == pytest.approx(values)


def here(env: dict[str, str], **changes: str) -> dict[str, str]:
    """The agent's environment, with this interpreter, this code and the smallest preset."""
    ours = {"PY": sys.executable, "PYTHONPATH": str(ROOT), "PRESET": "smoke", "WANDB_MODE": "offline"}
    return {**os.environ, **env, **ours, "OMP_NUM_THREADS": "1", **changes}
