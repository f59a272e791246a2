"""W&B's API, with an object in its place that has what ``wandb.Api`` documents; the network is never asked."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from s2m.compare.ablations import DEFAULT_FOLDER, Ablations
from s2m.compare.comparison import Wanted, compare
from s2m.compare.online import OnlineRuns
from s2m.compare.runs import CompareError
from tests.compare.conftest import config

STEP = "trainer/global_step"


class FakeRun:
    """Attributes and methods of ``wandb.apis.public.Run``."""

    def __init__(self, name: str, seed: int, state: str = "finished", pve: float = 100.0) -> None:
        self.id, self.name, self.group, self.job_type = f"id-{name}", f"{name}-mesh", name, "mesh"
        self.state, self.created_at, self.url = state, f"2026-01-01T00:00:{seed:02d}Z", f"https://wandb.ai/me/p/{name}"
        self.config = {**config(seed, name), "_wandb": {"t": 1}, "lineage": {"data": "abc"}}
        rows = {"test/pve_mm": pve, "val/pve_mm": 9.0, "val/iou": "NaN", "examples": {"_type": "images"}, "epoch": 3}
        self.summary = SimpleNamespace(_json_dict=rows)
        self.scanned: list[list[str]] = []

    def scan_history(self, keys: list[str]) -> Iterator[dict[str, Any]]:
        self.scanned.append(keys)
        if keys == ["val/pve_mm", STEP]:
            yield from ({"val/pve_mm": 130.0 - step, STEP: step} for step in (20, 10, 0))
            yield {"val/pve_mm": "NaN", STEP: 30}


class FakeApi:
    default_entity = "me"

    def __init__(self, runs: list[FakeRun]) -> None:
        self.given, self.calls = runs, []

    def runs(self, path: str, **options: Any) -> list[FakeRun]:
        self.calls.append((path, options))
        return self.given


def test_runs_come_from_the_project_with_their_curves() -> None:
    given = [FakeRun("full-s0", 0), FakeRun("full-s1", 1, pve=102.0), FakeRun("dead", 2, state="crashed")]
    api = FakeApi(given)
    source = OnlineRuns(lambda: api, "skeleton2mesh")
    comparison = compare(source, Wanted(curves=["val/pve_mm"]), Ablations(DEFAULT_FOLDER))
    assert api.calls[0][0] == "me/skeleton2mesh"
    assert comparison.place == "W&B project me/skeleton2mesh"
    (group,) = comparison.groups
    assert (group.name, group.ablation, group.seeds) == ("full", "full", ["0", "1"])
    assert group.runs[0].curves == {"val/pve_mm": [(0.0, 130.0), (10.0, 120.0), (20.0, 110.0)]}
    assert set(group.runs[0].summary) == {"test/pve_mm", "val/pve_mm", "val/iou"}
    assert group.runs[0].config["lineage.data"] == "abc"
    assert comparison.notes == ["https://wandb.ai/me/p/dead: skipped (dead): crashed"]
    # Only what is drawn is fetched, and one metric at a time: a scan returns rows that have all of its keys.
    assert given[0].scanned == [["val/pve_mm", STEP]]
    assert given[2].scanned == []


def test_an_entity_can_be_named() -> None:
    api = FakeApi([FakeRun("a", 0)])
    source = OnlineRuns(lambda: api, "p", "team")
    assert source.load().place == "W&B project team/p"
    assert source.entity == "team"


def test_a_server_that_fails_is_one_clear_error() -> None:
    def refuse() -> Any:
        raise ConnectionError("no route to host")

    with pytest.raises(CompareError, match=r"W&B project p: .*ConnectionError: no route to host; --source local"):
        OnlineRuns(refuse, "p").load()


def test_curves_that_fail_are_one_clear_error() -> None:
    broken = FakeRun("a", 0)
    source = OnlineRuns(lambda: FakeApi([broken]), "p")
    runs = source.load().runs

    def fail(keys: list[str]) -> Iterator[dict[str, Any]]:
        raise ValueError("too many requests")

    broken.scan_history = fail  # type: ignore[method-assign]
    with pytest.raises(CompareError, match="too many requests"):
        source.with_curves(runs, ["val/pve_mm"])


def test_the_real_api_has_what_is_used() -> None:
    import inspect

    import wandb
    from wandb.apis.public import Run as PublicRun

    assert {"api_key", "timeout"} <= set(inspect.signature(wandb.Api.__init__).parameters)
    assert {"path", "order", "per_page", "lazy"} <= set(inspect.signature(wandb.Api.runs).parameters)
    assert "keys" in inspect.signature(PublicRun.scan_history).parameters
    assert hasattr(wandb.Api, "default_entity")
