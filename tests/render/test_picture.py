from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from s2m.render import hard_silhouette
from s2m.render.picture import draw_skeleton, shade, view
from s2m.skeletons import H36M17


@pytest.fixture(scope="module")
def ball() -> tuple[torch.Tensor, torch.Tensor]:
    mesh = trimesh.creation.icosphere(3, 0.6)
    return torch.tensor(mesh.vertices).float(), torch.tensor(mesh.faces).long()


def test_the_body_covers_its_mask_and_leaves_the_background(people) -> None:
    points, faces = people
    background = np.full((64, 64, 3), (10, 200, 30), dtype=np.uint8)
    picture = shade(points[0], faces, 64, background, colour=(200, 60, 60))
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    mask = hard_silhouette(points[:1], faces, 64)[0].numpy()
    redder = picture[..., 0].astype(int) > picture[..., 1]
    assert (redder == mask).mean() > 0.97
    grown = torch.nn.functional.max_pool2d(torch.tensor(mask)[None].float(), 5, 1, 2)[0].bool().numpy()
    assert (picture[~grown] == background[~grown]).all()
    assert (shade(points[0], faces, 64, background, alpha=0.0) == background).all()


def test_light_comes_from_above_on_the_left(ball) -> None:
    points, faces = ball
    grey = shade(points, faces, 60, colour=(200, 200, 200)).astype(float).mean(-1)
    assert grey[22, 22] > grey[38, 38] + 20
    assert grey[0, 0] == 255


def test_background_is_resampled_or_refused(ball) -> None:
    background = np.full((30, 30, 3), 77, dtype=np.uint8)
    assert shade(*ball, 20, background)[0, 0].tolist() == [77, 77, 77]
    with pytest.raises(ValueError, match="square"):
        shade(*ball, 20, background[:20])


def test_view_from_the_side_and_from_above() -> None:
    # +x right, +y down, +z away: a cross of four marked points
    right, down, away, origin = torch.eye(3)[0], torch.eye(3)[1], torch.eye(3)[2], -torch.ones(3)
    vertices = torch.stack([right, down, away, origin])

    def seen(azimuth: float, elevation: float) -> torch.Tensor:
        return view(vertices, azimuth, elevation, half_extent=1.0)

    torch.testing.assert_close(seen(0, 0), vertices)
    # From the picture's right: what was away lies to the right, what was right comes near.
    torch.testing.assert_close(seen(90, 0)[:3], torch.tensor([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]), atol=1e-6, rtol=0)
    # From above: what was away lies up, what was down is far.
    torch.testing.assert_close(seen(0, 90)[:3], torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), atol=1e-6, rtol=0)
    fitted = view(vertices * 3 + 5)
    assert fitted[:, :2].abs().max() == pytest.approx(0.92)


def test_skeleton_has_its_sides_colours_and_skips_missing_joints() -> None:
    image = np.full((80, 80, 3), 255, dtype=np.uint8)
    joints = torch.zeros(len(H36M17), 2)
    joints[H36M17.index("left_wrist")] = torch.tensor([0.8, 0.0])
    joints[H36M17.index("right_wrist")] = torch.tensor([-0.8, 0.0])
    drawn = draw_skeleton(image, joints, H36M17).astype(int)
    assert drawn[40, 60, 2] > drawn[40, 60, 0] + 80  # left: blue
    assert drawn[40, 20, 0] > drawn[40, 20, 2] + 80  # right: orange
    assert (image == 255).all()
    confidence = torch.ones(len(H36M17))
    confidence[H36M17.index("left_wrist")] = 0
    joints[H36M17.index("left_wrist")] = float("nan")
    assert (draw_skeleton(image, joints, H36M17, confidence)[40, 60] == 255).all()
    with pytest.raises(ValueError, match="h36m17"):
        draw_skeleton(image, joints[:5], H36M17)
