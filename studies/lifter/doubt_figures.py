"""Whether doubt is right on a store: shares within 90 % intervals, and reversed depth that is found, split by split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from s2m.batch import Observation
from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import FrameStore
from s2m.lifter.committee import AnyLifter
from s2m.lifter.doubt import DEVIATIONS, DoubtHead
from s2m.metrics.doubt import Coverage, ReversalAUROC
from stages.doubt import exchanged

SPLITS = ("test", "test_noisy", "above", "half_body", "sitting", "detector", "acrobatic", "acrobatic_noisy")
CAMERAS = ("camera known", "no camera")
_CHUNK = 4096


def doubt_figures(
    head: DoubtHead, lifter: AnyLifter, store: FrameStore
) -> dict[str, dict[str, dict[str, float | dict[str, float]]]]:
    """Figures by split and camera: of each joint the share of errors within its 90 % interval, and AUROC of reversed
    depth, where there is any; of the frames as they are, and with as many more whose left and right are exchanged.

    Args:
        head: Of the lifter.
        lifter: The lifter.
        store: The frame store; splits that it does not have are left out.
    """
    found: dict[str, dict[str, dict[str, float | dict[str, float]]]] = {}
    for split in (split for split in SPLITS if split in store.splits):
        store.require_truth(split)
        frames = FrameDataset(store, split, lifter.joint_set, truth=True, silhouettes=False)
        rows = np.array_split(np.arange(len(frames)), max(1, -(-len(frames) // _CHUNK)))
        figures = {camera: _Figures(head, lifter) for camera in CAMERAS}
        for chunk in rows:
            batch = frames.finish(frames.fetch(as_stored(chunk)))
            assert batch.truth is not None
            blind = replace(batch.observation, camera=None)
            for camera, seen in zip(CAMERAS, (batch.observation, blind), strict=True):
                figures[camera].add(seen, batch.truth.joints3d)
        found[split] = {camera: value.values() for camera, value in figures.items()}
    return found


class _Figures:
    """Gathers the figures of one way to see a split."""

    def __init__(self, head: DoubtHead, lifter: AnyLifter) -> None:
        self.head, self.lifter, self.joint_set = head, lifter, lifter.joint_set
        self.coverage = Coverage(self.joint_set)
        self.found, self.with_exchanged = ReversalAUROC(self.joint_set), ReversalAUROC(self.joint_set)

    @torch.no_grad()
    def add(self, seen: Observation, true: Tensor) -> None:
        other = exchanged(seen, torch.ones(len(true), dtype=torch.bool), self.joint_set)
        for observation, natural in ((seen, True), (other, False)):
            given = observation.joints2d, observation.confidence
            lifted = self.lifter(*given, observation.camera)
            doubt = self.head(*given, lifted, observation.camera)
            answer = lifted.joints3d, true, doubt.reversed_probability
            self.with_exchanged.update(*answer)
            if natural:
                self.found.update(*answer)
                self.coverage.update(lifted.joints3d, true, DEVIATIONS * doubt.deviation)

    def values(self) -> dict[str, float | dict[str, float]]:
        shares = (self.coverage.within / self.coverage.count).tolist()
        joints = {name: round(share, 4) for name, share in zip(self.joint_set.joints, shares, strict=True)}
        del joints[self.joint_set.root]
        areas = {"reversed_auroc": self.found, "reversed_auroc_exchanged": self.with_exchanged}
        told = {name: float(metric.compute()) for name, metric in areas.items()}
        return {"coverage90": joints, **{name: round(area, 4) for name, area in told.items() if area == area}}
