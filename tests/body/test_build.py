from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from s2m.body import Body, load_body
from s2m.body.arrays import BodyArrays
from s2m.body.build import main, save
from s2m.body.build_fit import joint_regressor, shape_space, vertex_area
from s2m.body.build_mesh import decimate_symmetrically, mirror_map, outer_skin, restrict
from s2m.body.build_tpose import smpl_part
from s2m.skeletons import SMPL24


def sphere(rings: int, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A closed globe with its poles on the z axis and vertices on the plane x = 0, wound outwards."""
    columns = 2 * rings
    polar = np.linspace(0, np.pi, rings + 1)[1:-1, None]
    around = np.arange(columns) * 2 * np.pi / columns
    grid = [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0 * around]
    vertices = np.concatenate([np.stack(grid, -1).reshape(-1, 3), [[0, 0, 1], [0, 0, -1]]])
    north, south, faces = len(vertices) - 2, len(vertices) - 1, []
    for column in range(columns):
        right = (column + 1) % columns
        faces += [(north, column, right), (south, south - 1 - columns + right, south - 1 - columns + column)]
        for row in range(rings - 2):
            a, b, low = row * columns + column, row * columns + right, columns
            faces += [(a, a + low, b + low), (a, b + low, b)]
    return vertices * radius, np.array(faces)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def arrays_of(body: Body) -> BodyArrays:
    return BodyArrays(
        v_template=body.v_template.numpy(),
        shapedirs=body.shapedirs.numpy(),
        posedirs=np.zeros((len(body.v_template), 3, 207), np.float32),  # the open body has none
        joint_regressor=body.joint_regressor.numpy(),
        weights=body.weights.numpy(),
        faces=body.faces.numpy(),
        vertex_ids=body.vertex_ids,
        skeleton_regressor=None if body.skeleton_regressor is None else body.skeleton_regressor.numpy(),
    )


@pytest.mark.slow
def test_rebuilt_body_is_the_shipped_one(body: Body, tmp_path: Path) -> None:
    pytest.importorskip("anny", reason="needs the extra 'body'")
    main(["--output", str(tmp_path / "rebuilt.npz"), "--cache", str(tmp_path / "anny")])
    rebuilt = load_body(tmp_path / "rebuilt.npz")
    assert_array_equal(rebuilt.faces, body.faces)
    assert rebuilt.vertex_ids == body.vertex_ids
    generator = torch.Generator().manual_seed(0)
    betas = torch.randn(5, 10, generator=generator)
    ours, theirs = rebuilt.rest(betas), body.rest(betas)
    assert_allclose(ours.vertices, theirs.vertices, atol=1e-4)
    assert_allclose(ours.joints, theirs.joints, atol=1e-4)
    assert_allclose(rebuilt.weights, body.weights, atol=1e-5)
    assert rebuilt.skeleton_regressor is not None
    assert body.skeleton_regressor is not None
    assert_allclose(
        rebuilt.skeleton_regressor @ rebuilt.v_template, body.skeleton_regressor @ body.v_template, atol=1e-4
    )


def test_saved_body_loads_unchanged(body: Body, tmp_path: Path) -> None:
    save(arrays_of(body), tmp_path / "copy.npz")
    assert load_body(tmp_path / "copy.npz").hash == body.hash
    assert [path.name for path in tmp_path.iterdir()] == ["copy.npz"]


def test_interrupted_save_leaves_the_old_file(body: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "body.npz"
    target.write_bytes(b"old")

    def fail(file: object, **fields: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        save(arrays_of(body), target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_hash_covers_every_array(body: Body) -> None:
    arrays = arrays_of(body)
    assert arrays.sha256() == body.hash
    hashes = {body.hash}
    for field in dataclasses.fields(arrays):
        value = getattr(arrays, field.name)
        changed = {**value, "nose": 0} if isinstance(value, dict) else np.roll(value, 1, axis=0) + (1 - value.any())
        hashes.add(dataclasses.replace(arrays, **{field.name: changed}).sha256())
    assert len(hashes) == 1 + len(dataclasses.fields(arrays))


def test_bones_belong_to_parts() -> None:
    assert smpl_part("neck02") == "neck"
    assert smpl_part("upperleg02.L") == "left_hip"
    assert smpl_part("finger3-2.R") == "right_hand"
    assert smpl_part("eye.L") == "head"
    with pytest.raises(KeyError, match=r"tail\.L"):
        smpl_part("tail.L")


def test_shape_space_recovers_planted_directions() -> None:
    rng = np.random.default_rng(0)
    directions, _ = np.linalg.qr(rng.normal(size=(150, 2)))
    scores = rng.normal(size=(400, 2)) * [3.0, 1.0]
    vertices = (rng.normal(size=150) + scores @ directions.T).reshape(400, 50, 3)
    mean, found, share = shape_space(vertices, np.ones(50), 2)
    assert_allclose(mean, vertices.mean(axis=0))
    assert share.sum() == pytest.approx(1)
    columns = found.reshape(150, 2)
    assert_allclose(np.linalg.norm(columns, axis=0), [3.0, 1.0], rtol=0.1)
    assert np.abs((columns / np.linalg.norm(columns, axis=0) * directions).sum(axis=0)) == pytest.approx(1, abs=0.02)
    height = np.ptp(vertices[..., 1], axis=1)
    centred = (vertices - mean).reshape(400, -1)
    assert all(np.corrcoef(centred @ column, height)[0, 1] > 0 for column in columns.T)


def test_vertex_areas_add_up_to_the_surface() -> None:
    vertices, faces = sphere(40, radius=2)
    area = vertex_area(vertices, faces)
    assert area.sum() == pytest.approx(4 * np.pi * 4, rel=0.005)
    corner = vertex_area(np.array([[0.0, 0, 0], [3, 0, 0], [0, 4, 0], [9, 9, 9]]), np.array([[0, 1, 2]]))
    assert corner.tolist() == [2, 2, 2, 0]


def test_joint_regressor_finds_joints_of_new_shapes(body: Body, generator: torch.Generator) -> None:
    betas = torch.randn(30, 10, generator=generator)
    bodies = body.rest(betas)
    vertices, joints = bodies.vertices.double().numpy(), bodies.joints.double().numpy()
    supervised = mirror_map(body.v_template.double().numpy())
    weights = body.weights.double().numpy()
    found = joint_regressor(vertices[:20], joints[:20], weights, supervised)
    assert found.min() >= 0
    assert_allclose(found.sum(axis=1), 1)
    error = np.linalg.norm(np.einsum("jv,nvc->njc", found, vertices[20:]) - joints[20:], axis=-1)
    assert error.max() < 0.015
    assert_array_equal(found[SMPL24.index("right_knee")], found[SMPL24.index("left_knee"), supervised])


def test_outer_skin_is_the_largest_part() -> None:
    (ball, ball_faces), (eye, eye_faces) = sphere(8), sphere(4)
    faces = np.concatenate([eye_faces, ball_faces + len(eye)])
    count = len(eye) + len(ball)
    skin = outer_skin(faces, count)
    assert skin.tolist() == list(range(len(eye), count))
    assert_array_equal(restrict(faces, skin, count), ball_faces)


def test_symmetric_decimation_stays_closed_and_symmetric() -> None:
    vertices, faces = sphere(40)
    coarse = decimate_symmetrically(vertices, faces, 1000)
    used = np.unique(coarse)
    assert 850 < len(coarse) <= 1000
    edges = [tuple(edge) for face in coarse.tolist() for edge in zip(face, face[1:] + face[:1], strict=True)]
    assert len(set(edges)) == len(edges)
    assert {(end, start) for start, end in edges} == set(edges)
    assert volume(vertices, coarse) == pytest.approx(volume(vertices, faces), rel=0.03)
    mirror_map(vertices[used])


def test_asymmetric_mesh_is_refused() -> None:
    with pytest.raises(ValueError, match="not mirror symmetric"):
        mirror_map(np.random.default_rng(0).normal(size=(30, 3)))


def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["-o", str(tmp_path / "none" / "body.npz")])
    assert ended.value.code == 2
    assert "none/body.npz: expected a folder that is there" in capsys.readouterr().err
