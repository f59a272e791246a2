"""A dataset of its own simple layout: one npz per recording. For tests of the converter alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.source import BodyTruth, Camera, Recording, RecordingRef, Source, SourceError
from s2m.skeletons import H36M17

CAMERA = Camera(500.0, 510.0, 160.0, 120.0)
SIZE = (320, 240)
JOINTS = len(H36M17)


def skeletons(frames: int, seed: int) -> NDArray[Any]:
    """(T, 17, 3) camera frame: random people about 5 m away."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.8, 0.8, (frames, JOINTS, 3)) + np.array([0.0, 0.0, 5.0])


def pinhole(points: NDArray[Any]) -> NDArray[Any]:
    """The projection, written out."""
    x = 500.0 * points[..., 0] / points[..., 2] + 160.0
    y = 510.0 * points[..., 1] / points[..., 2] + 120.0
    return np.stack([x, y], axis=-1)


def write_recording(path: Path, frames: int = 7, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """An npz with everything a recording needs; ``changes`` replace fields, ``None`` removes them."""
    joints3d = skeletons(frames, seed)
    content = {
        "joints2d": pinhole(joints3d),
        "confidence": np.ones((frames, JOINTS)),
        "joints3d": joints3d,
        "masks": disks(pinhole(joints3d)),
        "poses": np.random.default_rng(seed).normal(0, 0.3, (frames, 72)),
        "betas": np.arange(10) / 10 + seed,
        "transl": joints3d[:, 0],
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: values for name, values in content.items() if values is not None})
    return content


def disks(pixels: NDArray[Any], radius: float = 30.0) -> NDArray[np.bool_]:
    """(T, H, W): a disk about the first joint of each frame."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    centre = pixels[:, 0, :, None, None]
    return (x - centre[:, 0]) ** 2 + (y - centre[:, 1]) ** 2 < radius**2


class StoredMasks:
    """Masks of the npz."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        with np.load(self.path) as content:
            masks: NDArray[np.bool_] = content["masks"][rows]
        return masks


class ToySource(Source):
    """root/<split>/<name>.npz."""

    name: ClassVar[str] = "toy"

    def __init__(self, root: Path, camera: Camera | None = CAMERA):
        self.root, self.camera = root, camera

    def recordings(self) -> list[RecordingRef]:
        return [RecordingRef(p.stem, p.parent.name, {"path": str(p)}) for p in sorted(self.root.glob("*/*.npz"))]

    def read(self, ref: RecordingRef) -> Recording:
        path = Path(ref.payload["path"])
        (self.root / "read.log").open("a").write(f"{ref.key}\n")
        try:
            with np.load(path, allow_pickle=False) as archive:
                content = dict(archive)
        except ValueError as error:
            raise SourceError(f"{path}: expected arrays, found {error}") from error
        body = None
        if "poses" in content:
            body = BodyTruth(
                content["poses"], content["betas"], content["transl"], str(content.get("gender", "neutral"))
            )
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=str(content.get("joint_set", "h36m17")),
            joints2d=content["joints2d"],
            confidence=content["confidence"],
            frame=np.arange(len(content["joints2d"])) + 100,
            image_size=tuple(content["size"].tolist()) if "size" in content else SIZE,
            camera=self.camera,
            joints3d=content.get("joints3d"),
            body=body,
            masks=StoredMasks(path) if "masks" in content else None,
            activity=f"activity of {ref.name}",
            detected=bool(content.get("detected", False)),
            source_files=(path,),
            left_out={"not in the protocol": 3},
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"layout": "toy"}

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> ToySource:
        return cls(arguments.root)
