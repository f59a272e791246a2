"""Seeds of what is drawn for a training frame: the same whatever else is in its batch or process."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import torch

from s2m.batch import Observation

Keys = Sequence[tuple[int, ...]]


class Purpose(IntEnum):
    """What numbers are drawn for; what one frame gets for one purpose says nothing of what it gets for another."""

    BODY = 0  # a synthetic body in the frame's pose
    SHOWN_BODY = 1  # how an encoder is shown it
    SHOWN_FRAME = 2  # how it is shown the frame itself


def frame_keys(observation: Observation, *seeds: int) -> Keys:
    """A seed for each frame: ``seeds`` and its row in the store; a random row for frames that come from nowhere.

    Args:
        observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        *seeds: Non-negative numbers that begin every seed.
    """
    index = observation.index
    rows: list[int] = (torch.randint(2**31, (len(observation),)) if index is None else index).tolist()
    return [(*seeds, row) for row in rows]


def keys_for(purpose: Purpose, keys: Keys) -> Keys:
    """The seeds of one purpose, of those of the frames.

    Args:
        purpose: What is drawn with them.
        keys: Seeds of the frames.
    """
    return [(*key, purpose.value) for key in keys]
