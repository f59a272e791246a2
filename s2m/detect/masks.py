"""Masks of people: one piece each, and no pixel of two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SET = 128  # of 255


def one_piece(mask: NDArray[np.uint8], joints: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Clear whatever is not connected with the person.

    Args:
        mask: (size, size), 0 to 255.
        joints: (K, 2) the person's joints in pixels of the mask.

    Returns:
        The mask within the piece that holds most of the joints, the largest of several such; 0 elsewhere.
    """
    pieces, count = ndimage.label(mask >= _SET)
    if count == 0:
        return np.zeros_like(mask)
    inside = joints[((joints >= 0) & (joints < mask.shape[0])).all(-1)].astype(int)
    held = np.bincount(pieces[inside[:, 1], inside[:, 0]], minlength=count + 1)[1:]
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    kept = 1 + max(range(count), key=lambda piece: (held[piece], sizes[piece]))
    # The soft rim below one half stays, so that the edge does not move when the mask is resampled.
    rim = ndimage.binary_dilation(pieces == kept, iterations=2) & ((pieces == kept) | (pieces == 0))
    return np.where(rim, mask, np.uint8(0))


def give_to_nearest(masks: Sequence[NDArray[np.uint8]], sizes: Sequence[float]) -> None:
    """Clear pixels that several people own, in place, for all but the nearest of them.

    People are much alike in size: whoever looks larger is nearer. The lower edge, the other usual sign, tells nothing
    of those who sit, jump or are cut off by the picture.

    Args:
        masks: (H, W) uint8 each, 0 or 1.
        sizes: Of each person, as a whole and upright, in pixels.
    """
    if len(masks) < 2:
        return
    owned = np.zeros(masks[0].shape, bool)
    for person in sorted(range(len(masks)), key=lambda i: -sizes[i]):
        masks[person][owned] = 0
        owned |= masks[person].view(bool)
