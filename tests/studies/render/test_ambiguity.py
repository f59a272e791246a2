from __future__ import annotations

import pytest
import torch

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.geometry.camera import FACING_CAMERA
from s2m.metrics.silhouette import silhouette_iou
from s2m.render import RaggedSilhouette
from s2m.skeletons import SMPL24
from studies.render.ambiguity import centred, main, mask, measure, mirrored_in_depth, turned_round
from studies.render.sigma import People, known_people


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def some(body: Body) -> People:
    return known_people(body, 4, seed=3)


def test_the_mirror_image_in_depth_is_a_pose_with_left_and_right_exchanged(body: Body, some: People) -> None:
    """Joints as far as the open body is symmetric: its left and right differ by less than a millimetre at rest."""
    _, joints = centred(body, some.params)
    _, other = centred(body, mirrored_in_depth(some.params))
    expected = joints[:, list(SMPL24.mirror)] * torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(other, expected, atol=2e-3, rtol=0)
    rotations = mirrored_in_depth(some.params).rotations
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(4, 24), atol=1e-4, rtol=0)
    twice = mirrored_in_depth(mirrored_in_depth(some.params))
    torch.testing.assert_close(twice.rotations, some.params.rotations)


def test_its_outline_is_the_same_and_its_joints_are_not(body: Body, some: People) -> None:
    values = measure(body, some, 112)
    assert values["mirrored"].min() > 0.99
    assert values["joints_mm"].min() > 100
    # Perspective tells the two apart a little: what is nearer is larger.
    assert (values["mirrored_perspective"] < values["mirrored"]).all()


def test_turning_round_flips_the_outline_of_the_mirror_image(body: Body, some: People) -> None:
    """Half a turn is the reflection in depth and the one in x; so symmetric poses keep their outline."""
    vertices, _ = centred(body, some.params)
    round_, _ = centred(body, turned_round(some.params))
    torch.testing.assert_close(round_, vertices * torch.tensor([-1.0, 1.0, -1.0]), atol=1e-5, rtol=0)
    eye = torch.eye(3).expand(1, 23, 3, 3)
    upright = BodyParams(FACING_CAMERA[None], eye, torch.zeros(1, 10))
    people = People(upright, torch.tensor([[0.75, 0.0, 0.0]]))
    front, back = (mask(body, centred(body, p)[0], people, 112) for p in (upright, turned_round(upright)))
    assert silhouette_iou(front, back).item() > 0.97


def test_soft_silhouettes_do_not_read_depth(body: Body, some: People) -> None:
    index, faces = body.render_mesh(600)
    points = centred(body, some.params)[0][:, index]
    alphas, slopes = [], []
    for sign in (1.0, -1.0):
        leaf = (points * torch.tensor([1.0, 1.0, sign])).requires_grad_()
        alpha = RaggedSilhouette()(leaf, faces, 48)
        alpha.square().sum().backward()
        assert leaf.grad is not None
        assert not leaf.grad[..., 2].any()
        alphas.append(alpha)
        slopes.append(leaf.grad)
    assert torch.equal(*alphas)
    assert torch.equal(*slopes)


def test_iou_by_hand() -> None:
    one, two = torch.zeros(1, 4, 4, dtype=torch.bool), torch.zeros(1, 4, 4, dtype=torch.bool)
    one[0, :2], two[0, 1:3] = True, True
    assert silhouette_iou(one, two).item() == pytest.approx(1 / 3)


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--bodies", "2", "--size", "48"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[2].startswith("| IoU, mirrored in depth, weak perspective |")
