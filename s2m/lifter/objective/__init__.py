"""Geometric self-supervision of the lifter: loss terms, the cycle they look at, and their weighted sum."""

from s2m.lifter.objective.adversarial import Adversarial, Discriminator, PartDiscriminator, discriminators
from s2m.lifter.objective.augmentation import DetectionNoise, light_and_heavy
from s2m.lifter.objective.bones import BoneRatios, rigid_pairs
from s2m.lifter.objective.chirality import Chirality
from s2m.lifter.objective.cycle import Cycle, RoundTrip
from s2m.lifter.objective.gan_rules import GanRule, LeastSquares, NonSaturating
from s2m.lifter.objective.rotations import LearnedTurn, RandomTurn, Turn
from s2m.lifter.objective.self_supervision import SelfSupervision, SelfSupervisionOutput, Weights
from s2m.lifter.objective.terms import Cycle2D, Cycle3D, Denoising, LearnedTerm, Term

__all__ = [
    "Adversarial",
    "BoneRatios",
    "Chirality",
    "Cycle",
    "Cycle2D",
    "Cycle3D",
    "Denoising",
    "DetectionNoise",
    "Discriminator",
    "GanRule",
    "LearnedTerm",
    "LearnedTurn",
    "LeastSquares",
    "NonSaturating",
    "PartDiscriminator",
    "RandomTurn",
    "RoundTrip",
    "SelfSupervision",
    "SelfSupervisionOutput",
    "Term",
    "Turn",
    "Weights",
    "discriminators",
    "light_and_heavy",
    "rigid_pairs",
]
