"""Stage 1: a network that lifts 2D joints to a 3D skeleton, trained from 2D joints alone."""

from s2m.lifter.network import Lifter, mean_bone_length, shared_bones
from s2m.lifter.planar import planar_skeleton

__all__ = ["Lifter", "mean_bone_length", "planar_skeleton", "shared_bones"]
