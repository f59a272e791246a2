"""What the layout of a file says about its numbers, and the layouts that a user can name with ``--preset``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The unit of joints whose size says nothing: the person is as large as the body.
ANY_SIZE = "any"


@dataclass(frozen=True)
class Layout:
    """What a file's kind tells; ``None`` where it tells nothing.

    Attributes:
        name: What the kind is called, for people.
        unit: ``m``, ``cm``, ``mm``, or :data:`ANY_SIZE` for lengths that are no lengths of a person.
        up: The axis that points up: ``y``, ``z``, ``y-down`` or ``z-down``.
        fps: Frames per second.
    """

    name: str
    unit: str | None = None
    up: str | None = None
    fps: float | None = None


# Kinds of files that are told by what stands in them. Sources: the modules that read them name theirs.
NTU = Layout("NTU RGB+D (Kinect v2)", "m", "y", 30.0)
AZURE_KINECT = Layout("Azure Kinect's body tracking", "mm", "y-down", 30.0)
PANOPTIC = Layout("CMU Panoptic", "cm", "y-down")
AIST = Layout("AIST++", "cm", "y", 60.0)
MEDIAPIPE = Layout("MediaPipe", "m", "y-down")
FREEMOCAP = Layout("FreeMoCap", "mm")
HUMANML3D = Layout("HumanML3D", "m", "y", 20.0)
MOTION272 = Layout("HumanML3D's 272 numbers", "m", "y", 30.0)
HOLOSOMA = Layout("holosoma-retargeting", "m", "z")
HOLOSOMA_JOINTS = "global_joint_positions"
"""The field that tells its files."""
SAM3D_BODY = Layout("SAM 3D Body", "m", "y-down")


@dataclass(frozen=True)
class Preset:
    """A program whose output is a bare array: joints and axes are known by its name.

    Attributes:
        layout: Unit and axes.
        joint_set: Name of the joint set; ``None`` where the program has several.
    """

    layout: Layout
    joint_set: str | None


# MotionBERT: normalised image coordinates, the depth alike (github.com/Walter0807/MotionBERT, issues 21 and 121).
# VideoPose3D: metres in the camera's frame, relative to the pelvis (github.com/facebookresearch/VideoPose3D, issue 60).
PRESETS: Mapping[str, Preset] = {
    "motionbert": Preset(Layout("MotionBERT", ANY_SIZE, "y-down"), "h36m17"),
    "videopose3d": Preset(Layout("VideoPose3D", "m", "y-down", 50.0), "h36m17"),
    "mediapipe": Preset(MEDIAPIPE, "blazepose33"),
    "humanml3d": Preset(HUMANML3D, "smpl22"),
    "azure-kinect": Preset(AZURE_KINECT, "kinect32"),
    "ntu": Preset(NTU, "ntu25"),
    "panoptic": Preset(PANOPTIC, "panoptic19"),
    "aist": Preset(AIST, "coco17"),
    "sam3d-body": Preset(SAM3D_BODY, None),
}
