"""What telling a person's own proportions gives: ``python -m studies.lifter.proportions STORE``.

Every person of a store's splits is a clip of its own, lifted with the bones that the lifter expects and with those
that the clip tells. N- / PA-MPJPE in mm over the 17 shared joints, each person counting the same, of the shipped
lifters, for how many of the people PA-MPJPE is smaller, and how the ratios that are told go with the true ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from s2m.batch import Observation
from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import FrameStore
from s2m.geometry.procrustes import scale_align, similarity_align
from s2m.lifter.committee import AnyLifter
from s2m.lifter.doubt import DoubtHead
from s2m.lifter.own_proportions import FEWEST, SAMPLE, tell_proportions
from s2m.lifter.proportions import BONES, completed, with_own_bones
from s2m.lifter.shipped_lifters import shipped_committee, shipped_doubt, shipped_records
from s2m.markdown import code, markdown_table
from s2m.skeletons import H36M17, JointSet
from studies.command import positive, run_command

SPLITS = ("test", "test_noisy", "above", "sitting", "detector", "half_body")


def people(store: FrameStore, split: str, lifter: AnyLifter) -> list[tuple[Observation, Tensor]]:
    """What is seen of each person, up to 32 frames, and the true joints (B, J, 3).

    Args:
        store: A store of open data.
        split: Name of the split.
        lifter: Gives the joint set.
    """
    dataset = FrameDataset(store, split, lifter.joint_set, truth=True, silhouettes=False)
    batch = dataset.finish(dataset.fetch(as_stored(np.arange(len(dataset)))))
    assert batch.truth is not None
    assert batch.truth.params is not None
    _, numbers = torch.unique(batch.truth.params.betas, dim=0, return_inverse=True)
    found = []
    for number in range(int(numbers.max()) + 1):
        frames = (numbers == number).nonzero()[:, 0]
        chosen = frames[np.unique(np.linspace(0, len(frames) - 1, min(SAMPLE, len(frames))).astype(np.int64))]
        if len(chosen) >= FEWEST:
            found.append((batch.observation[chosen], batch.truth.joints3d[chosen]))
    return found


def figures(
    lifter: AnyLifter, doubt: DoubtHead | None, seen: Observation, true: Tensor, camera: bool
) -> tuple[Tensor, Tensor | None]:
    """(2, 2) N- and PA-MPJPE [mm] of one person, with the usual bones and with the person's own, and the logarithms of
    the ratios that were told.

    Args:
        lifter: The lifter.
        doubt: Its head.
        seen: What it is shown.
        true: (B, J, 3) metres.
        camera: Whether it is told the camera.
    """
    known = seen.camera if camera else None
    told = tell_proportions(lifter, doubt, seen.joints2d, seen.confidence, known)
    with torch.inference_mode():
        usual = own = lifter(seen.joints2d, seen.confidence, known)
        if told is not None:
            points = told.expected(completed(lifter, seen.joints2d, seen.confidence, known))
            own = with_own_bones(lifter(points, seen.confidence, known), told, lifter)
        errors = torch.stack([_errors(found.joints3d, true, lifter) for found in (usual, own)])
    return errors, None if told is None else told.logarithms


def _errors(found: Tensor, true: Tensor, lifter: AnyLifter) -> Tensor:
    shared = lifter.joint_set.indices(H36M17.joints)
    found, true = (points[:, shared] - points[:, lifter.joint_set.root_index, None] for points in (found, true))
    aligned = scale_align(found, true), similarity_align(found, true)[0]
    return 1000 * torch.stack([(points - true).norm(dim=-1).mean() for points in aligned])


def true_logarithms(true: Tensor, joint_set: JointSet) -> Tensor:
    """(10,) logarithms of a person's mean lengths of each kind of bone, both sides together.

    Args:
        true: (B, J, 3).
        joint_set: Names of the joints.
    """
    kinds: dict[str, list[Tensor]] = {kind: [] for kind in BONES}
    for joint in H36M17.joints:
        kind = joint.removeprefix("left_").removeprefix("right_")
        if kind in kinds:
            ends = joint_set.index(joint), joint_set.index(joint_set.parent_of[joint])
            kinds[kind].append((true[:, ends[0]] - true[:, ends[1]]).norm(dim=-1).mean())
    return torch.stack([torch.stack(lengths).mean() for lengths in kinds.values()]).log()


def agreement(told: Tensor, true: Tensor) -> tuple[float, float]:
    """How ratios go with the true ones, over people and kinds of bones.

    Args:
        told: (N, 10) logarithms.
        true: (N, 10) logarithms of lengths.

    Returns:
        The correlation of how people differ from the mean person, their size left out; and the share of the true
        differences' square that is left when those that were told are taken off.
    """
    told, true = (values - values.mean(1, keepdim=True) for values in (told, true))
    told, true = (values - values.mean(0) for values in (told, true))
    together = (told * true).sum() / (told.square().sum() * true.square().sum()).sqrt()
    return float(together), float((told - true).square().sum() / true.square().sum())


def rows(store: FrameStore, joint_set: str) -> list[list[str]]:
    """One row for each split, and with and without the camera.

    Args:
        store: A store of open data.
        joint_set: Of the shipped lifter.
    """
    lifter, found = shipped_committee(joint_set), []
    doubt = shipped_doubt(joint_set)
    for split, camera in product((split for split in SPLITS if split in store.splits), (True, False)):
        everybody = people(store, split, lifter)
        if not everybody:
            continue
        found_of = [figures(lifter, doubt, *person, camera) for person in everybody]
        each = torch.stack([errors for errors, _ in found_of])
        usual, own = ("{:.1f} / {:.1f}".format(*values.tolist()) for values in each.mean(0))
        better = int((each[:, 1, 1] < each[:, 0, 1]).sum())
        known = "known" if camera else "not known"
        told = [ratios for _, ratios in found_of]
        goes = _agreement_of(told, [true_logarithms(true, lifter.joint_set) for _, true in everybody])
        found.append([code(joint_set), code(split), known, usual, own, f"{better} of {len(each)}", goes])
    return found


def _agreement_of(told: Sequence[Tensor | None], true: Sequence[Tensor]) -> str:
    """:func:`agreement` of those who were told anything; one person differs from no mean."""
    pairs = [(ratios, lengths) for ratios, lengths in zip(told, true, strict=True) if ratios is not None]
    if len(pairs) < 2:
        return ""
    return "{:.2f}, {:.2f}".format(*agreement(*map(torch.stack, zip(*pairs, strict=True))))


def run(options: argparse.Namespace) -> None:
    """Measure, and print the table.

    Args:
        options: The parsed command line.
    """
    torch.set_num_threads(options.threads)
    store = FrameStore(options.store)
    found = [row for name in shipped_records() for row in rows(store, name)]
    print(
        markdown_table(
            ["lifter", "split", "camera", "usual bones", "own bones", "better for", "told and true: correlation, left"],
            found,
        )
    )


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m studies.lifter.proportions", description=about)
    parser.add_argument("store", type=Path, help="a store of open data")
    parser.add_argument("--threads", type=positive, default=1, help="of torch (1)")
    run_command(run, parser.parse_args(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
