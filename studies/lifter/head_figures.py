"""What a temporal head is worth on whole recordings: its figures, frame by frame's and a plain filter's.

Noise that is drawn anew in every frame is easy to average out; a detector's errors last. So there is noise as well of
which a third is left after a third of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import roma
import torch
from scipy.signal import savgol_filter
from torch import Tensor

from s2m.batch import IKOutput
from s2m.body import load_body
from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import FrameStore, StoreError
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.solver import DIK
from s2m.lifter.temporal_head import TemporalLifter
from s2m.lifter.to_rotations import NOISE
from s2m.skeletons import JointSet, get_joint_set
from studies.lifter.conditions import CONDITIONS, StudyFrames, apply, read_frames
from studies.lifter.evaluate import Method, evaluate
from studies.lifter.methods import network

SPLITS = {"test": "everyday", "acrobatic": "acrobatic"}
FIGURES = {
    "n_mpjpe_mm": "N-MPJPE [mm]",
    "pa_mpjpe_mm": "PA-MPJPE [mm]",
    "accel_mm_per_frame2": "acceleration [mm/frame²]",
    "angle_rad": "local angle [rad]",
    "shaking_rad": "shaking of rotations [rad]",
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


def measured(model: TemporalLifter, store: FrameStore) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Figures by split, input and method: of skeletons over the 17 shared joints, and of rotations solved from them.

    Rotations are DIK's, as ``s2m lift --ik`` solves them: mean angle to the true local rotation of the joints that the
    skeleton determines, and mean angle between the turns from frame to frame before and after each frame.

    Args:
        model: The trained model.
        store: The frame store.
    """
    joint_set, alone = model.lifter.joint_set, network(model.lifter)
    solver = DIK(rest_skeleton(load_body(), joint_set), noise=NOISE)
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for split in SPLITS:
        found[split], true = {}, true_rotations(store, split)
        for name, seen in inputs(store, split):
            parts, shown = lengths(seen), seen.select(joint_set)
            answers: tuple[Method, ...] = (
                alone,
                partial(savitzky_golay, alone, parts),
                partial(_skeletons, model, parts),
            )
            found[split][name] = {
                method: _figures(answer, shown, parts, joint_set, solver, true)
                for method, answer in zip(METHODS, answers, strict=True)
            }
    return found


@torch.no_grad()
def _figures(
    method: Method, frames: StudyFrames, parts: list[int], joint_set: JointSet, solver: DIK, true: Tensor
) -> dict[str, float]:
    skeletons = method(frames.joints2d, frames.confidence)
    values = evaluate(lambda joints2d, confidence: skeletons, frames, joint_set)
    values |= rotation_figures(solver(skeletons), true, parts)
    return {figure: round(values[figure], 4) for figure in FIGURES}


def rotation_figures(solution: IKOutput, true: Tensor, parts: list[int]) -> dict[str, float]:
    """Of solved against true rotations (N, 24, 3, 3), recordings one after the other; the root does not count."""
    found, solved = solution.rotations, solution.solved.clone()
    solved[:, 0] = False
    angle = roma.rotmat_geodesic_distance(found, true)[solved].mean()
    shaking = []
    for rotations, counts in zip(found.split(parts), solved.split(parts), strict=True):
        turns = rotations[:-1].transpose(-1, -2) @ rotations[1:]
        if len(turns) > 1:
            shaking.append(roma.rotmat_geodesic_distance(turns[:-1], turns[1:])[counts[1:-1]])
    return {"angle_rad": float(angle), "shaking_rad": float(torch.cat(shaking).mean())}


def true_rotations(store: FrameStore, split: str) -> Tensor:
    """(N, 24, 3, 3): the true body's, of all frames of a split.

    Args:
        store: The frame store.
        split: Name of a split.

    Raises:
        StoreError: Where the store has none.
    """
    store.require_truth(split)
    frames = FrameDataset(store, split, get_joint_set(store.joint_set), truth=True, silhouettes=False)
    truth = frames.__getitems__(as_stored(np.arange(len(frames)))).truth
    if truth is None or truth.params is None:
        raise StoreError(f"{store.path / split}: expected the true body's parameters, found joints alone")
    return truth.params.rotations


def inputs(store: FrameStore, split: str) -> Iterator[tuple[str, StudyFrames]]:
    """``INPUTS``, by name, of a split.

    Args:
        store: The frame store.
        split: Name of a split.
    """
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
    """Numbers of consecutive frames of the recordings, in their order.

    Args:
        frames: Frames with their truth.
    """
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
