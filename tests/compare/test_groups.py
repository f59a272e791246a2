"""Statistics of configurations, against numpy and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from s2m.compare.ablations import DEFAULT_FOLDER, Ablations
from s2m.compare.groups import Group, delta, drop_superseded, find_group, group_runs, repeated_seeds, sort_groups
from s2m.compare.runs import CompareError, Run
from s2m.compare.settings import settings_of
from tests.compare.conftest import run

PLAIN = {"model__pose": {"class_path": "s2m.heads.UnrefinedPose"}}
FULL_PVE, PLAIN_PVE = [100.0, 103.0, 98.5], [102.0, 104.5, 101.0]


def grouped(runs: list[Run]) -> list[Group]:
    return group_runs(runs, {r.identifier: settings_of(r) for r in runs}, Ablations(DEFAULT_FOLDER))


def two(full: list[float] = FULL_PVE, plain: list[float] = PLAIN_PVE, first_seed: int = 0) -> tuple[Group, Group]:
    runs = [run(f"full-s{seed}", seed, pve) for seed, pve in enumerate(full)]
    runs += [run(f"no_pr-s{s}", s, pve, changes=PLAIN) for s, pve in enumerate(plain, first_seed)]
    full_group, plain_group = grouped(runs)
    return full_group, plain_group


def test_seeds_are_one_configuration_with_mean_and_spread() -> None:
    full, plain = two()
    assert [(group.name, group.ablation, group.seeds) for group in (full, plain)] == [
        ("full", "full", ["0", "1", "2"]),
        ("no_pr", "no_pr", ["0", "1", "2"]),
    ]
    spread = full.spread("test/pve_mm")
    assert spread is not None
    assert (spread.mean, spread.std, spread.n) == (
        pytest.approx(np.mean(FULL_PVE)),
        pytest.approx(np.std(FULL_PVE, ddof=1)),
        3,
    )
    assert full.spread("test/none") is None


def test_equal_seeds_are_compared_pair_by_pair() -> None:
    full, plain = two()
    change = delta(plain, full, "test/pve_mm")
    assert change is not None
    pairs = np.subtract(PLAIN_PVE, FULL_PVE)
    assert change.value == pytest.approx(pairs.mean())
    assert change.error == pytest.approx(stats.sem(pairs))


def test_other_seeds_are_compared_as_independent() -> None:
    full, plain = two(first_seed=7)
    change = delta(plain, full, "test/pve_mm")
    assert change is not None
    # Welch's t is the difference over its standard error.
    welch = stats.ttest_ind(PLAIN_PVE, FULL_PVE, equal_var=False)
    assert change.value / change.error == pytest.approx(welch.statistic)


def test_one_run_has_no_spread_and_its_difference_no_error() -> None:
    full, plain = two([100.0], [102.0])
    spread, change = full.spread("test/pve_mm"), delta(plain, full, "test/pve_mm")
    assert spread is not None
    assert change is not None
    assert spread.std is None
    assert (change.value, change.error) == (2.0, None)
    assert delta(plain, full, "test/none") is None


def test_a_value_that_is_no_number_spoils_the_mean_and_sorts_last() -> None:
    full, plain = two([100.0, math.nan], [500.0, 501.0])
    spread = full.spread("test/pve_mm")
    assert spread is not None
    assert math.isnan(spread.mean)
    for ascending in (True, False):
        assert sort_groups([full, plain], "test/pve_mm", ascending) == [plain, full]


def test_sorting_follows_the_direction() -> None:
    full, plain = two()
    assert sort_groups([plain, full], "test/pve_mm", True) == [full, plain]
    assert sort_groups([plain, full], "test/pve_mm", False) == [plain, full]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("full-s0", "full-s1"), "full"),
        (("full-seed3", "full-seed4"), "full"),
        (("bass0", "bass1"), "bass"),
        (("wide_1", "wide_12"), "wide"),
        (("same", "same"), "same"),
        (("a", "b"), "a and 1 more"),
    ],
)
def test_a_configuration_goes_by_what_its_names_share(names: tuple[str, str], expected: str) -> None:
    assert [group.name for group in grouped([run(name, seed) for seed, name in enumerate(names)])] == [expected]


def test_names_are_distinct() -> None:
    groups = grouped([run("same", 0), run("same", 1, changes=PLAIN)])
    assert [group.name for group in groups] == ["same (same-mesh-0)", "same (same-mesh-1)"]


def test_a_repeated_run_is_not_a_second_seed() -> None:
    old, new = run("full", 0, 100.0), run("full", 0, 90.0, identifier="new", started="2027-01-01T00:00:00Z")
    other = run("full", 0, 95.0, identifier="other", changes=PLAIN)
    settings = {r.identifier: settings_of(r) for r in (old, new, other)}
    kept, notes = drop_superseded([old, new, other], settings)
    assert kept == [new, other]
    assert len(notes) == 1
    assert old.source in notes[0]


def test_a_seed_under_two_names_is_told() -> None:
    (line,) = repeated_seeds(grouped([run("a-x", 0), run("a-y", 0)]))
    assert "seed 0" in line
    assert "a-x, a-y" in line
    assert repeated_seeds(grouped([run("a-x", 0), run("a-y", 1)])) == []


@pytest.mark.parametrize("name", ["no_pr", "no_pr-s1", "no_pr-s1-mesh", "no_pr-s1-mesh-1"])
def test_a_baseline_goes_by_any_of_its_names(name: str) -> None:
    full, plain = two()
    assert find_group([full, plain], name) is plain


def test_an_unknown_or_ambiguous_baseline_is_an_error() -> None:
    full, plain = two()
    with pytest.raises(CompareError, match=r"--baseline no_prr: .* nearest: no_pr"):
        find_group([full, plain], "no_prr")
    wide = grouped([run("wide", 0, changes={"model__learning_rate": 1.0})])
    with pytest.raises(CompareError, match=r"expected one configuration, found 2: fulls?, wide"):
        find_group([*grouped([run("fulls", 0)]), *wide], "full")
