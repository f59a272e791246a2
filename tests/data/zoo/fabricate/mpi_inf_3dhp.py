"""MPI-INF-3DHP's official layout, written from the open body with known truth.

Everything is small (256 px videos, a few frames), but each file has the real fields, shapes, units and numbering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import h5py
import numpy as np
import roma
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.io import savemat

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.motion import open_motion
from s2m.geometry.camera import FACING_CAMERA
from s2m.skeletons import H36M17, SMPL24

Floats = NDArray[np.float64]

# mpii_get_joints.m, case 'all': the training files' order. Where the joint comes from: h36m17 (h.) or SMPL (s.).
ALL_28 = {
    "spine3": "s.spine3", "spine4": "s.neck", "spine2": "s.spine2", "spine": "h.spine", "pelvis": "h.pelvis",
    "neck": "h.thorax", "head": "h.neck_nose", "head_top": "h.head",
    "left_clavicle": "s.left_collar", "left_shoulder": "h.left_shoulder", "left_elbow": "h.left_elbow",
    "left_wrist": "h.left_wrist", "left_hand": "s.left_hand",
    "right_clavicle": "s.right_collar", "right_shoulder": "h.right_shoulder", "right_elbow": "h.right_elbow",
    "right_wrist": "h.right_wrist", "right_hand": "s.right_hand",
    "left_hip": "h.left_hip", "left_knee": "h.left_knee", "left_ankle": "h.left_ankle", "left_foot": "s.left_foot",
    "left_toe": "s.left_foot",
    "right_hip": "h.right_hip", "right_knee": "h.right_knee", "right_ankle": "h.right_ankle",
    "right_foot": "s.right_foot", "right_toe": "s.right_foot",
}  # fmt: skip
# mpii_get_joints.m, case 'relevant': the test files' order, in MATLAB's numbers of the 28.
RELEVANT = [8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7]
# What this project calls the 17, written out by hand as the oracle of the reader's mapping by name.
OURS = {
    "head": "head_top", "thorax": "neck", "neck_nose": "head",
    **{name: name for name in ALL_28 if name not in ("head", "neck", "head_top")},
}  # fmt: skip
SIZE = 256
UNIVERSAL = 1.08


@dataclass(frozen=True)
class Person:
    """A moving person before one camera. joints: name of the 28 -> (T, 3) metres, camera frame; vertices (T, V, 3)."""

    joints: dict[str, Floats]
    vertices: Floats

    def ours(self, names: Sequence[str]) -> Floats:
        """(T, J, 3) of joints under this project's names."""
        return np.stack([self.joints[OURS[name]] for name in names], axis=1)

    def all28(self) -> Floats:
        """(T, 28, 3) in the files' order."""
        return np.stack([self.joints[name] for name in ALL_28], axis=1)


@dataclass(frozen=True)
class View:
    """A camera: fx, fy, cx, cy, turned by ``yaw`` about the person."""

    fx: float
    fy: float
    cx: float
    cy: float
    yaw: float = 0.0

    def project(self, points: Floats) -> Floats:
        """Pixels (..., 2)."""
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        return np.stack([self.fx * x / z + self.cx, self.fy * y / z + self.cy], axis=-1)


VIEWS = {0: View(300, 302, 128, 126, 0.0), 2: View(310, 309, 120, 130, 1.2)}


@cache
def person(frames: int, yaw: float = 0.0, depth: float = 4.0, step: int = 2) -> Person:
    """The open body moved by a shipped clip, facing the camera, turned by ``yaw``."""
    clip = next(clip for clip in open_motion() if len(clip) >= frames * step)
    poses = torch.tensor(clip.poses[: frames * step : step])
    rotations = roma.rotvec_to_rotmat(poses)
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, yaw, 0.0]))
    rotations[:, 0] = FACING_CAMERA @ turn @ rotations[:, 0]
    drift = torch.linspace(-0.2, 0.2, frames)
    transl = torch.stack([drift, torch.zeros(frames), torch.full((frames,), depth)], dim=1)
    body = load_body()
    betas = torch.tensor([[0.4, -0.8, 0.3, 0, 0, 0, 0, 0, 0, 0]]).expand(frames, 10)
    with torch.no_grad():
        posed = body(BodyParams.from_rotations(rotations, betas, transl))
    shared = dataset_regressor(body, H36M17) @ posed.vertices
    joints = {}
    for name, origin in ALL_28.items():
        kind, _, joint = origin.partition(".")
        source = shared[:, H36M17.index(joint)] if kind == "h" else posed.joints[:, SMPL24.index(joint)]
        joints[name] = source.double().numpy()
    return Person(joints, posed.vertices.double().numpy())


def calibration(views: dict[int, View], size: int = SIZE) -> str:
    """camera.calibration of several cameras."""
    lines = ["Skeletool Camera Calibration File V1.0"]
    for name, view in views.items():
        k = [view.fx, 0, view.cx, 0, 0, view.fy, view.cy, 0, 0, 0, 1, 0, 0, 0, 0, 1]
        lines += [
            f"name          {name}",
            "  sensor      10 10",
            f"  size        {size} {size}",
            "  animated    0",
            "  intrinsic   " + " ".join(f"{value:g}" for value in k) + " ",
            "  extrinsic   " + " ".join(str(value) for value in np.eye(4).ravel().astype(int)) + " ",
            "  radial      0",
        ]
    return "\n".join(lines) + "\n"


def write_training(
    root: Path,
    name: str = "S1/Seq1",
    frames: int = 6,
    first: int = 0,
    views: dict[int, View] | None = None,
    swapped: range = range(0),
    masks: bool = True,
) -> dict[int, Person]:
    """One training sequence: annot.mat (MATLAB v5), camera.calibration, FGmasks, ChairMasks.

    first: number of the first annotated frame (0 if there are masks: videos start there). swapped: frame numbers with
    left and right swapped in the annotation. Returns what each camera sees, unswapped, metric.
    """
    views = VIEWS if views is None else views
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    seen = {camera: person(frames, view.yaw) for camera, view in views.items()}
    numbers = np.arange(first, first + frames)
    cells = {key: np.empty((len(views), 1), dtype=object) for key in ("annot2", "annot3", "univ_annot3")}
    names = list(ALL_28)
    mirror = [names.index(_mirrored(joint)) for joint in names]
    for row, (camera, view) in enumerate(views.items()):
        metric = seen[camera].all28().copy()
        for frame in range(frames):
            if int(numbers[frame]) in swapped:
                metric[frame] = metric[frame, mirror]
        flat = view.project(metric)
        root_joint = metric[:, [names.index("pelvis")]]
        # Scaled about the pelvis: a universal skeleton does not project onto the image.
        universal = (metric - root_joint) * UNIVERSAL + root_joint
        cells["annot2"][row, 0] = flat.reshape(frames, -1)
        cells["annot3"][row, 0] = 1000 * metric.reshape(frames, -1)
        cells["univ_annot3"][row, 0] = 1000 * universal.reshape(frames, -1)
    savemat(
        folder / "annot.mat",
        {**cells, "frames": numbers[:, None].astype(float), "cameras": np.array([list(views)], dtype=np.uint8)},
        do_compression=True,
    )
    (folder / "camera.calibration").write_text(calibration(views))
    if masks:
        for camera, view in views.items():
            inside = person_masks(seen[camera], view)
            clutter, chair = _clutter(), _chair()
            foreground = inside | clutter | chair
            write_video(folder / "FGmasks" / f"video_{camera}.avi", foreground)
            write_video(folder / "ChairMasks" / f"video_{camera}.avi", np.broadcast_to(~chair, inside.shape))
    return seen


def person_masks(seen: Person, view: View, size: int = SIZE) -> NDArray[np.bool_]:
    """(T, H, W): the body's vertices as dots, thick enough to touch."""
    masks = []
    for points in view.project(seen.vertices[:, ::3]):
        picture = Image.new("1", (size, size))
        draw = ImageDraw.Draw(picture)
        for x, y in points:
            draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=1)
        masks.append(np.asarray(picture, bool))
    return np.stack(masks)


def visible_masks(seen: Person, view: View) -> NDArray[np.bool_]:
    """What the files know of the person: all but what lies behind the chair."""
    return person_masks(seen, view) & ~_chair()


def write_video(path: Path, frames: NDArray[np.bool_], codec: str = "mpeg4") -> None:
    """Masks in the red channel; green and blue hold something else, as in the real files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 4_000_000
        for mask in frames:
            picture = np.zeros((height, width, 3), np.uint8)
            picture[..., 0] = 255 * mask
            picture[: height // 3, :, 1] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_test(
    root: Path,
    name: str = "TS1",
    frames: int = 8,
    view: View | None = None,
    valid: Sequence[int] | None = None,
    activity: Sequence[int] | None = None,
    lens: tuple[float, ...] | None = None,
) -> Person:
    """One test sequence: annot_data.mat as MATLAB v7.3, that is HDF5 with the dimensions in reverse.

    lens: k1, k2, p1, p2, k3, by which the 2D annotation is bent. Returns the metric truth.
    """
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    size = (1920, 1080) if name in ("TS5", "TS6") else (2048, 2048)
    view = view or View(1.46 * size[0], 1.46 * size[0], size[0] / 2 + 3, size[1] / 2 - 5)
    seen = person(frames, 0.3)
    metric = seen.all28()[:, np.array(RELEVANT) - 1]
    flat = view.project(metric) if lens is None else _bent(view, metric, lens)
    root_joint = metric[:, [RELEVANT.index(5)]]
    fields = {
        "annot2": flat.transpose(2, 1, 0)[:, :, None],
        "annot3": 1000 * metric.transpose(2, 1, 0)[:, :, None],
        "univ_annot3": 1000 * ((metric - root_joint) * UNIVERSAL + root_joint).transpose(2, 1, 0)[:, :, None],
        "valid_frame": np.array(valid if valid is not None else [1] * frames, float)[None],
        "activity_annotation": np.array(activity if activity is not None else [1] * frames, float)[None],
    }
    with h5py.File(folder / "annot_data.mat", "w", userblock_size=512) as file:
        for key, matlab in fields.items():
            # MATLAB writes column by column: HDF5 sees the dimensions in reverse.
            file[key] = matlab.T
            file[key].attrs["MATLAB_class"] = np.bytes_("double")
    with (folder / "annot_data.mat").open("r+b") as file_header:
        file_header.write(b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM")
    return seen


def _bent(view: View, points: Floats, lens: tuple[float, ...]) -> Floats:
    """Brown's lens model, written out."""
    k1, k2, p1, p2, k3 = lens
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r = x**2 + y**2
    radial = 1 + k1 * r + k2 * r**2 + k3 * r**3
    u = x * radial + 2 * p1 * x * y + p2 * (r + 2 * x**2)
    v = y * radial + p1 * (r + 2 * y**2) + 2 * p2 * x * y
    return np.stack([view.fx * u + view.cx, view.fy * v + view.cy], axis=-1)


def _mirrored(joint: str) -> str:
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if joint.startswith(side):
            return other + joint.removeprefix(side)
    return joint


def _clutter() -> NDArray[np.bool_]:
    """What stands beyond the green screen, far from the person."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:, :12] = True
    return mask


def _chair() -> NDArray[np.bool_]:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[150:200, 120:150] = True
    return mask
