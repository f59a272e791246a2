"""Everything that is read off the silhouette: shape (SR), extremity rotations (PR), root and camera."""

from s2m.heads.camera import CameraHead, CorrectedCamera, FittedCamera, RegressedCamera
from s2m.heads.encoder import BlindEncoder, Encoder, InitialEstimate, SilhouetteEncoder
from s2m.heads.pose import PoseHead, RefinedPose, RefinedPoseAll, UnrefinedPose
from s2m.heads.render_compare import ComparingEncoder
from s2m.heads.root import ResidualRoot, RootHead, SilhouetteRoot, SkeletonRoot
from s2m.heads.shape import MeanShape, ShapeHead, SilhouetteShape

__all__ = [
    "BlindEncoder",
    "CameraHead",
    "ComparingEncoder",
    "CorrectedCamera",
    "Encoder",
    "FittedCamera",
    "InitialEstimate",
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
