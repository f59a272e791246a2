"""``make ship-heads``: turn finished temporal heads into those that come with the package's lifters.

Figures are of whole recordings, beside the same lifter frame by frame and a smoothing filter that asks for no training.
Noise that is drawn anew in every frame is easy
to average out; a detector's errors last. So they are also measured with noise that fades within a third of a second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import savgol_filter
from torch import Tensor

from s2m import artifact as artifacts
from s2m.artifact import sha256
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.ik.results import machine, markdown_table, write
from s2m.lifter.study.conditions import CONDITIONS, StudyFrames, apply, read_frames
from s2m.lifter.study.evaluate import Method, evaluate
from s2m.lifter.study.methods import network
from s2m.lifter.temporal import TemporalLifter, load_temporal
from s2m.lifting.pretrained import LIST, assets, read_lifter, shipped_records
from s2m.lifting.ship import relative, slim

SPLITS = {"test": "everyday", "acrobatic": "acrobatic"}
FIGURES = {
    "n_mpjpe_mm": "N-MPJPE [mm]",
    "pa_mpjpe_mm": "PA-MPJPE [mm]",
    "accel_mm_per_frame2": "acceleration [mm/frame²]",
}
METHODS = ("frame by frame", "Savitzky-Golay", "with the head")
# The last: what the open data's noisy splits hold.
INPUTS = (
    "clean",
    "3 % noise, new in each frame",
    "3 % noise, lasting",
    "3 % noise, outliers, swaps, missing joints",
)
# As many frames as the heads look at, and cubics.
WINDOW, ORDER = 13, 3
# What is left of an error in the next frame, at 30 frames per second: a third of it after a third of a second.
LASTING = 0.9


def ship_head(run: Path, store: FrameStore, folder: Path, root: Path) -> dict[str, Any]:
    """Write ``temporal_<joint set>.pt`` into a folder, and its record into the folder's ``shipped.json``.

    run: folder of a finished ``temporal`` stage on the lifter that ships. The rest as in :func:`s2m.lifting.ship.ship`.
    Returns the record. Raises UserError.
    """
    artifact = slim(artifacts.load(run / "temporal.pt", "temporal"), root)
    known = shipped_records(folder)
    if artifact.joint_set not in known:
        raise UserError(f"{folder / LIST}: no lifter for {artifact.joint_set}, which {run} has a head for")
    lifter = folder / known[artifact.joint_set]["file"]
    model = load_temporal(run / "temporal.pt", read_lifter(lifter), lifter)
    path = folder / f"temporal_{artifact.joint_set}.pt"
    artifacts.save(path, artifact)
    path.chmod(0o644)
    record = {
        "file": path.name,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "parameters": sum(value.numel() for value in artifact.state.values()),
        "seed": artifact.config["seed_everything"],
        "command": "make ship-heads",
        "data": {"store": relative(str(store.path.absolute()), root), "hash": store.hash},
        "metrics": measured(model, store),
        "machine": machine(),
    }
    known[artifact.joint_set]["video"] = record
    write(folder / LIST, {"lifters": [known[name] for name in sorted(known)]})
    return record


def measured(model: TemporalLifter, store: FrameStore) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Figures by split, input and method, over the 17 shared joints."""
    joint_set, alone = model.lifter.joint_set, network(model.lifter)
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for split in SPLITS:
        found[split] = {}
        for name, seen in inputs(store, split):
            parts, shown = lengths(seen), seen.select(joint_set)
            answers: tuple[Method, ...] = (
                alone,
                partial(savitzky_golay, alone, parts),
                partial(_skeletons, model, parts),
            )
            figures = {method: evaluate(f, shown, joint_set) for method, f in zip(METHODS, answers, strict=True)}
            found[split][name] = {
                method: {figure: round(values[figure], 4) for figure in FIGURES} for method, values in figures.items()
            }
    return found


def inputs(store: FrameStore, split: str) -> Iterator[tuple[str, StudyFrames]]:
    """``INPUTS``, by name, of a split."""
    clean, noisy = (next(c for c in CONDITIONS if c.name == name) for name in ("clean", "noise_3"))
    frames = read_frames(store, split)
    exact, disturbed = apply(clean, frames), apply(noisy, frames)
    error = lasting(disturbed.joints2d - exact.joints2d, lengths(frames))
    lingering = replace(exact, joints2d=exact.joints2d + error * (exact.confidence > 0)[..., None])
    yield from zip(INPUTS, (exact, disturbed, lingering, read_frames(store, f"{split}_noisy")), strict=True)


def lasting(errors: Tensor, parts: list[int], share: float = LASTING) -> Tensor:
    """Independent errors (N, ...) as such of equal size of which a share is left in the next frame of a recording."""
    result = []
    for recording in errors.split(parts):
        error = recording[0]
        for i, new in enumerate(recording):
            error = new if i == 0 else share * error + (1 - share**2) ** 0.5 * new
            result.append(error)
    return torch.stack(result)


def lengths(frames: StudyFrames) -> list[int]:
    """Numbers of consecutive frames of the recordings, in their order."""
    follows = (frames.sequence[1:] == frames.sequence[:-1]) & (frames.frame[1:] == frames.frame[:-1] + 1)
    starts = [0, *((~follows).nonzero()[:, 0] + 1).tolist(), len(frames.sequence)]
    return [stop - start for start, stop in pairwise(starts)]


def savitzky_golay(alone: Method, parts: list[int], joints2d: Tensor, confidence: Tensor) -> Tensor:
    """A method's skeletons, each recording smoothed by cubics over 13 frames; shorter ones as they are."""
    recordings = alone(joints2d, confidence).split(parts)
    smooth = [savgol_filter(r.numpy(), WINDOW, ORDER, axis=0) if len(r) >= WINDOW else r.numpy() for r in recordings]
    return torch.from_numpy(np.concatenate(smooth))


def _skeletons(model: TemporalLifter, parts: list[int], joints2d: Tensor, confidence: Tensor) -> Tensor:
    skeletons: Tensor = model(joints2d, confidence, parts).joints3d
    return skeletons


def table(records: dict[str, dict[str, Any]]) -> str:
    """The figures of all heads that ship, for people."""
    rows = []
    for name, record in records.items():
        for split, condition in product(SPLITS, INPUTS) if "video" in record else ():
            methods = record["video"]["metrics"][split][condition]
            figures = [" / ".join(f"{methods[method][figure]:.1f}" for method in METHODS) for figure in FIGURES]
            rows.append([f"`{name}`", SPLITS[split], condition, *figures])
    header = ["lifter", "motion", "input", *FIGURES.values()]
    return f"{' / '.join(METHODS)}, over the 17 shared joints:\n\n{markdown_table(header, rows)}"


def main(arguments: list[str] | None = None) -> None:
    """Entry point: ship the heads of some runs."""
    parser = argparse.ArgumentParser(prog="python -m s2m.lifting.ship_head", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished temporal stages")
    parser.add_argument("--store", type=Path, required=True, help="the frame store that they were trained on")
    parser.add_argument("--output", type=Path, default=assets(), help="folder of the shipped lifters")
    parser.add_argument("--table", type=Path, help="a markdown file to write their figures to")
    options = parser.parse_args(arguments)
    try:
        for run in options.runs:
            record = ship_head(run, FrameStore(options.store), options.output, Path.cwd())
            print(f"{record['file']}: {record['bytes'] / 1e6:.2f} MB")
        if options.table is not None:
            write(options.table, table(shipped_records(options.output)))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
