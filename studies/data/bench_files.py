"""Fabricated datasets of any length for ``make bench-data``: nothing there depends on what their figures show."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from s2m.data.store import FrameStore, dataset_fields
from s2m.data.store_writer import StoreWriter, open_for_writing
from s2m.data.zoo.human36m.cameras import published_views
from s2m.data.zoo.human36m.joints import HUMAN36M32
from s2m.data.zoo.source import Recording, RecordingRef, Source
from s2m.skeletons import H36M17, get_joint_set

_CAMERA = "55011271"
ROWS = "S2M_BENCH_ROWS"


class Rows(Source):
    """As many rows of joints as the environment's S2M_BENCH_ROWS says, in recordings of 5,000 frames."""

    name: ClassVar[str] = "rows"
    _LENGTH = 5000

    def recordings(self) -> list[RecordingRef]:
        """Numbered."""
        count = int(os.environ[ROWS]) // self._LENGTH
        return [RecordingRef(f"{number:04d}", "train") for number in range(count)]

    def read(self, ref: RecordingRef) -> Recording:
        """A figure that sways."""
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
        """Nothing can be chosen."""
        return {}

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Source:
        """Reads no file.

        Args:
            arguments: The command line, without the program's name; that of the process by default.
        """
        return cls()


def write_human36m(root: Path, frames: int) -> None:
    """Four takes of a stick figure in Human3.6M's official files, seen by one camera.

    Masks have the full resolution and are compressed in pieces, as MATLAB writes them.

    Args:
        root: The repository.
        frames: Frames with their truth.
    """
    view = published_views()["S1", _CAMERA]
    for number, action in enumerate(("Walking", "Walking 1", "Waiting", "Waiting 1")):
        points = view.to_camera(_walk(frames, number))
        pixels = view.camera.project(points)
        poses, take = root / "S1" / "MyPoseFeatures", f"{action}.{_CAMERA}"
        _write_cdf(poses / "D3_Positions_mono" / f"{take}.cdf", points * 1000)
        _write_cdf(poses / "D2_Positions" / f"{take}.cdf", pixels)
        _write_masks(root / "S1" / "MySegmentsMat" / "ground_truth_bs" / f"{take}.mat", pixels, view.image_size)


def write_tiled(store: Path, out: Path, rows: int) -> None:
    """What training reads of a store's split ``train``, repeated until it has so many rows.

    Args:
        store: The frame store.
        rows: Rows of the table, by name.
    """
    source = FrameStore(store)
    arrays = source.open("train", truth=False)
    known = ("camera",) if "intrinsics" in arrays.observation else ()
    fields = dataset_fields(len(get_joint_set(source.joint_set)), source.mask_size, known)
    picked = np.arange(rows) % arrays.rows
    with StoreWriter(out) as writer:
        writer.create("train", rows, fields)
        for field in fields:
            open_for_writing(writer.folder, "train", field)[:] = arrays.observation[field.name][picked]
        writer.commit({name: source.header[name] for name in ("joint_set", "mask_size", "image_size")})


def _walk(frames: int, seed: int) -> NDArray[np.float64]:
    """(T, 17, 3) a figure that sways in the middle of the room."""
    heights = {"ankle": 0.1, "knee": 0.5, "hip": 0.9, "wrist": 0.9, "elbow": 1.15, "shoulder": 1.4}
    middle = {"pelvis": 0.95, "spine": 1.15, "thorax": 1.4, "neck_nose": 1.55, "head": 1.7}
    rest = np.zeros((len(H36M17), 3))
    for joint, name in enumerate(H36M17.joints):
        side, _, part = name.rpartition("_")
        wide = 0.35 if part in ("wrist", "elbow") else 0.15
        rest[joint] = (0.0, {"left": wide, "right": -wide}.get(side, 0.0), heights.get(part, middle.get(name, 1.0)))
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 25
    sway = 0.1 * np.sin(time + rng.uniform(0, 6, (1, len(H36M17), 3)))
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
