"""``make ship-recover``: turn a finished stage 3 into the model that `s2m recover` comes with.

It was trained on the lifter that ships, and holds it again; in half precision, which costs nothing that can be measured
(docs/results/recover.md is made with it).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from s2m import artifact as artifacts
from s2m.artifact import Artifact
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter.shipped_lifters import shipped_file
from s2m.recover.trained import RECORD
from s2m.skeletons import S2M27
from studies.command import run_command
from studies.lifter.ship import described, slim
from studies.writing import write

COMMAND = "make ship-recover"
_METRES = ("ik.", "regressor.")


def ship(run: Path, store: FrameStore, folder: Path, root: Path) -> dict[str, Any]:
    """Write ``mesh_s2m27.pt`` into a folder, and its record beside it.

    Args:
        run: Folder of a finished stage 3 on the lifter that ships for 27 joints.
        store: The data that it was trained on.
        folder: The folder.
        root: Paths below it are written relative to it.

    Returns:
        The record.

    Raises:
        UserError: It is not finished, or was trained on another lifter or other joints.
    """
    trained = run / "mesh.pt"
    artifact = slim(artifacts.load(trained, "mesh", joint_set=S2M27.name), root)
    if artifact.parents.get("lifter") != sha256(shipped_file(S2M27.name)):
        raise UserError(
            f"{trained}: expected a model on the lifter that ships for {S2M27.name}, found another lifter's"
        )
    path = folder / f"mesh_{artifact.joint_set}.pt"
    artifacts.save(path, _halved(artifact))
    path.chmod(0o644)
    record = described(path, artifact, store, root) | {
        "joint_set": artifact.joint_set,
        "body": artifact.body,
        "lifter": artifact.parents["lifter"],
        "command": COMMAND,
    }
    write(folder / RECORD, record)
    return record


def _halved(artifact: Artifact) -> Artifact:
    """Networks in half precision; metres, of which that would lose some, as they are."""
    state = {name: value if name.startswith(_METRES) else value.half() for name, value in artifact.state.items()}
    return replace(artifact, state=state)


def run(options: argparse.Namespace) -> None:
    """Ship, and say what.

    Args:
        options: The parsed command line.
    """
    record = ship(options.run, FrameStore(options.store), options.output, Path.cwd())
    print(f"{record['file']}: {record['bytes'] / 1e6:.2f} MB, {record['parameters']} parameters")


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.recover.ship", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, metavar="DIR", help="folder of the finished stage 3")
    parser.add_argument("--store", type=Path, required=True, help="the frame store that it was trained on")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(str(resources.files("s2m.recover") / "assets")), help="of the model"
    )
    run_command(run, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
