"""The report for W&B's server, built with the real package and not sent."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from s2m.compare.runs import CompareError
from s2m.compare.upload import build_report, check_upload, upload_report
from tests.compare.test_comparison import comparison_of, many

reports = pytest.importorskip("wandb_workspaces.reports.v2")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer the one question that laying out a report asks."""
    from wandb_workspaces.reports.v2 import interface

    def answer(api: Any, query: Any, variables: dict[str, Any]) -> dict[str, Any]:
        assert variables == {"entityName": "me", "projectName": "p"}
        return {"project": {"internalId": "1"}}

    monkeypatch.setattr(interface, "_get_api", lambda: None)
    monkeypatch.setattr(interface, "execute_graphql", answer)


@pytest.mark.usefixtures("server")
def test_the_report_has_tables_and_curves_of_the_configurations() -> None:
    report = build_report(comparison_of(many(2, seeds=2), baseline="run00"), "p", "me")
    spec = json.loads(report._to_model().spec.model_dump_json(by_alias=True, exclude_none=True))
    tables = next(block for block in spec["blocks"] if block["type"] == "markdown-block")["content"]
    assert "run00 (baseline)" in tables
    assert "curves.png" not in tables
    grid = next(block for block in spec["blocks"] if block["type"] == "panel-grid")["metadata"]
    assert [run_set["name"] for run_set in grid["runSets"]] == ["run00", "run01"]
    chosen = grid["runSets"][1]["filters"]["filters"][0]
    assert chosen["key"] == {"section": "run", "name": "name"}  # W&B's name for a run's id
    assert chosen["value"] == ["run01-s0-mesh-0", "run01-s1-mesh-1"]
    drawn = [panel["config"] for panel in grid["panelBankSectionConfig"]["panels"]]
    assert [(panel["xAxis"], panel["metrics"]) for panel in drawn] == [
        ("trainer/global_step", ["val/pve_mm"]),
        ("trainer/global_step", ["train/loss"]),
    ]


def test_the_address_of_the_report_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports.Report, "save", lambda self: self)
    monkeypatch.setattr(
        reports.Report, "url", property(lambda self: f"https://wandb.ai/{self.entity}/{self.project}/r")
    )
    assert upload_report(comparison_of(many(1)), "p", "me") == "https://wandb.ai/me/p/r"


def test_a_refusal_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise PermissionError("read only")

    monkeypatch.setattr(reports.Report, "save", refuse)
    with pytest.raises(CompareError, match=r"--upload-report: .* into me/p, found PermissionError: read only"):
        upload_report(comparison_of(many(1)), "p", "me")


def test_without_a_login_the_error_says_what_to_do() -> None:
    with pytest.raises(CompareError, match=r"`wandb login`.*`wandb sync"):
        check_upload(online=False)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(CompareError, match=r"wandb-workspaces, found none; install it with .*\[compare\]"):
        check_upload(online=True)
