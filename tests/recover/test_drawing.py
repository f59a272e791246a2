"""Bodies over pictures: where they are, who is before whom, and what is not drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.batch import BodyParams, concatenate
from s2m.body import load_body
from s2m.recover.bodies import Bodies, Poser
from s2m.recover.camera import Camera
from s2m.recover.drawing import colour, overlay, turned
from s2m.skeletons import S2M27
from tests.recover.actors import CAMERA, acted, silhouette

pytest.importorskip("fast_simplification")
GREY = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)


def person(place: tuple[float, float, float], camera: Camera = CAMERA) -> tuple[Bodies, BodyParams]:
    params = acted("walk", [20], place)
    sure = torch.ones(1, len(S2M27))
    assert params.transl is not None
    return Poser(S2M27).at(params, params.transl, sure, camera), params


def near(picture: np.ndarray, number: int) -> np.ndarray:
    """Pixels whose hue is that of a person: direction of the colour, for light changes its length."""
    wanted = np.array(colour(number), float) - np.mean(colour(number))
    seen = picture - picture.mean(-1, keepdims=True)
    return (seen @ wanted > 0.8 * np.linalg.norm(seen, axis=-1) * np.linalg.norm(wanted)) & (np.ptp(picture, -1) > 12)


def test_a_body_lies_on_its_silhouette() -> None:
    bodies, params = person((0.0, 0.2, 3.0))
    drawn = overlay(GREY, bodies, [1], load_body(), CAMERA)
    mask = silhouette(params)[0] > 0
    changed = (drawn != GREY).any(-1)
    assert (changed & mask).sum() / (changed | mask).sum() > 0.95
    assert (near(drawn, 1) & mask).sum() > 0.9 * mask.sum()
    assert (GREY == 90).all()  # the picture itself stays


def test_the_nearer_body_is_drawn_over_the_other() -> None:
    bodies = concatenate([person((0.1, 0.2, 2.5))[0], person((0.0, 0.2, 4.0))[0]])
    drawn = overlay(GREY, bodies, [1, 0], load_body(), CAMERA)
    alone = overlay(GREY, bodies[:1], [1], load_body(), CAMERA)
    nearer = near(alone, 1)
    # One shines through the other a little; the hue is the nearer one's.
    assert (near(drawn, 1) & nearer).sum() > 0.85 * nearer.sum()
    assert near(drawn, 0).sum() > 50


@pytest.mark.parametrize("place", [(0.0, 0.2, 0.2), (0.0, 0.2, -3.0), (float("nan"),) * 3, (30.0, 0.2, 3.0)])
def test_who_is_behind_the_camera_or_nowhere_is_not_drawn(place: tuple[float, float, float]) -> None:
    bodies, _ = person(place)
    assert (overlay(GREY, bodies, [0], load_body(), CAMERA) == GREY).all()


def test_people_from_aside_stand_in_a_row() -> None:
    bodies = concatenate([person((0.8, 0.2, 3.0))[0], person((-0.8, 0.2, 5.0))[0], person((float("nan"),) * 3)[0]])
    drawn = turned(bodies, [0, 1, 3], load_body(), 120)
    columns = [float(np.flatnonzero(near(drawn, number).any(0)).mean()) for number in (1, 0)]
    assert columns[0] + 20 < columns[1]  # as they stand in the picture, from left to right
    assert not near(drawn, 3).any()
    rows, covered = np.flatnonzero((drawn != 255).any((1, 2))), (drawn != 255).any(-1).mean()
    assert rows[0] > 0
    assert rows[-1] < 119
    assert covered > 0.05
    nobody = turned(bodies[2:], [3], load_body(), 120)
    assert nobody.shape == (120, 120, 3)
    assert (nobody == 255).all()


def test_large_pictures_look_like_small_ones() -> None:
    large = Camera.of((CAMERA.width * 5, CAMERA.height * 5))
    bodies, _ = person((0.0, 0.2, 3.0), large)
    grey = np.full((large.height, large.width, 3), 90, np.uint8)
    found = overlay(grey, bodies, [1], load_body(), large).reshape(CAMERA.height, 5, CAMERA.width, 5, 3).mean((1, 3))
    small = overlay(GREY, person((0.0, 0.2, 3.0))[0], [1], load_body(), CAMERA)
    assert np.abs(found - small).mean() < 1
    assert (np.abs(found - small) > 30).mean() < 0.005
