"""``make ship-lifter``: turn finished runs into the lifters that come with the package.

An artifact of stage 1 also holds the run's whole configuration. What is shipped is the network and how it was trained,
without a path of the machine that trained it; ``shipped.json`` says beside it how good it is on clips that it never
saw, next to 2D joints at constant depth.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from s2m import artifact as artifacts
from s2m.artifact import Artifact
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter.network import Lifter
from s2m.lifter.shipped_lifters import LIST, assets, read_lifter, shipped_records
from s2m.markdown import code, markdown_table
from s2m.skeletons import H36M17, S2M27, get_joint_set
from studies.lifter.conditions import CONDITIONS, apply, read_frames
from studies.lifter.evaluate import evaluate
from studies.lifter.methods import network, planar
from studies.lifter.runner import read_mark
from studies.writing import machine, write

SPLIT = "test"
HEADS = ("video", "doubt")
SHOWN = ("clean", "noise_3")
FIGURES = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "reversed_depth", "depth_cosine")
# What of a run's configuration decides the weights, and is kept.
_KEPT = ("seed_everything", "model", "data")
_TRAINER = ("max_epochs", "max_steps")


def ship(run: Path, store: FrameStore, folder: Path, root: Path) -> dict[str, Any]:
    """Write ``lifter_<joint set>.pt`` into a folder and its record into the folder's ``shipped.json``.

    Args:
        run: Folder of a finished stage 1.
        store: The data that it was trained on.
        folder: The folder.
        root: Paths below it are written relative to it.

    Returns:
        The record.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    artifact = slim(artifacts.load(run / "lifter.pt", "lifter"), root)
    command = relative(read_mark(run).get("command", []), root)
    path = folder / f"lifter_{artifact.joint_set}.pt"
    artifacts.save(path, artifact)
    path.chmod(0o644)
    lifter = read_lifter(path)
    record = described(path, artifact, store, root) | {
        "joint_set": artifact.joint_set,
        "body": artifact.body,
        "command": " ".join(command),
        "metrics": {"split": SPLIT, **measured(lifter, store)},
    }
    known = shipped_records(folder) if (folder / LIST).is_file() else {}
    if (before := known.get(artifact.joint_set, {})).get("sha256") == record["sha256"]:
        # A head belongs to the very weights that it was trained on.
        record |= {head: before[head] for head in HEADS if head in before}
    known[artifact.joint_set] = record
    write(folder / LIST, {"lifters": [known[name] for name in sorted(known)]})
    return record


def described(path: Path, artifact: Artifact, store: FrameStore, root: Path) -> dict[str, Any]:
    """What the record of every shipped file says.

    Args:
        path: The file.
        artifact: What is in it.
        store: The data that it was trained on.
        root: Paths below it are written relative to it.
    """
    return {
        "file": path.name,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "parameters": sum(value.numel() for value in artifact.state.values()),
        "seed": artifact.config["seed_everything"],
        "data": {"store": relative(str(store.path.absolute()), root), "hash": store.hash},
        "machine": machine(),
    }


def slim(artifact: Artifact, root: Path) -> Artifact:
    """The same artifact in float32 without the paths and the accessories of the run. UserError when a path is left.

    Args:
        root: The repository.
    """
    config = {name: artifact.config[name] for name in _KEPT}
    config["trainer"] = {name: artifact.config["trainer"][name] for name in _TRAINER}
    # Cloned: a view would take the whole tensor that it is a part of into the file.
    state = {name: value.detach().to(torch.float32).clone() for name, value in artifact.state.items()}
    slimmed = replace(artifact, config=relative(config, root), state=state)
    for text in _strings([slimmed.config, slimmed.spec, slimmed.parents]):
        if PurePosixPath(text).is_absolute():
            raise UserError(
                f"artifact of {artifact.joint_set}: field config: expected paths below {root}, found {text}"
            )
    return slimmed


def relative(value: Any, root: Path) -> Any:
    """Plain data with every path below ``root`` made relative to it.

    Args:
        root: The repository.
    """
    if isinstance(value, dict):
        return {key: relative(item, root) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [relative(item, root) for item in value]
    return value.removeprefix(f"{root.absolute()}/") if isinstance(value, str) else value


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def measured(lifter: Lifter, store: FrameStore) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of the lifter and of 2D joints at constant depth, over the 17 shared joints, by condition.

    Args:
        lifter: The lifter.
        store: The frame store.
    """
    frames, found = read_frames(store, SPLIT), {}
    for condition in CONDITIONS:
        if condition.name in SHOWN:
            seen = apply(condition, frames).select(lifter.joint_set)
            methods = {"lifter": network(lifter), "planar": planar(lifter)}
            figures = {name: evaluate(method, seen, lifter.joint_set) for name, method in methods.items()}
            found[condition.name] = {
                name: {figure: round(values[figure], 4) for figure in FIGURES} for name, values in figures.items()
            }
    return found


def table(records: dict[str, dict[str, Any]]) -> str:
    """The figures of all that ships, for people.

    Args:
        records: What is known of each, by joint set.
    """
    header = [
        "lifter",
        "input",
        "N-MPJPE [mm]",
        "PA-MPJPE [mm]",
        "MPJPE [mm]",
        "reversed depth",
        "planar: N- / PA-MPJPE",
    ]
    rows = []
    for name, record in records.items():
        for condition in (c for c in CONDITIONS if c.name in SHOWN):
            found, flat = (record["metrics"][condition.name][method] for method in ("lifter", "planar"))
            lengths = [f"{found[figure]:.1f}" for figure in ("n_mpjpe_mm", "pa_mpjpe_mm", "mpjpe_mm")]
            planar_lengths = f"{flat['n_mpjpe_mm']:.1f} / {flat['pa_mpjpe_mm']:.1f}"
            rows.append(
                [code(name), condition.label, *lengths, f"{100 * found['reversed_depth']:.1f} %", planar_lengths]
            )
    return markdown_table(header, rows)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: ship every finished run, say which are missing.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.lifter.ship", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder of `make table-lifter`'s trainings")
    parser.add_argument("--store", type=Path, required=True, help="the frame store that they were trained on")
    parser.add_argument("--seed", type=int, default=0, help="which of the repetitions (0)")
    parser.add_argument("--joint-sets", nargs="+", choices=(H36M17.name, S2M27.name), help="(those that are trained)")
    parser.add_argument("-o", "--output", type=Path, default=assets(), help="folder of the shipped lifters")
    parser.add_argument("--table", type=Path, help="a markdown file to write their figures to")
    options = parser.parse_args(arguments)
    try:
        ship_all(options)
    except UserError as error:
        sys.exit(f"error: {error}")


def ship_all(options: argparse.Namespace) -> None:
    """Raises UserError when nothing is trained, or not what was asked for.

    Args:
        options: The parsed command line.
    """
    names = options.joint_sets or (H36M17.name, S2M27.name)
    rows = {name: "ours" if name == H36M17.name else f"ours-{name}" for name in names}
    runs = {name: options.runs / f"{row}-s{options.seed}" / "lifter" for name, row in rows.items()}
    finished = {name: run for name, run in runs.items() if (run / "lifter.pt").is_file()}
    missing = [str(run / "lifter.pt") for name, run in runs.items() if name not in finished]
    if missing and (options.joint_sets or not finished):
        raise UserError(f"{', '.join(missing)}: not trained yet; `make table-lifter` trains them")
    store = FrameStore(options.store)
    for name, run in finished.items():
        record = ship(run, store, options.output, Path.cwd())
        clean = record["metrics"]["clean"]
        print(
            f"{record['file']}: {record['bytes'] / 1e6:.2f} MB, N-MPJPE {clean['lifter']['n_mpjpe_mm']:.1f} mm "
            f"(planar {clean['planar']['n_mpjpe_mm']:.1f}), {len(get_joint_set(name))} joints"
        )
    if options.table is not None:
        write(options.table, table(shipped_records(options.output)))
    for path in missing:
        print(f"left out, not trained yet: {path}")


if __name__ == "__main__":
    main()
