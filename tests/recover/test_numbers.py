from __future__ import annotations

import json

import numpy as np

from s2m.recover.writing import _numbers


def test_numbers_are_rounded_as_by_hand_and_what_is_none_is_null() -> None:
    values = np.random.default_rng(0).normal(0, 500, (40, 3)).astype(np.float32)
    assert _numbers(values, 2) == [[round(float(value), 2) for value in row] for row in values]
    assert all(len(text.partition(".")[2]) <= 2 for text in json.dumps(_numbers(values.ravel(), 2))[1:-1].split(", "))
    values[3, 1], values[5, 2] = np.nan, np.inf
    found = _numbers(values, 4)
    assert found[3][1] is None
    assert found[5][2] is None
    assert found[3][0] == round(float(values[3, 0]), 4)
    assert "NaN" not in json.dumps(found)
