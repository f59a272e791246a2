"""What is compared: skeletons out of one camera's 2D joints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from s2m.detect import Detection
from s2m.detect.blazepose import SURE
from s2m.formats.keypoints2d import Keypoints
from s2m.ik.joint_maps import parts_of
from s2m.lifter.api import lift_keypoints
from s2m.recover.camera import Camera
from s2m.recover.clip import PersonClip
from s2m.recover.options import RecoverOptions
from s2m.recover.own_lifter import OwnLifter
from s2m.recover.sightings import Sightings
from s2m.skeletons import BLAZEPOSE33, JointSet, joint_set_of

JOINTS = (
    "pelvis",
    *(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")),
    *(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "wrist")),
)
MEASURED = joint_set_of("measured13", JOINTS)
_LOWEST_VISIBILITY = 0.2  # of BlazePose: what may be hidden


@dataclass(frozen=True, eq=False)
class View:
    """What one camera gives.

    Attributes:
        detected: (T, 33, 2) pixels; NaN where the picture's edge hides a joint.
        confidence: (T, 33) in [0, 1].
        exact: (T, 33, 2) pixels, the truth projected.
        world: (T, 33, 3) metres, BlazePose's own 3D.
        fps: Frames per second.
        focal: Pixels, for methods that are told it.
        centre: (2,) principal point, pixels.
    """

    detected: NDArray[np.float64]
    confidence: NDArray[np.float64]
    exact: NDArray[np.float64]
    world: NDArray[np.float64]
    fps: float
    focal: float
    centre: NDArray[np.float64]


Method: TypeAlias = Callable[[View], NDArray[np.float64]]


def planar(joints2d: NDArray[Any]) -> NDArray[np.float64]:
    """The 2D joints at constant depth.

    Args:
        joints2d: (T, 33, 2) pixels.

    Returns:
        (T, 13, 3), of any scale, pelvis at the origin.
    """
    flat = np.concatenate([joints2d, np.zeros_like(joints2d[..., :1])], -1)
    return measured_joints(flat, BLAZEPOSE33)


def lifted(
    joints2d: NDArray[Any],
    confidence: NDArray[Any],
    fps: float | None = None,
    camera: View | None = None,
    one_person: bool = True,
    own: OwnLifter | None = None,
) -> NDArray[np.float64]:
    """What `s2m lift` makes of them.

    Args:
        joints2d: (T, 33, 2) pixels.
        confidence: (T, 33); above 0: seen.
        fps: Frames per second, to use the temporal head.
        camera: The view, where its intrinsics are given.
        one_person: Whether the person's proportions are told by the frames.
        own: A lifter in the place of those that ship.

    Returns:
        (T, 13, 3) metres, pelvis at the origin, camera axes.
    """
    keypoints = Keypoints(joints2d.astype(np.float32), confidence.astype(np.float32), BLAZEPOSE33)
    known: dict[str, Any] = {}
    if camera is not None:  # a picture whose middle is the principal point
        known = {"focal": camera.focal, "image_size": tuple((2 * camera.centre).tolist())}
    if own is not None:
        known |= {"lifter": own.lifter, "head": None if fps is None else own.head}
    found = lift_keypoints(keypoints, video_fps=fps, one_person=one_person, **known)
    return measured_joints(found.joints3d.double().numpy(), found.joint_set)


def recovered(view: View, focal: float | None = None, own: OwnLifter | None = None) -> NDArray[np.float64]:
    """The joints of the bodies that `s2m recover` makes of the detections of a video, without silhouettes.

    Args:
        view: What the camera gives.
        focal: Pixels, where it is given.
        own: A lifter in the place of those that ship.

    Returns:
        (T, 13, 3) metres, pelvis at the origin, camera axes.
    """
    width, height = (round(float(2 * side)) for side in view.centre)
    camera = Camera.of((width, height), focal)
    with TemporaryDirectory() as name, closing(Sightings(Path(name), 0)) as sightings:
        for frame, (joints, confidence) in enumerate(zip(view.detected, view.confidence, strict=True)):
            sure = np.where(confidence >= SURE, confidence, 0.0)
            box = np.concatenate([np.nanmin(joints, 0), np.nanmax(joints, 0)])
            seen = np.where(sure[:, None] > 0, joints, np.nan)
            sightings.add(frame, Detection(seen, sure, BLAZEPOSE33.name, box, 1.0))
        options = RecoverOptions(lifter=own)
        with closing(PersonClip(sightings, BLAZEPOSE33, camera, view.fps, options, Path(name))) as clip:
            return measured_joints(clip.read(0, len(clip)).joints3d.double().numpy(), clip.joint_set)


def measured_joints(joints: NDArray[Any], joint_set: JointSet) -> NDArray[np.float64]:
    """The joints that are measured, relative to the middle of the hips.

    Args:
        joints: (..., J, D).
        joint_set: Their names.

    Returns:
        (..., 13, D).
    """
    parts = parts_of(joint_set)
    weights = np.zeros((len(JOINTS), len(joint_set)))
    for row, name in zip(weights, JOINTS, strict=True):
        for joint, weight in parts[name].items():
            row[joint_set.index(joint)] += weight
    used = weights.any(0)  # a joint that is none of a measured one's parts may be missing
    found = np.einsum("kj,...jd->...kd", weights[:, used], np.asarray(joints, np.float64)[..., used, :])
    hips = [JOINTS.index("left_hip"), JOINTS.index("right_hip")]
    return found - found[..., hips, :].mean(-2, keepdims=True)


def _seen(view: View) -> NDArray[np.float64]:
    return np.where(view.confidence >= _LOWEST_VISIBILITY, view.confidence, 0.0)


def everything(joints2d: NDArray[Any]) -> NDArray[np.float64]:
    """Confidences (T, 33) that call all joints seen, which the picture's edge does not hide.

    Args:
        joints2d: (T, 33, 2) pixels.
    """
    return np.isfinite(joints2d).all(-1).astype(np.float64)


SHOWN = "s2m lift --video, detected 2D, known intrinsics"  # in the picture

METHODS: dict[str, Method] = {
    "planar, detected 2D": lambda view: planar(view.detected),
    "s2m lift, detected 2D, the average person's bones": lambda view: lifted(
        view.detected, everything(view.detected), one_person=False
    ),
    "s2m lift, detected 2D": lambda view: lifted(view.detected, everything(view.detected)),
    "s2m lift, detected 2D, hidden joints missing": lambda view: lifted(view.detected, _seen(view)),
    "s2m lift --video, detected 2D": lambda view: lifted(view.detected, everything(view.detected), view.fps),
    "s2m lift --video, detected 2D, hidden joints missing": lambda view: lifted(view.detected, _seen(view), view.fps),
    "s2m lift --video, detected 2D, known intrinsics": lambda view: lifted(
        view.detected, everything(view.detected), view.fps, view
    ),
    "s2m recover, detected 2D": recovered,
    "s2m recover, detected 2D, known intrinsics": lambda view: recovered(view, view.focal),
    "BlazePose's world landmarks (3D supervision)": lambda view: measured_joints(view.world, BLAZEPOSE33),
    "planar, exact 2D": lambda view: planar(view.exact),
    "s2m lift, exact 2D, the average person's bones": lambda view: lifted(
        view.exact, everything(view.exact), one_person=False
    ),
    "s2m lift, exact 2D": lambda view: lifted(view.exact, everything(view.exact)),
    "s2m lift --video, exact 2D": lambda view: lifted(view.exact, everything(view.exact), view.fps),
    "s2m lift --video, exact 2D, known intrinsics": lambda view: lifted(
        view.exact, everything(view.exact), view.fps, view
    ),
}
