"""Converting a dataset into a frame store: parallel over recordings, resumable, in flat memory.

Pass one converts each recording into a part (:mod:`s2m.data.zoo.parts`) in a hidden folder beside the store. Pass two
knows all numbers of rows, lays the store out and copies the parts into it (:mod:`s2m.data.zoo.merge`). The hidden
folder outlives an interruption: the same command then goes on with the recordings that are missing. On disk this
takes the store's size twice for a while.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from s2m.data.pool import run_jobs
from s2m.data.store import SCHEMA_VERSION, FrameStore, StoreError
from s2m.data.store_writer import StoreWriter, clean_leftovers
from s2m.data.zoo.merge import Merger
from s2m.data.zoo.parts import Options, PartMaker, read_part
from s2m.data.zoo.source import RecordingRef, Source, SourceError

__all__ = ["Options", "convert", "working_folder"]

_log = logging.getLogger(__name__)
# Raise when the same files and settings give another store.
_CONVERTER_VERSION = 1
_LOCK, _SETTINGS, _PARTS, _PREPARED = ".lock", "settings.sha256", "parts", "prepared"


def convert(
    source: Source,
    out: str | Path,
    options: Options | None = None,
    workers: int = 1,
    force: bool = False,
    progress: bool | None = None,
) -> bool:
    """Write the frame store of a dataset to ``out``; returns False when it already holds exactly that.

    Recordings that were finished before an error or an interruption are kept in :func:`working_folder` and used by the
    next call with the same settings; without any, nothing is left behind.

    Args:
        source: The dataset that is read.
        out: Folder of the store to write.
        options: Settings of the conversion.
        workers: Processes (0 or 1: this one); the result does not depend on them.
        force: Whether a store of other settings is replaced.
        progress: ``None`` shows a bar when stderr is a terminal.

    Raises:
        SourceError: The message names the file that cannot be used.
        StoreError: When ``out`` holds something else: a store of other settings is replaced with ``force``, anything
            that is not a store is never touched.
    """
    out, options = Path(out).absolute(), options or Options()
    clean_leftovers(out)
    refs = [ref for ref in source.recordings() if ref.split in options.splits]
    if not refs:
        raise SourceError(f"{source.name}: expected recordings of {', '.join(options.splits)}, found none")
    header = _describe(source, options, refs)
    if _exists(out, str(header["settings_hash"]), force):
        return False
    with _work(out, str(header["settings_hash"])) as work:
        maker = _prepared(source, options, work)
        _make_parts(maker, refs, workers, progress)
        _merge(out, maker, refs, header)
    return True


def working_folder(out: str | Path) -> Path:
    """Where the finished recordings of an interrupted conversion wait.

    Args:
        out: Folder of the store to write.
    """
    out = Path(out).absolute()
    return out.with_name(f".{out.name}.converting")


def _describe(source: Source, options: Options, refs: list[RecordingRef]) -> dict[str, Any]:
    keys = [ref.key for ref in refs]
    if len(set(keys)) != len(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise SourceError(f"{source.name}: recordings listed twice: {', '.join(twice[:5])}")
    described = {
        "kind": source.name,
        "converter_version": _CONVERTER_VERSION,
        "source": source.settings,
        "options": dataclasses.asdict(options),
    }
    settings = json.dumps([SCHEMA_VERSION, described, keys], sort_keys=True).encode()
    return {**described, "settings_hash": hashlib.sha256(settings).hexdigest()}


def _exists(out: Path, settings: str, force: bool) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        store = FrameStore(out)
        if store.header.get("settings_hash") == settings:
            for split in store.splits:
                store.open(split)
            return True
    except StoreError as error:
        if (out / "store.json").is_file() and force:
            return False
        raise StoreError(f"{out}: exists and is not a store that can be read; it is left as it is ({error})") from error
    if force:
        return False
    raise StoreError(
        f"{out}: holds a store of other settings; --overwrite replaces it, --output chooses another folder"
    )


@contextlib.contextmanager
def _work(out: Path, settings: str) -> Generator[Path, None, None]:
    """The hidden folder: taken over from an interrupted conversion of the same settings, locked, removed when done."""
    work = working_folder(out)
    (work / _PARTS).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(FileLock(work / _LOCK, blocking=False))
        except Timeout:
            raise SourceError(f"{out}: another conversion is writing this store") from None
        stamp = work / _SETTINGS
        if not stamp.is_file() or stamp.read_text() != settings:
            _empty(work)
            stamp.write_text(settings)
        try:
            yield work
        except BaseException:
            if not any(json.loads(part.read_text())["rows"] for part in (work / _PARTS).glob("*.json")):
                shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(work, ignore_errors=True)


def _empty(work: Path) -> None:
    for folder in (_PARTS, _PREPARED):
        shutil.rmtree(work / folder, ignore_errors=True)
    (work / _PARTS).mkdir()


def _prepared(source: Source, options: Options, work: Path) -> PartMaker:
    folder = work / _PREPARED
    folder.mkdir(exist_ok=True)
    source.prepare(folder)
    return PartMaker(source, options, work / _PARTS)


def _make_parts(maker: PartMaker, refs: list[RecordingRef], workers: int, progress: bool | None) -> None:
    missing = [ref for ref in refs if read_part(maker.folder, ref.key) is None]
    if len(missing) < len(refs):
        _log.info("%d of %d recordings are converted already", len(refs) - len(missing), len(refs))
    hidden = None if progress is None else not progress
    counter = tqdm(total=len(refs), initial=len(refs) - len(missing), unit="recording", disable=hidden)
    with counter, contextlib.closing(run_jobs(missing, maker, workers)) as done:
        for _ in done:
            counter.update()


def _merge(out: Path, maker: PartMaker, refs: list[RecordingRef], header: dict[str, Any]) -> None:
    merger = Merger(maker.source, maker.options, maker.folder, refs)
    with StoreWriter(out) as writer:
        merger.write(writer)
        writer.commit({**header, **merger.header()})
