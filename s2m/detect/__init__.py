"""People in pictures: joints in 2D and silhouettes, by BlazePose or by a detector of the user's."""

from s2m.detect.blazepose import BlazePose
from s2m.detect.interface import Detection, Detector, Picture

__all__ = ["BlazePose", "Detection", "Detector", "Picture"]
