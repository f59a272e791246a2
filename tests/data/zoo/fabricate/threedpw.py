"""3DPW's official layout (its readme.txt), written from the open body with known truth."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.skeletons import SMPL24
from tests.data.zoo.fabricate.people import BETAS, motion, pose

Floats = NDArray[np.float64]
K = np.array([[1961.0, 0, 540], [0, 1969.0, 960], [0, 0, 1]])
# Where OpenPose's 18 joints are on SMPL's 24: the oracle of the reader's map by name. Eyes, ears: none.
ON_SMPL = {
    1: "neck", 2: "right_shoulder", 3: "right_elbow", 4: "right_wrist", 5: "left_shoulder", 6: "left_elbow",
    7: "left_wrist", 8: "right_hip", 9: "right_knee", 10: "right_ankle", 11: "left_hip", 12: "left_knee",
    13: "left_ankle",
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """One person, all frames, in the camera frame of each; joints2d: (T, 24, 2) pixels."""

    joints3d: Floats
    vertices: Floats
    joints2d: Floats
    poses: Floats


def write_sequence(
    root: Path,
    split: str = "test",
    name: str = "downtown_walking_00",
    people: tuple[str, ...] = ("f",),
    frames: int = 5,
    models: dict[str, Path] | None = None,
    betas: int = 10,
) -> list[Truth]:
    """Write a sequence with a moving camera; frame 1 is not aligned, nobody is detected in frame 3."""
    yaw = Rotation.from_euler("y", np.linspace(0.2, 0.5, frames)[:, None])
    # the world is +y up: the camera frame +y down is half a turn about x away
    turn = (Rotation.from_euler("x", np.pi) * yaw).as_matrix()
    move = np.stack([np.linspace(-0.1, 0.1, frames), np.full(frames, 0.1), np.full(frames, 5.0)], axis=1)
    extrinsics = np.tile(np.eye(4), (frames, 1, 1))
    extrinsics[:, :3, :3], extrinsics[:, :3, 3] = turn, move
    content: dict[str, Any] = {
        "sequence": name,
        "cam_poses": extrinsics,
        "cam_intrinsics": K,
        "img_frame_ids": np.arange(frames) * 2,
        "texture_maps": [],
        **{
            key: []
            for key in (
                "betas", "poses", "trans", "poses_60Hz", "trans_60Hz", "betas_clothed", "v_template_clothed",
                "genders", "poses2d", "jointPositions", "campose_valid",
            )
        },
    }  # fmt: skip
    truths = []
    for number, letter in enumerate(people):
        gender = {"f": "female", "m": "male"}[letter]
        poses = motion(frames + 2 * number)[2 * number :]
        trans = np.array([[0.8 * number, -0.2, 0.1]]) + np.linspace([0, 0, 0], [0.1, 0, 0.1], frames)
        posed = pose(None if models is None else models[gender], poses, BETAS, trans)
        joints = np.einsum("tij,tnj->tni", turn, posed.joints) + move[:, None]
        vertices = np.einsum("tij,tnj->tni", turn, posed.vertices) + move[:, None]
        pixels = joints @ K.T
        pixels = pixels[..., :2] / pixels[..., 2:]
        camera_poses = poses.copy()
        camera_poses[:, :3] = (Rotation.from_matrix(turn) * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
        detected = np.zeros((frames, 3, 18))
        for index, joint in ON_SMPL.items():
            detected[:, :2, index] = pixels[:, SMPL24.index(joint)]
            detected[:, 2, index] = 0.5 + index / 100
        detected[3] = 0
        content["poses"].append(poses)
        content["trans"].append(trans)
        content["betas"].append(np.concatenate([BETAS, np.ones(betas - 10)]))
        content["genders"].append(letter)
        content["poses2d"].append(detected)
        content["jointPositions"].append(posed.joints.reshape(frames, 72))
        content["campose_valid"].append((np.arange(frames) != 1).astype(int))
        content["poses_60Hz"].append(np.repeat(poses, 2, axis=0))
        content["trans_60Hz"].append(np.repeat(trans, 2, axis=0))
        content["betas_clothed"].append(BETAS)
        content["v_template_clothed"].append(posed.vertices[0])
        truths.append(Truth(joints, vertices, pixels, camera_poses))
    file = root / "sequenceFiles" / split / f"{name}.pkl"
    file.parent.mkdir(parents=True, exist_ok=True)
    # protocol 2 is what Python 2 wrote
    file.write_bytes(pickle.dumps(content, protocol=2))
    return truths


def change(file: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    """Edit the dict of a sequence in place."""
    content = pickle.loads(file.read_bytes())
    edit(content)
    file.write_bytes(pickle.dumps(content, protocol=2))
