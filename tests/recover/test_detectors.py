"""Which detector there is, and when."""

from __future__ import annotations

import argparse
import weakref

import pytest

from s2m.detect import Detection, Detector, Picture
from s2m.recover import detectors


class Blind(Detector):
    """Finds nobody."""

    joint_set = "coco17"

    def __call__(self, picture: Picture) -> list[Detection]:
        return []


def test_the_networks_of_photos_are_gone_before_those_of_videos_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Detector]] = []

    def detector_of(arguments: argparse.Namespace, still: bool) -> Detector:
        assert all(ref() is None for ref in made)
        detector = Blind()
        made.append(weakref.ref(detector))
        return detector

    monkeypatch.setattr(detectors, "detector_of", detector_of)
    kept = detectors.OneAtATime(argparse.Namespace(detector=None, landmarks=None))
    for still in (True, True, False, False, True):
        assert kept(still) is kept(still)
    assert len(made) == 3


@pytest.mark.parametrize(
    "given", [{"detector": "mine:Mine", "landmarks": None}, {"detector": None, "landmarks": "full"}]
)
def test_one_detector_for_both_is_made_once(given: dict[str, str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Detector] = []
    monkeypatch.setattr(detectors, "detector_of", lambda *_: made.append(Blind()) or made[-1])
    kept = detectors.OneAtATime(argparse.Namespace(**given))
    for still in (True, False, True):
        kept(still)
    assert len(made) == 1
