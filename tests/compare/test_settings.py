from __future__ import annotations

import pytest
import yaml

from s2m.compare.ablations import DEFAULT_FOLDER, FULL, Ablations
from s2m.compare.runs import CompareError, flatten
from s2m.compare.settings import (
    data_names,
    differing_keys,
    seed_of,
    settings_of,
    settings_with_parents,
    short_names,
    show_value,
)
from tests.compare.conftest import run

OVERLAYS = sorted(path.stem for path in DEFAULT_FOLDER.glob("*.yaml"))


def test_seed_place_and_execution_are_no_differences() -> None:
    one = run("full", 0)
    other = run("other", 3, changes={
        "trainer__devices": 8, "trainer__accelerator": "gpu", "data__init_args__store": "/elsewhere/open-quick",
        "data__init_args__num_workers": 9, "data__init_args__seed": 7, "trainer__log_every_n_steps": 1,
        "model__lifter": "x/lifter.pt",
    })  # fmt: skip
    assert settings_of(one) == settings_of(other)
    assert (seed_of(one), seed_of(other)) == ("0", "3/7")


@pytest.mark.parametrize(
    ("key", "value"),
    [("model__learning_rate", 1e-3), ("trainer__max_epochs", 6), ("data__init_args__batch_size", 8),
     ("trainer__precision", "bf16-mixed"), ("model__objective__init_args__w_mask", 0.0)],
)  # fmt: skip
def test_what_a_result_depends_on_is_a_difference(key: str, value: object) -> None:
    settings = [settings_of(run()), settings_of(run(changes={key: value}))]
    assert differing_keys(settings) == [key.replace("__", ".")]


def test_whole_numbers_equal_floats() -> None:
    assert settings_of(run(changes={"model__learning_rate": 1})) == settings_of(
        run(changes={"model__learning_rate": 1.0})
    )


def test_other_data_is_a_difference() -> None:
    other = run()
    other.config["lineage.data"] = "abc"
    assert differing_keys([settings_of(run()), settings_of(other)]) == ["lineage.data"]


def test_arguments_that_come_with_their_class_are_implied() -> None:
    plain = {"model__pose": {"class_path": "s2m.heads.UnrefinedPose"}}
    three = [settings_of(run()), settings_of(run(changes=plain))]
    assert differing_keys(three) == ["model.pose.class_path"]
    two_joints = {"model__pose__init_args__joints": ["head", "wrist"]}
    three.append(settings_of(run(changes=two_joints)))
    assert differing_keys(three) == ["model.pose.class_path", "model.pose.init_args.joints"]


def test_names_are_short_and_distinct() -> None:
    keys = ["model.pose.class_path", "model.pose.init_args.joints", "data.init_args.size", "model.size", "lineage.data",
            "lifter:model.width"]  # fmt: skip
    assert short_names(keys) == {
        "model.pose.class_path": "pose",
        "model.pose.init_args.joints": "pose.joints",
        "data.init_args.size": "data.init_args.size",
        "model.size": "model.size",
        "lineage.data": "data",
        "lifter:model.width": "lifter width",
    }


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("a.class_path", "s2m.heads.RefinedPose", "RefinedPose"), ("a", 3e-5, "3e-05"), ("a", 2.0, "2"),
     ("a", True, "yes"), ("a", None, "none"), ("a", ..., "–"), ("a", ["x", 1.0], "x 1"),
     ("lineage.data", "5fa32f2c53d2", "5fa32f2c")],
)  # fmt: skip
def test_values_are_shown_briefly(key: str, value: object, text: str) -> None:
    assert show_value(key, value) == text


def test_data_goes_by_its_folder_its_class_and_its_hash() -> None:
    assert data_names(run()) == ["open-quick", "OpenData", "5fa32f2c53d2"]


def test_settings_of_the_lifter_are_the_meshs_own() -> None:
    lifters = [
        run(name, i, stage="lifter", changes={"output": f"runs/{name}/lifter", "model__width": width})
        for i, (name, width) in enumerate([("full", 64), ("wide", 256)])
    ]
    meshes = [run("full", 2), run("wide", 3)]
    settings = settings_with_parents(meshes, [*lifters, *meshes])
    assert differing_keys(list(settings.values())) == ["lifter:model.width"]
    # A lifter that was trained later is not the one that was used; with one parent unknown none counts.
    late = [*lifters[:1], run("wide", 50, stage="lifter", changes={"output": "runs/wide/lifter", "model__width": 9})]
    assert differing_keys(list(settings_with_parents(meshes, [*late, *meshes]).values())) == []


def config_with(*names: str) -> dict[str, object]:
    """What a run notes of stage 3's config with these overlays: another class drops the arguments of the one before."""
    resolved = flatten(yaml.safe_load((DEFAULT_FOLDER.parent / "mesh.yaml").read_text()))
    for name in names:
        overlay = flatten(yaml.safe_load((DEFAULT_FOLDER / f"{name}.yaml").read_text()))
        for owner in (key.removesuffix("class_path") for key in overlay if key.endswith("class_path")):
            resolved = {key: value for key, value in resolved.items() if not key.startswith(owner)}
        resolved |= overlay
    return {**resolved, "seed_everything": 3}


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_is_recognised_in_a_resolved_config(name: str) -> None:
    base, overlay = config_with(), flatten(yaml.safe_load((DEFAULT_FOLDER / f"{name}.yaml").read_text()))
    changes_something = any(base.get(key) != value for key, value in overlay.items())
    label = Ablations(DEFAULT_FOLDER).label(run(config=config_with(name)))
    assert label == (name if changes_something else FULL)


def test_a_run_without_an_overlay_is_the_full_model() -> None:
    ablations = Ablations(DEFAULT_FOLDER)
    assert ablations.label(run(config=config_with())) == FULL
    assert ablations.label(run(changes={"model__pose": {"class_path": "elsewhere.UnrefinedPose"}})) == "no_pr"


def test_two_overlays_are_both_named() -> None:
    both = config_with("no_dik", "no_pr")
    assert Ablations(DEFAULT_FOLDER).label(run(config=both)) == "no_dik+no_pr"


def test_an_unknown_ablation_names_the_known_ones() -> None:
    with pytest.raises(CompareError, match=r"--ablation no_hands: expected one of full, .*no_pr.*, found none such"):
        Ablations(DEFAULT_FOLDER).named("no_hands")
