"""How well seen joints are lifted while others are hidden: ``python -m studies.lifter.hidden STORE --lifters FILE``.

Error of the seen joints in mm / that of the same joints when nothing is hidden, after the best scale of each frame.
With the middle of the seen joints at the origin; then with the pelvis there, as in N-MPJPE, although it may be hidden:
what is wrong with it is then wrong with every joint that is seen. The cameras are known.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import FrameStore
from s2m.geometry.procrustes import scale_align
from s2m.lifter.network import Lifter
from s2m.lifter.shipped_lifters import read_lifter
from s2m.markdown import markdown_table
from s2m.skeletons import COCO17, LSP14, JointSet

# What is seen, by words in the names of joints.
_LEGS = ("hip", "pelvis", "knee", "ankle", "heel", "toe")
_HEAD_AND_SHOULDERS = ("shoulder", "thorax", "neck_nose", "head", "ear")
_FEWEST = 4

Shown = Callable[[JointSet, int, torch.Generator], Tensor]


def _random(share: float) -> Shown:
    return lambda joints, count, dice: (torch.rand(count, len(joints), generator=dice) < share).float()


def _named(seen: Callable[[str], bool]) -> Shown:
    return lambda joints, count, dice: torch.tensor([float(seen(j)) for j in joints.joints]).expand(count, -1)


SUBSETS: dict[str, Shown] = {
    "each joint with probability 0.5": _random(0.5),
    "each joint with probability 0.7": _random(0.7),
    "those of lsp14": _named(set(LSP14.joints).__contains__),
    "those of coco17": _named(set(COCO17.joints).__contains__),
    "all but knees and below": _named(lambda joint: not any(word in joint for word in _LEGS[2:])),
    "hips and legs": _named(lambda joint: any(word in joint for word in _LEGS)),
    "head and shoulders": _named(lambda joint: any(word in joint for word in _HEAD_AND_SHOULDERS)),
}


@torch.inference_mode()
def rows(lifter: Lifter, store: FrameStore, split: str, frames: int) -> list[list[str]]:
    """One row for each subset of joints.

    Args:
        lifter: The lifter.
        store: A store that knows truth and cameras.
        split: Name of the split.
        frames: At most so many of it, evenly spaced.
    """
    dataset = FrameDataset(store, split, lifter.joint_set, truth=True, silhouettes=False)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(frames, len(dataset))).astype(np.int64))
    batch = dataset.finish(dataset.fetch(as_stored(chosen)))
    assert batch.truth is not None
    given, true, dice = batch.observation, batch.truth.joints3d, torch.Generator().manual_seed(0)
    whole, found = lifter(given.joints2d, given.confidence, given.camera).joints3d, []
    for name, shown in SUBSETS.items():
        seen = shown(lifter.joint_set, len(true), dice)
        kept = seen.sum(1) >= _FEWEST
        hidden = lifter(given.joints2d, given.confidence * seen, given.camera).joints3d
        figures = []
        for centre in (middle, pelvis):
            errors = [seen_error(each[kept], true[kept], seen[kept], centre) for each in (hidden, whole)]
            figures.append(f"{errors[0]:.1f} / {errors[1]:.1f} = {errors[0] / errors[1]:.2f}")
        found.append([name, f"{seen.sum(1).mean():.1f} of {len(lifter.joint_set)}", *figures])
    return found


def middle(points: Tensor, seen: Tensor) -> Tensor:
    """(B, 1, 3) of the seen ones.

    Args:
        points: (B, J, 3) any unit.
        seen: (B, J) in {0, 1}.
    """
    return (points * seen[..., None]).sum(1, keepdim=True) / seen.sum(1)[:, None, None]


def pelvis(points: Tensor, seen: Tensor) -> Tensor:
    """(B, 1, 3), seen or not.

    Args:
        points: (B, J, 3) any unit; the pelvis comes first.
        seen: (B, J) in {0, 1}.
    """
    return points[:, :1]


def seen_error(found: Tensor, true: Tensor, seen: Tensor, centre: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Mean over frames of the mean over seen joints, mm, after the best scale of these.

    Args:
        found: (B, J, 3) metres.
        true: (B, J, 3) metres.
        seen: (B, J) in {0, 1}.
        centre: What lies at the origin.
    """
    ours, theirs = ((points - centre(points, seen)) * seen[..., None] for points in (found, true))
    distance = (scale_align(ours, theirs) - theirs).norm(dim=-1)
    return 1000 * float((distance.sum(1) / seen.sum(1)).mean())


def main(arguments: list[str] | None = None) -> int:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.lifter.hidden", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--lifters", type=Path, nargs="+", required=True, metavar="FILE", help="lifters to measure")
    parser.add_argument("--split", default="test", help="default: %(default)s")
    parser.add_argument("--frames", type=int, default=1500, help="at most (default: %(default)s)")
    options = parser.parse_args(arguments)
    for file in options.lifters:
        print(f"\n{file} on {options.split} of {options.store}\n")
        table = rows(read_lifter(file), FrameStore(options.store), options.split, options.frames)
        print(markdown_table(["seen", "joints", "own middle", "pelvis"], table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
