"""What ships beside a lifter: heads that were trained on its very weights, each with its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from s2m import artifact as artifacts
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.lifter.committee import AnyLifter
from s2m.lifter.network import Lifter
from s2m.lifter.shipped_lifters import LIST, read_lifter, shipped_committee, shipped_records
from studies.lifter.ship import described, slim
from studies.writing import write

M = TypeVar("M")


@dataclass(frozen=True)
class Beside(Generic[M]):
    """A kind of head.

    Attributes:
        stage: The stage that trains it; also the first word of its file.
        key: Its place in the lifter's record.
        command: What makes it again.
        load: From its artifact, the lifter and the lifter's file to what is measured.
        measured: Its figures on a store, with what lifts there: the lifter, or the committee that ships for its joints.
    """

    stage: str
    key: str
    command: str
    load: Callable[[Path, Lifter, Path], M]
    measured: Callable[[M, AnyLifter, FrameStore], dict[str, Any]]


def ship_beside(kind: Beside[M], run: Path, store: FrameStore, folder: Path, root: Path) -> dict[str, Any]:
    """Write ``<stage>_<joint set>.pt`` into a folder, and its record into the folder's ``shipped.json``.

    Args:
        kind: Of head.
        run: Folder of a finished stage of that kind, on the lifter that ships. The rest as in
            :func:`studies.lifter.ship.ship`.
        store: The frame store.
        folder: The folder.
        root: The repository.

    Returns:
        The record.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    trained = run / f"{kind.stage}.pt"
    artifact = slim(artifacts.load(trained, kind.stage), root)
    known = shipped_records(folder)
    if artifact.joint_set not in known:
        raise UserError(f"{folder / LIST}: no lifter for {artifact.joint_set}, which {run} has a head for")
    path = folder / known[artifact.joint_set]["file"]
    lifter = read_lifter(path)
    loaded, together = kind.load(trained, lifter, path), shipped_committee(artifact.joint_set, folder)
    metrics = kind.measured(loaded, together, store)
    path = folder / f"{kind.stage}_{artifact.joint_set}.pt"
    artifacts.save(path, artifact)
    path.chmod(0o644)
    record = described(path, artifact, store, root) | {"command": kind.command, "metrics": metrics}
    known[artifact.joint_set][kind.key] = record
    write(folder / LIST, {"lifters": [known[name] for name in sorted(known)]})
    return record
