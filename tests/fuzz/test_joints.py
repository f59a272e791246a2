"""Commands that read joints or motion, on damaged files: success, or one line that says what is wrong."""

from __future__ import annotations

import pytest

from s2m.formats import large
from tests.fuzz.asking import Place, Sample, tried
from tests.fuzz.samples import (
    adapt_samples,
    artifact_samples,
    convert_samples,
    ik_samples,
    large_samples,
    lift_samples,
    option_samples,
)

# 200 files for each of the two commands, spread over what they read.
_EACH = 30


def _named(samples: list[Sample]) -> list[object]:
    return [pytest.param(sample, id=sample.name) for sample in samples]


@pytest.mark.parametrize("sample", _named(ik_samples() + lift_samples() + convert_samples()))
def test_joints(sample: Sample, place: Place) -> None:
    wrong = tried(sample, place, _EACH)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("sample", _named(large_samples()))
def test_large_files(sample: Sample, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 100)
    wrong = tried(sample, place, 12)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("sample", _named(option_samples() + artifact_samples() + adapt_samples()))
def test_files_of_options(sample: Sample, place: Place) -> None:
    wrong = tried(sample, place, 40 if sample.name.startswith("ik") else 25)
    assert not wrong, "\n".join(wrong)
