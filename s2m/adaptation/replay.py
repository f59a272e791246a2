"""Synthetic 2D poses of the open data's generator, made in memory: what a lifter must not forget."""

from __future__ import annotations

import dataclasses

import torch
from tqdm import tqdm

from s2m.adaptation.recordings import Recording
from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.open.config import Frames as Counts
from s2m.data.open.config import OpenConfig
from s2m.data.open.generate import gather_clips
from s2m.data.open.maker import FrameMaker
from s2m.data.open.plan import Job
from s2m.lifter.keypoints import FEWEST_JOINTS
from s2m.lifter.normalise import turned_to
from s2m.skeletons import S2M27, JointSet

# Poses that are made at a time.
_CHUNK = 1000


def synthetic(joint_set: JointSet, frames: int, seed: int, progress: bool | None = None) -> Recording:
    """Poses of the training split ``train_pose`` of the open data, other ones for every seed, as in training: seen by
    cameras that are turned to the people.

    Args:
        joint_set: Of the lifter, a part of s2m27.
        frames: How many.
        seed: Of the poses.
        progress: Whether a bar is shown; ``None``: on a terminal.
    """
    # Subjects go by the seed, too: what is held out shares no body with what is replayed.
    config = OpenConfig(seed=seed, frames=dataclasses.replace(Counts(), train_pose=frames))
    body = load_body()
    maker = FrameMaker(body, dataset_regressor(body, S2M27), gather_clips(None), config)
    starts = range(0, frames, _CHUNK)
    made = [
        maker.make(Job("train_pose", number, start, min(_CHUNK, frames - start)))["train_pose"]
        for number, start in enumerate(tqdm(starts, desc="synthetic poses", disable=_hidden(progress)))
    ]
    chosen = S2M27.indices(joint_set.joints)
    points, confidence, cameras = (
        torch.cat([torch.from_numpy(part[name]) for part in made]) for name in ("joints2d", "confidence", "intrinsics")
    )
    points, confidence = points[:, chosen], confidence[:, chosen]
    points = turned_to(points, confidence, cameras, joint_set).seen(points)
    enough = (confidence > 0).sum(1, keepdim=True) >= FEWEST_JOINTS
    return Recording("synthetic poses", points, confidence * enough)


def _hidden(progress: bool | None) -> bool | None:
    return None if progress is None else not progress
