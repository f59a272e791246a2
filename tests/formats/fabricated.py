"""Files in the layouts of other programs, of a person who walks as a shipped clip does."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import BLAZEPOSE33, HALPE26, JOINT_SETS, KINECT32, MHR70, MHR127, NTU25
from tests.ik import bvh_files

FRAMES = 12
DOWN = np.diag([1.0, -1.0, -1.0])  # +y up to +y down, and back
Array = np.ndarray


@cache
def motion() -> tuple[Array, Array]:
    """Rotations (T, 24, 3, 3) and places (T, 3); +y up, metres."""
    clip = next(clip for clip in open_motion() if clip.name == "walk")
    poses = clip.poses[:FRAMES].reshape(-1, 3)
    return Rotation.from_rotvec(poses).as_matrix().reshape(FRAMES, 24, 3, 3), clip.trans[:FRAMES].astype(np.float64)


@cache
def vertices() -> torch.Tensor:
    """(T, V, 3) of the open body."""
    rotations, places = (torch.from_numpy(array).float() for array in motion())
    with torch.no_grad():
        return load_body()(BodyParams.from_rotations(rotations, torch.zeros(FRAMES, 10), places)).vertices


@cache
def joints(name: str) -> Array:
    """(T, J, 3) of a joint set; +y up, metres."""
    return (body_regressor(load_body(), JOINT_SETS[name]) @ vertices()).double().numpy()


def people(name: str) -> Array:
    """(T, 2, J, 3): a second person three metres aside."""
    first = joints(name)
    return np.stack([first, first + np.array([3.0, 0, 0])], axis=1)


def sure(points: Array, value: float = 0.9) -> Array:
    """Points with a confidence."""
    return np.concatenate([points, np.full_like(points[..., :1], value)], -1)


def _dump(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def skeleton(path: Path) -> None:
    """NTU RGB+D: two bodies, Kinect's camera at the origin."""
    lines = [str(FRAMES)]
    for bodies in people("ntu25"):
        lines.append("2")
        for number, body in enumerate(bodies):
            lines += [f"{72057594037931101 + number} 0 1 1 1 1 0 0.02 0.4 2", str(len(NTU25))]
            lines += [f"{x:.7g} {y:.7g} {z:.7g} 250 200 1000 500 0 0 0 1 2" for x, y, z in body + np.array([0, 0, 3.0])]
    path.write_text("\n".join(lines) + "\n")


def azure(path: Path) -> None:
    """Azure Kinect's offline_processor: millimetres in the camera's frame, 15 frames per second."""
    frames = [
        {
            "frame_id": t,
            "timestamp_usec": t * 66667,
            "num_bodies": 1,
            "bodies": [{"body_id": 1, "joint_positions": (body @ DOWN * 1000).tolist()}],
        }
        for t, body in enumerate(joints("kinect32"))
    ]
    _dump(path, {"joint_names": [j.upper() for j in KINECT32.joints], "bone_list": [], "frames": frames})


def panoptic(folder: Path) -> None:
    """body3DScene: centimetres, +y down, two people with ids."""
    for t, bodies in enumerate(people("panoptic19")):
        listed = [{"id": 4 + n, "joints19": sure(b @ DOWN * 100).ravel().tolist()} for n, b in enumerate(bodies)]
        _dump(folder / f"body3DScene_{t:08d}.json", {"version": 0.7, "univTime": t * 33.3, "bodies": listed})


def openpose(folder: Path) -> None:
    """BODY_25 with pose_keypoints_3d."""
    for t, body in enumerate(joints("body25")):
        person = {"person_id": [-1], "pose_keypoints_3d": sure(body @ DOWN).ravel().tolist()}
        _dump(folder / f"clip_{t:012d}_keypoints.json", {"version": 1.3, "people": [person]})


def easymocap(folder: Path) -> None:
    """keypoints3d of people, +z up."""
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    for t, body in enumerate(joints("body25")):
        _dump(folder / f"{t:06d}.json", [{"id": 0, "keypoints3d": sure(body @ turn.T).tolist()}])


def mmpose(path: Path) -> None:
    """3D predictions of MMPose's demo, +z up."""
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    frames = [
        {"frame_id": t + 1, "instances": [{"keypoints": (b @ turn.T).tolist(), "keypoint_scores": [0.9] * 17}]}
        for t, b in enumerate(joints("h36m17"))
    ]
    _dump(path, {"meta_info": {"dataset_name": "h36m"}, "instance_info": frames})


def mediapipe(path: Path) -> None:
    """World landmarks: hips in the middle, +y down."""
    points = joints("blazepose33") @ DOWN
    points = points - points[:, BLAZEPOSE33.indices(["left_hip", "right_hip"])].mean(1, keepdims=True)
    frames = [[dict(zip("xyz", p, strict=True), visibility=0.9) for p in f] for f in points.tolist()]
    _dump(path, {"frames": [{"frame": t, "pose_world_landmarks": f} for t, f in enumerate(frames)]})


def mediapipe_wide(path: Path) -> None:
    """A frame a row."""
    points = joints("blazepose33") @ DOWN
    names = [f"{joint}_{axis}" for joint in BLAZEPOSE33.joints for axis in ("x", "y", "z", "visibility")]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", *names])
        table.writerows([t, *row] for t, row in enumerate(sure(points).reshape(FRAMES, -1).round(6)))


def mediapipe_long(path: Path) -> None:
    """A landmark a row."""
    points = sure(joints("blazepose33") @ DOWN).round(6)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "landmark_id", "landmark", "x", "y", "z", "visibility"])
        for t, frame in enumerate(points):
            table.writerows([t, n, BLAZEPOSE33.joints[n].upper(), *row] for n, row in enumerate(frame))


def sam3d(folder: Path) -> None:
    """What process_one_image returns, a file per frame: joints about the origin, the place apart."""
    folder.mkdir()
    for t, (points, rig) in enumerate(zip(joints("mhr70") @ DOWN, joints("mhr127") @ DOWN, strict=True)):
        place = np.array([0.1, 0.2, 4.0])
        assert (points.shape, rig.shape) == ((len(MHR70), 3), (len(MHR127), 3))
        np.savez(
            folder / f"{t:06d}.npz",
            pred_keypoints_3d=points.astype(np.float32),
            pred_joint_coords=rig.astype(np.float32),
            pred_cam_t=place.astype(np.float32),
            pred_global_rots=np.tile(np.eye(3, dtype=np.float32), (127, 1, 1)),
            focal_length=np.float32(1000),
        )


def humanml263(points: Array) -> Array:
    """HumanML3D's numbers of positions (T, 22, 3), as its notebook makes them, less what positions do not need.

    The heading is that of the hips and shoulders; rotations are left at zero.
    """
    across = points[:, 2] - points[:, 1] + points[:, 17] - points[:, 16]
    forward = np.cross([0.0, 1.0, 0.0], across)
    angle = np.unwrap(np.arctan2(forward[:, 0], forward[:, 2]))
    face = Rotation.from_euler("y", -angle[:, None]).as_matrix()  # turns a frame to face +z
    steps = np.einsum("tij,tj->ti", face[1:], np.diff(points[:, 0], axis=0))
    local = points - points[:, :1] * [1, 0, 1]
    local = np.einsum("tij,tkj->tki", face, local)
    found = np.zeros((len(points) - 1, 263))
    found[:, 0] = -np.diff(angle) / 2
    found[:, 1:3] = steps[:, [0, 2]]
    found[:, 3] = local[:-1, 0, 1]
    found[:, 4:67] = local[:-1, 1:].reshape(len(points) - 1, -1)
    return found


def motion272(points: Array, heading: Array) -> Array:
    """The 272 numbers of positions (T, 22, 3) and headings (T,), less velocities and rotations."""
    turn = Rotation.from_euler("y", -heading[:, None]).as_matrix()
    change = Rotation.from_euler("y", -np.diff(heading)[:, None]).as_matrix()
    found = np.zeros((len(points), 272))
    found[0, 2], found[0, 6] = 1, 1
    found[1:, 2:8] = change[:, :2].reshape(-1, 6)
    found[1:, :2] = np.einsum("tij,tj->ti", turn[:-1], np.diff(points[:, 0], axis=0))[:, [0, 2]]
    local = points - points[:, :1] * [1, 0, 1]
    found[:, 8:74] = np.einsum("tij,tkj->tki", turn, local).reshape(len(points), -1)
    return found


def trc(path: Path, labels: list[str], points: Array, unit: str = "m", rate: float = 60.0) -> None:
    """A TRC file as OpenCap writes it."""
    count = len(labels)
    head = ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame"]
    values = [rate, rate, len(points), count, unit, rate, 1, len(points)]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "\t".join([*head, "OrigNumFrames"]),
        "\t".join(map(str, values)),
        "Frame#\tTime\t" + "\t\t\t".join(labels) + "\t\t\t",
        "\t\t" + "\t".join(f"{axis}{n + 1}" for n in range(count) for axis in "XYZ"),
    ]
    lines += [
        "\t".join([str(t + 1), f"{t / rate:.6f}", *(f"{v:.6f}" for v in p.ravel())]) for t, p in enumerate(points)
    ]
    path.write_text("\n".join(lines) + "\n")


_LETTER = {"left": "L", "right": "R"}
_POSE2SIM = {"toe": "BigToe", "small_toe": "SmallToe"}


def opencap(path: Path) -> None:
    """Halpe's keypoints under Pose2Sim's labels; one marker is none of a joint."""
    plain = {"thorax": "Neck", "pelvis": "Hip", "head": "Head", "nose": "Nose"}
    labels = []
    for joint in HALPE26.joints:
        side, _, part = joint.partition("_")
        labels.append(plain.get(joint) or _LETTER[side] + _POSE2SIM.get(part, part.title()))
    trc(path, [*labels, "C7_study"], np.concatenate([joints("halpe26"), joints("halpe26")[:, :1]], axis=1))


MARKERS = {
    "hip": "HJC", "knee": ("KNE", "KNM"), "ankle": ("ANK", "ANM"), "shoulder": "SHO", "elbow": ("ELB", "ELM"),
    "wrist": ("WRA", "WRB"), "toe": "TOE", "heel": "HEE",
}  # fmt: skip


def markers() -> tuple[list[str], Array]:
    """Labels and places (T, M, 3) of markers around s2m27's joints; pairs lie on both sides of one."""
    there = dict(zip(JOINT_SETS["s2m27"].joints, joints("s2m27").transpose(1, 0, 2), strict=True))
    labels, points = [], []
    for side, letter in _LETTER.items():
        for part, names in MARKERS.items():
            pair = (names,) if isinstance(names, str) else names
            for sign, label in zip((1, -1), pair, strict=False):
                labels.append(letter + label)
                points.append(there[f"{side}_{part}"] + (len(pair) - 1) * sign * np.array([0.04, 0.01, 0.02]))
    return labels, np.stack(points, axis=1)


def c3d(path: Path) -> None:
    """Markers in millimetres, +z up."""
    import ezc3d

    labels, points = markers()
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["LABELS"]["value"] = tuple(labels)
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    content["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    content["data"]["points"] = (
        np.concatenate([points @ turn.T * 1000, np.ones_like(points[..., :1])], -1)
        .T.swapaxes(1, 2)
        .transpose(0, 1, 2)
        .swapaxes(1, 2)
    )
    content.write(str(path))


def label_map(path: Path) -> None:
    """The map of docs/formats.md."""
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    path.write_text(page.split("```yaml\n")[1].split("```")[0])


def bvh(path: Path) -> None:
    """A BVH file with Mixamo's names."""
    rotations, places = motion()
    root = bvh_files.rest()[0]
    bvh_files.write(path, rotations, places + root, bvh_files.named(bvh_files.MIXAMO, "mixamorig:"))


def amass(path: Path) -> None:
    """AMASS's SMPL-X layout: 165 numbers, +z up, fingers that turn."""
    rotations, places = motion()
    up = Rotation.from_euler("x", 90, degrees=True)
    root = bvh_files.rest()[0]
    poses = np.full((FRAMES, 165), 0.1)
    poses[:, :66] = Rotation.from_matrix(rotations[:, :22].reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES, 66)
    poses[:, :3] = (up * Rotation.from_matrix(rotations[:, 0])).as_rotvec()
    np.savez(
        path,
        poses=poses,
        trans=up.apply(places + root) - root,
        betas=np.ones(16),
        gender=np.array("female"),
        mocap_frame_rate=np.array(120.0),
        surface_model_type=np.array("smplx"),
    )


def _in_camera() -> tuple[Array, Array]:
    """Pose vectors (T, 72) and places in a camera's frame."""
    rotations, places = motion()
    root, down = bvh_files.rest()[0], Rotation.from_matrix(DOWN)
    poses = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES, 72)
    poses[:, :3] = (down * Rotation.from_matrix(rotations[:, 0])).as_rotvec()
    return poses, down.apply(places + root) - root + [0.1, 0.2, 4]


def wham(path: Path) -> None:
    """WHAM's results, of one person, in the camera's frame and in the world."""
    rotations, places = motion()
    poses, seen = _in_camera()
    world = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES, 72)
    person = {"pose": poses, "trans": seen, "pose_world": world, "trans_world": places, "betas": np.ones((FRAMES, 10))}
    path.write_bytes(pickle.dumps({0: person | {"frame_ids": np.arange(FRAMES)}}))


def gvhmr(path: Path) -> None:
    """GVHMR's results, less the world."""
    poses, places = (torch.from_numpy(array).float() for array in _in_camera())
    params = {"global_orient": poses[:, :3], "body_pose": poses[:, 3:66], "transl": places}
    torch.save({"smpl_params_incam": params, "K_fullimg": torch.eye(3)}, path)


def tram(path: Path) -> None:
    """TRAM's track of a person."""
    poses, places = _in_camera()
    matrices = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(FRAMES, 24, 3, 3)
    track = {"pred_rotmat": matrices, "pred_trans": places[:, None], "pred_shape": np.zeros((FRAMES, 10))}
    np.save(path, np.array(track, dtype=object))


def _npy(name: str, turn: Array | float = 1.0) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        points = joints(name)
        np.save(path, points @ turn if isinstance(turn, np.ndarray) else points * turn)

    return write


def _walk_csv(path: Path) -> None:
    names = ",".join(f"{joint}_{axis}" for joint in JOINT_SETS["h36m17"].joints for axis in "xyz")
    np.savetxt(path, joints("h36m17").reshape(FRAMES, -1), "%.6f", ",", header=names, comments="")


def _lifted(path: Path) -> None:
    fields = {"joint_set": "h36m17", "fps": 25.0, "up": "y-down", "unit": "m", "noise_mm": 0.0}
    np.savez(path, joints3d=joints("h36m17") @ DOWN, **{k: np.array(v) for k, v in fields.items()})


def _mdm(path: Path) -> None:
    samples = np.stack([joints("smpl22").transpose(1, 2, 0)] * 2)
    content = {"motion": samples, "text": ["walk", "walk"], "lengths": np.full(2, FRAMES), "num_samples": 2}
    np.save(path, np.array(content, object))


def _heading() -> Array:
    root = motion()[0][:, 0]
    return np.unwrap(np.arctan2(root[:, 0, 2], root[:, 2, 2]))


def _motionbert(path: Path) -> None:
    np.save(path, (joints("h36m17") @ DOWN * 0.4).astype(np.float32))


# File -> what writes it.
FILES: dict[str, Callable[[Path], None]] = {
    "walk.npy": _npy("h36m17"),
    "walk.npz": lambda path: np.savez(path, joints=joints("h36m17"), other=np.zeros(3)),
    "walk.csv": _walk_csv,
    "lifted.npz": _lifted,
    "mdm_results.npy": _mdm,
    "humanml3d_263.npy": lambda path: np.save(path, humanml263(joints("smpl22")).astype(np.float32)),
    "motion_272.npy": lambda path: np.save(path, motion272(joints("smpl22"), _heading())),
    "smplx_joints.npy": _npy("smplx127"),
    "amass_stageii.npz": amass,
    "wham_output.pkl": wham,
    "hmr4d_results.pt": gvhmr,
    "hps_track_0.npy": tram,
    "walk.bvh": bvh,
    "S001C001P001R001A001.skeleton": skeleton,
    "kinect.json": azure,
    "openpose_3d": openpose,
    "easymocap": easymocap,
    "hdPose3d_stage1_coco19": panoptic,
    "aist.pkl": lambda path: path.write_bytes(pickle.dumps({"keypoints3d_optim": joints("coco17") * 100})) and None,
    "mmpose.json": mmpose,
    "wholebody.npy": _npy("wholebody133", DOWN),
    "sam3d_body": sam3d,
    "soma.npy": _npy("soma77"),
    "mediapipe.json": mediapipe,
    "mediapipe_wide.csv": mediapipe_wide,
    "mediapipe_long.csv": mediapipe_long,
    "X3D.npy": _motionbert,
    "videopose3d.npy": _npy("h36m17", DOWN),
    "opencap.trc": opencap,
    "gait.c3d": c3d,
    "markers.yaml": label_map,
}
