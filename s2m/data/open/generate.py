"""Generation of the open data: plan, workers, and the store's life cycle."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.motion import Clip, open_motion
from s2m.data.motion.amass import read_folder
from s2m.data.open.config import OpenConfig
from s2m.data.open.maker import FrameMaker, has_masks
from s2m.data.open.plan import Job, plan, stored_splits
from s2m.data.store import SCHEMA_VERSION, FrameStore, StoreError, store_fields
from s2m.data.store_writer import StoreWriter, clean_leftovers
from s2m.skeletons import S2M27

# Raise when the same settings give other data.
_GENERATOR_VERSION = 1
_FPS = 30.0
_maker: FrameMaker | None = None


def gather_clips(motions: str | Path | None) -> list[Clip]:
    """The shipped clips and, for training, the user's own from an AMASS-style folder.

    Of the user's files only the motion is used: their betas belong to the shape space of another body.
    """
    own = read_folder(motions, _FPS) if motions is not None else []
    return open_motion() + [Clip(f"motions/{c.name}", c.poses, c.trans, c.fps) for c in own]


def generate(
    out: str | Path,
    config: OpenConfig,
    motions: str | Path | None = None,
    workers: int = 1,
    force: bool = False,
    progress: bool | None = None,
) -> bool:
    """Write the open data to ``out``.

    motions: folder of AMASS-style files that widen the training splits (the other splits keep the shipped clips, so
    that their numbers stay comparable). workers: processes; the result does not depend on them. progress: ``None``
    shows a bar when stderr is a terminal. Returns False when ``out`` already holds exactly these data.
    Raises StoreError when ``out`` holds something else (a store of other settings is replaced with ``force``, once
    the new one is complete; anything that is not a store is never touched), MotionError for unusable motions.
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
            writer.create(split, rows, store_fields(len(S2M27), config.mask_size if has_masks(split) else None))
        total, hidden = sum(job.count for job in jobs), None if progress is None else not progress
        run = contextlib.closing(_run(jobs, writer.folder, clips, config, workers))
        with run as done, tqdm(total=total, unit="frame", disable=hidden) as bar:
            for frames in done:
                bar.update(frames)
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
        raise StoreError(f"{out}: holds a store of other settings; --force replaces it, --out chooses another folder")
    try:
        for split in store.splits:
            store.open(split)
    except StoreError as error:
        if force:
            return False
        raise StoreError(f"{error}; --force makes the store again") from error
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


def _run(
    jobs: list[Job], folder: Path, clips: Sequence[Clip], config: OpenConfig, workers: int
) -> Generator[int, None, None]:
    """Do the jobs; yields the number of frames of each as it ends."""
    if workers <= 1:
        with _one_thread():
            maker = _build(clips, config)
            for job in jobs:
                yield maker.write(job, folder)
        return
    # spawn: forking a process whose torch has started threads may hang
    context = multiprocessing.get_context("spawn")
    arguments = (clips, config)
    with ProcessPoolExecutor(workers, context, _start_worker, arguments) as pool:
        futures = [pool.submit(_work, job, folder) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise StoreError(
                "a worker process died (out of memory?); try fewer --workers or a smaller chunk"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _build(clips: Sequence[Clip], config: OpenConfig) -> FrameMaker:
    body = load_body()
    return FrameMaker(body, dataset_regressor(body, S2M27), clips, config)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Workers use one thread each; a single process does the same, so that sums come in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _start_worker(clips: Sequence[Clip], config: OpenConfig) -> None:
    global _maker
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _maker = _build(clips, config)


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(job: Job, folder: Path) -> int:
    assert _maker is not None
    return _maker.write(job, folder)
