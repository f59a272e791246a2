from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from pytorch_lightning.profilers import SimpleProfiler

from studies.lifter import step_profile as lifter_profile
from studies.mesh import mesh_profile
from studies.mesh.mesh_profile import WARM_UP, StepClock, given_once, in_turns, main, parse, part_of

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> tuple[StepClock, list[float]]:
    """A clock whose time is what the test says."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return StepClock(CPU), now


def test_what_is_inside_another_part_counts_once(clock: tuple[StepClock, list[float]]) -> None:
    profile, now = clock
    for _ in range(WARM_UP + 3):
        profile.start("run_training_batch")
        now[0] += 0.001
        profile.start("[Strategy]SingleDeviceStrategy.training_step")
        now[0] += 0.002
        profile.enter("encoder")
        now[0] += 0.003
        profile.enter("lifter")
        now[0] += 0.004
        profile.leave()
        now[0] += 0.005
        profile.leave()
        profile.start("some hook")
        now[0] += 0.006
        profile.stop("some hook")
        profile.stop("[Strategy]SingleDeviceStrategy.training_step")
        profile.start("[Strategy]SingleDeviceStrategy.backward")
        now[0] += 0.007
        profile.stop("[Strategy]SingleDeviceStrategy.backward")
        profile.stop("run_training_batch")
        now[0] += 0.1  # between steps
    expected = {"optimiser and clipping": 1, "rest of the forward pass": 8, "encoder": 8, "lifter": 4, "backward": 7}
    assert profile.median_ms() == pytest.approx(expected)


def test_the_first_steps_do_not_count(clock: tuple[StepClock, list[float]]) -> None:
    profile, now = clock
    for step in range(WARM_UP + 2):
        profile.start("run_training_batch")
        now[0] += 1.0 if step < WARM_UP else 0.5
        profile.stop("run_training_batch")
    assert profile.median_ms() == pytest.approx({"optimiser and clipping": 500})


def test_modules_are_watched_until_they_are_not(clock: tuple[StepClock, list[float]]) -> None:
    profile, now = clock

    class Slow(torch.nn.Module):
        def forward(self) -> None:
            now[0] += 0.25

    module = Slow()
    profile.watch(module, "encoder")
    for _ in range(WARM_UP + 1):
        profile.start("run_training_batch")
        module()
        profile.stop("run_training_batch")
    assert profile.median_ms()["encoder"] == pytest.approx(250)
    profile.unwatch()
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


def test_actions_of_any_strategy_are_known() -> None:
    assert part_of("[Strategy]DDPStrategy.backward") == "backward"
    assert part_of("[_TrainingEpochLoop].train_dataloader_next") == "loading"
    assert part_of("[Callback]EpochLines.on_train_batch_end") is None
    assert part_of("[Strategy]SingleDeviceStrategy.validation_step") is None
    assert isinstance(SimpleProfiler(), StepClock.__mro__[1])


def test_a_function_given_to_the_encoder_is_called_once() -> None:
    calls: list[int] = []
    given = given_once(lambda: calls.append(1))
    given()
    given()
    assert calls == [1]
    assert given_once(3) == 3


def test_what_fails_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise RuntimeError("no such instruction\nand more")

    assert list(in_turns({"fine": lambda: None, "broken": broken}, 2, CPU)) == ["fine"]
    assert "broken: left out, RuntimeError: no such instruction" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [[], ["--ablation", "silhouette_encoder"]])
def test_the_profile_of_a_short_training(chain: Path, store: Path, tmp_path: Path, extra: list[str]) -> None:
    options = ["--store", str(store), "--lifter", str(chain / "lifter/lifter.pt")]
    options += ["--regressor", str(chain / "regressor/regressor.pt"), "--preset", "smoke", "--steps", "2"]
    small = ["--", "--trainer.accelerator", "cpu", *(["--model.encoder.init_args.size", "32"] if extra else [])]
    main([*options, "--rounds", "1", "--no-compile", "--output", str(tmp_path), *extra, *small])
    result = json.loads((tmp_path / "mesh_profile.json").read_text())
    parts = result["parts_ms"]
    for name in ("loading", "encoder", "inverse kinematics and body", "rendering", "losses", "backward"):
        assert parts[name] > 0, name
    assert sum(parts.values()) < 1.5 * result["step_ms"]
    assert set(result["loader_frames_per_s"]) == {"0", "1", "2"}
    assert set(result["encoder_ms"]) == {"float32", "channels-last", "bf16", "bf16, channels-last", "ResNet-18"}
    assert result["encoder"] == ("SilhouetteEncoder" if extra else "ComparingEncoder")
    page = (tmp_path / "mesh_profile.md").read_text()
    assert "| rendering |" in page
    assert "Without `torch.compile`" in page
    assert "--preset smoke --data open" in page


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    files = ["--lifter", "a.pt", "--regressor", "b.pt"]
    with pytest.raises(SystemExit, match="nowhere"):
        main(["--store", str(tmp_path / "nowhere"), *files])
    with pytest.raises(SystemExit):
        parse(["--store", "x", *files, "--steps", "0"])


def test_only_the_quick_preset_writes_the_published_profile() -> None:
    needed = ["--store", "s", "--lifter", "l", "--regressor", "r"]
    for module, given in ((mesh_profile, needed), (lifter_profile, needed[:2])):
        assert module.parse([*given, "--preset", "quick"]).output == Path("docs/results")
        assert module.parse([*given, "--preset", "smoke"]).output == Path("runs/profile-smoke")
