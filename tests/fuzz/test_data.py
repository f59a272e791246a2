"""``s2m data`` on damaged settings, motions, stores and official files."""

from __future__ import annotations

import pytest

from tests.fuzz.asking import Place, Sample, tried
from tests.fuzz.samples_data import motion_sample, settings_sample, store_sample, zoo_samples


@pytest.mark.parametrize(
    ("sample", "count"),
    [(settings_sample(), 80), (motion_sample(), 25), (store_sample(), 60)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_data(sample: Sample, count: int, place: Place) -> None:
    wrong = tried(sample, place, count)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("sample", zoo_samples(), ids=lambda sample: sample.name)
def test_datasets(sample: Sample, place: Place) -> None:
    wrong = tried(sample, place, 6)
    assert not wrong, "\n".join(wrong)
