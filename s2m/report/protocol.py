"""What every reported number means: its unit, its direction, and the protocol behind it."""

from __future__ import annotations

from dataclasses import dataclass

_JOINTS = "17 joints (h36m17), relative to the pelvis"
_VERTICES = "all vertices, relative to the body's own pelvis joint"
_PROCRUSTES = "best rotation, translation and scale per frame, no reflection"
_PARTS = "nine global part rotations (pelvis, hips, knees, shoulders, elbows), as in 3dpw-eval"


@dataclass(frozen=True)
class MetricText:
    """How a metric is shown.

    Attributes:
        label: Its name for people.
        unit: That is shown.
        better: ``lower``, ``higher`` or empty.
        protocol: How it is measured, in words.
        factor: From the stored value to the shown one.
        digits: After the point.
    """

    label: str
    unit: str
    better: str
    protocol: str
    factor: float = 1.0
    digits: int = 1

    @property
    def heading(self) -> str:
        """Label with unit and direction."""
        arrow = {"lower": " ↓", "higher": " ↑"}.get(self.better, "")
        return f"{self.label}{f' [{self.unit}]' if self.unit else ''}{arrow}"

    def show(self, value: float) -> str:
        """A stored value as text.

        Args:
            value: As it is stored.
        """
        return f"{value * self.factor:.{self.digits}f}"


METRICS: dict[str, MetricText] = {
    "mpjpe_mm": MetricText("MPJPE", "mm", "lower", f"{_JOINTS}; no alignment; scale as predicted (set by a prior)"),
    "n_mpjpe_mm": MetricText("N-MPJPE", "mm", "lower", f"{_JOINTS}; no rotation; ground-truth scale per frame"),
    "pa_mpjpe_mm": MetricText("PA-MPJPE", "mm", "lower", f"{_JOINTS}; {_PROCRUSTES}"),
    "pck150": MetricText("PCK@150", "%", "higher", f"{_JOINTS}; within 150 mm; no alignment; scale as predicted", 100),
    "auc": MetricText(
        "AUC",
        "%",
        "higher",
        f"{_JOINTS}; mean PCK at 31 thresholds, 0 to 150 mm; no alignment; scale as predicted",
        100,
    ),
    "reversed_depth": MetricText(
        "reversed depth", "%", "", f"{_JOINTS}; frames whose mirrored depth fits better; a flat skeleton counts 0", 100
    ),
    "depth_cosine": MetricText("depth cosine", "", "higher", f"{_JOINTS}; cosine of predicted and true depths", 1, 3),
    "pve_mm": MetricText("PVE", "mm", "lower", f"{_VERTICES}; no alignment; scale as predicted"),
    "pve_area_mm": MetricText("area PVE", "mm", "lower", f"{_VERTICES}; weighted by surface area; scale as predicted"),
    "n_pve_mm": MetricText("N-PVE", "mm", "lower", f"{_VERTICES}; no rotation; ground-truth scale per frame"),
    "pa_pve_mm": MetricText("PA-PVE", "mm", "lower", f"{_VERTICES}; {_PROCRUSTES}"),
    "angle_rad": MetricText("angle", "rad", "lower", f"{_PARTS}; no alignment", 1, 3),
    "pa_angle_rad": MetricText(
        "PA angle", "rad", "lower", f"{_PARTS}; after the Procrustes rotation of the 17 joints", 1, 3
    ),
    "local_angle_rad": MetricText(
        "local angle",
        "rad",
        "lower",
        "ten rotations relative to the parent: hips, knees, shoulders, elbows, spine1, neck",
        1,
        3,
    ),
    "iou": MetricText(
        "IoU", "", "higher", "hard silhouette of the full mesh against the observed mask, in the crop", 1, 3
    ),
}

# Not columns of the tables of methods: they say nothing of a baseline.
BETAS: dict[str, MetricText] = {f"beta_{k}_correlation": MetricText(f"β{k}", "", "", "", 1, 2) for k in range(10)}
BETAS_ABOUT = (
    "Pearson's correlation of each predicted beta with the true one over the frames of a split; β0 is height, which no "
    "single camera tells; a dash: it does not vary"
)

METHODS: dict[str, dict[str, str]] = {
    "lifter": {"planar": "planar (constant depth)", "full": "lifter"},
    "regressor": {
        "fixed": "body's own regressor, predicted mesh",
        "full": "adaptive regressor, predicted mesh",
        "true_mesh_fixed": "body's own regressor, true mesh",
        "true_mesh": "adaptive regressor, true mesh",
    },
    "mesh": {
        "mean_pose": "mean pose",
        "planar": "planar (constant depth)",
        "lifter": "lifter's skeleton",
        "dik_mean_shape": "DIK + mean shape",
        "full": "full model",
        "mean_betas": "(full model, betas replaced by their mean)",
        "mean_pr": "(full model, theta_PR replaced by its mean)",
        "mean_betas_and_pr": "(full model, both replaced by their means)",
        "oracle_shape_and_extremities": "(oracle: DIK + true extremities and shape, height apart)",
    },
}

SPLITS: dict[str, str] = {
    "test": "unseen clips and unseen bodies, clean 2D joints and masks",
    "test_noisy": "unseen clips and unseen bodies, noisy 2D joints and corrupted masks",
    "acrobatic": "acrobatic clips, unseen bodies, clean 2D joints and masks",
    "acrobatic_noisy": "acrobatic clips, unseen bodies, noisy 2D joints and corrupted masks",
    "above": "unseen clips and unseen bodies, seen from 20 to 60 degrees above",
    "half_body": "unseen clips and unseen bodies, pictures that end at the thighs",
    "sitting": "unseen bodies that sit, kneel, crouch or lie",
    "detector": "unseen clips and unseen bodies, 2D joints with a detector's errors over time",
}
