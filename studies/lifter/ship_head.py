"""``make ship-heads``: turn finished temporal heads into those that come with the package's lifters."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

from s2m import artifact as artifacts
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter.shipped_lifters import LIST, assets, read_lifter, shipped_records
from s2m.lifter.temporal_head import load_temporal
from s2m.markdown import code, markdown_table
from studies.lifter.head_figures import FIGURES, INPUTS, METHODS, SPLITS, measured
from studies.lifter.ship import relative, slim
from studies.writing import machine, write

_ABOUT = """Unseen clips and bodies of the open data. Errors are over the 17 shared
joints, the acceleration's at 30 frames per second. Angles are of the rotations that DIK solves from the skeletons: to
the true local rotation, and (shaking) between the turns before and after a frame. Lasting noise: nine tenths of a
joint's error are left in the next frame."""


def ship_head(run: Path, store: FrameStore, folder: Path, root: Path) -> dict[str, Any]:
    """Write ``temporal_<joint set>.pt`` into a folder, and its record into the folder's ``shipped.json``.

    Args:
        run: Folder of a finished ``temporal`` stage on the lifter that ships. The rest as in
            :func:`studies.lifter.ship.ship`.
        store: The frame store.
        folder: The folder.
        root: The repository.

    Returns:
        The record.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    artifact = slim(artifacts.load(run / "temporal.pt", "temporal"), root)
    known = shipped_records(folder)
    if artifact.joint_set not in known:
        raise UserError(f"{folder / LIST}: no lifter for {artifact.joint_set}, which {run} has a head for")
    lifter = folder / known[artifact.joint_set]["file"]
    model = load_temporal(run / "temporal.pt", read_lifter(lifter), lifter)
    metrics = measured(model, store)
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
        "metrics": metrics,
        "machine": machine(),
    }
    known[artifact.joint_set]["video"] = record
    write(folder / LIST, {"lifters": [known[name] for name in sorted(known)]})
    return record


def table(records: dict[str, dict[str, Any]]) -> str:
    """The figures of all heads that ship, for people.

    Args:
        records: What is known of each, by joint set.
    """
    rows = []
    for name, record in records.items():
        for split, condition in product(SPLITS, INPUTS) if "video" in record else ():
            methods = record["video"]["metrics"][split][condition]
            figures = [" / ".join(_shown(figure, methods[method][figure]) for method in METHODS) for figure in FIGURES]
            rows.append([code(name), SPLITS[split], condition, *figures])
    header = ["lifter", "motion", "input", *FIGURES.values()]
    return f"{' / '.join(METHODS)}. {_ABOUT}\n\n{markdown_table(header, rows)}"


def _shown(figure: str, value: float) -> str:
    return f"{value:.3f}" if figure.endswith("_rad") else f"{value:.1f}"


def main(arguments: list[str] | None = None) -> None:
    """Entry point: ship the heads of some runs.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.lifter.ship_head", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished temporal stages")
    parser.add_argument("--store", type=Path, required=True, help="the frame store that they were trained on")
    parser.add_argument("-o", "--output", type=Path, default=assets(), help="folder of the shipped lifters")
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
