"""Silhouettes, soft (to train) and hard (to generate data and to measure), and shaded pictures."""

from s2m.render.base import SilhouetteRenderer, default_sigma
from s2m.render.hard import hard_silhouette

__all__ = ["SilhouetteRenderer", "default_sigma", "hard_silhouette"]
