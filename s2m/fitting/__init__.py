"""A body fitted to each frame by optimisation, after SMPLify (Bogo et al., ECCV 2016): a baseline without training."""

from s2m.fitting.fit import BodyFitter, FitBudget, FitWeights
from s2m.fitting.starts import RestStart, SkeletonStart, Start

__all__ = ["BodyFitter", "FitBudget", "FitWeights", "RestStart", "SkeletonStart", "Start"]
