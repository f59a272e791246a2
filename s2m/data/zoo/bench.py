"""Speed of conversion and loading, memory and size of stores: ``make bench-data``.

Human3.6M's official layout is written with a stick figure at full resolution (1000 x 1002 masks, gzip as MATLAB does)
and converted; nothing here depends on what the figures show.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.human36m import Human36M
from s2m.data.zoo.human36m.cameras import published_views
from s2m.data.zoo.human36m.joints import HUMAN36M32
from s2m.data.zoo.human36m.official import OfficialFiles
from s2m.data.zoo.human36m.protocol import Choice
from s2m.data.zoo.source import Recording, RecordingRef, Source
from s2m.skeletons import H36M17

_ROWS = 1_500_000
_CAMERA = "55011271"
_BATCH, _BATCHES = 128, 100
_CHOICE = """
The memory-mapped store stays: it needs no other package, any row can be had at once (training shuffles over all of
it, and an epoch depends on the seed alone); the table above says how it compares with shards here. All processes of a
node share one copy in the page cache. Several nodes read it from a shared file system, or each copies it to its own
disk first, as from object storage (`aws s3 sync s3://bucket/store /local/store`, then `s2m data check /local/store`):
Human3.6M is about 10 GB. Streaming shards pay off only for data that fits on no local disk."""


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=600, help="frames of each of the four recordings")
    parser.add_argument("--output", type=Path, help="folder for bench-data.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s2m-bench-") as folder:
        lines = [*_conversion(Path(folder), options.frames), *_memory(Path(folder)), *_loading(Path(folder))]
    text = "\n".join([_heading(options.frames), "", "| what | value |", "| --- | ---: |", *lines, _CHOICE]) + "\n"
    sys.stdout.write(text)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "bench-data.md").write_text(text)


def _heading(frames: int) -> str:
    load = os.getloadavg()[0]
    return (
        f"`python -m s2m.data.zoo.bench --frames {frames}` on {platform.machine()}, {os.cpu_count()} cores, load at "
        f"the end {load:.1f} (a busy machine makes everything slower); files in the page cache; one run"
    )


def _conversion(folder: Path, frames: int) -> list[str]:
    write_layout(folder / "raw", frames)
    lines = []
    for size in (112, 224):
        source = Human36M(OfficialFiles(folder / "raw", Choice()))
        start, used_before = time.perf_counter(), _cpu_seconds()
        convert(source, folder / f"store{size}", Options(mask_size=size), workers=2, progress=False)
        seconds, used_cpu = time.perf_counter() - start, _cpu_seconds() - used_before
        rows = FrameStore(folder / f"store{size}").open("train").rows
        used = sum(file.stat().st_size for file in (folder / f"store{size}").rglob("*") if file.is_file())
        lines.append(f"| conversion, 2 workers, masks of {size} px | {rows / seconds:.0f} frames/s |")
        lines.append(
            f"| the same: time of a core per frame, start of the workers included | {used_cpu / rows * 1e3:.1f} ms |"
        )
        lines.append(f"| size of {_ROWS} frames, masks of {size} px | {used / rows * _ROWS / 1e9:.2f} GB |")
    return lines


def _cpu_seconds() -> float:
    """What this process and its children computed."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _memory(folder: Path) -> list[str]:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_convert_rows, args=(folder / "many", queue))
    process.start()
    seconds, peak = queue.get()
    process.join()
    rate = f"{_ROWS / seconds:.0f} frames/s"
    return [f"| {_ROWS} rows of joints without masks, 1 process | {rate}, peak {peak / 1e9:.2f} GB of memory |"]


def _convert_rows(out: Path, queue: Any) -> None:
    start = time.perf_counter()
    convert(_Rows(), out, workers=1, progress=False)
    # Linux counts in KiB.
    queue.put((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


class _Rows(Source):
    """As many rows as Human3.6M has, in recordings of 5,000 frames."""

    name: ClassVar[str] = "bench"
    _LENGTH = 5000

    def recordings(self) -> list[RecordingRef]:
        return [RecordingRef(f"{number:04d}", "train") for number in range(_ROWS // self._LENGTH)]

    def read(self, ref: RecordingRef) -> Recording:
        view = published_views()["S1", _CAMERA]
        joints = view.to_camera(_walk(self._LENGTH, int(ref.name)))
        pixels = view.camera.project(joints)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=H36M17.name,
            joints2d=pixels,
            confidence=np.ones(pixels.shape[:2]),
            frame=np.arange(self._LENGTH),
            image_size=view.image_size,
            camera=view.camera,
            joints3d=joints,
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Source:
        return cls()


def _loading(folder: Path) -> list[str]:
    lines = []
    for size in (112, 224):
        for workers in (0, 1, 2):
            rate = _frames_per_second(_store_batches(folder / f"store{size}", workers))
            lines.append(f"| loading from the store, {size} px, {workers} workers | {rate:.0f} silhouettes/s |")
    try:
        import litdata  # noqa: F401
    except ImportError:
        return [*lines, "| litdata | not installed |"]
    for size in (112, 224):
        shards = _write_shards(folder / f"store{size}", folder / f"shards{size}")
        for workers in (0, 1, 2):
            rate = _frames_per_second(_shard_batches(shards, size, workers))
            lines.append(f"| loading from litdata shards, {size} px, {workers} workers | {rate:.0f} silhouettes/s |")
    return lines


def _frames_per_second(batches: Iterator[int]) -> float:
    next(batches)
    start, frames = time.perf_counter(), 0
    for count in batches:
        frames += count
    return frames / (time.perf_counter() - start)


def _store_batches(store: Path, workers: int) -> Iterator[int]:
    from s2m.data.module import FrameDataModule

    data = FrameDataModule(str(store), batch_size=_BATCH, num_workers=workers, steps_per_epoch=_BATCHES)
    for frame in data.train_dataloader():
        yield len(frame)


def _write_shards(store: Path, shards: Path) -> Path:
    from litdata import optimize

    arrays = FrameStore(store).open("train").observation
    with _quiet():
        optimize(
            fn=_Rowwise({name: np.asarray(values) for name, values in arrays.items()}),
            inputs=[row % len(arrays["crop"]) for row in range(_BATCHES * _BATCH)],
            output_dir=str(shards),
            chunk_bytes="64MB",
            num_workers=1,
        )
    return shards


class _Rowwise:
    """One row as litdata stores it."""

    def __init__(self, arrays: dict[str, NDArray[Any]]):
        self._arrays = arrays

    def __call__(self, row: int) -> dict[str, Any]:
        return {name: np.atleast_1d(values[row]) for name, values in self._arrays.items()}


def _shard_batches(shards: Path, size: int, workers: int) -> Iterator[int]:
    import torch
    from litdata import StreamingDataLoader, StreamingDataset

    from s2m.data.store import unpack_masks_as_float

    dataset = StreamingDataset(str(shards), shuffle=True, seed=0)
    with _quiet():
        for batch in StreamingDataLoader(dataset, batch_size=_BATCH, num_workers=workers):
            masks = torch.from_numpy(unpack_masks_as_float(np.asarray(batch["silhouette"]), size))
            yield len(masks)


@contextmanager
def _quiet() -> Iterator[None]:
    """litdata prints its progress."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def write_layout(root: Path, frames: int) -> None:
    """Four takes of a stick figure in Human3.6M's official files, seen by one camera."""
    view = published_views()["S1", _CAMERA]
    for number, action in enumerate(("Walking", "Walking 1", "Waiting", "Waiting 1")):
        world = _walk(frames, number)
        points = view.to_camera(world)
        pixels = view.camera.project(points)
        poses, take = root / "S1" / "MyPoseFeatures", f"{action}.{_CAMERA}"
        _write_cdf(poses / "D3_Positions_mono" / f"{take}.cdf", points * 1000)
        _write_cdf(poses / "D2_Positions" / f"{take}.cdf", pixels)
        _write_masks(root / "S1" / "MySegmentsMat" / "ground_truth_bs" / f"{take}.mat", pixels, view.image_size)


def _walk(frames: int, seed: int) -> NDArray[np.float64]:
    """(T, 17, 3) a figure that sways in the middle of the room."""
    heights = {"ankle": 0.1, "knee": 0.5, "hip": 0.9, "wrist": 0.9, "elbow": 1.15, "shoulder": 1.4}
    middle = {"pelvis": 0.95, "spine": 1.15, "thorax": 1.4, "nose": 1.55, "head": 1.7}
    rest = np.zeros((len(H36M17), 3))
    for joint, name in enumerate(H36M17.joints):
        side, _, part = name.rpartition("_")
        wide = 0.35 if part in ("wrist", "elbow") else 0.15
        rest[joint] = (0.0, {"left": wide, "right": -wide}.get(side, 0.0), heights.get(part, middle.get(name, 1.0)))
    rng = np.random.default_rng(seed)
    time_ = np.arange(frames)[:, None, None] / 25
    sway = 0.1 * np.sin(time_ + rng.uniform(0, 6, (1, len(H36M17), 3)))
    moved: NDArray[np.float64] = rest + sway
    return moved


def _write_cdf(path: Path, joints: NDArray[np.float64]) -> None:
    from cdflib import cdfwrite

    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((len(joints), len(HUMAN36M32), joints.shape[2]))
    values[:, [HUMAN36M32.index(joint) for joint in H36M17.joints]] = joints
    flat = values.reshape(1, len(joints), -1).astype(np.float32)
    file = cdfwrite.CDF(path)
    spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": list(flat.shape[1:])}
    file.write_var(spec, var_data=flat)
    file.close()


def _write_masks(path: Path, pixels: NDArray[np.float64], size: tuple[int, int]) -> None:
    import h5py
    from PIL import Image, ImageDraw

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        cell = file.create_dataset("Masks", (1, len(pixels)), h5py.ref_dtype)
        for frame, joints in enumerate(pixels):
            picture = Image.new("L", size)
            pen = ImageDraw.Draw(picture)
            for parent, child in H36M17.bones:
                pen.line([tuple(joints[parent]), tuple(joints[child])], fill=1, width=40)
            sideways = np.asarray(picture).T
            cell[0, frame] = file.create_dataset(f"#refs#/m{frame}", data=sideways, compression="gzip").ref


if __name__ == "__main__":
    main()
