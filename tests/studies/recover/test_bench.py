"""The clock of the benchmark: told what time it is, it counts as a plain sum does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studies.recover import bench, clock
from studies.recover.clock import Clock, watched


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: time[0])
    return time


def test_what_a_stage_spends_in_another_counts_once(now: list[float]) -> None:
    watch = Clock()

    def wait(seconds: float) -> None:
        now[0] += seconds

    def numbers() -> Iterator[int]:
        for number in range(3):
            wait(2.0)
            yield number

    inner = watch.wrapped("inner", wait)
    with watch.stage("outer"):
        wait(1.0)
        inner(4.0)
        for _ in watch.wrapped("steps", numbers)():
            wait(0.5)
    assert watch.seconds == {"outer": 1.0 + 3 * 0.5, "inner": 4.0, "steps": 6.0}


def test_every_stage_is_there_and_is_left_as_it_was() -> None:
    from s2m.recover.videos import Video

    plain = Video.__iter__
    with watched(Clock(), bench.STAGES):
        assert Video.__iter__ is not plain
    assert Video.__iter__ is plain
    with pytest.raises(AttributeError, match="nothing"), watched(Clock(), {"a": ("s2m.recover.videos:nothing",)}):
        pass


def test_what_is_printed_adds_up() -> None:
    case = bench.Case("a video of one person", Path("a.mp4"), 10)
    stages = {"read": 1.0, "landmarks": 1.5, "fit": 0.25}
    said = bench.text(case, bench.Times(2.0, stages, 3.0), 600.0)
    assert "5.0 frames/s, 300 ms of computing per frame, at most 600 MB" in said
    assert "| landmarks | 150.0 |" in said
    assert "heads" not in said  # takes no time here
