"""Runs that were killed and continued: W&B writes a file for each attempt."""

from __future__ import annotations

from dataclasses import replace

from s2m.compare.runs import FINISHED, Run
from s2m.compare.settings import seed_of, signature


def join_resumed(runs: list[Run]) -> tuple[list[Run], list[Run]]:
    """Finished runs, with the curves of earlier attempts in front of their own; and attempts that nothing finished.

    An attempt belongs to the next run of the same name, stage, settings and seed that finished after it. A run that
    starts afresh begins before the steps that its predecessor reached, so that nothing of the latter is taken.

    Args:
        runs: Runs and attempts, in any order.
    """
    finished = sorted((run for run in runs if run.state == FINISHED), key=lambda run: run.started)
    joined = {run.identifier: run for run in finished}
    lost: list[Run] = []
    attempts = sorted((run for run in runs if run.state != FINISHED), key=lambda run: run.started, reverse=True)
    for attempt in attempts:
        later = next((run for run in finished if run.started > attempt.started and _same(run, attempt)), None)
        if later is None:
            lost.append(attempt)
        else:
            joined[later.identifier] = _prepend(joined[later.identifier], attempt)
    return list(joined.values()), lost


def _same(run: Run, other: Run) -> bool:
    return (run.name, run.stage, seed_of(run), signature(run)) == (
        other.name,
        other.stage,
        seed_of(other),
        signature(other),
    )


def _prepend(run: Run, earlier: Run) -> Run:
    steps = [points[0][0] for points in run.curves.values()]
    if not steps:
        return run
    begin, curves = min(steps), dict(run.curves)
    for name, points in earlier.curves.items():
        curves[name] = [point for point in points if point[0] < begin] + curves.get(name, [])
    return replace(run, curves={name: points for name, points in curves.items() if points})
