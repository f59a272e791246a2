"""Generation of the open data: plan, workers, and the store's life cycle."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.motion import Clip, open_motion
from s2m.data.motion.amass import read_folder
from s2m.data.open.config import OpenConfig
from s2m.data.open.maker import FrameMaker
from s2m.data.open.plan import Job, kind_of, plan, stored_splits
from s2m.data.open.poses import MOTIONS
from s2m.data.pool import run_jobs
from s2m.data.store import SCHEMA_VERSION, FrameStore, StoreError, store_fields
from s2m.data.store_writer import StoreWriter, clean_leftovers
from s2m.skeletons import S2M27

# Raise when the same settings give other data.
_GENERATOR_VERSION = 2
_FPS = 30.0


def gather_clips(motions: str | Path | None) -> list[Clip]:
    """The shipped clips and, for training, the user's own from an AMASS-style folder.

    Of the user's files only the motion is used: their betas belong to the shape space of another body.

    Args:
        motions: Folder of AMASS-style npz files; None: the shipped clips alone.
    """
    own = read_folder(motions, _FPS) if motions is not None else []
    return open_motion() + [Clip(MOTIONS + c.name, c.poses, c.trans, c.fps) for c in own]


def generate(
    out: str | Path,
    config: OpenConfig,
    motions: str | Path | None = None,
    workers: int = 1,
    force: bool = False,
    progress: bool | None = None,
) -> bool:
    """Write the open data to ``out``.

    Returns False when ``out`` already holds exactly these data.

    Args:
        out: Folder of the store to write.
        config: Settings of the data.
        motions: Folder of AMASS-style files that widen the training splits (the other splits keep the shipped clips, so
            that their numbers stay comparable).
        workers: Processes; the result does not depend on them.
        force: Whether a store of other settings is replaced.
        progress: ``None`` shows a bar when stderr is a terminal.

    Raises:
        StoreError: When ``out`` holds something else. A store of other settings is replaced with ``force``, once the
            new one is complete; anything that is not a store is never touched.
        MotionError: For motions that cannot be used.
    """
    out = Path(out).absolute()
    clean_leftovers(out)
    clips = gather_clips(motions)
    jobs = plan(config, clips)
    header = _header(config, clips)
    if _exists(out, str(header["settings_hash"]), force):
        return False
    with StoreWriter(out) as writer:
        for split, rows in stored_splits(config.frames).items():
            writer.create(split, rows, store_fields(len(S2M27), config.mask_size if kind_of(split).masks else None))
        total, hidden = sum(job.count for job in jobs), None if progress is None else not progress
        run = contextlib.closing(run_jobs(jobs, _Work(clips, config, writer.folder), workers))
        with _one_thread(), run as done, tqdm(total=total, unit="frame", disable=hidden) as counter:
            for frames in done:
                counter.update(frames)
        writer.commit(header)
    return True


def _exists(out: Path, settings: str, force: bool) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        store = FrameStore(out)
    except StoreError as error:
        if (out / "store.json").is_file() and force:
            return False
        raise StoreError(f"{out}: exists and is not a store that can be read; it is left as it is ({error})") from error
    if store.header.get("settings_hash") != settings:
        if force:
            return False
        raise StoreError(
            f"{out}: holds a store of other settings; --overwrite replaces it, --output chooses another folder"
        )
    try:
        for split in store.splits:
            store.open(split)
    except StoreError as error:
        if force:
            return False
        raise StoreError(f"{error}; --overwrite makes the store again") from error
    return True


def _header(config: OpenConfig, clips: Sequence[Clip]) -> dict[str, Any]:
    body = load_body()
    regressor = dataset_regressor(body, S2M27)
    content = hashlib.sha256()
    for clip in clips:
        content.update(clip.name.encode() + clip.poses.tobytes() + clip.trans.tobytes())
    described = {
        "kind": "open",
        "generator_version": _GENERATOR_VERSION,
        "config": config.to_dict(),
        "seed": config.seed,
        "body": body.name,
        "body_hash": body.hash,
        "skeleton_hash": hashlib.sha256(regressor.numpy().tobytes()).hexdigest(),
        "motion_hash": content.hexdigest(),
        "joint_set": S2M27.name,
        "mask_size": config.mask_size,
        "image_size": config.camera.image_size,
        "clips": [clip.name for clip in clips],
        "frames": "camera frame: +x right, +y down, +z forward; metres, radians, pixels",
    }
    settings = json.dumps([SCHEMA_VERSION, described], sort_keys=True).encode()
    return {**described, "settings_hash": hashlib.sha256(settings).hexdigest()}


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Workers use one thread each; a single process does the same, so that sums come in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _Work:
    """Does jobs and returns their numbers of frames; travels to the workers, each of which builds its own maker."""

    clips: Sequence[Clip]
    config: OpenConfig
    folder: Path

    def __call__(self, job: Job) -> int:
        torch.set_num_threads(1)
        return self._maker.write(job, self.folder)

    @cached_property
    def _maker(self) -> FrameMaker:
        body = load_body()
        return FrameMaker(body, dataset_regressor(body, S2M27), self.clips, self.config)
