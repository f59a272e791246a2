"""The metrics that are reported, under the names that they are reported by."""

from __future__ import annotations

from torch import Tensor
from torchmetrics import Metric, MetricCollection

from s2m.metrics.base import MILLIMETRES
from s2m.metrics.joints import AUC, MPJPE, PCK, DepthCosine, ReversedDepth
from s2m.metrics.rotations import AlignedJointAngleError, JointAngleError
from s2m.metrics.silhouette import SilhouetteIoU
from s2m.metrics.vertices import PVE
from s2m.skeletons import H36M17, JointSet


def skeleton_metrics(joint_set: JointSet = H36M17) -> MetricCollection:
    """What can be said of a 3D skeleton, over the 17 joints of ``h36m17``, root-relative.

    Call ``update(pred_joints=..., true_joints=...)`` with (B, J, 3) in metres, camera frame; further arguments are
    ignored. ``pck150`` and ``auc`` are as predicted, without alignment.

    Args:
        joint_set: That of the input.
    """
    return _collection(_skeleton(joint_set))


def body_metrics(joint_set: JointSet = H36M17, areas: Tensor | None = None) -> MetricCollection:
    """What can be said of a body: :func:`skeleton_metrics`, and its surface, rotations and silhouette.

    ``update`` takes, by name, pred_ and true_ of joints (B, J, 3), vertices (B, V, 3; metres, relative to the body's
    own pelvis), rotations (B, 24, 3, 3) and mask (B, S, S). Where a value of the truth is ``None``, the metrics that
    need it pass the batch over.

    Args:
        joint_set: That of the joints.
        areas: (V,) of :func:`vertex_areas`, for the area-weighted ``pve_area_mm``, which is left out without them.
    """
    metrics: dict[str, Metric] = {
        **_skeleton(joint_set),
        "pve_mm": PVE(unit=MILLIMETRES),
        "n_pve_mm": PVE("scale", unit=MILLIMETRES),
        "pa_pve_mm": PVE("procrustes", unit=MILLIMETRES),
        "angle_rad": JointAngleError("global"),
        "pa_angle_rad": AlignedJointAngleError(joint_set),
        "local_angle_rad": JointAngleError("local"),
        "iou": SilhouetteIoU(),
    }
    if areas is not None:
        metrics["pve_area_mm"] = PVE(areas=areas, unit=MILLIMETRES)
    return _collection(metrics)


def _skeleton(joint_set: JointSet) -> dict[str, Metric]:
    return {
        "mpjpe_mm": MPJPE("none", joint_set, MILLIMETRES),
        "n_mpjpe_mm": MPJPE("scale", joint_set, MILLIMETRES),
        "pa_mpjpe_mm": MPJPE("procrustes", joint_set, MILLIMETRES),
        "pck150": PCK(joint_set=joint_set),
        "auc": AUC(joint_set=joint_set),
        "reversed_depth": ReversedDepth(joint_set=joint_set),
        "depth_cosine": DepthCosine(joint_set=joint_set),
    }


def _collection(metrics: dict[str, Metric]) -> MetricCollection:
    # torchmetrics would let metrics whose states are equal after the first batch share them for good; sums that are
    # equal by chance (an empty batch, a truth that lacks a field) must not.
    return MetricCollection(metrics, compute_groups=False)  # type: ignore[arg-type]
