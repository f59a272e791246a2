"""What the study compares: trained artifacts and baselines, as functions from 2D joints to skeletons."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from s2m import artifact as artifacts
from s2m.artifact import ArtifactError
from s2m.body import Body
from s2m.data.store import FrameStore
from s2m.lifter import Lifter, planar_skeleton
from s2m.lifter.committee import AnyLifter
from s2m.lifter.objective import DetectionNoise
from s2m.skeletons import JointSet
from s2m.spec import SpecError, build
from studies.lifter.conditions import training_batches
from studies.lifter.evaluate import Method
from studies.lifter.linear import LinearLifter, fit_linear


def load_network(path: Path, stage: str, joint_set: JointSet, body: Body) -> Lifter:
    """The network of a finished ``lifter`` or ``lifter_supervised``, frozen.

    Only the study loads one of these: :func:`s2m.pretrained.load_lifter` refuses it.

    Args:
        joint_set: The joint set.
        body: A body in SMPL format.

    Raises:
        ArtifactError: Names what is wrong with the file.
    """
    artifact = artifacts.load(path, stage, joint_set=joint_set.name, body=body.hash)
    try:
        lifter = build(artifact.spec)
    except SpecError as error:
        raise ArtifactError(f"{path}: field spec: {error}") from error
    if not isinstance(lifter, Lifter):
        raise ArtifactError(f"{path}: field spec: expected a Lifter, found {type(lifter).__name__}")
    artifacts.restore(path, lifter, artifact)
    return lifter.eval().requires_grad_(False)


def lift(lifter: AnyLifter, joints2d: Tensor, confidence: Tensor) -> Tensor:
    """A lifter's skeletons (B, J, 3), metres.

    Args:
        lifter: The lifter.
    """
    skeleton: Tensor = lifter(joints2d, confidence).joints3d
    return skeleton


def network(lifter: AnyLifter) -> Method:
    """A lifter as a method.

    Args:
        lifter: The lifter.
    """
    return partial(lift, lifter)


def planar(lifter: Lifter) -> Method:
    """The 2D joints at constant depth; only the scale is the lifter's.

    Args:
        lifter: The lifter.
    """
    return partial(planar_skeleton, lifter)


def linear(
    store: FrameStore, joint_set: JointSet, noise: DetectionNoise | None, limit: int | None = None, seed: int = 0
) -> LinearLifter:
    """Ridge regression on the training frames' truth, of labels as they are or with the lifter's augmentation.

    Args:
        store: The frame store.
        joint_set: The joint set.
        seed: Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    disturb = None if noise is None else lambda labels: noise(labels, generator)
    return fit_linear(training_batches(store, "train_pose", joint_set, limit), joint_set, disturb)
