"""Evaluation protocols: what a published number was measured with, as data.

Two numbers compare only under the same protocol, so no number is shown without one. Errors are relative to the pelvis
throughout: a single view tells no distance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from s2m.metrics.alignment import Alignment
from s2m.metrics.base import MILLIMETRES
from s2m.metrics.groups import ByGroup
from s2m.metrics.joints import AUC, AUC_THRESHOLDS, COARSE_AUC_THRESHOLDS, MPJPE, PCK, JointMetric
from s2m.skeletons import H36M17, LSP14, JointSet

Alignments = Literal["root", "scale", "procrustes"]

_ALIGNMENT: dict[Alignments, Alignment] = {"root": "none", "scale": "scale", "procrustes": "procrustes"}
_ALIGNMENT_TEXT = {
    "root": "root-aligned",
    "scale": "root-aligned, best scale",
    "procrustes": "rigidly aligned with scale (Procrustes, no reflection)",
}
_SCALE_TEXT = {
    "root": "scale as predicted",
    "scale": "scale from the truth, per frame",
    "procrustes": "scale from the truth, per frame",
}

# Sets of counted joints that have a name.
_NAMED = {H36M17.joints: "Human3.6M's", LSP14.joints: "LSP's: limbs, neck, head top"}


@dataclass(frozen=True)
class Protocol:
    """How errors of joints are measured.

    Args:
        counted: Names of the joints that count; the root need not be one of them.
        alignment: Per frame, before the error: ``root`` moves the pelvis to the origin, ``scale`` also fits a scale,
            ``procrustes`` a similarity without reflection.
        cameras: Which views of a dataset with several.
        average: Over all frames alike, or the mean of the activities' means.
        truth: ``metric``, or ``universal`` for skeletons scaled to one height (MPI-INF-3DHP's ``univ_annot3``).
        strict: Whether a joint must be nearer than a threshold, not just as near.
    """

    counted: tuple[str, ...] = H36M17.joints
    alignment: Alignments = "procrustes"
    cameras: Literal["all", "frontal"] = "all"
    average: Literal["frames", "activities"] = "frames"
    truth: Literal["metric", "universal"] = "metric"
    strict: bool = False

    def __post_init__(self) -> None:
        if self.alignment not in _ALIGNMENT:
            raise ValueError(f"alignment: expected {', '.join(_ALIGNMENT)}, found '{self.alignment}'")
        if not self.counted:
            raise ValueError("counted: expected the names of joints, found none")

    @property
    def label(self) -> str:
        """The protocol in words, for the head of a table."""
        names = f" ({_NAMED[self.counted]})" if self.counted in _NAMED else ""
        parts = [f"{len(self.counted)} joints{names}", _ALIGNMENT_TEXT[self.alignment], _SCALE_TEXT[self.alignment]]
        parts.append("all cameras" if self.cameras == "all" else "frontal camera")
        if self.truth == "universal":
            parts.append("truth of universal height")
        if self.strict:
            parts.append("strict thresholds")
        parts.append("mean of frames" if self.average == "frames" else "mean of activities")
        return "; ".join(parts)

    def metrics(self, joint_set: JointSet) -> MetricCollection:
        """MPJPE in mm, PCK within 150 mm, and AUC over 31 and over 11 thresholds (the latter three in 0..1).

        ``update(pred_joints=..., true_joints=...)`` takes (B, J, 3), metres, camera frame, any origin. Averages are
        over frames; see :meth:`grouped` for those over activities.

        Args:
            joint_set: That of the input.
        """
        made: dict[str, Metric] = {name: make() for name, make in self._makers(joint_set).items()}
        # Without compute groups: see s2m.metrics.collections.
        return MetricCollection(made, compute_groups=False)  # type: ignore[arg-type]

    def grouped(self, joint_set: JointSet, groups: Sequence[str]) -> MetricCollection:
        """The same metrics by group (activity): ``update(..., group=...)`` takes (B,) positions in ``groups``.

        Args:
            joint_set: Joint set of the input.
            groups: Names of the groups.
        """
        made = {name: ByGroup(make(), groups) for name, make in self._makers(joint_set).items()}
        return MetricCollection(dict(made), compute_groups=False)  # type: ignore[arg-type]

    def summary(self, overall: dict[str, Tensor], by_group: dict[str, Tensor]) -> dict[str, float]:
        """The protocol's own numbers, from what :meth:`metrics` and :meth:`grouped` computed.

        Args:
            overall: What :meth:`metrics` computed.
            by_group: What :meth:`grouped` computed.
        """
        if self.average == "frames":
            return {name: float(value) for name, value in overall.items()}
        return {name: float(torch.nanmean(values)) for name, values in by_group.items()}

    def _makers(self, joint_set: JointSet) -> dict[str, Callable[[], JointMetric]]:
        alignment = _ALIGNMENT[self.alignment]

        def area(thresholds: Sequence[float]) -> Callable[[], JointMetric]:
            return lambda: AUC(alignment, joint_set, counted=self.counted, thresholds=thresholds, strict=self.strict)

        return {
            "mpjpe_mm": lambda: MPJPE(alignment, joint_set, MILLIMETRES, self.counted),
            "pck150": lambda: PCK(alignment=alignment, joint_set=joint_set, counted=self.counted, strict=self.strict),
            "auc31": area(AUC_THRESHOLDS),
            "auc11": area(COARSE_AUC_THRESHOLDS),
        }


# Human3.6M. The mesh literature counts the 14 joints of LSP, the lifting literature all 17.
H36M_MESH = Protocol(counted=LSP14.joints, alignment="root")
H36M_MESH_PA = Protocol(counted=LSP14.joints)
H36M_MESH_PA_FRONTAL = Protocol(counted=LSP14.joints, cameras="frontal")
H36M_LIFTING = Protocol(alignment="root", average="activities")
H36M_LIFTING_PA = Protocol(average="activities")

# MPI-INF-3DHP's own script counts 14 joints (head top, neck and limbs; mpii_get_pck_auc_joint_groups.m), the truth is
# the universal one, a threshold is strict, and a number is the mean over all valid frames.
MPI3DHP_OFFICIAL = Protocol(counted=LSP14.joints, alignment="root", truth="universal", strict=True)
MPI3DHP_OFFICIAL_PA = Protocol(counted=LSP14.joints, truth="universal", strict=True)
MPI3DHP_17 = Protocol(alignment="root", truth="universal")
MPI3DHP_17_PA = Protocol(truth="universal")
