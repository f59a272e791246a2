"""LSP's and LSPET's official layouts, written from the open body with known 2D truth."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.io import savemat

from tests.data.zoo.fabricate import mpi_inf_3dhp

Floats = NDArray[np.float64]
# The README's order: "Right ankle, Right knee, Right hip, Left hip, Left knee, Left ankle, Right wrist, Right elbow,
# Right shoulder, Left shoulder, Left elbow, Left wrist, Neck, Head top", under the names of MPI-INF-3DHP's 28.
ORDER = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip
VIEW = mpi_inf_3dhp.View(330, 330, 60, 80)


@cache
def places(photos: int) -> dict[str, Floats]:
    """Name of a joint -> (N, 2) pixels. Photos repeat a few poses, each moved a little."""
    poses = min(photos, 16)
    seen = mpi_inf_3dhp.person(poses, 0.2, depth=5.0)
    rows = np.arange(photos) % poses
    shift = (np.arange(photos) / 1000)[:, None]
    return {name: VIEW.project(points)[rows] + shift for name, points in seen.joints.items()}


def size_of(number: int) -> tuple[int, int]:
    """Width and height of a photo: every one has its own."""
    return 120 + number % 7, 160 + number % 5


def write_lsp(root: Path, photos: int = 2000, hidden: dict[int, set[str]] | None = None, pictures: int = 4) -> Floats:
    """joints.mat 3 x 14 x N, third row 1 where hidden; images/im0001.jpg .... Returns (N, 14, 2).

    hidden: number of a photo -> joints. pictures: how many photos of either half are really there, and have a mask.
    """
    joints = np.stack([places(photos)[name] for name in ORDER], axis=1)
    flags = np.zeros((photos, 14))
    for number, names in (hidden or {}).items():
        flags[number - 1, [ORDER.index(name) for name in names]] = 1
    _write(root, np.concatenate([joints.transpose(2, 1, 0), flags.T[None]]))
    for number in [n for n in range(1, photos + 1) if n <= pictures or 0 < n - 1000 <= pictures]:
        picture(root / "images" / f"im{number:04d}.jpg", size_of(number))
    return joints


def write_lspet(
    root: Path, photos: int = 6, hidden: dict[int, set[str]] | None = None, improved: bool = False
) -> Floats:
    """joints.mat 14 x 3 x N, third column 1 where visible, the place of other joints at random; images/im00001.jpg.

    improved: HR-LSPET's im00001.png beside joints.mat. Returns (N, 14, 2).
    """
    joints = np.stack([places(photos)[name] for name in ORDER], axis=1)
    written, flags = joints.copy(), np.ones((photos, 14))
    for number, names in (hidden or {}).items():
        columns = [ORDER.index(name) for name in names]
        flags[number - 1, columns], written[number - 1, columns] = 0, -3
    _write(root, np.concatenate([written, flags[..., None]], axis=2).transpose(1, 2, 0))
    for number in range(1, photos + 1):
        name = f"im{number:05d}.png" if improved else f"images/im{number:05d}.jpg"
        picture(root / name, size_of(number))
    return joints


def write_mask(root: Path, number: int, labels: bool = False, name: str = "im{:04d}.png") -> NDArray[np.bool_]:
    """masks/im0001.png: white on black, or a map of part labels."""
    width, height = size_of(number)
    mask = np.zeros((height, width), bool)
    mask[20 : height - 30, 15 : width - 25] = True
    file = root / "masks" / name.format(number)
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.where(mask, 1 + np.arange(width) % 6, 0) if labels else 255 * mask
    Image.fromarray(values.astype(np.uint8)).save(file)
    return mask


def picture(file: Path, size: tuple[int, int]) -> None:
    """A photo of nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, (90, 120, 90))
    ImageDraw.Draw(image).line([(0, 0), size], fill=(200, 60, 60), width=3)
    image.save(file)


def _write(root: Path, joints: Floats) -> None:
    root.mkdir(parents=True, exist_ok=True)
    savemat(root / "joints.mat", {"joints": joints}, do_compression=True)
