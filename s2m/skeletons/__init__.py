"""Joint sets. Data only; nothing else in the project knows a joint by its number."""

from s2m.skeletons.core import (
    EXTREMITIES,
    H36M17,
    H36M17_DETECTED,
    ON_THE_WAY_TO_THE_EARS,
    S2M27,
    S2M27_DETECTED,
    SMPL22,
    SMPL24,
    is_smpl,
)
from s2m.skeletons.datasets import COCO17, LSP14, MPI3DHP17, MPI3DHP28
from s2m.skeletons.detectors import BLAZEPOSE33, BODY25, KINECT32, OPENPOSE18, PANOPTIC19
from s2m.skeletons.joint_set import JointSet, mirrored_name
from s2m.skeletons.known import JOINT_SETS, get_joint_set
from s2m.skeletons.own import joint_set_of, known_joints, read_joint_set

__all__ = [
    "BLAZEPOSE33",
    "BODY25",
    "COCO17",
    "EXTREMITIES",
    "H36M17",
    "H36M17_DETECTED",
    "JOINT_SETS",
    "KINECT32",
    "LSP14",
    "MPI3DHP17",
    "MPI3DHP28",
    "ON_THE_WAY_TO_THE_EARS",
    "OPENPOSE18",
    "PANOPTIC19",
    "S2M27",
    "S2M27_DETECTED",
    "SMPL22",
    "SMPL24",
    "JointSet",
    "get_joint_set",
    "is_smpl",
    "joint_set_of",
    "known_joints",
    "mirrored_name",
    "read_joint_set",
]
