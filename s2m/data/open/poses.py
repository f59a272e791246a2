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
from s2m.data.motion.genuine import Person, as_people_move
from s2m.data.motion.sampler import sample_poses, sample_seated
from s2m.data.open.config import OpenConfig
from s2m.data.open.definitions import draw_definition
from s2m.data.open.plan import Job, split_clips, stream, subject
from s2m.data.open.scene import steady
from s2m.skeletons import S2M27

# What the names of users' own clips begin with.
MOTIONS = "motions/"
# The golden ratio: its multiples, modulo 1, cover the circle evenly for any number of steps.
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Bodies:
    """Bodies in the +y-up world.

    Args:
        poses: (N, 24, 4) unit quaternions.
        position: (N, 3) metres.
        betas: (N, 10).
        definition: (N, 27, 3) metres, where joints lie beside the places of the skeleton, body frame at rest.
        clip: (N,), -1 where sampled.
    """

    poses: Tensor
    position: Tensor
    betas: Tensor
    definition: Tensor
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
        self._converted = torch.tensor([_is_converted(clip) for clip in clips])
        self._clip_of = np.concatenate([np.full(len(clips[i]), i, np.int32) for i in train])
        self._subjects: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def bodies(self, job: Job) -> Bodies:
        """The bodies of a job: independent frames or one sequence.

        Args:
            job: The piece of work.
        """
        rng = stream(self._config, "bodies", job.split, job.index)
        return self._independent(job, rng) if job.kind.clips is None else self._sequence(job, rng)

    def _independent(self, job: Job, rng: np.random.Generator) -> Bodies:
        count = job.count
        poses, clip = self._seated(rng, count) if job.kind.poses == "seated" else self._mixture(rng, count)
        yaw = torch.from_numpy(rng.uniform(0, 2 * np.pi, count)).float()
        everybody, definitions = self._people("train" if job.kind.training else job.split)
        who = rng.integers(len(everybody), size=count)
        betas, definition = (torch.from_numpy(values[who]).float() for values in (everybody, definitions))
        return Bodies(turn(poses, yaw), torch.zeros(count, 3), betas, definition, clip)

    def _people(self, split: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shapes (S, 10) and definitions (S, 27, 3) of the subjects of independent frames."""
        if split not in self._subjects:
            numbers = range(self._config.subjects.train)
            shapes = np.stack([subject(self._config, split, number) for number in numbers])
            self._subjects[split] = shapes, np.stack([self._definition(split, number) for number in numbers])
        return self._subjects[split]

    def _definition(self, split: str, number: int) -> NDArray[np.float64]:
        rng = stream(self._config, "definition", split, number)
        return draw_definition(rng, self._config.definitions, S2M27)

    def _seated(self, rng: np.random.Generator, count: int) -> tuple[Tensor, NDArray[np.int32]]:
        poses = move_endpoints(sample_seated(rng, count), rng, fps=None, still=True)
        return as_people_move(poses, Person.draw(rng, count)), np.full(count, -1, np.int32)

    def _mixture(self, rng: np.random.Generator, count: int) -> tuple[Tensor, NDArray[np.int32]]:
        mix = self._config.poses
        drawn = rng.random(count)
        seated, sampled = drawn < mix.sampler * mix.seated, drawn < mix.sampler
        poses, clip = torch.empty(count, 24, 4), np.full(count, -1, np.int32)
        seats = sample_seated(rng, int(seated.sum()))
        poses[torch.from_numpy(seated)] = move_endpoints(seats, rng, fps=None, still=True)
        free = sample_poses(rng, int((sampled & ~seated).sum()), mix.any_root)
        poses[torch.from_numpy(sampled & ~seated)] = move_endpoints(free, rng, fps=None, still=True)
        share = mix.blend / max(1e-9, 1 - mix.sampler)
        from_clips, clip[~sampled] = self._from_clips(rng, int((~sampled).sum()), share, mix.exchange)
        poses[torch.from_numpy(~sampled)] = move_endpoints(from_clips, rng, fps=None)
        moved = as_people_move(poses, Person.draw(rng, count))
        synthetic = torch.from_numpy(clip < 0) | self._converted[torch.from_numpy(clip).long().clamp_min(0)]
        return torch.where(synthetic[:, None, None], moved, poses), clip

    def _from_clips(
        self, rng: np.random.Generator, count: int, share: float, exchange: float
    ) -> tuple[Tensor, NDArray[np.int32]]:
        first, second = rng.integers(len(self._poses), size=(2, count))
        lower, upper = rng.random((2, count))
        exchanged = rng.random(count) < exchange
        lower, upper = np.where(exchanged, 1.0, lower), np.where(exchanged, 0.0, upper)
        blended = rng.random(count) < share
        weights = [torch.from_numpy(w * blended).float() for w in (lower, upper)]
        poses = blend(self._poses[first], self._mirrored(rng, self._poses[second]), *weights)
        return self._mirrored(rng, poses), self._clip_of[first]

    @staticmethod
    def _mirrored(rng: np.random.Generator, poses: Tensor) -> Tensor:
        chosen = torch.from_numpy(rng.random(len(poses)) < 0.5)
        return torch.where(chosen[:, None, None], mirror(poses), poses)

    def _sequence(self, job: Job, rng: np.random.Generator) -> Bodies:
        clip = self._clips[job.clip]
        poses = move_endpoints(_quaternions(clip), rng, clip.fps)[: job.count]
        if _is_converted(clip):
            poses = as_people_move(poses, Person.draw(rng, 1).all_alike(job.count))
        yaw = torch.tensor(self._azimuth(job), dtype=torch.float32)
        around = roma.rotvec_to_rotmat(torch.stack([torch.zeros(()), yaw, torch.zeros(())]))
        position = torch.from_numpy(steady(clip.trans.astype(np.float64))[: job.count]).float() @ around.T
        shape, definition = subject(self._config, job.split, job.index), self._definition(job.split, job.index)
        betas = torch.from_numpy(shape).float().expand(job.count, 10)
        beside = torch.from_numpy(definition).float().expand(job.count, *definition.shape)
        clips = np.full(job.count, job.clip, np.int32)
        return Bodies(turn(poses, yaw.expand(job.count)), position, betas, beside, clips)

    def _azimuth(self, job: Job) -> float:
        """Spread evenly over a split's sequences (there are few of them), from a random start."""
        start = stream(self._config, "azimuth", job.split).random()
        return 2 * np.pi * ((start + job.index * _GOLDEN) % 1.0)


def _is_converted(clip: Clip) -> bool:
    """Whether a clip was converted from another skeleton, which has other axes than people; users' files were not."""
    return not clip.name.startswith(MOTIONS)


def _quaternions(clip: Clip) -> Tensor:
    poses: Tensor = roma.rotvec_to_unitquat(torch.from_numpy(clip.poses))
    return poses
