from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from s2m.render import PyTorch3DSilhouette, hard_silhouette
from s2m.render.pytorch3d import default_bin_size, fullest_bin


def test_the_outline_is_the_hard_mask(people) -> None:
    points, faces = people
    alpha = PyTorch3DSilhouette(1e-7, 30)(points, faces, 32)
    assert torch.equal(alpha > 0.5, hard_silhouette(points, faces, 32, cull=False))


def test_depth_of_any_sign_is_drawn_and_gets_no_gradient(people) -> None:
    points, faces = people
    leaf = points[:1].clone().requires_grad_()
    renderer = PyTorch3DSilhouette(1e-4, 30)
    alpha = renderer(leaf, faces, 24)
    alpha.sum().backward()
    assert leaf.grad[..., 2].abs().max() == 0
    assert leaf.grad[..., :2].abs().max() > 0
    behind = points[:1] - torch.tensor([0.0, 0.0, 50.0])
    torch.testing.assert_close(renderer(behind, faces, 24), alpha.detach(), atol=1e-4, rtol=0)


def test_nothing_to_draw(people) -> None:
    points, faces = people
    renderer = PyTorch3DSilhouette(1e-4, 5)
    assert renderer(points[:0], faces, 16).shape == (0, 16, 16)
    assert renderer(points, faces[:0], 16).abs().max() == 0
    assert renderer(points + 5, faces, 16).abs().max() == 0


def test_fullest_bin_by_counting(people) -> None:
    points, faces = people
    corners = points[..., :2][:, faces]
    size, bin_size, reach = 40, 8, 0.02
    expected = 0
    for body in corners:
        low, high = ((edge + 1) * size / 2 for edge in (body.amin(1) - reach, body.amax(1) + reach))
        for x in range(0, size, bin_size):
            for y in range(0, size, bin_size):
                start, stop = torch.tensor([x, y]), torch.tensor([x + bin_size, y + bin_size])
                expected = max(expected, int(((high >= start) & (low < stop)).all(1).sum()))
    assert fullest_bin(points, faces, size, bin_size, reach) == expected
    assert fullest_bin(points + 9, faces, size, bin_size, reach) == 0


def test_overflow_is_reported(people) -> None:
    points, faces = people
    with pytest.warns(RuntimeWarning, match=r"\d+ faces in one bin, room for 5"):
        PyTorch3DSilhouette(max_faces_per_bin=5)._warn_of_overflow(points, faces, 64, 0.01)


@pytest.mark.parametrize("setting", [{}, {"max_faces_per_bin": 5, "bin_size": 0}])
@pytest.mark.filterwarnings("error")
def test_no_report_without_overflow(people, setting) -> None:
    points, faces = people
    PyTorch3DSilhouette(**setting)._warn_of_overflow(points, faces, 64, 0.01)


def test_default_bins_are_pytorch3ds() -> None:
    assert [default_bin_size(s) for s in (32, 64, 112, 224, 512, 1024)] == [8, 8, 16, 16, 32, 64]


def test_bad_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="faces_per_pixel"):
        PyTorch3DSilhouette(faces_per_pixel=0)


def test_pytorch3d_is_imported_only_when_its_renderer_is_built() -> None:
    code = "import sys, s2m.render as r; assert 'pytorch3d' not in sys.modules; r.PyTorch3DSilhouette(); "
    subprocess.run([sys.executable, "-c", code + "assert 'pytorch3d' in sys.modules"], check=True)


def test_missing_pytorch3d_names_the_alternative(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch3d", None)
    monkeypatch.setitem(sys.modules, "pytorch3d.renderer", None)
    with pytest.raises(ImportError, match="RaggedSilhouette"):
        PyTorch3DSilhouette()
