"""BVH files in the layouts of known programs, written from a motion that is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.skeletons import SMPL24

# Names of SMPL's joints in other hierarchies; None: the hierarchy has no such joint.
MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase",
    "collar": "Shoulder", "shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand", "hand": "HandMiddle1",
}  # fmt: skip
XSENS = {
    "pelvis": "Hips", "spine1": "Chest", "spine2": "Chest2", "spine3": "Chest3", "neck": "Neck", "head": "Head",
    "hip": "Hip", "knee": "Knee", "ankle": "Ankle", "foot": "Toe",
    "collar": "Collar", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist", "hand": None,
}  # fmt: skip
BLENDER = {
    "pelvis": "pelvis", "spine1": "spine", "spine2": "spine.001", "spine3": "spine.002", "neck": "neck", "head": "face",
    "hip": "Thigh", "knee": "Shin", "ankle": "Foot", "foot": "Toe",
    "collar": "Shoulder", "shoulder": "UpperArm", "elbow": "Elbow", "wrist": "Hand", "hand": None,
}  # fmt: skip
SOMA = {**MIXAMO, "spine1": "Spine1", "spine2": "Spine2", "spine3": "Chest", "hip": "Leg", "knee": "Shin"}


def named(style: dict[str, str | None], prefix: str = "") -> dict[str, str | None]:
    """SMPL joint -> name."""
    found: dict[str, str | None] = {}
    for joint in SMPL24.joints:
        side, _, part = joint.partition("_")
        name = style[joint] if joint in style else style[part]
        found[joint] = None if name is None else prefix + (name if joint in style else side.title() + name)
    return found


def truth(clip: str = "walk", frames: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) relative to the parents, and places (T, 3) of the pelvis joint; +y up, metres."""
    found = next(c for c in open_motion() if c.name == clip)
    rotations = Rotation.from_rotvec(found.poses[:frames].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    return rotations, found.trans[:frames].astype(np.float64) + rest()[SMPL24.root_index]


@cache
def rest() -> np.ndarray:
    """(24, 3) the body's joints."""
    return load_body().rest().joints[0].double().numpy()


def write(
    path: Path,
    rotations: np.ndarray,
    places: np.ndarray,
    names: dict[str, str | None],
    *,
    scale: float = 100.0,
    order: str = "ZXY",
    frames: np.ndarray | None = None,
    axes: np.ndarray | None = None,
    fps: float = 30.0,
    every_joint_moves: bool = False,
) -> None:
    """A BVH file.

    Args:
        path: Where.
        rotations: (T, 24, 3, 3) relative to the parents.
        places: (T, 3) of the pelvis, metres.
        names: SMPL joint -> name in the file.
        scale: Units of the file in a metre.
        order: Of the angles.
        frames: (24, 3, 3) the joints' axes on the body at rest; those of the body by default.
        axes: (3, 3) from +y-up axes to the file's.
        fps: Frames per second.
        every_joint_moves: Whether all joints have position channels, as Mixamo's.
    """
    axes = np.eye(3) if axes is None else axes
    # A joint's own axes lie along the file's at rest, unless said otherwise.
    frames = np.tile(axes.T, (24, 1, 1)) if frames is None else frames
    at_rest, world = rest(), np.empty_like(rotations)
    for joint, parent in enumerate(SMPL24.parents):
        world[:, joint] = rotations[:, joint] if parent < 0 else world[:, parent] @ rotations[:, joint]
    kept = [i for i, joint in enumerate(SMPL24.joints) if names[joint] is not None]
    turned = axes @ world @ frames
    lines, columns = ["HIERARCHY"], []

    def visit(joint: int, depth: int) -> None:
        parent = SMPL24.parents[joint]
        pad, name = "\t" * depth, names[SMPL24.joints[joint]]
        offset = np.zeros(3) if parent < 0 else frames[parent].T @ (at_rest[joint] - at_rest[parent]) * scale
        lines.extend([f"{pad}{'ROOT' if parent < 0 else 'JOINT'} {name}", pad + "{"])
        lines.append(f"{pad}\tOFFSET {' '.join(f'{v:.6f}' for v in offset)}")
        moves = parent < 0 or every_joint_moves
        channels = [*(["Xposition", "Yposition", "Zposition"] if moves else []), *(f"{c}rotation" for c in order)]
        lines.append(f"{pad}\tCHANNELS {len(channels)} {' '.join(channels)}")
        if moves:
            place = places @ axes.T * scale if parent < 0 else np.tile(offset, (len(rotations), 1))
            columns.append(place)
        local = turned[:, joint] if parent < 0 else turned[:, parent].transpose(0, 2, 1) @ turned[:, joint]
        columns.append(Rotation.from_matrix(local).as_euler(order, degrees=True))
        below = [c for c in kept if SMPL24.parents[c] == joint]
        for child in below:
            visit(child, depth + 1)
        if not below:
            dropped = [c for c in range(24) if SMPL24.parents[c] == joint]
            tip = frames[joint].T @ (at_rest[dropped[0]] - at_rest[joint]) * scale if dropped else np.zeros(3)
            site = f"{pad}\t\tOFFSET {' '.join(f'{v:.6f}' for v in tip)}"
            lines.extend([pad + "\tEnd Site", pad + "\t{", site, pad + "\t}"])
        lines.append(pad + "}")

    visit(0, 0)
    lines += ["MOTION", f"Frames: {len(rotations)}", f"Frame Time: {1 / fps:.7f}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in np.concatenate(columns, axis=1)]
    path.write_text("\n".join(lines) + "\n")


def bone_frames() -> np.ndarray:
    """(24, 3, 3) axes of joints whose bones all lie along +x, as LAFAN's: at zero its rest pose is no person's."""
    at_rest, found = rest(), np.tile(np.eye(3), (24, 1, 1))
    for joint in range(24):
        below = [c for c in range(24) if SMPL24.parents[c] == joint]
        if not below:
            found[joint] = found[SMPL24.parents[joint]]
            continue
        along = at_rest[below[-1]] - at_rest[joint]
        along = along / np.linalg.norm(along)
        aside = np.cross(along, [0.3, 0.2, 1.0])
        aside = aside / np.linalg.norm(aside)
        found[joint] = np.stack([along, aside, np.cross(along, aside)], axis=1)
    return found


def a_pose(degrees: float = 40.0) -> np.ndarray:
    """(24, 3, 3) axes of joints whose zero pose has its arms down: SMPL's T-pose turns them back."""
    found = np.tile(np.eye(3), (24, 1, 1))
    for side, sign in (("left", 1), ("right", -1)):
        turn = Rotation.from_euler("z", sign * degrees, degrees=True).as_matrix()
        for part in ("shoulder", "elbow", "wrist", "hand"):
            found[SMPL24.index(f"{side}_{part}")] = turn
    return found
