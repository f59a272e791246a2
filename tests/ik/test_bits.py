"""Flags packed to bits are the flags; the oracle is the array of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.ik.bits import Bits


@settings(max_examples=50, deadline=None)
@given(frames=st.integers(1, 30), joints=st.integers(1, 25), seed=st.integers(0, 10**6), rows=st.integers(1, 30))
def test_bits_are_flags(frames: int, joints: int, seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    flags = rng.random((frames, joints)) < 0.3
    bits = Bits(frames, joints)
    for start in range(0, frames, rows):
        bits.put(start, flags[start : start + rows])
    assert len(bits) == frames
    np.testing.assert_array_equal(bits.any(), flags.any(0))
    kept, always = rng.random(frames) < 0.7, rng.random(joints) < 0.2
    bits.keep(kept)
    bits.set_joints(always)
    flags = (flags & kept[:, None]) | always
    np.testing.assert_array_equal(bits.read(0, frames), flags)
    np.testing.assert_array_equal(bits.read(frames // 2, frames), flags[frames // 2 :])
    for joint in range(joints):
        np.testing.assert_array_equal(bits.column(joint), flags[:, joint])
