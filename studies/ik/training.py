"""Supervised training of the learned solver, for the comparison with DIK."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.ik.learned import LearnedIK
from studies.ik.evaluation import SkinnedJoints, random_poses, with_noise


def train_learned(
    skinned: SkinnedJoints, steps: int, sigma: float, seed: int = 0, batch: int = 256, pool: Tensor | None = None
) -> LearnedIK:
    """A :class:`LearnedIK` for one level of noise, trained on rotations (N, 24, 3, 3): ``pool``, or random poses.

    Args:
        skinned: Gives the joints of posed bodies.
        steps: Of training.
        sigma: Noise of the joints in metres. More supervision than the paper's "w/o DIK" had, which learned from
            skeletons alone: what is compared is how much a network of this size can know.
        seed: Of the random numbers.
        batch: Poses per step.
    """
    torch.manual_seed(seed)
    solver = LearnedIK(skinned.rest)
    pool = random_poses(20_000, seed + 1).rotations if pool is None else pool
    with torch.no_grad():
        joints = torch.cat([skinned(chunk) for chunk in torch.split(pool, 2048)])
    optimiser = torch.optim.Adam(solver.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(len(pool), (batch,), generator=generator)
        seen = with_noise(joints[rows], sigma, seed + step)
        loss = (solver(seen).rotations[:, 1:] - pool[rows, 1:]).square().sum((-1, -2)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return solver.eval()
