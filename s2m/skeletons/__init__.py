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
)
from s2m.skeletons.datasets import COCO17, H36M32, LSP14, MPI3DHP17, MPI3DHP28, MPII16
from s2m.skeletons.detectors import BLAZEPOSE33, BODY25, KINECT32, OPENPOSE18, PANOPTIC19
from s2m.skeletons.hands import FINGERS, SIDES
from s2m.skeletons.joint_set import JointSet, mirrored_name
from s2m.skeletons.known import JOINT_SETS, get_joint_set
from s2m.skeletons.own import joint_set_of, known_joints, read_joint_set
from s2m.skeletons.rigs import MHR70, MHR127, NTU25, SOMA77
from s2m.skeletons.smplx_joints import SMPLH52, SMPLX55, SMPLX127, SMPLX144, has_smpl_names, is_smpl
from s2m.skeletons.wholebody import HALPE26, WHOLEBODY133

__all__ = [
    "BLAZEPOSE33",
    "BODY25",
    "COCO17",
    "EXTREMITIES",
    "FINGERS",
    "H36M17",
    "H36M17_DETECTED",
    "H36M32",
    "HALPE26",
    "JOINT_SETS",
    "KINECT32",
    "LSP14",
    "MHR70",
    "MHR127",
    "MPI3DHP17",
    "MPI3DHP28",
    "MPII16",
    "NTU25",
    "ON_THE_WAY_TO_THE_EARS",
    "OPENPOSE18",
    "PANOPTIC19",
    "S2M27",
    "S2M27_DETECTED",
    "SIDES",
    "SMPL22",
    "SMPL24",
    "SMPLH52",
    "SMPLX55",
    "SMPLX127",
    "SMPLX144",
    "SOMA77",
    "WHOLEBODY133",
    "JointSet",
    "get_joint_set",
    "has_smpl_names",
    "is_smpl",
    "joint_set_of",
    "known_joints",
    "mirrored_name",
    "read_joint_set",
]
