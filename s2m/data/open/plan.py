"""What is to be made: jobs that are independent of each other, so that any number of workers gives the same store."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from s2m.data.motion import Clip, MotionError
from s2m.data.open.config import ClipSplit, Frames, OpenConfig

NOISY = "_noisy"
# Frames without masks are cheap: larger pieces keep the overhead small.
_POSE_CHUNK_FACTOR = 10
_HELD = ("val", "test", "acrobatic")


@dataclass(frozen=True)
class Kind:
    """What a split is made of.

    Args:
        clips: The group of clips that its recordings run through; None: independent frames.
        poses: Of independent frames: the training mixture, or people who sit.
        training: Whether it is trained on; its bodies are then those of ``train``.
        masks: Whether it has silhouettes.
        twice: Whether it is written a second time, with errors.
        joints: What finds its joints: exactly, or a detector; training splits have their own errors.
        camera: The field of the configuration that its cameras are drawn from.
        cut: Whether the picture ends at the thighs.
    """

    clips: str | None = None
    poses: Literal["mixture", "seated"] = "mixture"
    training: bool = False
    masks: bool = True
    twice: bool = False
    joints: Literal["exact", "detector"] = "exact"
    camera: Literal["camera", "above"] = "camera"
    cut: bool = False


KINDS = {
    "train": Kind(training=True),
    "train_pose": Kind(training=True, masks=False),
    "val": Kind("val"),
    "test": Kind("test", twice=True),
    "acrobatic": Kind("acrobatic", twice=True),
    "train_video": Kind("train", training=True, masks=False),
    "above": Kind("test", camera="above"),
    "half_body": Kind("test", cut=True),
    "sitting": Kind(poses="seated"),
    "detector": Kind("test", joints="detector"),
}


def kind_of(split: str) -> Kind:
    """The kind of a stored split.

    Args:
        split: Its name, with ``_noisy`` or without.
    """
    return KINDS[split.removesuffix(NOISY)]


@dataclass(frozen=True)
class Job:
    """Rows [start, start + count) of a split. ``clip`` is the clip of a sequence; -1 for independent frames.

    Args:
        split: Name of the split.
        index: Number of the job within its split.
        start: First row.
        count: Number of rows.
        clip: Number of the clip of a sequence; -1 for independent frames.
    """

    split: str
    index: int
    start: int
    count: int
    clip: int = -1

    @property
    def kind(self) -> Kind:
        """What its split is made of."""
        return KINDS[self.split]

    @property
    def variants(self) -> tuple[str, ...]:
        """The stored splits that hold these frames: clean, and noisy where there are both."""
        return (self.split, self.split + NOISY) if self.kind.twice else (self.split,)


def stored_splits(frames: Frames) -> dict[str, int]:
    """Rows of every split of the store.

    Args:
        frames: Number of frames per split.
    """
    rows = {split: int(getattr(frames, split)) for split in KINDS}
    return {**rows, **{split + NOISY: rows[split] for split, kind in KINDS.items() if kind.twice}}


def stream(config: OpenConfig, *names: str | int) -> np.random.Generator:
    """A random stream of its own for every combination of seed and names.

    Args:
        config: Settings of the open data.
        *names: What the stream is for: words and numbers.
    """
    keys = [zlib.crc32(name.encode()) if isinstance(name, str) else name for name in names]
    return np.random.default_rng([config.seed, *keys])


def subject(config: OpenConfig, split: str, number: int) -> NDArray[np.float64]:
    """Betas (10,) ~ N(0, 1) of a subject; splits draw from streams of their own, so that none shares a body.

    Args:
        config: Settings of the open data.
        split: Name of the split.
        number: Number of the subject.
    """
    return stream(config, "subject", split, number).standard_normal(10)


def split_clips(clips: Sequence[Clip], held: ClipSplit) -> dict[str, list[int]]:
    """Positions of the clips of every group ("train" for all training splits).

    Args:
        clips: Motion clips.
        held: Clips that are kept from training.

    Raises:
        MotionError: For patterns that no clip or the same clip fits, and when a group has no clip.
    """
    names = [clip.name for clip in clips]
    used = _fitting(names, held.used)
    groups = {group: _fitting(names, getattr(held, group)) & used for group in _HELD}
    if empty := [group for group, found in groups.items() if not found]:
        wanted = ", ".join(pattern for group in empty for pattern in getattr(held, group)) or "no pattern"
        raise MotionError(f"clips.{', clips.'.join(empty)}: no clip fits {wanted}; there are: {', '.join(names)}")
    taken = [i for found in groups.values() for i in found]
    if twice := sorted({names[i] for i in taken if taken.count(i) > 1}):
        raise MotionError(f"clips: in more than one split: {', '.join(twice)}")
    groups["train"] = used - set(taken)
    if not groups["train"]:
        raise MotionError("clips: none is left for training")
    return {group: sorted(found) for group, found in groups.items()}


def _fitting(names: Sequence[str], patterns: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for pattern in patterns:
        fitting = {i for i, name in enumerate(names) if fnmatchcase(name, pattern)}
        if not fitting and pattern != "*":
            raise MotionError(f"clips: no clip fits {pattern}; there are: {', '.join(names)}")
        found |= fitting
    return found


def plan(config: OpenConfig, clips: Sequence[Clip]) -> list[Job]:
    """All jobs. Sequences run through a split's clips in turn, a new subject each time; the last may be cut short.

    Args:
        config: Settings of the open data.
        clips: Motion clips.
    """
    groups = split_clips(clips, config.clips)
    jobs: list[Job] = []
    for split, kind in KINDS.items():
        total = int(getattr(config.frames, split))
        if kind.clips is None:
            jobs += _pieces(split, total, config.chunk * (1 if kind.masks else _POSE_CHUNK_FACTOR))
        else:
            jobs += _recordings(split, total, groups[kind.clips], clips)
    return jobs


def _pieces(split: str, total: int, chunk: int) -> list[Job]:
    return [Job(split, i, start, min(chunk, total - start)) for i, start in enumerate(range(0, total, chunk))]


def _recordings(split: str, total: int, group: Sequence[int], clips: Sequence[Clip]) -> list[Job]:
    jobs: list[Job] = []
    start = 0
    while start < total:
        clip = group[len(jobs) % len(group)]
        count = min(len(clips[clip]), total - start)
        jobs.append(Job(split, len(jobs), start, count, clip))
        start += count
    return jobs
