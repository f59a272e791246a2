"""The watch over the game between lifter and discriminators, on games whose outcome is known."""

from __future__ import annotations

import pytest

from s2m.lifter.game import GameWatch

LATE = 10_000


def watched(seen: float, made: float) -> GameWatch:
    watch = GameWatch()
    for _ in range(20):
        watch.update(seen, made)
    return watch


# Real people here, 87 and 21 %: a training on genuine Human3.6M whose discriminators saw every bone. The fourth are the
# games that docs/lifter.md shows.
@pytest.mark.parametrize(
    ("seen", "made", "unseen", "expected"),
    [
        (0.87, 0.10, 0.21, "by heart"),
        (0.95, 0.05, 0.90, "does not mend"),
        (0.60, 0.42, 0.45, None),
        (0.69, 0.39, 0.60, None),
        (0.55, 0.42, 0.20, None),
    ],
)
def test_only_lost_games_are_said_to_be_lost(seen: float, made: float, unseen: float, expected: str | None) -> None:
    verdict = watched(seen, made).verdict(unseen, LATE)
    assert (verdict is None) if expected is None else (verdict is not None and expected in verdict)


def test_it_is_said_once_and_not_too_early_nor_without_knowledge() -> None:
    watch = watched(0.95, 0.02)
    assert GameWatch().verdict(0.0, LATE) is None
    assert watch.verdict(0.1, 500) is None
    assert "95 % of training pictures real, 10 % of unseen" in str(watch.verdict(0.1, LATE))
    assert watch.verdict(0.1, LATE + 1) is None
