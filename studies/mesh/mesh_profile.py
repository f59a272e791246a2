"""``python -m studies.mesh.mesh_profile``: what a training step of stage 3 is made of, and whether loading keeps up
with it.

A real training of some steps, built from the configs of the training that is meant; nothing of it is kept. Then the
loader alone, and the encoder alone as it is and in bf16, channels-last and compiled, in turns on the same batch.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.profilers import Profiler
from torch import nn
from torch.utils.hooks import RemovableHandle

from s2m.data.store import FrameStore
from s2m.heads import SilhouetteEncoder
from s2m.markdown import markdown_table
from s2m.skeletons import JointSet
from stages.cli import StageCLI, quieten
from stages.mesh import MeshStage
from studies.command import profile_folder, profile_parser, run_command
from studies.writing import machine, write

ROOT = Path(__file__).parents[2]
WARM_UP = 5
WORKERS = (0, 1, 2)
BAR = 0.7  # of ResNet-18's images per second
LOADING, FORWARD, BACKWARD, OPTIMISER = "loading", "rest of the forward pass", "backward", "optimiser and clipping"
# What Lightning's profiler calls the parts of a step, without the strategy's name.
ACTIONS = {
    ("[_TrainingEpochLoop]", "train_dataloader_next"): LOADING,
    ("[Strategy]", "training_step"): FORWARD,
    ("[Strategy]", "backward"): BACKWARD,
    ("run_training_batch", "run_training_batch"): OPTIMISER,
}
# Modules of the stage, by where they are; what one calls another for counts for the inner one alone.
MODULES = {
    "model.lifter": "lifter",
    "model.encoder": "encoder",
    "model.ik": "inverse kinematics and body",
    "model.body": "inverse kinematics and body",
    "renderer": "rendering",
    "objective": "losses",
}


class StepClock(Profiler):
    """Seconds of each part of each step, without those of the parts inside it. On a GPU every border waits for it."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.steps: list[dict[str, float]] = []
        self._device = device
        self._open: list[str | None] = []
        self._current: dict[str, float] = {}
        self._hooks: list[RemovableHandle] = []
        self._last = 0.0

    def start(self, action_name: str) -> None:
        """Lightning begins something."""
        self.enter(part_of(action_name))

    def stop(self, action_name: str) -> None:
        """Lightning is done with it."""
        if action_name == "run_training_batch":
            self.leave()
            self.steps.append(self._current)
            self._current = {}
        else:
            self.leave()

    def enter(self, part: str | None) -> None:
        """A part begins inside the present one; ``None`` counts for the one around it."""
        self._book()
        self._open.append(part)

    def leave(self) -> None:
        """The innermost part ends."""
        self._book()
        if self._open:
            self._open.pop()

    def watch(self, module: nn.Module, part: str) -> None:
        """Book a module's forward passes, in training, as a part.

        Args:
            module: Name of the module.
        """
        self._hooks.append(module.register_forward_pre_hook(lambda *_: self.enter(part)))
        self._hooks.append(module.register_forward_hook(lambda *_: self.leave()))

    def unwatch(self) -> None:
        """Leave the modules alone again."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _book(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        part = next((name for name in reversed(self._open) if name is not None), None)
        if part is not None:
            self._current[part] = self._current.get(part, 0.0) + now - self._last
        self._last = now

    def median_ms(self) -> dict[str, float]:
        """Median over the steps, without the first ones."""
        steps = self.steps[WARM_UP:]
        names = dict.fromkeys(itertools.chain.from_iterable(steps))
        return {name: 1000 * statistics.median(step.get(name, 0.0) for step in steps) for name in names}


def part_of(action: str) -> str | None:
    """The part that an action of Lightning's profiler belongs to, if it is one of those that are told apart."""
    found = (part for (start, end), part in ACTIONS.items() if action.startswith(start) and action.endswith(end))
    return next(found, None)


class WholeSteps(Callback):
    """Seconds from the end of one step to the end of the next."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last: float | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        """Take the time.

        Args:
            module: Name of the module.
        """
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        now = time.perf_counter()
        if self._last is not None:
            self.seconds.append(now - self._last)
        self._last = now


def main(arguments: list[str] | None = None) -> None:
    """Measure and write ``mesh_profile.md`` and ``.json``.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    run_command(measure, parse(sys.argv[1:] if arguments is None else arguments))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``--`` is passed on to the stage.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = profile_parser("studies.mesh.mesh_profile", __doc__)
    parser.add_argument("--lifter", type=Path, required=True, help="artifact of stage 1")
    parser.add_argument("--regressor", type=Path, required=True, help="artifact of stage 2")
    parser.add_argument(
        "--ablation", nargs="+", default=[], help="configs/ablation/ABLATION.yaml on top, in this order"
    )
    parser.add_argument("--steps", type=int, default=30, help="steps that are timed (30)")
    parser.add_argument("--rounds", type=int, default=5, help="times that each encoder is timed (5)")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out (it takes minutes)")
    options = parser.parse_args(arguments)
    if options.steps < 1 or options.rounds < 1:
        parser.error("--steps and --rounds: expected a positive number")
    options.output = profile_folder(options)
    return options


def measure(options: argparse.Namespace) -> None:
    """Train, load and encode.

    Args:
        options: The parsed command line.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    FrameStore(options.store)
    quieten()
    os.environ["WANDB_MODE"] = "disabled"
    with tempfile.TemporaryDirectory() as folder:
        cli, inputs, result = profile_training(options, folder)
        batch = int(cli.resolved()["data"]["init_args"]["batch_size"])
        result["loader_frames_per_s"] = {str(n): loader_speed(cli, n, options.steps) for n in WORKERS}
        encoder = cli.model.model.encoder
        compiles = not options.no_compile and shutil.which(os.environ.get("CXX", "g++")) is not None
        passes = {**encoders(encoder, inputs, compiles), "ResNet-18": resnet(cli.model.joint_set, inputs)}
        result["encoder_ms"] = in_turns(passes, options.rounds, cli.model.device)
    result["frames_per_s"] = 1000 * batch / result["step_ms"]
    result["share_of_resnet"] = result["encoder_ms"]["ResNet-18"] / result["step_ms"]
    result |= {"batch": batch, "preset": options.preset, "encoder": type(encoder).__name__}
    result["mask"] = inputs[0].silhouette.shape[-1]
    result["machine"] = {**machine(), "device": device_name(cli.model.device)}
    write(options.output / "mesh_profile.json", result)
    write(options.output / "mesh_profile.md", markdown(result, options))
    print(f"{result['step_ms']:.0f} ms per step of {batch}; written: {options.output / 'mesh_profile.md'}")


def profile_training(options: argparse.Namespace, folder: str) -> tuple[StageCLI, tuple[Any, ...], dict[str, Any]]:
    """The stage after a short training, what its encoder was last given, and milliseconds per step and part.

    Args:
        options: The parsed command line.
        folder: The folder.
    """
    names = ["mesh", f"data/{options.data}", f"preset/{options.preset}/mesh"]
    names += [f"ablation/{overlay}" for overlay in options.ablation]
    arguments = ["--output", f"{folder}/profile/mesh"]
    arguments += [part for name in names for part in ("--config", str(ROOT / "configs" / f"{name}.yaml"))]
    arguments += ["--data.init_args.store", str(options.store), "--model.lifter", str(options.lifter)]
    arguments += ["--model.pretrained_regressor", str(options.regressor)]
    arguments += ["--data.init_args.steps_per_epoch", str(WARM_UP + options.steps)]
    arguments += ["--trainer.max_epochs", "1", "--trainer.limit_val_batches", "0", *options.extra]
    cli = StageCLI(MeshStage, arguments)
    clock, whole = StepClock(cli.trainer.strategy.root_device), WholeSteps()
    inputs: list[Any] = []
    if cli.model.synthetic_supervision is not None:
        cli.model.synthetic_supervision.epochs = (
            0  # steps of both kinds at once, as they are for most of a long training
        )
        clock.watch(cli.model.synthetic_supervision, "making bodies to teach on")
    for path, part in MODULES.items():
        clock.watch(cli.model.get_submodule(path), part)
    watch = cli.model.model.encoder.register_forward_pre_hook(lambda _, given: inputs.__setitem__(slice(None), given))
    cli.trainer.profiler = clock  # type: ignore[attr-defined]
    cli.trainer.callbacks.append(whole)  # type: ignore[attr-defined]
    cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    clock.unwatch()
    watch.remove()
    parts, step = clock.median_ms(), 1000 * statistics.median(whole.seconds[WARM_UP - 1 :])
    return cli, tuple(given_once(value) for value in inputs), {"step_ms": step, "parts_ms": parts}


def given_once(value: Any) -> Any:
    """An argument of the encoder; a function among them is called once, so that the encoder alone is timed."""
    if not callable(value) or isinstance(value, nn.Module):
        return value
    answer = value()
    return lambda: answer


def loader_speed(cli: StageCLI, workers: int, steps: int) -> float:
    """Frames per second of the training loader alone, after a few batches."""
    settings = dict(cli.resolved()["data"]["init_args"])
    settings |= {"num_workers": workers, "steps_per_epoch": WARM_UP + steps}
    batches = iter(type(cli.datamodule)(**settings).train_dataloader())
    for _ in itertools.islice(batches, WARM_UP):
        pass
    start = time.perf_counter()
    frames = sum(len(frame.observation) for frame in batches)
    return frames / (time.perf_counter() - start)


def encoders(encoder: nn.Module, inputs: tuple[Any, ...], compiles: bool) -> dict[str, Callable[[], None]]:
    """Forward and backward passes of copies of the encoder: as it is, and each way to speed it up."""
    last = copy.deepcopy(encoder).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    passes = {
        "float32": both_ways(copy.deepcopy(encoder), inputs),
        "channels-last": both_ways(last, inputs),
        "bf16": both_ways(copy.deepcopy(encoder), inputs, half=True),
        "bf16, channels-last": both_ways(copy.deepcopy(last), inputs, half=True),
    }
    if compiles:
        passes["compiled"] = both_ways(torch.compile(copy.deepcopy(encoder)), inputs)  # type: ignore[arg-type]
    return passes


def resnet(joint_set: JointSet, inputs: tuple[Any, ...]) -> Callable[[], None]:
    """The paper's backbone at the size of the masks, whatever the encoder is.

    Args:
        joint_set: The joint set.
    """
    masks = inputs[0].silhouette
    return both_ways(SilhouetteEncoder(joint_set, masks.shape[-1]).to(masks.device), inputs)


def both_ways(module: nn.Module, inputs: tuple[Any, ...], half: bool = False) -> Callable[[], None]:
    """One forward and backward pass.

    Args:
        module: Name of the module.
    """
    device = inputs[0].joints2d.device.type
    module.train()

    def work() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=half):
            features = module(*inputs)
        features.float().square().mean().backward()
        module.zero_grad()

    return work


def in_turns(passes: dict[str, Callable[[], None]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median milliseconds of each; in turns, so that a busy machine slows all. Those that fail are left out."""
    seconds: dict[str, list[float]] = {}
    for name, work in passes.items():
        try:
            work()
            seconds[name] = []
        except Exception as error:  # a compiler can fail in any way
            print(f"{name}: left out, {type(error).__name__}: {str(error).splitlines()[0][:200]}", file=sys.stderr)
    for _ in range(rounds):
        for name, taken in seconds.items():
            start = time.perf_counter()
            passes[name]()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken.append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(taken) for name, taken in seconds.items()}


def device_name(device: torch.device) -> str:
    """For people."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def command(options: argparse.Namespace) -> str:
    """The command line, without the places of files.

    Args:
        options: The parsed command line.
    """
    parts = [f"python -m studies.mesh.mesh_profile --preset {options.preset} --data {options.data}"]
    parts += ["--ablation", *options.ablation] if options.ablation else []
    parts += [f"--steps {options.steps} --rounds {options.rounds}"]
    parts += ["--no-compile"] if options.no_compile else []
    return " ".join([*parts, *(["--", *options.extra] if options.extra else [])])


def markdown(result: dict[str, Any], options: argparse.Namespace) -> str:
    """The page.

    Args:
        result: What was measured.
        options: The parsed command line.
    """
    host, step, encoder = result["machine"], result["step_ms"], result["encoder_ms"]
    plain = encoder["float32"]
    rest = step - sum(result["parts_ms"].values())
    parts = [*result["parts_ms"].items(), ("callbacks and logging", rest)]
    speeds = result["loader_frames_per_s"]
    missing = " Without `torch.compile`: there was no C++ compiler, it failed, or `--no-compile`."
    missing = "" if "compiled" in encoder else missing
    lines = [
        "# What a training step of stage 3 takes",
        "",
        f"`{command(options)}`; {host['device']}, {host['cpu']}, "
        f"{host['threads']} threads, torch {host['torch']}; batch {result['batch']}, masks of {result['mask']} px, "
        f"{result['encoder']}. Medians of {options.steps} steps.",
        "",
        f"**{step:.0f} ms per step, {result['frames_per_s']:.0f} frames/s**: {100 * result['share_of_resnet']:.0f} % "
        f"of the images/s of ResNet-18's forward and backward passes alone on these masks (the bar, on a GPU: "
        f"{100 * BAR:.0f} %).",
        "",
        markdown_table(
            ["part", "ms", "share"], [[name, f"{value:.1f}", f"{100 * value / step:.1f} %"] for name, value in parts]
        ),
        "The encoder's own initial estimate (skeleton, body) counts for the parts that make it.",
        "",
        "## Loading",
        "",
        markdown_table(
            ["workers", "loader alone, frames/s", "of what training takes"],
            [[n, f"{speed:.0f}", f"{speed / result['frames_per_s']:.1f} x"] for n, speed in speeds.items()],
        ),
        "## The encoder alone, forward and backward",
        "",
        f"In turns on one batch, median of {options.rounds}.{missing}",
        "",
        markdown_table(
            ["", "ms", "speed"], [[name, f"{value:.1f}", f"{plain / value:.2f} x"] for name, value in encoder.items()]
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
