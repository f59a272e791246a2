"""``s2m recover`` on damaged pictures, videos, joints, masks and networks."""

from __future__ import annotations

import pytest

from tests.fuzz.asking import Place, Sample, tried
from tests.fuzz.samples_pictures import recover_samples, run_samples


@pytest.mark.parametrize("sample", recover_samples(), ids=lambda sample: sample.name)
def test_recover(sample: Sample, place: Place) -> None:
    wrong = tried(sample, place, 30 if sample.name == "recover-photo" else 12)  # most damage leaves a picture
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("sample", run_samples(), ids=lambda sample: sample.name)
def test_runs_of_ones_own(sample: Sample, place: Place) -> None:
    wrong = tried(sample, place, 5)
    assert not wrong, "\n".join(wrong)
