"""What `s2m adapt` gives: recordings of a store as files, and lifters measured on them with the store's truth.

python -m studies.lifter.adapted STORE --output DIR              DIR/recording_00.npy ...
python -m studies.lifter.adapted STORE --lifters FILE [FILE ...]   N-/PA-MPJPE, learned part, held-out part, the rest
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.adaptation.recordings import HELD_SHARE
from s2m.data.store import FrameStore
from s2m.lifter.network import Lifter
from s2m.lifter.shipped_lifters import read_lifter
from s2m.metrics.alignment import Alignment, aligned_distances
from s2m.skeletons import get_joint_set

_SPLIT = "train_video"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Words of the command line; those of the process by default.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--recordings", type=int, default=10, metavar="N", help="the first N (default: 10)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the recordings' 2D joints are written")
    parser.add_argument("--lifters", type=Path, nargs="+", default=[], metavar="FILE", help="lifters to measure")
    arguments = parser.parse_args(argv)
    store = FrameStore(arguments.store)
    split = store.open(_SPLIT)
    sequence = np.asarray(split.observation["sequence"])
    chosen = [np.flatnonzero(sequence == number) for number in range(arguments.recordings)]
    if arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
        _write(store, chosen, arguments.output)
    rest = np.flatnonzero(sequence >= arguments.recordings)
    for file in arguments.lifters:
        lifter = read_lifter(file)
        cuts = [len(rows) - round(HELD_SHARE * len(rows)) for rows in chosen]
        parts = {
            "learned": np.concatenate([rows[:cut] for rows, cut in zip(chosen, cuts, strict=True)]),
            "held out": np.concatenate([rows[cut:] for rows, cut in zip(chosen, cuts, strict=True)]),
            "other recordings": rest,
        }
        for camera in (False, True):
            told = ", ".join(f"{name} {_errors(lifter, store, rows, camera)}" for name, rows in parts.items())
            print(f"{file}, {'camera known' if camera else 'no camera'}: N / PA mm: {told}")
    return 0


def _write(store: FrameStore, chosen: Sequence[NDArray[np.int64]], folder: Path) -> None:
    columns = get_joint_set(store.joint_set).indices(get_joint_set("h36m17").joints)
    seen = store.open(_SPLIT, truth=False).observation
    for number, rows in enumerate(chosen):
        joints = np.concatenate([seen["joints2d"][rows], seen["confidence"][rows][..., None]], axis=-1)
        np.save(folder / f"recording_{number:02d}.npy", joints[:, columns])
    print(f"{folder}: {len(chosen)} recordings; focal length {float(seen['intrinsics'][chosen[0]][0, 0]):.0f} pixels")


def _errors(lifter: Lifter, store: FrameStore, rows: NDArray[np.int64], camera: bool) -> str:
    split = store.open(_SPLIT)
    assert split.truth is not None
    columns = get_joint_set(store.joint_set).indices(lifter.joint_set.joints)
    points, sure, intrinsics = (
        torch.from_numpy(np.array(split.observation[name][rows])) for name in ("joints2d", "confidence", "intrinsics")
    )
    true = torch.from_numpy(np.array(split.truth["joints3d"][rows]))[:, columns]
    found = lifter(points[:, columns], sure[:, columns], intrinsics if camera else None).joints3d
    return f"{1000 * _mean(found, true, lifter, 'scale'):.1f} / {1000 * _mean(found, true, lifter, 'procrustes'):.1f}"


def _mean(found: Tensor, true: Tensor, lifter: Lifter, how: Alignment) -> float:
    root = lifter.joint_set.root_index
    found, true = found - found[:, root, None], true - true[:, root, None]
    return float(aligned_distances(found, true, how).mean())


if __name__ == "__main__":
    sys.exit(main())
