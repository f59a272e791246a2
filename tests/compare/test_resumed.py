from __future__ import annotations

from dataclasses import replace

from s2m.compare.resumed import join_resumed
from tests.compare.conftest import run

UNFINISHED = "unfinished: it is still running or was killed"


def attempt(started: str, first: int, last: int, **fields: object):  # type: ignore[no-untyped-def]
    curve = [(float(step), float(step)) for step in range(first, last)]
    made = run(**fields)  # type: ignore[arg-type]
    return replace(made, identifier=started, started=started, curves={"train/loss": curve})


def test_a_continued_run_has_the_curve_of_all_its_attempts() -> None:
    killed = [replace(attempt(f"{i}", 10 * i, 10 * i + 12), state=UNFINISHED) for i in range(2)]
    # An attempt that was killed does not know yet what its data was.
    killed = [replace(a, config={k: v for k, v in a.config.items() if k != "lineage.data"}) for a in killed]
    finished, lost = join_resumed([*killed, attempt("2", 20, 30)])
    assert lost == []
    assert [run.curves["train/loss"] for run in finished] == [[(float(s), float(s)) for s in range(30)]]


def test_a_run_that_started_afresh_takes_nothing() -> None:
    finished, lost = join_resumed([replace(attempt("0", 0, 15), state=UNFINISHED), attempt("1", 0, 30)])
    assert lost == []
    assert len(finished[0].curves["train/loss"]) == 30


def test_attempts_of_other_settings_seeds_and_times_stay_apart() -> None:
    other = [
        replace(attempt("0", 0, 5, name="else"), state=UNFINISHED),
        replace(attempt("1", 0, 5, seed=3), state=UNFINISHED),
        replace(attempt("2", 0, 5, changes={"model__learning_rate": 1.0}), state=UNFINISHED),
        replace(attempt("9", 0, 5), state=UNFINISHED),
    ]
    finished, lost = join_resumed([*other, attempt("5", 10, 20)])
    assert {run.identifier for run in lost} == {"0", "1", "2", "9"}
    assert finished[0].curves["train/loss"][0] == (10.0, 10.0)
