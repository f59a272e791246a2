"""Metrics as pure functions per frame, and thin torchmetrics classes that average them, correct under DDP.

Inputs are in metres and radians; a name that ends in ``_mm`` is in millimetres.
"""

from s2m.metrics.collections import body_metrics, skeleton_metrics
from s2m.metrics.joints import AUC, MPJPE, PCK, DepthCosine, ReversedDepth
from s2m.metrics.rotations import AlignedJointAngleError, JointAngleError
from s2m.metrics.silhouette import SilhouetteIoU
from s2m.metrics.vertices import PVE, vertex_areas

__all__ = [
    "AUC",
    "MPJPE",
    "PCK",
    "PVE",
    "AlignedJointAngleError",
    "DepthCosine",
    "JointAngleError",
    "ReversedDepth",
    "SilhouetteIoU",
    "body_metrics",
    "skeleton_metrics",
    "vertex_areas",
]
