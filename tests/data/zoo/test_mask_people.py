"""Masks of several people give each person's pixels; those of one person mean what they mean everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s2m.data.zoo.mask_people import people
from s2m.data.zoo.mask_values import MaskError, person
from tests.data.zoo.test_mask_values import PHOTO, PICTURES, TRUTH, palette

# Two people who touch, and one apart: 0 is nobody.
WHO = np.zeros((60, 80), int)
WHO[10:50, 10:25], WHO[14:50, 25:40], WHO[20:50, 55:70] = 1, 2, 3
EDGE = np.zeros(WHO.shape, bool)  # two pixels to either side of every border
for down in range(-2, 3):
    for right in range(-2, 3):
        EDGE |= np.roll(WHO, (down, right), (0, 1)) != WHO
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255], [0, 255, 0]], np.uint8)


def of_values(*values: int, dtype: Any = np.uint8) -> Image.Image:
    return Image.fromarray(np.array([0, *values])[WHO].astype(dtype))


def outlined(values: Any) -> np.ndarray:
    return np.where(EDGE, 255, np.array([0, *values])[WHO]).astype(np.uint8)


def same(numbers: np.ndarray, truth: np.ndarray = WHO) -> bool:
    """Whether the same pixels belong together, whatever the numbers, and nobody is 0."""
    pairs = {(int(a), int(b)) for a, b in zip(numbers.ravel(), truth.ravel(), strict=True)}
    return len(pairs) == len(np.unique(truth)) == len(np.unique(numbers)) and (0, 0) in pairs


SEVERAL = {
    "VOC's objects": palette(outlined((1, 2, 3))),
    "the same as numbers": Image.fromarray(outlined((1, 2, 3))),
    "the same as colours": palette(outlined((1, 2, 3))).convert("RGB"),
    "palette": palette(np.array([0, 1, 2, 3])[WHO]),
    "labels": of_values(3, 1, 2),
    "grey levels": of_values(80, 160, 255),
    "dark levels": of_values(10, 20, 90),
    "deep numbers": of_values(26001, 26002, 26003, dtype=np.uint16),
    "32 bit": of_values(1, 70000, 70001, dtype=np.int32),
    "colours of one sum": Image.fromarray(COLOURS[WHO]),
    "colours on transparent": Image.fromarray(np.dstack([COLOURS[WHO], np.where(WHO, 255, 0)]).astype(np.uint8)),
    "black, grey and white on transparent": Image.fromarray(
        np.dstack([np.array([9, 0, 128, 255])[WHO], np.where(WHO, 255, 0)]).astype(np.uint8), "LA"
    ),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_everybody_is_found(kind: str) -> None:
    assert same(people(SEVERAL[kind]))


@pytest.mark.parametrize("kind", PICTURES)
def test_one_person_is_read_as_everywhere(kind: str) -> None:
    numbers = people(PICTURES[kind])
    assert same(numbers, person(PICTURES[kind]).astype(int))
    np.testing.assert_array_equal(numbers != 0, TRUTH)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.integers(1, 240), min_size=3, max_size=3, unique=True),
    order=st.permutations([0, 1, 2]),
    soft=st.booleans(),
)
def test_values_and_their_order_say_nothing(values: list[int], order: list[int], soft: bool) -> None:
    """Sharp, or with a seam between person and background as scaled masks have."""
    picture = np.array([0, *(values[i] for i in order)])[WHO]
    if soft:
        seam = EDGE & (WHO == 0) & ~_dilated(EDGE & (WHO != 0), 1)
        picture = np.where(seam, 0, picture)
    assert same(people(Image.fromarray(picture.astype(np.uint8))))


def _dilated(mask: np.ndarray, by: int) -> np.ndarray:
    found = mask.copy()
    for down in range(-by, by + 1):
        for right in range(-by, by + 1):
            found |= np.roll(mask, (down, right), (0, 1))
    return found


def test_soft_edges_belong_to_whoever_is_nearer() -> None:
    from scipy.ndimage import uniform_filter

    levels = np.array([0.0, 100, 180, 240])[WHO]
    numbers = people(Image.fromarray(uniform_filter(levels, 3).astype(np.uint8)))
    inside = ~EDGE
    assert same(np.where(inside, numbers, 0), np.where(inside, WHO, 0))
    assert (numbers != 0).sum() == pytest.approx((WHO != 0).sum(), rel=0.1)


def test_a_wide_area_that_is_ignored_is_nobody() -> None:
    picture = np.where(WHO == 3, 255, WHO).astype(np.uint8)
    assert not people(palette(picture))[WHO == 3].any()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image.fromarray(PHOTO), "found a photo"),
        (Image.fromarray(PHOTO[..., 0]), "a picture in grey"),
        (
            Image.fromarray(np.where(WHO == 3, 7, np.where(WHO, 255, 0)).astype(np.uint8)),
            "for a narrow outline, found both",
        ),
        (Image.fromarray(np.full((9, 9), np.nan, np.float32)), "found nan"),
        (Image.fromarray(np.full((9, 9), 7.5, np.float32)), "expected whole numbers"),
    ],
)
def test_what_is_no_mask_is_refused(picture: Image.Image, message: str) -> None:
    with pytest.raises(MaskError, match=message):
        people(picture)
