from __future__ import annotations

import torch
from scipy.spatial.transform import Rotation

from s2m.geometry.camera import perspective
from s2m.geometry.virtual_camera import VirtualCamera


def scene(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points (6, 9, 3) metres around people beside the axis, cameras (6, 4), and their pixels."""
    centre = torch.tensor([[1.4, -0.8, 3.0]]) * torch.randn(6, 3, generator=generator).abs()
    centre[:, 2] += 2
    points = centre[:, None] + 0.3 * torch.randn(6, 9, 3, generator=generator)
    points[:, 0] = centre
    camera = torch.tensor([[900.0, 950.0, 480.0, 520.0]]).expand(6, 4)
    return points, camera, perspective(points, camera)


def test_the_turned_camera_sees_what_a_turned_camera_sees(generator: torch.Generator) -> None:
    """Oracle: the shortest rotation by scipy, applied to the points themselves."""
    points, camera, pixels = scene(generator)
    turned = VirtualCamera.towards(pixels[:, 0], camera)
    for row in range(len(points)):
        ray = points[row, 0].double().numpy() / points[row, 0].double().norm().item()
        axis = torch.linalg.cross(torch.from_numpy(ray), torch.tensor([0.0, 0.0, 1.0]).double())
        angle = torch.atan2(axis.norm(), torch.tensor(ray[2]))
        turn = Rotation.from_rotvec((axis / axis.norm() * angle).numpy())
        seen = torch.from_numpy(turn.apply(points[row].double().numpy())).float()
        torch.testing.assert_close(turned.from_camera(points)[row], seen, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(turned.seen(pixels)[row], seen[:, :2] / seen[:, 2:], atol=1e-5, rtol=1e-5)


def test_the_point_it_is_turned_to_lies_in_its_middle_and_everything_comes_back(generator: torch.Generator) -> None:
    points, camera, pixels = scene(generator)
    turned = VirtualCamera.towards(pixels[:, 0], camera)
    torch.testing.assert_close(turned.seen(pixels)[:, 0], torch.zeros(6, 2), atol=1e-6, rtol=0)
    torch.testing.assert_close(turned.back(turned.seen(pixels)), pixels, atol=1e-2, rtol=0)
    torch.testing.assert_close(turned.to_camera(turned.from_camera(points)), points, atol=1e-5, rtol=0)
