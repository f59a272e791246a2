from __future__ import annotations

import pytest
import torch

from s2m.body import load_body
from s2m.geometry.camera import FACING_CAMERA
from s2m.render.base import check_mesh, default_sigma, signed_area


def test_sigma_at_the_measured_sizes_and_between() -> None:
    assert default_sigma(112) == pytest.approx(3e-5)
    assert default_sigma(224) == pytest.approx(1e-5)
    # log-log interpolation: the geometric mean of the sizes has the geometric mean of the sigmas
    assert default_sigma(158) == pytest.approx((3e-5 * 1e-5) ** 0.5, rel=0.01)
    assert default_sigma(56) > default_sigma(112) > default_sigma(448)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        default_sigma(0)


def test_front_faces_of_a_body_that_faces_the_camera_are_its_front() -> None:
    body = load_body()
    vertices = body.rest().vertices[0]  # body frame: +z is the person's front
    corners = (vertices @ FACING_CAMERA.T)[body.faces]
    front = signed_area(corners) < 0
    normal = torch.linalg.cross(*(vertices[body.faces][:, i] - vertices[body.faces][:, 0] for i in (1, 2)))
    clear = normal[:, 2].abs() > 1e-7
    assert torch.equal(front[clear], (normal[:, 2] > 0)[clear])
    # Depth tells it too: the front of the head is nearer to the camera than its back.
    head = vertices[body.faces].mean(1)[:, 1] > vertices[:, 1].max() - 0.15
    depth = corners[..., 2].mean(1)
    assert depth[head & front].mean() < depth[head & ~front].mean() - 0.03


@pytest.mark.parametrize(
    ("points", "faces", "size", "message"),
    [
        (torch.zeros(3, 3), torch.zeros(1, 3).long(), 8, "points"),
        (torch.zeros(1, 3, 3).long(), torch.zeros(1, 3).long(), 8, "points"),
        (torch.zeros(1, 3, 3), torch.zeros(1, 4).long(), 8, "faces"),
        (torch.zeros(1, 3, 3), torch.zeros(1, 3), 8, "faces"),
        (torch.zeros(1, 3, 3), torch.zeros(1, 3).long(), 0, "pixel"),
    ],
)
def test_tensors_of_another_shape_are_refused(points, faces, size, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_mesh(points, faces, size)
