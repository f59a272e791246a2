"""What BlazePose sees in the videos, frame after frame, of the person in the middle of it all; kept in a file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.detect import BlazePose, Detection
from s2m.files import write_npz
from studies.command import say
from studies.real.wheel import CAMERAS, Demo


@dataclass(frozen=True, eq=False)
class Detections:
    """One person in synchronous videos of C cameras and T frames.

    Attributes:
        joints2d: (C, T, 33, 2) pixels, those that are hardly visible, too.
        confidence: (C, T, 33) in [0, 1].
        joints3d: (C, T, 33, 3) metres, camera axes: BlazePose's own world landmarks.
        sizes: (C, 2) width and height of the videos, pixels.
    """

    joints2d: NDArray[np.float64]
    confidence: NDArray[np.float64]
    joints3d: NDArray[np.float64]
    sizes: NDArray[np.int64]


def detected(demo: Demo, kept: Path) -> Detections:
    """The detections in the four videos.

    Args:
        demo: The videos.
        kept: File that they are kept in; read where it is there.

    Returns:
        The detections.
    """
    if not kept.is_file():
        found = _detect(demo)
        write_npz(kept, {field.name: getattr(found, field.name) for field in fields(found)})
    with np.load(kept, allow_pickle=False) as arrays:
        return Detections(**{field.name: arrays[field.name] for field in fields(Detections)})


def _detect(demo: Demo) -> Detections:
    # Everything that the network says, since the truth is made from it; who uses it sets a bound of his own.
    detector = BlazePose(lowest_visibility=0.0, scales=1)
    tracks, sizes = [], []
    for camera in CAMERAS:
        video = demo.video(camera)
        say(f"{camera}: {len(video)} frames")
        tracks.append(_followed(detector, video))
        sizes.append((video[0].shape[1], video[0].shape[0]))
    arrays: dict[str, Any] = {
        name: np.array([[getattr(one, name) for one in track] for track in tracks])
        for name in ("joints2d", "confidence", "joints3d")
    }
    return Detections(**arrays, sizes=np.array(sizes))


def _followed(detector: BlazePose, video: list[NDArray[np.uint8]]) -> list[Detection]:
    """The largest person of the first frame, and whoever is nearest to her in each frame after that."""
    people = [max(detector(video[0]), key=lambda one: _side(one.box))]
    for picture in video[1:]:
        found = detector.track(picture, [people[-1]])
        people.append(min(found, key=lambda one: float(np.abs(one.box - people[-1].box).sum())))
    return people


def _side(box: NDArray[np.float64]) -> float:
    return float(max(box[2] - box[0], box[3] - box[1]))
