from __future__ import annotations

import numpy as np
import pytest
import roma
import torch
from PIL import Image, ImageDraw

from s2m.batch import BodyParams
from s2m.body import Body, load_body

SIZES = [1200, 2000, 4000]


def mask(points: np.ndarray, faces: np.ndarray, size: int = 160) -> np.ndarray:
    """Orthographic silhouette drawn triangle by triangle with Pillow."""
    image = Image.new("1", (size, size))
    draw = ImageDraw.Draw(image)
    pixels = (points[:, :2] / 2.2 + 0.55) * size
    for face in faces:
        draw.polygon([tuple(pixels[i]) for i in face], fill=1)
    return np.asarray(image)


@pytest.mark.parametrize("faces", SIZES)
def test_silhouette_survives_in_any_pose(body: Body, faces: int) -> None:
    index, triangles = body.render_mesh(faces)
    generator = torch.Generator().manual_seed(faces)
    rotations = roma.rotvec_to_rotmat(0.4 * torch.randn(3, 24, 3, generator=generator))
    for vertices in body(BodyParams.from_rotations(rotations, torch.zeros(3, 10))).vertices.numpy():
        full, coarse = mask(vertices, body.faces.numpy()), mask(vertices[index.numpy()], triangles.numpy())
        assert (full & coarse).sum() / (full | coarse).sum() > {1200: 0.91, 2000: 0.93, 4000: 0.95}[faces]


@pytest.mark.parametrize("faces", SIZES)
def test_subset_is_well_formed(body: Body, faces: int) -> None:
    index, triangles = body.render_mesh(faces)
    assert 0.93 * faces < len(triangles) <= faces
    assert index.dtype == triangles.dtype == torch.int64
    assert (index.diff() > 0).all()
    assert triangles.unique().tolist() == list(range(len(index)))
    rows = triangles.sort(dim=1).values
    assert (rows.diff(dim=1) > 0).all()
    assert len(rows.unique(dim=0)) == len(rows)


@pytest.mark.parametrize("faces", SIZES)
def test_surface_stays_closed_and_wound_outwards(body: Body, faces: int) -> None:
    index, triangles = body.render_mesh(faces)

    def measures(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, float]:
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
        return area, np.einsum("ij,ij->", a, np.cross(b, c)) / 6

    full = measures(body.v_template.double().numpy(), body.faces.numpy())
    coarse = measures(body.v_template[index].double().numpy(), triangles.numpy())
    assert coarse == pytest.approx(full, rel=0.06)
    directed = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    code = set((directed[:, 0] * 10**6 + directed[:, 1]).tolist())
    back = set((directed[:, 1] * 10**6 + directed[:, 0]).tolist())
    assert len(code & back) > 0.98 * len(code)


def test_deterministic_and_cached(body: Body) -> None:
    index, triangles = body.render_mesh(2000)
    again = load_body().render_mesh(2000)
    assert torch.equal(index, again[0])
    assert torch.equal(triangles, again[1])
    assert torch.equal(body.render_mesh(2000)[0], index)


def test_no_more_faces_than_there_are(body: Body) -> None:
    index, triangles = body.render_mesh(10**6)
    assert index.tolist() == list(range(len(body.v_template)))
    assert torch.equal(triangles, body.faces)


def test_too_few_faces(body: Body) -> None:
    with pytest.raises(ValueError, match=r"at least 100 faces.*got 12"):
        body.render_mesh(12)
