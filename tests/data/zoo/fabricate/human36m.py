"""Human3.6M's layouts, written from the open body with known truth.

Only what the layouts' documents say is used here, nothing of the readers: cameras are turned and projected as the
official MATLAB toolbox does it (H36MCamera.m, ProjectPointRadial.m).
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import h5py
import numpy as np
import torch
from cdflib import cdfwrite
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.motion import open_motion
from s2m.render import hard_silhouette
from s2m.skeletons import H36M17

Floats = NDArray[np.float64]
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
SIZES = {"54138969": (1000, 1002), "55011271": (1000, 1000), "58860488": (1000, 1000), "60457274": (1000, 1002)}
# Where the 17 joints lie among the 32, as VideoPose3D keeps them (h36m_dataset.py removes the others).
KEPT = [j for j in range(32) if j not in (4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31)]
# f, c, k, p of the four cameras, roughly; any will do as long as the files say the same.
LENSES = {
    "54138969": (1145.0, 1143.8, 512.5, 515.5, -0.207, 0.248, -0.003, -0.0010, -0.0014),
    "55011271": (1149.7, 1147.6, 508.8, 508.1, -0.194, 0.240, 0.007, -0.0016, -0.0027),
    "58860488": (1149.1, 1148.8, 519.8, 501.4, -0.208, 0.255, -0.002, 0.0015, -0.0008),
    "60457274": (1145.5, 1144.8, 515.0, 501.9, -0.198, 0.218, -0.009, -0.0006, -0.0018),
}


@dataclass(frozen=True)
class Person:
    """vertices (T, V, 3) and joints (T, 17, 3), metres, world (z up); body parameters as SMPL has them in the world."""

    vertices: Floats
    joints: Floats
    poses: Floats
    betas: Floats


@dataclass(frozen=True)
class Truth:
    """What a reader must give back: joints in the camera frame (metres), pixels, masks (T, H, W)."""

    joints3d: Floats
    joints2d: Floats
    poses: Floats
    betas: Floats
    recording: tuple[str, int, str, int]

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Drawn when they are asked for."""
        return silhouettes(*self.recording)


@cache
def person(take: int, frames: int) -> Person:
    """One of the shipped clips, on the open body, standing in the laboratory."""
    body = load_body()
    clip = open_motion()[take % len(open_motion())]
    rows = np.linspace(0, len(clip.poses) - 1, frames).astype(int)
    # From the clip's +y up to the laboratory's +z up.
    upright = Rotation.from_euler("x", 90, degrees=True)
    vectors = clip.poses[rows].astype(np.float64)
    vectors[:, 0] = (upright * Rotation.from_rotvec(vectors[:, 0])).as_rotvec()
    betas = np.random.default_rng(take).normal(0, 0.7, 10)
    rotations = torch.from_numpy(Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()).view(frames, 24, 3, 3)
    params = BodyParams.from_rotations(rotations.float(), torch.from_numpy(betas).float().expand(frames, 10))
    vertices = body(params).vertices
    joints = dataset_regressor(body, H36M17) @ vertices
    lift = np.array([0.2, -0.1, 0.9])
    return Person(vertices.double().numpy() + lift, joints.double().numpy() + lift, vectors.reshape(frames, 72), betas)


def angles_and_place(subject: str, camera: str) -> Floats:
    """Six numbers as in w0: angles and position (mm) of a camera that looks at the person from four sides."""
    azimuth = np.deg2rad(45 + 90 * CAMERAS.index(camera) + int(subject[1:]))
    place = np.array([4.6 * np.cos(azimuth), 4.6 * np.sin(azimuth), 1.5])
    forward = np.array([0.1, 0.0, 0.9]) - place
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    # The toolbox multiplies Rx(a) Ry(b) Rz(c); read the angles off that product.
    b = np.arcsin(rotation[0, 2])
    a = np.arctan2(-rotation[1, 2], rotation[2, 2])
    c = np.arctan2(-rotation[0, 1], rotation[0, 0])
    return np.array([a, b, c, *(place * 1000)])


def toolbox_rotation(a: float, b: float, c: float) -> Floats:
    """H36MCamera.m."""
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    product: Floats = x @ y @ z
    return product


def seen(points: Floats, subject: str, camera: str) -> tuple[Floats, Floats]:
    """Camera-frame points (metres) and pixels of world points, as ProjectPointRadial.m has them."""
    numbers = angles_and_place(subject, camera)
    local = (points - numbers[3:] / 1000) @ toolbox_rotation(*numbers[:3]).T
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = LENSES[camera]
    plane = local[..., :2] / local[..., 2:]
    r2 = (plane**2).sum(-1, keepdims=True)
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    tangential = p1 * plane[..., 1:] + p2 * plane[..., :1]
    bent = plane * (radial + tangential) + np.array([p2, p1]) * r2
    return local, bent * np.array([fx, fy]) + np.array([cx, cy])


@cache
def truth(subject: str, take: int, camera: str, frames: int) -> Truth:
    """The truth of one recording."""
    who = person(take, frames)
    joints3d, joints2d = seen(who.joints, subject, camera)
    turn = Rotation.from_matrix(toolbox_rotation(*angles_and_place(subject, camera)[:3]))
    poses = who.poses.copy()
    poses[:, :3] = (turn * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
    return Truth(joints3d, joints2d, poses, who.betas, (subject, take, camera, frames))


@cache
def silhouettes(subject: str, take: int, camera: str, frames: int) -> NDArray[np.bool_]:
    """(T, H, W) where the body covers the image."""
    _, pixels = seen(person(take, frames).vertices, subject, camera)
    width, height = SIZES[camera]
    side = max(width, height)
    points = torch.from_numpy(pixels / side * 2 - 1).float()
    masks: NDArray[np.bool_] = hard_silhouette(points, load_body().faces, side)[:, :height, :width].numpy()
    return masks


def to_32(joints: Floats) -> Floats:
    """(T, 17, C) as (T, 32, C); joints that nobody should read are far off."""
    values = np.full((len(joints), 32, joints.shape[2]), -7777.0)
    values[:, KEPT] = joints
    return values


def write_cdf(path: Path, joints: Floats, width: int | None = None, name: str = "Pose") -> None:
    """``Pose``, one record of T x (32 C) floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = joints.reshape(1, len(joints), width or -1).astype("f4")
    file = cdfwrite.CDF(path, delete=True)
    spec = {
        "Variable": name,
        "Data_Type": 44,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": list(values.shape[1:]),
    }
    file.write_var(spec, var_data=values)
    file.close()


def write_masks(path: Path, masks: NDArray[np.bool_]) -> None:
    """MATLAB v7.3: a T x 1 cell of H x W logicals, which HDF5 holds as references to W x H bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        references = file.create_dataset("Masks", (1, len(masks)), h5py.ref_dtype)
        for number, mask in enumerate(masks):
            picture = file.create_dataset(f"#refs#/m{number}", data=mask.T.astype("u1"), compression="gzip")
            references[0, number] = picture.ref


def write_metadata(root: Path) -> None:
    """The parts of metadata.xml that say where cameras are."""
    root.mkdir(parents=True, exist_ok=True)
    extrinsics = [angles_and_place(f"S{s}", camera) for camera in CAMERAS for s in range(1, 12)]
    lenses = [np.array(LENSES[camera]) for camera in CAMERAS]
    w0 = " ".join(repr(float(number)) for number in np.concatenate([*extrinsics, *lenses]))
    ids = "".join(f"<td>{escape(camera)}</td>" for camera in CAMERAS)
    text = f"<metadata><dbcameras><index2id>{ids}</index2id></dbcameras><w0>[{w0}]</w0></metadata>"
    (root / "metadata.xml").write_text(text)


def write_take(
    root: Path,
    subject: str,
    action: str,
    take: int,
    camera: str,
    frames: int = 6,
    world: bool = False,
    masks: str | None = "ground_truth_bs",
) -> Truth:
    """One recording in the official layout. world: D3_Positions instead of D3_Positions_mono."""
    known = truth(subject, take, camera, frames)
    poses = root / subject / "MyPoseFeatures"
    write_cdf(poses / "D2_Positions" / f"{action}.{camera}.cdf", to_32(known.joints2d))
    if world:
        write_cdf(poses / "D3_Positions" / f"{action}.cdf", to_32(person(take, frames).joints * 1000))
    else:
        write_cdf(poses / "D3_Positions_mono" / f"{action}.{camera}.cdf", to_32(known.joints3d * 1000))
    if masks is not None:
        write_masks(root / subject / "MySegmentsMat" / masks / f"{action}.{camera}.mat", known.masks)
    return known


def write_official(root: Path, frames: int = 6) -> dict[str, Truth]:
    """A tiny dataset with two test subjects; S11 Directions lacks its first camera, as the release does."""
    write_metadata(root)
    known = {}
    wanted = [("S1", "Walking", 0), ("S5", "TakingPhoto 1", 1), ("S9", "Directions 1", 2), ("S11", "Directions", 3)]
    for subject, action, take in wanted:
        for camera in (CAMERAS[0], CAMERAS[3]):
            if (subject, camera) != ("S11", CAMERAS[0]):
                known[f"{subject}/{action}.{camera}"] = write_take(root, subject, action, take, camera, frames)
    write_cdf(root / "S1/MyPoseFeatures/D2_Positions/_ALL.54138969.cdf", np.zeros((3, 32, 2)))
    return known


def write_videopose(root: Path, frames: int = 6, longer: int = 2, noise: float = 0.0) -> dict[str, Truth]:
    """VideoPose3D's two files, 2D ``longer`` than 3D; with noise they are called cpn_ft_h36m_dbb."""
    write_metadata(root)
    poses: dict[str, Any] = {}
    keypoints: dict[str, Any] = {}
    known = {}
    rng = np.random.default_rng(0)
    for subject, action, take in (("S1", "Walking", 0), ("S9", "Photo 1", 2)):
        poses.setdefault(subject, {})[action] = to_32(person(take, frames).joints).astype("f4")
        views = []
        for camera in CAMERAS:
            known[f"{subject}/{action}.{camera}"] = truth(subject, take, camera, frames)
            pixels = known[f"{subject}/{action}.{camera}"].joints2d
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], longer, axis=0)])
            views.append((pixels + rng.normal(0, 1, pixels.shape) * noise).astype("f4"))
        keypoints.setdefault(subject, {})[action] = views
    poses.setdefault("S11", {})["Walking"] = to_32(person(0, frames).joints).astype("f4")
    np.savez_compressed(root / "data_3d_h36m.npz", positions_3d=np.array(poses, dtype=object))
    name = "cpn_ft_h36m_dbb" if noise else "gt"
    metadata = {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
    np.savez_compressed(
        root / f"data_2d_h36m_{name}.npz",
        positions_2d=np.array(keypoints, dtype=object),
        metadata=np.array({**metadata, **({"layout_name": "h36m"} if noise else {})}, dtype=object),
    )
    return known


# SPIN's 24 joints at which it writes Human3.6M's (datasets/preprocess/h36m.py: h36m_idx and global_idx).
SPIN_FROM = [11, 6, 7, 8, 1, 2, 3, 12, 24, 14, 15, 17, 18, 19, 25, 26, 27]
SPIN_TO = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]


def write_spin(root: Path, frames: int = 6) -> dict[str, Truth]:
    """SPIN's npz: joints relative to the pelvis, in its own order."""
    write_metadata(root)
    names, parts, skeletons, poses, shapes, known = [], [], [], [], [], {}
    for subject, action, take, camera in (("S9", "Directions_1", 2, CAMERAS[3]), ("S11", "Walking", 0, CAMERAS[1])):
        found = truth(subject, take, camera, frames)
        known[f"{subject}/{action.replace('_', ' ')}.{camera}"] = found
        doubled3d, doubled2d = to_32(found.joints3d), to_32(found.joints2d)
        # Joints 11 and 24 repeat 0 and 13 in the real files, and SPIN reads those.
        for values in (doubled3d, doubled2d):
            values[:, 11], values[:, 24] = values[:, 0], values[:, 13]
        skeleton, part = np.zeros((frames, 24, 4)), np.zeros((frames, 24, 3))
        relative = doubled3d[:, SPIN_FROM] - doubled3d[:, SPIN_FROM[:1]]
        skeleton[:, SPIN_TO], part[:, SPIN_TO] = (
            np.insert(relative, 3, 1, 2),
            np.insert(doubled2d[:, SPIN_FROM], 2, 1, 2),
        )
        skeletons.append(skeleton)
        parts.append(part)
        poses.append(found.poses)
        shapes.append(np.tile(found.betas, (frames, 1)))
        names += [f"images/{subject}_{action}.{camera}_{frame + 1:06d}.jpg" for frame in range(frames)]
    np.savez(
        root / "h36m_valid_protocol1.npz",
        imgname=np.array(names),
        part=np.concatenate(parts),
        S=np.concatenate(skeletons),
        pose=np.concatenate(poses),
        shape=np.concatenate(shapes),
    )
    return known


def write_mosh(folder: Path, subject: str, action: str, camera: str, known: Truth) -> None:
    """One pose per five frames, upside down, as a pickle of protocol 2."""
    poses = known.poses[::5].copy()
    upside = Rotation.from_rotvec([np.pi, 0, 0])
    poses[:, :3] = (Rotation.from_rotvec(poses[:, :3]) * upside.inv()).as_rotvec()
    path = folder / subject / f"{action}_cam{CAMERAS.index(camera)}_aligned.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"new_poses": poses, "betas": known.betas}, protocol=2))
