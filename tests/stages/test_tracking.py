"""Runs are recorded whatever the network does."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb

from s2m.compare.local import LocalRuns
from s2m.report.examples import Examples
from stages import tracking
from stages.showcase import captions
from tests.stages.fixtures import BRIEFLY, ROOT, environment, in_subprocess, stage_arguments

KEY = "0123456789abcdef" * 2 + "01234567"
GONE = ("WANDB_MODE", "WANDB_SILENT", "WANDB_BASE_URL")

# Begins a run as stages do, in a process of its own, since W&B keeps its service for the life of one.
BEGIN = """
import sys
from pathlib import Path
from stages import tracking
config = {"project": "p", "group": "row", "tags": ["quick"], "seed_everything": 0}
logger = tracking.make_loggers(Path(sys.argv[1]) / "run" / "mesh", "mesh", config)[1]
logger.log_metrics({"train/loss": 1.0}, 1)
import wandb
wandb.finish()
"""


def logged_in(**changes: str) -> dict[str, str]:
    """A login, and a server that is this machine's closed port."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        closed = reserved.getsockname()[1]
    env = {**environment(), "WANDB_API_KEY": KEY}
    return {
        **{k: v for k, v in env.items() if k not in GONE},
        "WANDB_BASE_URL": f"http://127.0.0.1:{closed}",
        **changes,
    }


def test_a_login_without_a_server_records_offline_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BEGIN, str(tmp_path)]
    result = subprocess.run(
        command, cwd=ROOT, env=logged_in(), capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    said = [line for line in result.stdout.splitlines() if line.startswith("W&B: ")]
    assert len(said) == 1
    assert "recording offline, `wandb sync" in said[0]
    (run,) = LocalRuns(tmp_path).load().runs
    assert (run.name, run.stage) == ("row", "mesh")
    assert KEY not in result.stdout + result.stderr


def test_a_server_that_takes_no_run_leaves_it_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers when it is asked, and refuses or is gone when the run is to begin."""
    modes: list[str | None] = []

    def begin(**options: Any) -> object:
        modes.append(options.get("mode"))
        if options.get("mode") != "offline":
            raise wandb.errors.CommError("returned error 401: not logged in\nmore")
        return object()

    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(tracking, "unreachable", lambda: "")
    monkeypatch.setattr(wandb, "init", begin)
    monkeypatch.setattr(wandb, "teardown", lambda: None)
    config = {"project": "p", "tags": [], "seed_everything": 0}
    logger = tracking.make_loggers(tmp_path / "run" / "mesh", "mesh", config)[1]
    assert logger.experiment is logger.experiment
    assert len(modes) == 2
    assert modes[-1] == "offline"
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "no run could be begun (returned error 401: not logged in); recording offline" in said


def test_a_stage_with_a_login_and_no_network_gets_to_its_end(store: Path, tmp_path: Path) -> None:
    unshare = ["unshare", "--net"] if subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0 else []
    arguments = stage_arguments(
        "lifter", store, tmp_path / "run", "--group", "ours", "--tags", "smoke", "open", *BRIEFLY
    )
    result = in_subprocess("lifter", arguments, logged_in(), unshare)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("recording offline") == 1
    assert (tmp_path / "run/lifter/lifter.pt").is_file()
    (run,) = LocalRuns(tmp_path).load().runs
    assert (run.name, run.folder, run.stage, run.config["lineage.dataset"]) == ("ours", "run", "lifter", "open")
    assert run.summary["test/n_mpjpe_mm"] > 0


def test_an_answering_server_is_reachable_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert "does not answer" in tracking.unreachable()  # bound, and not listening


def test_tags_are_what_was_asked_for_the_joint_set_and_the_seed() -> None:
    config: dict[str, Any] = {"tags": ["quick", "open"], "model": {"joint_set": "s2m27"}, "seed_everything": 2}
    assert tracking.tags(config) == ["quick", "open", "s2m27", "seed 2"]
    assert tracking.tags({**config, "tags": ["s2m27"]}) == ["s2m27", "seed 2"]


def test_an_artifact_is_named_after_its_run() -> None:
    assert tracking.artifact_name(Path("runs/full-s0/mesh/mesh.pt")) == "full-s0-mesh"


def test_every_picture_says_what_it_is() -> None:
    n, joints = 2, 17
    examples = Examples(
        joint_set="h36m17",
        split="test",
        silhouette=np.zeros((n, 4, 4)),
        joints2d=np.zeros((n, joints, 2)),
        confidence=np.ones((n, joints)),
        pred_vertices=np.zeros((n, 3, 3)),
        faces=np.zeros((1, 3), dtype=int),
        camera=np.ones((n, 3)),
        pa_mpjpe_mm=np.array([31.25, 90.0]),
        label=np.array(["best", "worst"]),
        pred_mask=np.zeros((n, 4, 4)),
        index=np.array([7, 3]),
    )
    assert captions(examples) == ["best: PA-MPJPE 31.2 mm, test frame 7", "worst: PA-MPJPE 90.0 mm, test frame 3"]
