"""Joint sets of data sets with annotated images."""

from __future__ import annotations

from s2m.skeletons.core import H36M17, limbs
from s2m.skeletons.joint_set import JointSet

_MPI_LIMBS = {
    **limbs("right"),
    **limbs("left"),
    "spine": "pelvis",
    "thorax": "spine",
}

# MPI-INF-3DHP's test annotation; "neck_nose" is its "head", a point amid the face.
MPI3DHP17 = JointSet(
    name="mpi3dhp17",
    joints=(
        "head",
        "thorax",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "spine",
        "neck_nose",
    ),
    parent_of={**_MPI_LIMBS, "neck_nose": "thorax", "head": "neck_nose"},
    root="pelvis",
)


def _mpi28_limbs(side: str) -> dict[str, str]:
    return {
        f"{side}_collar": "spine4",
        f"{side}_shoulder": f"{side}_collar",
        f"{side}_elbow": f"{side}_shoulder",
        f"{side}_wrist": f"{side}_elbow",
        f"{side}_hand": f"{side}_wrist",
        f"{side}_hip": "pelvis",
        f"{side}_knee": f"{side}_hip",
        f"{side}_ankle": f"{side}_knee",
        f"{side}_foot": f"{side}_ankle",
        f"{side}_toe": f"{side}_foot",
    }


# MPI-INF-3DHP's full annotation, in the order of its files.
MPI3DHP28 = JointSet(
    name="mpi3dhp28",
    joints=(
        "spine3",
        "spine4",
        "spine2",
        "spine",
        "pelvis",
        "neck",
        "face",
        "head",
        *(f"{side}_{part}" for side in ("left", "right") for part in ("collar", "shoulder", "elbow", "wrist", "hand")),
        *(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot", "toe")),
    ),
    parent_of={
        "spine": "pelvis",
        "spine2": "spine",
        "spine3": "spine2",
        "spine4": "spine3",
        "neck": "spine4",
        "face": "neck",
        "head": "face",
        **_mpi28_limbs("left"),
        **_mpi28_limbs("right"),
    },
    root="pelvis",
)

COCO_LIMBS = {
    "right_hip": "left_hip",
    "left_shoulder": "left_hip",
    "right_shoulder": "right_hip",
    "nose": "left_shoulder",
    **{
        f"{side}_{child}": f"{side}_{parent}"
        for side in ("left", "right")
        for parent, child in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    },
}

# COCO has no joint in the middle of the body; its tree hangs from the left hip.
COCO17 = JointSet(
    name="coco17",
    joints=(
        "nose",
        *(
            f"{side}_{part}"
            for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            for side in ("left", "right")
        ),
    ),
    parent_of={
        **COCO_LIMBS,
        **{f"{side}_{part}": "nose" for side in ("left", "right") for part in ("eye", "ear")},
    },
    root="left_hip",
    detected=True,
)

# Leeds Sports Pose: "thorax" is its "neck", "head" its "head top". Its hips are not COCO's: collections of definitions
# keep the two apart (MMHuman3D's "hip" and "hip_extra"; VIBE's joint map puts OpenPose's hips at SMPL's own, these at
# those of a regressor, and the shoulders of both at the same place). So they are not taken for a detector's.
LSP14 = JointSet(
    name="lsp14",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "thorax",
        "head",
    ),
    parent_of={
        **{
            child: parent
            for child, parent in COCO_LIMBS.items()
            if child not in ("nose", "left_shoulder", "right_shoulder")
        },
        "thorax": "left_hip",
        "left_shoulder": "thorax",
        "right_shoulder": "thorax",
        "head": "thorax",
    },
    root="left_hip",
)

# MPII Human Pose, in the order of its files and of Stacked Hourglass: "head" is its "head top". Its hips are those of
# lsp14 in the same collections, hence no detector's either.
MPII16 = JointSet(
    name="mpii16",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "upper_neck",
        "head",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    parent_of={**limbs("right"), **limbs("left"), "thorax": "pelvis", "upper_neck": "thorax", "head": "upper_neck"},
    root="pelvis",
)

# The order of Human3.6M's own files (github.com/una-dinosauria/3d-pose-baseline, src/data_utils.py). What is unused
# repeats a joint, or is an end that nobody evaluates.
_HUMAN36M_FILES = (
    *("pelvis", "right_hip", "right_knee", "right_ankle", "", "", "left_hip", "left_knee", "left_ankle", "", "", ""),
    *("spine", "thorax", "neck_nose", "head", "", "left_shoulder", "left_elbow", "left_wrist", "", "", "", "", ""),
    *("right_shoulder", "right_elbow", "right_wrist", "", "", "", ""),
)
_HUMAN36M_JOINTS = tuple(joint or f"unused_{number}" for number, joint in enumerate(_HUMAN36M_FILES))

H36M32 = JointSet(
    name="h36m32",
    joints=_HUMAN36M_JOINTS,
    parent_of={joint: H36M17.parent_of.get(joint, "pelvis") for joint in _HUMAN36M_JOINTS if joint != "pelvis"},
    root="pelvis",
)
