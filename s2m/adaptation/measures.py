"""What can be told of a lifter from 2D joints alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.adaptation.recordings import Frames, Recording
from s2m.adaptation.shapes import bone_ratios
from s2m.lifter.network import Lifter
from s2m.lifter.normalise import normalise
from s2m.lifter.objective.bones import rigid_pairs
from s2m.lifter.objective.chirality import Chirality
from s2m.lifter.objective.cycle import RoundTrip
from s2m.lifter.objective.rotations import Turn
from s2m.lifter.objective.terms import confident_distance

# As far as measures vary by chance, and as far as synthetic poses may give way for the recordings.
_GAIN, _LOSS, _MIRRORED_MORE, _FORGOTTEN = 0.98, 1.02, 0.005, 1.1
_ROUNDS, _TINY = 4, 1e-9


@dataclass(frozen=True)
class Measures:
    """A lifter on some recordings; the smaller, the better.

    Attributes:
        cycle: How far 2D joints that were lifted, turned, projected, lifted and turned back are from where they were,
            as a share of their mean distance from the root.
        bones: How much relative bone lengths vary over a recording: standard deviation over mean.
        jitter: Mean second difference of the skeletons of neighbouring frames, millimetres; NaN without such frames.
        mirrored: Share of skeletons whose knees or neck speak for the mirrored depth.
    """

    cycle: float
    bones: float
    jitter: float
    mirrored: float


@torch.no_grad()
def measured(lifter: Lifter, recordings: Sequence[Recording], turn: Turn, seed: int = 0) -> Measures:
    """Measure a lifter.

    Args:
        lifter: In evaluation mode.
        recordings: What it is measured on.
        turn: Viewpoints of the way around the cycle.
        seed: Of the turns.
    """
    frames = Frames.of(recordings)
    skeletons = lifter(frames.joints2d, frames.confidence).joints3d
    pairs = torch.tensor(rigid_pairs(lifter.joint_set)).T
    ratios = bone_ratios(skeletons, pairs)
    return Measures(
        cycle=_cycle(lifter, frames, turn, seed),
        bones=_variation(ratios, frames.recording),
        jitter=_jitter(lifter, recordings),
        mirrored=float(Chirality(lifter.joint_set).suspicious(skeletons).float().mean()),
    )


def objections(before: Measures, after: Measures) -> list[str]:
    """Why what was learned should not be used; empty where held-out recordings say that it is better.

    Args:
        before: Of the lifter as it was.
        after: Of the lifter that went on learning, on the same recordings.
    """
    told = [name for name in ("cycle", "bones", "jitter") if math.isfinite(getattr(before, name))]
    if lost := [f"{name} is not a number" for name in told if not math.isfinite(getattr(after, name))]:
        return lost
    ratios = {name: (getattr(after, name) + _TINY) / (getattr(before, name) + _TINY) for name in told}
    found = [f"{name} is worse by {100 * (r - 1):.0f} %" for name, r in ratios.items() if r > _LOSS]
    if after.mirrored > before.mirrored + _MIRRORED_MORE:
        found.append(f"mirrored depth rose from {100 * before.mirrored:.1f} to {100 * after.mirrored:.1f} %")
    if not found and math.exp(sum(map(math.log, ratios.values())) / len(ratios)) > _GAIN:
        found.append("nothing is better by more than chance")
    return found


def forgotten(before: Measures, after: Measures) -> list[str]:
    """What was lost on synthetic poses.

    Args:
        before: Of the lifter as it was, on synthetic poses.
        after: Of the lifter that went on learning, on the same poses.
    """
    found = []
    if after.cycle > _FORGOTTEN * before.cycle:
        found.append(f"cycle on synthetic poses is worse by {100 * (after.cycle / before.cycle - 1):.0f} %")
    if after.mirrored > before.mirrored + _MIRRORED_MORE:
        found.append("mirrored depth rose on synthetic poses")
    return found


def _cycle(lifter: Lifter, frames: Frames, turn: Turn, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    target = normalise(frames.joints2d, frames.confidence, lifter.joint_set)
    around, total = RoundTrip(lifter), 0.0
    for _ in range(_ROUNDS):
        cycle = around(target, frames.confidence, target, turn(lifter, target, generator))
        total += float(confident_distance(cycle.returned, cycle.target, cycle.weight))
    return total / _ROUNDS


def _variation(ratios: Tensor, recording: Tensor) -> float:
    """Mean over bones and frames of the deviation from the recording's mean ratio, over that mean."""
    squares = torch.zeros_like(ratios)
    for number in recording.unique():
        own = ratios[recording == number]
        squares[recording == number] = (own / own.mean(0) - 1).square()
    return float(squares.mean(0).sqrt().mean())


def _jitter(lifter: Lifter, recordings: Sequence[Recording]) -> float:
    changes = []
    for recording in recordings:
        skeletons = lifter(recording.joints2d, recording.confidence).joints3d
        together = recording.usable[2:] & recording.usable[1:-1] & recording.usable[:-2]
        second = skeletons[2:] - 2 * skeletons[1:-1] + skeletons[:-2]
        changes.append(second[together].norm(dim=-1).mean(1))
    all_changes = torch.cat(changes)
    return 1000 * float(all_changes.mean()) if len(all_changes) else math.nan
