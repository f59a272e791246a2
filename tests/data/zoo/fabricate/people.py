"""Moving people of the open body, as data sets in SMPL format show them, and pictures of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.data.motion import open_motion

Floats = NDArray[np.float64]
BETAS = np.array([0.4, -0.8, 0.3, 0.5, 0.0, -0.2, 0.1, 0.0, 0.0, 0.2])
# The male model of these tests is the open body, 6 % larger and with a pelvis 3 cm higher.
MALE_SCALE, MALE_LIFT = 1.06, 0.03


@dataclass(frozen=True)
class Posed:
    """joints: (T, 24, 3) and vertices: (T, V, 3), metres, in the frame that the roots map to."""

    joints: Floats
    vertices: Floats


def write_models(folder: Path) -> dict[str, Path]:
    """A female and a male model in SMPL format."""
    folder.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("s2m.body") / "assets" / "open_body.npz") as asset:
        fields = dict(np.load(asset))
    files = {gender: folder / f"{gender}.npz" for gender in ("female", "male")}
    np.savez(files["female"], **fields)
    fields["v_template"] = (fields["v_template"] * MALE_SCALE + [0, MALE_LIFT, 0]).astype(fields["v_template"].dtype)
    np.savez(files["male"], **fields)
    return files


@cache
def model(file: Path | None) -> Body:
    """A loaded model; the open body for ``None``."""
    return load_body(file)


def motion(frames: int, step: int = 3) -> Floats:
    """(T, 72) axis-angle of a shipped clip; its world is +y up."""
    clip = next(clip for clip in open_motion() if len(clip) >= frames * step)
    poses: Floats = clip.poses[: frames * step : step].reshape(frames, 72).astype(np.float64)
    return poses


def pose(file: Path | None, poses: Floats, betas: Floats, transl: Floats) -> Posed:
    """Pose a model by smplx. poses: (T, 72); betas: (10,) or (T, 10); transl: (T, 3)."""
    rotations = roma.rotvec_to_rotmat(torch.tensor(poses, dtype=torch.float32).view(-1, 24, 3))
    shapes = torch.tensor(np.broadcast_to(betas, (len(poses), 10)).copy(), dtype=torch.float32)
    with torch.no_grad():
        posed = model(file)(BodyParams.from_rotations(rotations, shapes))
    move = np.asarray(transl, np.float64)[:, None]
    return Posed(posed.joints.double().numpy() + move, posed.vertices.double().numpy() + move)


def draw(pixels: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) silhouette of the open body's triangles; pixels: (V, 2)."""
    picture = Image.new("1", size)
    brush = ImageDraw.Draw(picture)
    for triangle in pixels[model(None).faces.numpy()]:
        # PIL draws through pixel centres, which lie half a pixel inside
        brush.polygon([tuple(point - 0.5) for point in triangle], fill=1)
    return np.asarray(picture)
