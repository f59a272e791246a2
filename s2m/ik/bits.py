"""Flags of every joint in every frame, a bit each: clips may be millions of frames long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


class Bits:
    """(T, J) flags, none of them set.

    Args:
        frames: T.
        joints: J.

    Example:
        >>> bits = Bits(5, 3)
        >>> bits.put(2, np.array([[True, False, True]]))
        >>> bits.column(2).tolist()
        [False, False, True, False, False]
    """

    def __init__(self, frames: int, joints: int) -> None:
        self._packed, self._joints = np.zeros((frames, -(-joints // 8)), np.uint8), joints

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def shape(self) -> tuple[int, int]:
        """T and J."""
        return len(self._packed), self._joints

    def read(self, start: int, stop: int) -> Flags:
        """Some frames.

        Args:
            start: The first.
            stop: One after the last.

        Returns:
            (stop - start, J) a new array.
        """
        return _unpacked(self._packed[start:stop], self._joints)

    def put(self, start: int, rows: Flags) -> None:
        """Replace some frames.

        Args:
            start: The first.
            rows: (N, J).
        """
        self._packed[start : start + len(rows)] = np.packbits(rows, axis=1)

    def column(self, joint: int) -> Flags:
        """(T,) the flags of a joint.

        Args:
            joint: Its number.
        """
        found: Flags = (self._packed[:, joint // 8] & np.uint8(128 >> joint % 8)) != 0
        return found

    def any(self) -> Flags:
        """(J,) which joints have a flag in any frame."""
        return _unpacked(np.bitwise_or.reduce(self._packed, axis=0)[None], self._joints)[0]

    def keep(self, frames: Flags) -> None:
        """Take the flags of all joints away but in some frames.

        Args:
            frames: (T,) in which they stay.
        """
        self._packed[~frames] = 0

    def set_joints(self, joints: Flags) -> None:
        """Set the flags of some joints in all frames.

        Args:
            joints: (J,) which.
        """
        self._packed |= np.packbits(joints)


def _unpacked(packed: NDArray[np.uint8], joints: int) -> Flags:
    return np.unpackbits(packed, axis=1, count=joints).astype(bool)
