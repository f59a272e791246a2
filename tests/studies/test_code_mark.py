from __future__ import annotations

from pathlib import Path

import pytest

from studies.code_mark import code_mark, deciding_modules, meaning

ROOT = Path(__file__).parents[2]
MESH = [ROOT / "configs/mesh.yaml", ROOT / "configs/data/open.yaml"]
LIFTER = [ROOT / "configs/lifter.yaml", ROOT / "configs/data/open.yaml"]


@pytest.mark.parametrize(
    "module",
    ["s2m.data.store", "s2m.data.module", "s2m.pretrained", "s2m.metrics.joints", "s2m.ik.solver", "s2m.losses",
     "s2m.synthetic.objective", "stages.base", "stages.mesh", "stages.schedules", "stages.checkpoints"],
)  # fmt: skip
def test_what_decides_the_figures_of_stage_3_counts(module: str) -> None:
    assert module in deciding_modules("mesh", MESH)


@pytest.mark.parametrize(
    "room", ["s2m.report", "s2m.compare", "s2m.cli", "s2m.ik.commands", "studies", "stages.temporal", "stages.tracking"]
)
def test_what_only_shows_or_is_another_stages_does_not_count(room: str) -> None:
    found = [*deciding_modules("mesh", MESH), *deciding_modules("lifter", LIFTER)]
    assert not [module for module in found if module == room or module.startswith(f"{room}.")]


def test_stages_depend_on_their_own_code() -> None:
    lifter, mesh = deciding_modules("lifter", LIFTER), deciding_modules("mesh", MESH)
    assert "stages.lifter" not in mesh
    assert "s2m.losses" not in lifter
    assert "s2m.lifter.objective.chirality" in lifter


def test_a_class_that_only_a_config_names_counts(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("model: {rule: [{class_path: s2m.lifter.objective.flow.Any}, {class_path: torch.nn.ReLU}]}")
    assert "s2m.lifter.objective.flow" not in deciding_modules("lifter", LIFTER)
    assert "s2m.lifter.objective.flow" in deciding_modules("lifter", [*LIFTER, config])
    assert code_mark("lifter", LIFTER) != code_mark("lifter", [*LIFTER, config])


def test_words_do_not_change_the_meaning_of_code() -> None:
    plain = meaning("def f(x):\n    return x + 1\n")
    assert meaning('# why\ndef f(x):\n    """One more."""\n\n    return (x + 1)  # here\n') == plain
    assert meaning("def f(x):\n    return x + 2\n") != plain
    assert meaning("def f(x, y=None):\n    return x + 1\n") != plain
