"""Skeleton2Mesh: SMPL bodies from 2D skeletons and silhouettes, without 3D annotation."""

__version__ = "0.1.0"
