"""What a lab brings: pictures or a video, a detector's COCO-style JSON, and masks; made from the open body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.skeletons import S2M27
from tests.data.zoo.fabricate.people import BETAS, draw, motion, pose

Floats = NDArray[np.float64]
SIZE = (160, 120)
# COCO's order, written out by hand as the oracle of the reader's map by name; nose and eyes are at an ear here.
COCO = (
    *["left_ear"] * 4, "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """joints: name -> (T, 2) pixels of ``s2m27``; keypoints: (T, 17, 3); masks: (T, H, W)."""

    joints: dict[str, Floats]
    keypoints: Floats
    masks: NDArray[np.bool_]


@cache
def scene(frames: int = 4) -> Scene:
    """A person who faces the camera."""
    poses = motion(frames)
    poses[:, :3] = [np.pi, 0, 0]
    posed = pose(None, poses, BETAS, np.tile([0, 0, 4.0], (frames, 1)))
    regressor = dataset_regressor(load_body(), S2M27)
    joints3d = (regressor.double() @ torch.tensor(posed.vertices)).numpy()
    pixels, vertices = (200 * p[..., :2] / p[..., 2:] + [80, 60] for p in (joints3d, posed.vertices))
    joints = {name: pixels[:, i] for i, name in enumerate(S2M27.joints)}
    places = np.stack([joints[name] for name in COCO], axis=1)
    sure = np.tile(np.linspace(0.5, 0.9, 17)[None, :, None], (frames, 1, 1))
    return Scene(joints, np.concatenate([places, sure], axis=2), np.stack([draw(v, SIZE) for v in vertices]))


def write_pictures(folder: Path, frames: int = 4, masks: Path | None = None) -> list[Path]:
    """``000000.jpg`` ..., and masks of the same stems."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{t:06d}.jpg" for t in range(frames)]
    for t, file in enumerate(files):
        Image.fromarray((scene(frames).masks[t] * 200).astype(np.uint8)).convert("RGB").save(file)
        if masks is not None:
            masks.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene(frames).masks[t]).save(masks / f"{t:06d}.png")
    return files


def write_video(file: Path, frames: int = 4) -> None:
    """An MPEG-4 video."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for mask in scene(frames).masks:
            picture = np.repeat((mask * 200).astype(np.uint8)[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def results(images: list[Any], keypoints: Floats, score: float = 0.9, **more: Any) -> list[dict[str, Any]]:
    """COCO's result list, as Detectron and AlphaPose write it (there, image_id is a file name)."""
    return [
        {"image_id": image, "category_id": 1, "keypoints": points.ravel().tolist(), "score": score, **more}
        for image, points in zip(images, keypoints, strict=True)
    ]


def annotations(names: list[str], keypoints: Floats) -> dict[str, Any]:
    """COCO's annotation file: visibility 2 (visible), 1 (hidden) or 0 (absent) in place of scores."""
    flags = keypoints.copy()
    flags[..., 2] = 2
    people = [
        {"id": i, "image_id": 100 + i, "category_id": 1, "keypoints": points.ravel().tolist(), "num_keypoints": 17}
        for i, points in enumerate(flags)
    ]
    crowd = {"id": 99, "image_id": 100, "category_id": 1, "keypoints": [0] * 51, "num_keypoints": 0}
    return {
        "images": [{"id": 100 + i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [*people, crowd],
    }


def mmpose(keypoints: Floats) -> dict[str, Any]:
    """MMPose's predictions of a video; frames count from 1."""
    return {
        "meta_info": {"dataset_name": "coco"},
        "instance_info": [
            {
                "frame_id": t + 1,
                "instances": [
                    {
                        "keypoints": points[:, :2].tolist(),
                        "keypoint_scores": points[:, 2].tolist(),
                        "bbox": [[0, 0, 1, 1]],
                        "bbox_score": 0.8,
                    }
                ],
            }
            for t, points in enumerate(keypoints)
        ],
    }


def write_json(file: Path, content: Any) -> Path:
    """Write a JSON file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file
