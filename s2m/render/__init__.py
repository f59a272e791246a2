"""Silhouettes, soft (to train) and hard (to generate data and to measure), and shaded pictures."""

from s2m.render.base import SilhouetteRenderer, default_sigma
from s2m.render.hard import hard_silhouette
from s2m.render.pytorch3d import PyTorch3DSilhouette
from s2m.render.ragged import RaggedSilhouette

__all__ = ["PyTorch3DSilhouette", "RaggedSilhouette", "SilhouetteRenderer", "default_sigma", "hard_silhouette"]
