"""``python -m studies.data.data_bench``: speed of converting and loading datasets, beside what stage 3 consumes.

Writes ``bench_data.md`` and ``bench_data.json``.
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

from s2m.errors import UserError
from studies.data.bench import measure, store_of

ROOT = Path(__file__).parents[2]
LIFTER = ROOT / "s2m" / "lifter" / "assets" / "lifter_h36m17.pt"
PRESET, MASK_PX = "quick", 112
# Training steps before the clock starts, and per round.
WARM_UP, CHUNK = 3, 5


def main(arguments: list[str] | None = None) -> None:
    """Measure and write the tables.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        bench(options)
    except UserError as error:
        sys.exit(f"error: {error}")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.data.data_bench", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--frames", type=int, default=1500, help="of each of four converted recordings (1500)")
    parser.add_argument("--rows", type=int, default=1_500_000, help="of annotation, for the memory (1500000)")
    parser.add_argument("--loaded", type=int, default=25_600, help="rows of the stores that are loaded (25600)")
    parser.add_argument("--rounds", type=int, default=3, help="times that loading and stage 3 are timed (3)")
    parser.add_argument("--without-litdata", action="store_true", help="leave out the comparison")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"), help="folder (docs/results)")
    return parser.parse_args(arguments)


def bench(options: argparse.Namespace) -> None:
    """Raises UserError.

    Args:
        options: The parsed command line.
    """
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="s2m-bench-") as name:
        folder = Path(name)
        # Before torch is imported, see studies.data.bench.
        result = measure(
            folder, options.frames, options.rows, options.loaded, options.rounds, not options.without_litdata
        )
        result["stage3"] = stage3(folder, options.rounds)
    from studies.data.bench_report import markdown
    from studies.writing import machine, write

    load = {"load_before": before, "load_after": os.getloadavg()[0]}
    result["machine"] = {**machine(), "cores": os.cpu_count(), **load}
    result["command"] = f"python -m studies.data.data_bench --frames {options.frames} --rows {options.rows} "
    result["command"] += f"--loaded {options.loaded} --rounds {options.rounds}"
    write(options.output / "bench_data.json", result)
    write(options.output / "bench_data.md", markdown(result))
    print(f"written: {options.output / 'bench_data.md'}")


def stage3(folder: Path, rounds: int) -> dict[str, Any]:
    """Silhouettes per second that ``make train PRESET=quick`` consumes in stage 3, on the store with small masks.

    The lifter is the shipped one; W is as stage 2 starts, since weights do not change what a step costs.

    Args:
        folder: The folder.
    """
    from stages.cli import StageCLI, finish, quieten
    from stages.mesh import MeshStage
    from stages.regressor import RegressorStage

    os.environ["WANDB_MODE"] = "disabled"
    quieten()
    second = StageCLI(RegressorStage, _arguments("regressor", folder))
    second.output.mkdir(parents=True)
    regressor = finish(second, second.model, second.resolved())
    steps = ["--data.init_args.steps_per_epoch", str(WARM_UP + CHUNK * rounds), "--trainer.max_epochs", "1"]
    steps += ["--trainer.limit_val_batches", "0", "--model.pretrained_regressor", str(regressor)]
    third = StageCLI(MeshStage, [*_arguments("mesh", folder), *steps])
    seconds: list[float] = []
    third.trainer.callbacks.append(  # type: ignore[attr-defined]
        _stopwatch(seconds)
    )
    third.trainer.fit(third.model, datamodule=third.datamodule)
    batch = int(third.config["data"]["init_args"]["batch_size"])
    rate = batch * CHUNK / statistics.median(seconds)
    chosen = {"preset": PRESET, "batch": batch, "mask_px": MASK_PX, "rounds": rounds, "chunk": CHUNK}
    return {**chosen, "per_second": rate, "range": [batch * CHUNK / max(seconds), batch * CHUNK / min(seconds)]}


def _arguments(stage: str, folder: Path) -> list[str]:
    layers = (f"configs/{stage}.yaml", "configs/data/human36m.yaml", f"configs/preset/{PRESET}/{stage}.yaml")
    configs = [part for path in layers for part in ("--config", str(ROOT / path))]
    arguments = ["--output", str(folder / "run" / stage), *configs]
    arguments += ["--data.init_args.store", str(store_of(folder, MASK_PX)), "--data.init_args.val_split", "train"]
    return [*arguments, "--model.lifter", str(LIFTER)]


def _stopwatch(seconds: list[float]) -> Any:
    """A callback that notes the seconds of every CHUNK training steps, the loading of their frames included."""
    from pytorch_lightning.callbacks import LambdaCallback

    started: list[float] = []

    def note(trainer: Any, module: Any, outputs: Any, frame: Any, index: int) -> None:
        done = index + 1 - WARM_UP
        if done < 0 or done % CHUNK:
            return
        now = time.perf_counter()
        if started:
            seconds.append(now - started.pop())
        started.append(now)

    return LambdaCallback(on_train_batch_end=note)


if __name__ == "__main__":
    main()
