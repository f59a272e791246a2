"""Figures of recover on rendered people, and the model that is shipped for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy import ndimage

from s2m import artifact as artifacts
from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.errors import UserError
from s2m.recover import trained
from s2m.recover.bodies import Bodies
from studies.recover import ship, table
from studies.recover.figures import figures, shapes
from studies.recover.scenes import SIDE, cut, dressed, scene

ASSETS = Path(trained.__file__).parent / "assets"


def test_right_bodies_have_no_errors_and_wrong_shapes_do() -> None:
    body, known = load_body(), scene(load_body(), 2, 0)
    seen = torch.ones(2, 27, dtype=torch.bool)
    right = Bodies(known.params, known.joints3d, known.camera.pixels(known.joints3d), seen, seen.float())
    found = figures(body, known, right)
    assert found["iou"] == 1
    assert max(found["pa_mm"], found["shape_mm"], found["height_mm"]) < 1e-2
    assert found["volume"] == pytest.approx(1, abs=1e-5)


def test_volumes_are_those_of_the_meshes() -> None:
    body, betas = load_body(), torch.zeros(2, 10)
    betas[0, 1] = 2
    still = BodyParams.from_rotations(torch.eye(3).expand(2, 24, 3, 3), betas)
    meshes = [trimesh.Trimesh(points, body.faces, process=False) for points in body(still).vertices.numpy()]
    assert shapes(body, betas[:1], betas[1:])["volume"] == pytest.approx(meshes[0].volume / meshes[1].volume, abs=1e-5)


def test_clothes_lie_as_thick_around_the_silhouette_as_they_are() -> None:
    bare = scene(load_body(), 1, 1).detections
    mask = np.asarray(bare[0].mask, bool)
    grown = np.asarray(dressed(bare, 0.02)[0].mask, bool)
    near = ndimage.binary_dilation(mask, iterations=int(0.02 * mask.any(1).sum()) - 1)
    assert (grown >= mask).all()
    assert (grown >= near).all()
    far = ndimage.binary_dilation(mask, np.ones((3, 3)), iterations=int(0.02 * mask.any(1).sum()) + 1)
    assert (grown <= far).all()


def test_what_lies_below_the_edge_is_not_seen() -> None:
    known = scene(load_body(), 1, 1)
    edge = np.array([SIDE / 2])
    part, whole = cut(known.detections, edge)[0], known.detections[0]
    assert part.mask is not None
    assert whole.mask is not None
    assert part.mask.shape == (SIDE // 2, SIDE)
    assert np.array_equal(part.mask, whole.mask[: SIDE // 2])
    seen = part.confidence > 0
    assert np.array_equal(seen, (whole.confidence > 0) & (whole.joints2d[:, 1] < SIDE / 2))
    assert np.isnan(part.joints2d[~seen]).all()


def test_the_page_has_a_row_for_every_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "REFINED", 2)
    table.main(["--people", "2", "-o", str(tmp_path)])
    rows = json.loads((tmp_path / "recover.json").read_text())
    assert len(rows["methods"]) == 4
    assert [row["edge"] for row in rows["cuts"]] == list(table.EDGES)
    assert [row["shape"].split(",")[0] for row in rows["clothes"]] == ["mean shape", *["read"] * 4]
    assert all(f"{row['iou']:.3f}" in (tmp_path / "recover.md").read_text() for row in rows["methods"])


def test_only_a_model_on_the_lifter_that_ships_is_shipped(tmp_path: Path) -> None:
    record = json.loads((ASSETS / trained.RECORD).read_text())
    artifact = artifacts.load(ASSETS / record["file"], "mesh")
    other = artifacts.Artifact(**{**artifact.__dict__, "parents": {**artifact.parents, "lifter": "0" * 64}})
    artifacts.save(tmp_path / "mesh.pt", other)
    with pytest.raises(UserError, match="found another lifter's"):
        ship.ship(tmp_path, None, tmp_path, tmp_path)  # type: ignore[arg-type]
