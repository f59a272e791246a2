"""What Eqn. 7 cannot train: to read shape and extremities off synthetic bodies, whose answers are known."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from s2m.batch import FrameBatch, Observation
from s2m.body.skinning import global_rotations
from s2m.data.augment import Augmentation
from s2m.data.keys import Purpose, frame_keys, keys_for
from s2m.losses import Losses
from s2m.model import Evidence, MeshRecovery
from s2m.skeletons import SMPL24
from s2m.synthetic.pairs import SyntheticPairs


class SyntheticSupervision(nn.Module):
    """Train the encoder, the heads of shape and extremities, and a root that is read off the picture, on synthetic
    bodies.

    The bodies are those of :class:`~s2m.synthetic.pairs.SyntheticPairs`. In the first epochs they are all there is (W
    and the camera rest), after these they are beside Eqn. 7.

    Args:
        epochs: How many of the training's first epochs are on synthetic bodies alone.
        learning_rate: Learning rate in these epochs. After the warm-up it is constant, and in the second half it falls
            to that of the epochs after them, where what was learned is to be kept.
        warmup_steps: Steps of a linear rise at the start.
        then: Share of the stage's own learning rate in the epochs after these.
        pairs: How the synthetic bodies are made.
        w_betas: Weight of the error of the shape parameters.
        w_extremities: Weight of the error of the rotations of head, wrists and ankles.
        w_root: Weight of the error of the global orientation.
    """

    def __init__(
        self,
        epochs: int = 15,
        learning_rate: float = 1e-3,
        warmup_steps: int = 200,
        then: float = 1.0,
        pairs: SyntheticPairs = SyntheticPairs(),  # noqa: B008 (frozen)
        w_betas: float = 1.0,
        w_extremities: float = 4.0,
        w_root: float = 1.0,
    ) -> None:
        super().__init__()
        self.weights = {"betas": w_betas, "extremities": w_extremities, "root": w_root}
        given = {"epochs": epochs, "learning_rate": learning_rate, "warmup_steps": warmup_steps, "then": then}
        negative = [f"{name}={value}" for name, value in {**given, **self.weights}.items() if value < 0]
        if negative:
            raise ValueError(f"SyntheticSupervision: expected numbers >= 0, found {', '.join(negative)}")
        self.epochs, self.learning_rate, self.warmup_steps, self.then = epochs, learning_rate, warmup_steps, then
        self.pairs = pairs

    def rate(self, step: int, steps: int, after: float) -> float:
        """The learning rate during the first epochs.

        Args:
            step: Number of the step, from 0.
            steps: Number of steps in the first epochs.
            after: Learning rate of the epochs that follow.

        Returns:
            The learning rate at this step.
        """
        rise = min(1.0, (step + 1) / max(1, self.warmup_steps))
        fallen = max(0.0, 2 * step / steps - 1)  # share of the way, a cosine's
        return rise * (after + (self.learning_rate - after) * (1 + math.cos(math.pi * fallen)) / 2)

    def forward(self, model: MeshRecovery, observation: Observation, augmentation: Augmentation, *seeds: int) -> Losses:
        """The terms on synthetic bodies in the poses of a batch, and their weighted sum.

        Args:
            model: The model that is trained.
            observation: Training frames (B), with silhouettes; their poses are taken over.
            augmentation: What is done to what the network is shown of the bodies.
            *seeds: Seeds of the bodies, beside the rows of the frames in their store: over batches and processes,
                however frames are divided among them, the same seeds make the same bodies and show them in the same
                way.

        Returns:
            The weighted sum and the unweighted terms, named synthetic_betas and so on.
        """
        keys = frame_keys(observation, *seeds)
        made = self.pairs(model, observation, keys_for(Purpose.BODY, keys))
        shown = augmentation(made.observation, keys_for(Purpose.SHOWN_BODY, keys)).seen
        terms = answer_terms(model, model.read(shown), made)
        total = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        return Losses(total=total, terms={f"synthetic_{name}": value for name, value in terms.items()})


def answer_terms(model: MeshRecovery, evidence: Evidence, made: FrameBatch) -> dict[str, Tensor]:
    """How far what was read off synthetic bodies is from the known answers; means over the batch, 0 where it is right.

    ``betas``: mean square over all betas, standard deviations squared. ``extremities``: mean over the joints that PR
    refines of ``|R - R*|_F / sqrt 2 = 2 sin(angle / 2)`` of their rotations in the camera frame; the solver's part of
    them is given, PR's correction learns. ``root``: the same of the root, where a head has something to learn about it.

    Args:
        model: The model, of which the pose and root heads are used.
        evidence: What the model read off the pictures of the bodies.
        made: The synthetic bodies, with their parameters as truth.

    Returns:
        The unweighted terms by name.

    Raises:
        ValueError: For a frame without the body's parameters.
    """
    if made.truth is None or made.truth.params is None:
        raise ValueError("FrameBatch.truth.params: expected those of a synthetic body, found None")
    true, found, joints = made.truth.params, evidence.solution.rotations, model.pose.joints
    terms = {"betas": (evidence.betas - true.betas).square().mean()}
    if joints:
        rotations = global_rotations(model.pose.refine(found.detach(), evidence.theta_pr))
        terms["extremities"] = _off(rotations[:, joints], global_rotations(true.rotations)[:, joints])
    if any(True for _ in model.root.parameters()):
        terms["root"] = _off(found[:, SMPL24.root_index], true.global_orient)
    return terms


def _off(rotations: Tensor, others: Tensor) -> Tensor:
    return torch.linalg.vector_norm((rotations - others).flatten(-2), dim=-1).mean() / 2**0.5
