"""What is to be made: jobs that are independent of each other, so that any number of workers gives the same store."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2m.data.motion import Clip, MotionError
from s2m.data.open.config import ClipSplit, Frames, OpenConfig

NOISY = "_noisy"
VIDEO = "train_video"
POSE_ONLY = ("train_pose", VIDEO)
INDEPENDENT = ("train", "train_pose")
TRAINING = (*INDEPENDENT, VIDEO)
TWICE = ("test", "acrobatic")
SEQUENCES = ("val", *TWICE)
# Frames without masks are cheap: larger pieces keep the overhead small.
_POSE_CHUNK_FACTOR = 10


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
    def variants(self) -> tuple[str, ...]:
        """The stored splits that hold these frames: clean, and noisy where there are both."""
        return (self.split, self.split + NOISY) if self.split in TWICE else (self.split,)


def stored_splits(frames: Frames) -> dict[str, int]:
    """Rows of every split of the store.

    Args:
        frames: Number of frames per split.
    """
    rows = {split: int(getattr(frames, split)) for split in (*TRAINING, *SEQUENCES)}
    return {**rows, **{split + NOISY: rows[split] for split in TWICE}}


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
    return stream(config, "subject", "train" if split in INDEPENDENT else split, number).standard_normal(10)


def split_clips(clips: Sequence[Clip], held: ClipSplit) -> dict[str, list[int]]:
    """Positions of the clips of every split ("train" for all training splits).

    Args:
        clips: Motion clips.
        held: Clips that are kept from training.

    Raises:
        MotionError: For unknown names.
    """
    names = [clip.name for clip in clips]
    chosen = {split: list(getattr(held, split)) for split in SEQUENCES}
    unknown = sorted({name for group in chosen.values() for name in group} - set(names))
    if unknown:
        raise MotionError(f"clips: no clip named {', '.join(unknown)}; there are: {', '.join(names)}")
    if empty := [split for split, group in chosen.items() if not group]:
        raise MotionError(f"clips: no clip for split {', '.join(empty)}")
    result = {split: [names.index(name) for name in group] for split, group in chosen.items()}
    kept = {i for group in result.values() for i in group}
    result["train"] = [i for i in range(len(clips)) if i not in kept]
    if not result["train"]:
        raise MotionError("clips: none is left for training")
    return result


def plan(config: OpenConfig, clips: Sequence[Clip]) -> list[Job]:
    """All jobs. Sequences run through a split's clips in turn, a new subject each time; the last may be cut short.

    Args:
        config: Settings of the open data.
        clips: Motion clips.
    """
    groups = split_clips(clips, config.clips)
    jobs = []
    for split in INDEPENDENT:
        total = int(getattr(config.frames, split))
        chunk = config.chunk * (_POSE_CHUNK_FACTOR if split in POSE_ONLY else 1)
        starts = range(0, total, chunk)
        jobs += [Job(split, i, start, min(chunk, total - start)) for i, start in enumerate(starts)]
    for split in (*SEQUENCES, VIDEO):
        group = groups["train" if split == VIDEO else split]
        total, start, index = int(getattr(config.frames, split)), 0, 0
        while start < total:
            clip = group[index % len(group)]
            count = min(len(clips[clip]), total - start)
            jobs.append(Job(split, index, start, count, clip))
            start, index = start + count, index + 1
    return jobs
