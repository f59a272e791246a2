"""The bodies of a job: poses, places and shapes in the +y-up world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.data.motion import Clip
from s2m.data.motion.augment import blend, mirror, move_endpoints, turn
from s2m.data.motion.sampler import sample_poses
from s2m.data.open.config import OpenConfig
from s2m.data.open.plan import INDEPENDENT, Job, split_clips, stream, subject
from s2m.data.open.scene import steady

# The golden ratio: its multiples, modulo 1, cover the circle evenly for any number of steps.
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Bodies:
    """Bodies in the +y-up world.

    Args:
        poses: (N, 24, 4) unit quaternions.
        position: (N, 3) metres.
        betas: (N, 10).
        clip: (N,), -1 where sampled.
    """

    poses: Tensor
    position: Tensor
    betas: Tensor
    clip: NDArray[np.int32]


class PoseSource:
    """Makes the bodies of a job from clips and the sampler.

    Args:
        clips: Motion clips.
        config: Settings of the open data.
    """

    def __init__(self, clips: Sequence[Clip], config: OpenConfig):
        self._clips, self._config = clips, config
        train = split_clips(clips, config.clips)["train"]
        self._poses = torch.cat([_quaternions(clips[i]) for i in train])
        self._clip_of = np.concatenate([np.full(len(clips[i]), i, np.int32) for i in train])
        numbers = range(config.subjects.train)
        self._subjects = np.stack([subject(config, "train", number) for number in numbers])

    def bodies(self, job: Job) -> Bodies:
        """The bodies of a job: independent frames or one sequence.

        Args:
            job: The piece of work.
        """
        rng = stream(self._config, "bodies", job.split, job.index)
        return self._independent(job, rng) if job.split in INDEPENDENT else self._sequence(job, rng)

    def _independent(self, job: Job, rng: np.random.Generator) -> Bodies:
        mix, count = self._config.poses, job.count
        sampled = rng.random(count) < mix.sampler
        poses = torch.empty(count, 24, 4)
        clip = np.full(count, -1, np.int32)
        number = int(sampled.sum())
        drawn = sample_poses(rng, number, mix.any_root)
        poses[torch.from_numpy(sampled)] = move_endpoints(drawn, rng, fps=None, still=True)
        from_clips, clip[~sampled] = self._from_clips(rng, count - number, mix.blend / max(1e-9, 1 - mix.sampler))
        poses[torch.from_numpy(~sampled)] = move_endpoints(from_clips, rng, fps=None)
        yaw = torch.from_numpy(rng.uniform(0, 2 * np.pi, count)).float()
        betas = self._subjects[rng.integers(len(self._subjects), size=count)]
        return Bodies(turn(poses, yaw), torch.zeros(count, 3), torch.from_numpy(betas).float(), clip)

    def _from_clips(self, rng: np.random.Generator, count: int, share: float) -> tuple[Tensor, NDArray[np.int32]]:
        first, second = rng.integers(len(self._poses), size=(2, count))
        lower, upper = rng.random((2, count)) * (rng.random(count) < share)
        weights = [torch.from_numpy(w).float() for w in (lower, upper)]
        poses = blend(self._poses[first], self._mirrored(rng, self._poses[second]), *weights)
        return self._mirrored(rng, poses), self._clip_of[first]

    @staticmethod
    def _mirrored(rng: np.random.Generator, poses: Tensor) -> Tensor:
        chosen = torch.from_numpy(rng.random(len(poses)) < 0.5)
        return torch.where(chosen[:, None, None], mirror(poses), poses)

    def _sequence(self, job: Job, rng: np.random.Generator) -> Bodies:
        clip = self._clips[job.clip]
        poses = move_endpoints(_quaternions(clip), rng, clip.fps)[: job.count]
        yaw = torch.tensor(self._azimuth(job), dtype=torch.float32)
        around = roma.rotvec_to_rotmat(torch.stack([torch.zeros(()), yaw, torch.zeros(())]))
        position = torch.from_numpy(steady(clip.trans.astype(np.float64))[: job.count]).float() @ around.T
        betas = torch.from_numpy(subject(self._config, job.split, job.index)).float().expand(job.count, 10)
        clips = np.full(job.count, job.clip, np.int32)
        return Bodies(turn(poses, yaw.expand(job.count)), position, betas, clips)

    def _azimuth(self, job: Job) -> float:
        """Spread evenly over a split's sequences (there are few of them), from a random start."""
        start = stream(self._config, "azimuth", job.split).random()
        return 2 * np.pi * ((start + job.index * _GOLDEN) % 1.0)


def _quaternions(clip: Clip) -> Tensor:
    poses: Tensor = roma.rotvec_to_unitquat(torch.from_numpy(clip.poses))
    return poses
