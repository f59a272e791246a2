from __future__ import annotations

import pytest

from s2m.errors import UserError
from s2m.lifter.sign import MirroredError, SignWatch


def test_hopeless_training_is_stopped_with_a_reason():
    watch = SignWatch(limit=0.5, patience=1000)
    for step in range(0, 1000, 100):
        watch.update(0.95, step)
    with pytest.raises(MirroredError, match=r"step 1000: 9\d % .* wrong sign.*mirrored_limit"):
        watch.update(0.95, 1000)
    assert issubclass(MirroredError, UserError)


def test_a_sign_that_turns_early_is_no_reason():
    watch = SignWatch(limit=0.5, patience=1000)
    for step in range(0, 3000, 100):
        watch.update(0.9 if step < 500 else 0.02, step)


def test_running_mean():
    watch = SignWatch(limit=None)
    assert watch.update(1.0, 0) == 1.0
    assert watch.update(0.0, 100) == pytest.approx(0.8)
    assert watch.update(0.0, 10_000) == pytest.approx(0.64)


def test_no_limit_never_stops():
    watch = SignWatch(limit=None)
    for step in range(0, 100_000, 1000):
        watch.update(1.0, step)


@pytest.mark.parametrize("limit", [0.0, -0.1, 1.1])
def test_limit_is_a_share(limit):
    with pytest.raises(ValueError, match="mirrored_limit"):
        SignWatch(limit)
