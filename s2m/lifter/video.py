"""Frames of one video: each skeleton is smoothed with those around it."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.lifter.temporal_head import TemporalHead

_CHUNK = 8192


@torch.inference_mode()
def smoothed(head: TemporalHead, skeletons: Tensor, confidence: Tensor, lifted: Tensor, fps: float) -> Tensor:
    """Skeletons of one video, smoothed by the temporal head.

    Args:
        head: Of the lifter that made the skeletons.
        skeletons: (T, J, 3) metres, the lifter's own.
        confidence: (T, J) of the 2D joints that it saw; above 0: seen.
        lifted: (T,) bool; frames without it cut the video in two and stay as they are.
        fps: Frames per second.

    Returns:
        (T, J, 3) metres.
    """
    visible = (confidence > 0).to(skeletons.dtype)
    smooth = skeletons.clone()
    for start, stop in stretches(lifted):
        smooth[start:stop] = _in_chunks(head, skeletons[start:stop], visible[start:stop], fps)
    return smooth


def stretches(lifted: Tensor) -> list[tuple[int, int]]:
    """The rows of lifted frames without a gap.

    Args:
        lifted: (T,) bool.

    Returns:
        (first, one after the last) of each stretch, in order.
    """
    padded = torch.nn.functional.pad(lifted.to(torch.int8), (1, 1)).diff()
    return list(zip((padded > 0).nonzero()[:, 0].tolist(), (padded < 0).nonzero()[:, 0].tolist(), strict=True))


def _in_chunks(head: TemporalHead, skeletons: Tensor, visible: Tensor, fps: float) -> Tensor:
    """The head on a stretch of any length; each chunk brings along the frames around it that the head looks at."""
    reach, parts = head.reach(fps), []
    for start in range(0, len(skeletons), _CHUNK):
        first = max(0, start - reach)
        near = slice(first, start + _CHUNK + reach)
        smooth = head(skeletons[None, near], visible[None, near], fps)[0]
        parts.append(smooth[start - first :][:_CHUNK])
    return torch.cat(parts)
