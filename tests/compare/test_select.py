from __future__ import annotations

import pytest

from s2m.compare.ablations import DEFAULT_FOLDER, Ablations
from s2m.compare.runs import CompareError, Run
from s2m.compare.select import Selection, select
from tests.compare.conftest import run

RUNS = [
    run("full", 0),
    run("no_pr", 1, changes={"model__pose": {"class_path": "s2m.heads.UnrefinedPose"}}),
    run("big", 2, changes={"data__init_args__store": "data/open-full", "model__learning_rate": 1e-3}),
    run("full", 3, stage="lifter"),
]


def names(**wanted: object) -> list[str]:
    return [r.name for r in select(RUNS, Selection(**wanted), Ablations(DEFAULT_FOLDER))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["full", "no_pr", "big"]),
        ({"stage": "lifter"}, ["full"]),
        ({"data": "open-quick"}, ["full", "no_pr"]),
        ({"data": "open-*"}, ["full", "no_pr", "big"]),
        ({"data": "opendata"}, ["full", "no_pr", "big"]),
        ({"data": "5fa32f"}, ["full", "no_pr", "big"]),
        ({"ablation": "no_pr"}, ["no_pr"]),
        ({"ablation": "full"}, ["full", "big"]),
        ({"settings": ["learning_rate=0.001"]}, ["big"]),
        ({"settings": ["model.learning_rate=1e-3"]}, ["big"]),
        ({"settings": ["pose=UnrefinedPose"]}, ["no_pr"]),
        ({"settings": ["pose=s2m.heads.UnrefinedPose"]}, ["no_pr"]),
        ({"settings": ["pose=*Pose", "w_mask=2"]}, ["full", "no_pr", "big"]),
        ({"settings": ["seed_everything=1"]}, ["no_pr"]),
    ],
)
def test_filters(wanted: dict[str, object], expected: list[str]) -> None:
    assert names(**wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"stage": "regressor"}, "--stage regressor: .* found 1 of lifter, 3 of mesh"),
        ({"data": "h36m"}, "--data h36m: .* they have: OpenData, open-full, open-quick"),
        ({"ablation": "no_sr"}, "--ablation no_sr: .* they have: full, no_pr"),
        ({"settings": ["pose"]}, "--filter pose: expected KEY=VALUE"),
        ({"settings": ["poze=x"]}, "--filter poze=x: .* nearest: pose"),
        ({"settings": ["pose=Nothing"]}, "--filter pose=Nothing: .* they have: RefinedPose, UnrefinedPose"),
        ({"settings": ["w_mask=2", "seed_everything=true"]}, "--filter seed_everything=true"),
    ],
)
def test_a_filter_that_leaves_nothing_says_what_there_is(wanted: dict[str, object], message: str) -> None:
    with pytest.raises(CompareError, match=message):
        names(**wanted)


def test_no_runs_pass_in_silence() -> None:
    empty: list[Run] = []
    assert select(empty, Selection(data="x", ablation="no_pr"), Ablations(DEFAULT_FOLDER)) == []
