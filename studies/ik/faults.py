"""Faults as detectors and lifters make them, put into clips on purpose."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.skeletons import JointSet

_LIMBS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
_OUTLIER = 0.4  # metres
_LONGEST = 2  # frames


def inject(
    joints: Tensor, joint_set: JointSet, lengths: tuple[int, ...], share: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Strike about ``share`` of the frames: an arm or leg swapped with its mirror image, an outlier, a flipped depth.

    A fault lasts one or two frames and is at least five frames from the next and from a clip's ends, so that the frames
    around it are sound.

    Args:
        joints: (N, J, 3), clips of ``lengths`` one after another.
        joint_set: The joint set.
        lengths: Frames of each clip.
        share: Of the frames, about.
        seed: Of the random numbers.

    Returns:
        The joints and which frames were struck (N,).
    """
    generator = torch.Generator().manual_seed(seed)
    joints, struck = joints.clone(), torch.zeros(len(joints), dtype=torch.bool)
    start = 0
    for length in lengths:
        frame = 5
        while frame < length - 5 - _LONGEST:
            if float(torch.rand(1, generator=generator)) < share / 1.5 * 6:
                rows = slice(
                    start + frame, start + frame + int(torch.randint(1, _LONGEST + 1, (1,), generator=generator))
                )
                joints[rows] = _struck(joints[rows], joint_set, generator)
                struck[rows] = True
            frame += 6
        start += length
    return joints, struck


def _struck(joints: Tensor, joint_set: JointSet, generator: torch.Generator) -> Tensor:
    kind, limb, end = (int(torch.randint(2 + k, (1,), generator=generator)) for k in (1, 0, 1))
    joints = joints.clone()
    chain = _LIMBS[limb]
    if kind == 0:
        left, right = ([joint_set.index(f"{side}_{part}") for part in chain] for side in ("left", "right"))
        joints[:, left + right] = joints[:, right + left]
    elif kind == 1:
        side = ("left", "right")[limb]
        push = torch.randn(3, generator=generator)
        joints[:, joint_set.index(f"{side}_{chain[end]}")] += _OUTLIER * push / push.norm()
    else:
        root = joints[:, joint_set.root_index, None]
        joints = root + (joints - root) * torch.tensor([1.0, 1.0, -1.0])
    return joints
