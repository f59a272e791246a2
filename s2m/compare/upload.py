"""A comparison as a report on W&B's server, through the package ``wandb-workspaces``."""

from __future__ import annotations

from typing import Any

from s2m.compare.comparison import Comparison
from s2m.compare.curves import drawn_groups
from s2m.compare.metrics import metric_text
from s2m.compare.runs import CompareError
from s2m.compare.text import markdown

_STEP = "trainer/global_step"


def check_upload(online: bool) -> None:
    """Raise CompareError unless a report can be uploaded; it says what to do.

    Args:
        online: Whether somebody is logged in.
    """
    if not online:
        raise CompareError(
            "--upload-report: expected runs on W&B's server, found local ones; `wandb login`, upload offline runs with "
            "`wandb sync RUN_DIR/wandb/offline-run-*`, and leave --source local and WANDB_MODE=offline away"
        )
    _reports()


def upload_report(comparison: Comparison, project: str, entity: str) -> str:
    """Create the report and return its address.

    Args:
        comparison: What is compared.
        project: W&B's name of the project.
        entity: W&B's name of the user or team.

    Raises:
        CompareError: When the server refuses it.
    """
    report = build_report(comparison, project, entity)
    try:
        report.save()
        return str(report.url)
    except Exception as error:  # as for reading: wandb raises many kinds
        raise CompareError(
            f"--upload-report: expected W&B to take the report into {entity}/{project}, "
            f"found {type(error).__name__}: {error}"
        ) from error


def build_report(comparison: Comparison, project: str, entity: str) -> Any:
    """The report: the tables, and the curves of the configurations that the page draws, one run set each.

    Args:
        comparison: What is compared.
        project: W&B's name of the project.
        entity: W&B's name of the user or team.
    """
    reports, expr = _reports()
    run_sets = [
        reports.Runset(
            project=project,
            entity=entity,
            name=group.name,
            filters=[expr.Metric("ID").isin([run.identifier for run in group.runs])],
        )
        for group in drawn_groups(comparison)
    ]
    panels = [
        reports.LinePlot(title=metric_text(name).heading, x=_STEP, y=[name], smoothing_type="none")
        for name in comparison.curves
    ]
    blocks = [reports.MarkdownBlock(markdown(comparison, picture=False))]
    if panels:
        blocks += [reports.H2("Learning curves"), reports.PanelGrid(runsets=run_sets, panels=panels)]
    title = f"Runs compared: {comparison.stage}"
    return reports.Report(
        project=project, entity=entity, title=title, description=comparison.summary, blocks=blocks, width="fluid"
    )


def _reports() -> tuple[Any, Any]:
    try:
        import wandb_workspaces.reports.v2 as reports
        from wandb_workspaces import expr
    except ImportError:
        raise CompareError(
            "--upload-report: expected the package wandb-workspaces, found none; "
            "install it with `pip install -c constraints.txt -e '.[compare]'`"
        ) from None
    return reports, expr
