"""``python -m studies.lifter.step_profile``: steps per second of stage 1 against its network passes alone.

Both are measured in turns within one real training (loader, losses, logging and all), so that a busy machine slows
both. Nothing of the training is kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.profilers import SimpleProfiler

from s2m.batch import FrameBatch
from s2m.data.store import FrameStore
from s2m.markdown import markdown_table
from stages.cli import StageCLI, quieten
from stages.lifter import LifterStage
from studies.command import profile_folder, profile_parser, run_command
from studies.lifter.profile import PassesAlone, PassRecorder, outermost_networks
from studies.lifter.rows import OURS, Row
from studies.writing import machine, write

ROOT = Path(__file__).parents[2]
# Steps before anything is timed, and what Lightning's profiler calls the parts of a step.
WARM_UP = 20
PARTS = {
    "next batch": "[_TrainingEpochLoop].train_dataloader_next",
    "forward and losses": "[Strategy]SingleDeviceStrategy.training_step",
    "backward": "[Strategy]SingleDeviceStrategy.backward",
    "the whole batch, with the optimiser": "run_training_batch",
}


class Stopwatch(Callback):
    """Times chunks of training steps, and after each the same number of network passes alone."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.whole: list[float] = []
        self.alone: list[float] = []
        self._recorder: PassRecorder | None = None
        self._passes: PassesAlone | None = None
        self._started, self._steps = 0.0, 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, frame: FrameBatch, index: int
    ) -> None:
        """In the last step before the timing starts, look at the passes.

        Args:
            module: Name of the module.
            frame: A batch of frames.
        """
        if index == WARM_UP - 1:
            self._recorder = PassRecorder(outermost_networks(module)).__enter__()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, frame: FrameBatch, index: int
    ) -> None:
        """Close a chunk.

        Args:
            module: Name of the module.
            frame: A batch of frames.
        """
        if index < WARM_UP - 1:
            return
        if self._passes is None:
            assert self._recorder is not None
            self._recorder.__exit__()
            self._passes = PassesAlone(self._recorder)
            for _ in range(WARM_UP):
                self._passes()
        else:
            self._steps += 1
            if self._steps < self.chunk:
                return
            _wait(module.device)
            self.whole.append((time.perf_counter() - self._started) / self.chunk)
            self.alone.append(self._time_alone(module.device))
        self._steps = 0
        _wait(module.device)
        self._started = time.perf_counter()

    def _time_alone(self, device: torch.device) -> float:
        assert self._passes is not None
        start = time.perf_counter()
        for _ in range(self.chunk):
            self._passes()
        _wait(device)
        return (time.perf_counter() - start) / self.chunk


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main(arguments: list[str] | None = None) -> None:
    """Measure and write ``lifter_profile.md`` and ``.json``.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    run_command(measure, parse(sys.argv[1:] if arguments is None else arguments))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``--`` is passed on to the stage.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = profile_parser("studies.lifter.step_profile", __doc__)
    parser.add_argument("--variant", default=OURS, help="of the lifter (ours)")
    parser.add_argument("--joint-set", default="h36m17", help="(h36m17)")
    parser.add_argument("--chunk", type=int, default=100, help="steps timed at a time (100)")
    parser.add_argument("--rounds", type=int, default=9, help="times that both are timed (9)")
    options = parser.parse_args(arguments)
    options.output = profile_folder(options)
    return options


def measure(options: argparse.Namespace) -> None:
    """Run twice: once for the ratio, once for the parts of a step.

    Args:
        options: The parsed command line.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    FrameStore(options.store)
    quieten()
    os.environ["WANDB_MODE"] = "disabled"
    steps = WARM_UP + options.chunk * options.rounds
    stopwatch = Stopwatch(options.chunk)
    fit(options, steps, stopwatch)
    profiler = fit(options, min(steps, 500), None)
    ratios = [alone / whole for whole, alone in zip(stopwatch.whole, stopwatch.alone, strict=True)]
    host = machine()
    result = {
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "steps_per_second": 1 / statistics.median(stopwatch.whole),
        "passes_per_second": 1 / statistics.median(stopwatch.alone),
        "parts_ms": parts(profiler),
        "preset": options.preset,
        "variant": options.variant,
        "joint_set": options.joint_set,
        "machine": host,
    }
    write(options.output / "lifter_profile.json", result)
    write(options.output / "lifter_profile.md", markdown(result, options))
    speeds = f"training {result['steps_per_second']:.1f} steps/s, passes alone {result['passes_per_second']:.1f}/s"
    print(f"{speeds}: {100 * statistics.median(ratios):.1f} %; written: {options.output / 'lifter_profile.md'}")


def fit(options: argparse.Namespace, steps: int, stopwatch: Stopwatch | None) -> SimpleProfiler | None:
    """A training of some steps in a folder that is thrown away; with Lightning's profiler if there is no stopwatch.

    Args:
        options: The parsed command line.
    """
    row = Row(options.variant, options.joint_set)
    layers = [part for path in row.configs(ROOT, options.preset, options.data) for part in ("--config", str(path))]
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--output", f"{folder}/profile/lifter", *layers, "--data.init_args.store", str(options.store)]
        arguments += ["--data.init_args.joint_set", options.joint_set, "--data.init_args.steps_per_epoch", str(steps)]
        arguments += ["--trainer.max_epochs", "1", "--trainer.limit_val_batches", "0", *options.extra]
        cli = StageCLI(LifterStage, arguments)
        profiler = None
        if stopwatch is None:
            cli.trainer.profiler = profiler = SimpleProfiler()  # type: ignore[attr-defined]
        else:
            cli.trainer.callbacks.append(stopwatch)  # type: ignore[attr-defined]
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    return profiler


def parts(profiler: SimpleProfiler | None) -> dict[str, float]:
    """Median milliseconds of the parts of a step."""
    assert profiler is not None
    recorded = profiler.recorded_durations
    return {name: 1000 * statistics.median(recorded[key]) for name, key in PARTS.items() if recorded.get(key)}


def markdown(result: dict[str, Any], options: argparse.Namespace) -> str:
    """The table for people.

    Args:
        result: What was measured.
        options: The parsed command line.
    """
    low, high = result["ratio_range"]
    host = result["machine"]
    rows = [
        ["training, everything included", f"{1000 / result['steps_per_second']:.2f}"],
        ["its network passes alone (forward, backward, Adam)", f"{1000 / result['passes_per_second']:.2f}"],
    ]
    rows += [[f"of the training: {name}", f"{value:.2f}"] for name, value in result["parts_ms"].items()]
    return "\n".join(
        [
            "# What a training step of the lifter takes",
            "",
            f"`python -m studies.lifter.step_profile --preset {options.preset} --variant {options.variant} "
            f"--joint-set {options.joint_set}`; {host['cpu']}, {host['threads']} threads, torch {host['torch']}.",
            "",
            f"Training makes **{100 * result['ratio']:.1f} %** of the steps per second that the same network passes "
            f"alone would make (median of {options.rounds} rounds, {100 * low:.1f} to {100 * high:.1f} %; "
            "the bar is 85 %).",
            "",
            markdown_table(["per step", "ms"], rows),
        ]
    )


if __name__ == "__main__":
    main()
