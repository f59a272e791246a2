"""The recording as a whole: what was detected, the cameras, and the truth made of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.skeletons import BLAZEPOSE33
from studies.real.cameras import Camera, read_calibration
from studies.real.detections import Detections, detected
from studies.real.methods import View, measured_joints
from studies.real.triangulation import reprojection, smooth, triangulated
from studies.real.wheel import FPS, Demo


@dataclass(frozen=True, eq=False)
class Recording:
    """Four views of one person.

    Attributes:
        detections: In all views.
        cameras: Of the views.
        truth: (T, 33, 3) metres, world: triangulated and smoothed.
        reprojection: (C, T, 33) pixels, of the truth against the detections.
    """

    detections: Detections
    cameras: tuple[Camera, ...]
    truth: NDArray[np.float64]
    reprojection: NDArray[np.float64]

    def view(self, number: int) -> View:
        """What one camera gives to a method.

        Args:
            number: Of the camera.
        """
        camera, found = self.cameras[number], self.detections
        return View(
            detected=found.joints2d[number],
            confidence=found.confidence[number],
            exact=camera.project(self.truth),
            world=found.joints3d[number],
            fps=FPS,
            focal=float(camera.intrinsics[0, 0]),
            centre=camera.intrinsics[:2, 2],
        )

    def true_joints(self, number: int) -> NDArray[np.float64]:
        """The truth as a method should find it.

        Args:
            number: Of the camera.

        Returns:
            (T, 13, 3) metres, pelvis at the origin, camera axes.
        """
        return measured_joints(self.cameras[number].seen(self.truth), BLAZEPOSE33)


def read_recording(demo: Demo, kept: Path) -> Recording:
    """Detect, calibrate and triangulate.

    Args:
        demo: The videos.
        kept: File for the detections.

    Returns:
        The recording.
    """
    found = detected(demo, kept)
    sizes = [(int(width), int(height)) for width, height in found.sizes]
    calibrated = read_calibration(demo.calibration())
    cameras = tuple(camera.letterboxed(size) for camera, size in zip(calibrated, sizes, strict=True))
    views, frames, joints = found.confidence.shape
    points = triangulated(found.joints2d.reshape(views, -1, 2), found.confidence.reshape(views, -1), cameras)
    truth = smooth(points.reshape(frames, joints, 3), FPS)
    return Recording(found, cameras, truth, reprojection(truth, found.joints2d, cameras))
