"""Everything that is read off the silhouette: shape (SR), end-point rotations (PR), root and camera."""

from s2m.refine.camera import CameraHead, CorrectedCamera, FittedCamera, RegressedCamera
from s2m.refine.comparing import ComparingEncoder
from s2m.refine.encoder import BlindEncoder, Draft, Encoder, SilhouetteEncoder
from s2m.refine.pose import PoseHead, RefinedPose, RefinedPoseAll, UnrefinedPose
from s2m.refine.root import ResidualRoot, RootHead, SilhouetteRoot, SkeletonRoot
from s2m.refine.shape import MeanShape, ShapeHead, SilhouetteShape

__all__ = [
    "BlindEncoder",
    "CameraHead",
    "ComparingEncoder",
    "CorrectedCamera",
    "Draft",
    "Encoder",
    "FittedCamera",
    "MeanShape",
    "PoseHead",
    "RefinedPose",
    "RefinedPoseAll",
    "RegressedCamera",
    "ResidualRoot",
    "RootHead",
    "ShapeHead",
    "SilhouetteEncoder",
    "SilhouetteRoot",
    "SilhouetteShape",
    "SkeletonRoot",
    "UnrefinedPose",
]
