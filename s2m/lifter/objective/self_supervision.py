"""All terms of stage 1 on one batch of 2D joints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from s2m.fused import Fused
from s2m.lifter.network import Lifter
from s2m.lifter.normalise import Normalised, normalise
from s2m.lifter.objective.adversarial import Adversarial
from s2m.lifter.objective.augmentation import DetectionNoise
from s2m.lifter.objective.bones import BoneRatios, rigid_pairs
from s2m.lifter.objective.chirality import Chirality
from s2m.lifter.objective.completion import Completion
from s2m.lifter.objective.cycle import Cycle, RoundTrip
from s2m.lifter.objective.rotations import Turn
from s2m.lifter.objective.terms import Cycle2D, Cycle3D, Denoising, LearnedTerm, Term


@dataclass(frozen=True)
class Weights:
    """Weights of the loss terms of stage 1; a term of weight 0 is not computed.

    Args:
        adversarial: Weight of: turned and re-projected skeletons look real to the discriminators.
        cycle_2d: Weight of: lifted again and turned back, the projection is the input.
        cycle_3d: Weight of: lifted again, the turned skeleton is the same.
        bone_ratios: Weight of: people's bones have the same ratios of lengths, close to the mean body's.
        chirality: Weight of: knees bend forwards and necks lean forwards, which fixes the sign of depth.
        denoising: Weight of: the lifter undoes the augmentation's noise.
        completion: Weight of: people of whom parts are hidden are lifted like the whole ones.
        flow: Weight of the likelihood of the re-projection under a normalising flow; model.flow makes it.
        temporal: Weight of: pairs of frames change as real ones do; it needs data of windows of two frames.

    Raises:
        ValueError: For a negative weight.
    """

    adversarial: float = 1.0
    cycle_2d: float = 2.0
    cycle_3d: float = 0.5
    bone_ratios: float = 20.0
    chirality: float = 5.0
    denoising: float = 30.0
    completion: float = 10.0
    flow: float = 0.0
    temporal: float = 0.0

    def __post_init__(self) -> None:
        negative = [f"{name}={value}" for name, value in asdict(self).items() if value < 0]
        if negative:
            raise ValueError(f"weights: expected values >= 0, found {', '.join(negative)}")


@dataclass(frozen=True)
class SelfSupervisionOutput:
    """What one batch gives.

    Attributes:
        lifter: Weighted sum of ``terms``; its gradient reaches no other network than the lifter.
        learned: Losses of the terms' own networks (a discriminator, a normalising flow); their gradient does not reach
            the lifter.
        terms: Unweighted losses of the lifter, by name.
        cycle: The batch's way around the cycle, for diagnostics.
    """

    lifter: Tensor
    learned: dict[str, Tensor]
    terms: dict[str, Tensor]
    cycle: Cycle

    @property
    def total(self) -> Tensor:
        """What is differentiated: each loss trains its own network."""
        return torch.stack([self.lifter, *self.learned.values()]).sum()


class SelfSupervision(nn.Module):
    """The objective of stage 1; the terms' own networks and the bones' ratios are trained with the lifter.

    Args:
        learned: The terms with networks of their own, by their names in ``weights``; those of weight 0 are dropped.
        template: (J, 3) rest skeleton in any unit, from whose bone ratios the prior starts.
        lifter: The network that is trained.
        weights: Weight of each term.
        turn: Viewpoints of the re-projection.
        noise: What a detector does to 2D joints.
        occlusion: What hides them.
        frames_per_turn: Consecutive frames of a batch that are turned alike.

    Raises:
        ValueError: For a weight whose term is missing.
    """

    def __init__(
        self,
        learned: Mapping[str, LearnedTerm],
        template: Tensor,
        lifter: Lifter,
        weights: Weights,
        turn: Turn,
        noise: DetectionNoise,
        occlusion: DetectionNoise,
        frames_per_turn: int = 1,
    ) -> None:
        super().__init__()
        self.joint_set = lifter.joint_set
        self.weights = {name: weight for name, weight in asdict(weights).items() if weight > 0}
        self.completion = Completion(lifter, occlusion) if self.weights.get("completion") else None
        self.chirality = Chirality(self.joint_set)
        pairs = rigid_pairs(self.joint_set)
        terms: dict[str, Term] = {
            **learned,
            "cycle_2d": Cycle2D(),
            "cycle_3d": Cycle3D(),
            "bone_ratios": BoneRatios(pairs, lengths(template, pairs)),
            "chirality": self.chirality,
            "denoising": Denoising(),
        }
        if missing := [name for name in self.weights if name not in terms and name != "completion"]:
            raise ValueError(f"weights: no term for {', '.join(missing)}")
        self.terms = nn.ModuleDict({name: terms[name] for name in self.weights if name in terms})
        self.turn, self.noise, self.occlusion, self.frames_per_turn = turn, noise, occlusion, frames_per_turn
        # Not a submodule: the lifter is not the objective's, and its weights must not be counted twice.
        self._round_trip = RoundTrip(lifter)
        self._labels = Fused(self._labels_of)

    @property
    def adversarial(self) -> Adversarial | None:
        """The game with the discriminators; None where it has no weight."""
        return next((term for term in self.terms.values() if isinstance(term, Adversarial)), None)

    def forward(self, joints2d: Tensor, confidence: Tensor) -> SelfSupervisionOutput:
        """Losses of a batch.

        Args:
            joints2d: (B, J, 2) crop units.
            confidence: (B, J); joints of confidence 0 are ignored.
        """
        target = Normalised(*self._labels(joints2d, confidence))
        disturbed = self.noise(target)
        cycle = self._round_trip(target, confidence, disturbed, self._turns(target))
        terms = {name: term(cycle) for name, term in self.terms.items()}
        if self.completion is not None:
            terms["completion"] = self.completion(target, confidence, disturbed.scale * cycle.skeleton)
        return SelfSupervisionOutput(
            lifter=torch.stack([self.weights[name] * value for name, value in terms.items()]).sum(),
            learned={n: term.own_loss(cycle) for n, term in self.terms.items() if isinstance(term, LearnedTerm)},
            terms=terms,
            cycle=cycle,
        )

    def _labels_of(self, joints2d: Tensor, confidence: Tensor) -> tuple[Tensor, ...]:
        return normalise(joints2d, confidence, self.joint_set).tensors()

    def _turns(self, target: Normalised) -> Tensor:
        turns: Tensor = self.turn(self._round_trip.lifter, target)
        if self.frames_per_turn == 1:
            return turns
        return turns[:: self.frames_per_turn].repeat_interleave(self.frames_per_turn, 0)


def lengths(skeleton: Tensor, pairs: Sequence[tuple[int, int]]) -> list[float]:
    """Distances between pairs of joints of one skeleton (J, 3), in its unit.

    Args:
        skeleton: (J, 3) any unit.
        pairs: Positions of the joints of each pair.
    """
    first, second = torch.tensor(list(pairs)).T
    distances: list[float] = (skeleton[second] - skeleton[first]).norm(dim=-1).tolist()
    return distances
