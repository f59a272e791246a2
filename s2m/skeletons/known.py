"""The joint sets that ship, by name."""

from __future__ import annotations

from s2m.skeletons.core import H36M17, H36M17_DETECTED, S2M27, S2M27_DETECTED, SMPL22, SMPL24
from s2m.skeletons.datasets import COCO17, H36M32, LSP14, MPI3DHP17, MPI3DHP28, MPII16
from s2m.skeletons.detectors import BLAZEPOSE33, BODY25, KINECT32, OPENPOSE18, PANOPTIC19
from s2m.skeletons.joint_set import JointSet
from s2m.skeletons.rigs import MHR70, MHR127, NTU25, SOMA77
from s2m.skeletons.smplx_joints import SMPLH52, SMPLX55, SMPLX127, SMPLX144
from s2m.skeletons.wholebody import HALPE26, WHOLEBODY133

JOINT_SETS: dict[str, JointSet] = {
    s.name: s
    for s in (
        # Where sets disagree on a joint's parent, the later one counts (joint_set_of).
        *(MHR127, SOMA77, MHR70, NTU25, WHOLEBODY133, HALPE26, SMPLX144, SMPLX127, SMPLX55, SMPLH52),
        *(H36M32, H36M17, S2M27, H36M17_DETECTED, S2M27_DETECTED, SMPL22, SMPL24),
        *(MPI3DHP17, MPI3DHP28, COCO17, LSP14, MPII16),
        *(BLAZEPOSE33, KINECT32, OPENPOSE18, BODY25, PANOPTIC19),
    )
}


def get_joint_set(name: str) -> JointSet:
    """Look a joint set up by name.

    Args:
        name: Such as ``h36m17``.

    Raises:
        ValueError: Lists the known ones.

    Example:
        >>> get_joint_set("h36m17").joints[:3]
        ('pelvis', 'right_hip', 'right_knee')
    """
    try:
        return JOINT_SETS[name]
    except KeyError:
        raise ValueError(f"unknown joint set '{name}'; known: {', '.join(sorted(JOINT_SETS))}") from None
