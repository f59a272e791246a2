"""The runs of a project on W&B's server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from s2m.compare.runs import FINISHED, CompareError, Curve, Found, Run, as_number, finite_points, flatten, metric_values

_STEP = "trainer/global_step"
_CONNECTIONS = 8
_T = TypeVar("_T")


class OnlineRuns:
    """Runs of ``entity/project``; the entity is the user's own if none is given.

    Args:
        connect: Makes a ``wandb.Api``, or anything with its method ``runs`` and its ``default_entity``.
        project: W&B's name of the project.
        entity: W&B's name of the user or team.
    """

    def __init__(self, connect: Callable[[], Any], project: str, entity: str | None = None) -> None:
        self.entity = entity or ""
        self.project = project
        self._connect = connect
        self._raw: dict[str, Any] = {}

    @property
    def path(self) -> str:
        """``entity/project``, or the project alone until the entity is known."""
        return f"{self.entity}/{self.project}" if self.entity else self.project

    def load(self) -> Found:
        """All finished runs.

        Raises:
            CompareError: When the server or the project cannot be reached.
        """
        raw = self._asking(self._fetch)
        runs, warnings = [], []
        for item in raw:
            if item.state == FINISHED:
                self._raw[item.id] = item
                runs.append(_run(item))
            else:
                warnings.append(f"{_address(item)}: skipped ({item.group or item.name}): {item.state}")
        return Found(runs, warnings, f"W&B project {self.path}")

    def with_curves(self, runs: list[Run], metrics: list[str]) -> list[Run]:
        """Fetch the curves of these metrics, several runs at a time.

        Args:
            runs: Any runs of a source.
            metrics: Names of metrics.
        """
        if not metrics:
            return runs
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return self._asking(lambda: list(pool.map(lambda run: self._with_curves(run, metrics), runs)))

    def _with_curves(self, run: Run, metrics: list[str]) -> Run:
        raw = self._raw[run.identifier]
        # A scan returns the rows that have all of its keys, and two metrics are seldom logged in one row.
        curves = {name: _points(raw.scan_history(keys=[name, _STEP]), name) for name in metrics}
        return replace(run, curves={name: points for name, points in curves.items() if points})

    def _fetch(self) -> list[Any]:
        api = self._connect()
        self.entity = self.entity or str(api.default_entity)
        return list(api.runs(self.path, order="+created_at", per_page=200, lazy=False))

    def _asking(self, question: Callable[[], list[_T]]) -> list[_T]:
        try:
            return question()
        except Exception as error:  # wandb raises its own, requests' and ValueError, by the reason
            raise CompareError(
                f"W&B project {self.path}: expected its runs, found {type(error).__name__}: {error}; "
                "--source local compares the runs on this machine"
            ) from error


def _run(item: Any) -> Run:
    config = flatten(dict(item.config))
    summary = getattr(item.summary, "_json_dict", item.summary)
    return Run(
        identifier=item.id,
        name=item.group or item.name,
        stage=item.job_type or str(config.get("lineage.stage", "")),
        state=item.state,
        started=str(item.created_at),
        config=config,
        summary=metric_values(flatten(dict(summary))),
        source=_address(item),
    )


def _address(item: Any) -> str:
    return str(getattr(item, "url", item.id))


def _points(rows: Iterable[dict[str, Any]], name: str) -> Curve:
    points = [(as_number(row.get(_STEP, row.get("_step"))), as_number(row.get(name))) for row in rows]
    return finite_points([(step, value) for step, value in points if step is not None and value is not None])
