from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from s2m.body import BodyFileError, load_body
from s2m.body.arrays import OFFICIAL_VERTEX_IDS

from .fabricated import arrays, write_official

OFFICIAL = 6890


@pytest.fixture(scope="module")
def official() -> dict[str, Any]:
    return arrays(OFFICIAL)


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    ids = {name: i for i, name in enumerate(OFFICIAL_VERTEX_IDS)}
    return {**arrays(60), "vertex_ids_keys": np.array(list(ids)), "vertex_ids_vals": np.array(list(ids.values()))}


def write_npz(path: Path, fields: dict[str, Any]) -> Path:
    np.savez(path, **fields)
    return path


def assert_same_body(body: Any, fields: dict[str, Any]) -> None:
    assert_allclose(body.v_template, fields["v_template"], rtol=1e-6)
    assert_allclose(body.shapedirs, fields["shapedirs"][..., :10], rtol=1e-6)
    assert_allclose(body.joint_regressor, fields["J_regressor"], rtol=1e-6)
    assert_allclose(body.weights, fields["weights"], rtol=1e-6)
    assert body.faces.tolist() == fields["f"].tolist()
    assert body.parents[:5] == (-1, 0, 0, 0, 1)


def test_official_python2_pickle(tmp_path: Path, official: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "basicModel_f_lbs_10_207_0_v1.0.0.pkl"
    write_official(path, official, monkeypatch)
    monkeypatch.undo()
    body = load_body(path)
    assert_same_body(body, official)
    assert body.name == path.stem
    assert body.vertex_ids == OFFICIAL_VERTEX_IDS
    assert body.skeleton_regressor is None


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickle_of_today(tmp_path: Path, official: dict[str, Any], protocol: int) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(official, protocol=protocol))
    assert_same_body(load_body(path), official)


def test_npz_and_str_path(tmp_path: Path, small: dict[str, Any]) -> None:
    body = load_body(str(write_npz(tmp_path / "own.npz", small)))
    assert_same_body(body, small)
    assert body.vertex_ids["nose"] == 0


def test_loading_is_silent(tmp_path: Path, small: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    load_body(write_npz(tmp_path / "own.npz", small))
    load_body()
    assert capfd.readouterr() == ("", "")


def test_hash_tells_bodies_apart(tmp_path: Path, small: dict[str, Any]) -> None:
    first = load_body(write_npz(tmp_path / "a.npz", small))
    same = load_body(write_npz(tmp_path / "b.npz", small))
    moved = {**small, "v_template": small["v_template"] + 1e-3}
    assert first.hash == same.hash != load_body(write_npz(tmp_path / "c.npz", moved)).hash
    assert len(first.hash) == 64


def with_value(array: Any, value: float) -> Any:
    changed = array.copy()
    changed.flat[7] = value
    return changed


BROKEN = {
    "nan": ("v_template", lambda a: with_value(a, np.nan), "1 NaN or infinite"),
    "infinite": ("posedirs", lambda a: with_value(a, np.inf), "1 NaN or infinite"),
    "vertex count": ("weights", lambda a: a[:-1], r"\(60, 24\).*shape \(59, 24\)"),
    "smplx joints": ("J_regressor", lambda a: np.repeat(a, 2, axis=0), r"\(24, 60\).*shape \(48, 60\)"),
    "few betas": ("shapedirs", lambda a: a[..., :8], r">=10.*shape \(60, 3, 8\)"),
    "text": ("v_template", lambda a: a.astype("U8"), "numbers.*dtype <U"),
    "weights off": ("weights", lambda a: a * 1.1, "sum to one.*off by 0.1"),
    "regressor off": ("J_regressor", lambda a: a * 0.5, "sum to one.*off by 0.5"),
    "other tree": ("kintree_table", lambda a: a[:, ::-1].copy(), "parents"),
    "face outside": ("f", lambda a: a + 60, r"0\.\.59"),
    "float faces": ("f", lambda a: a.astype(float), "float64"),
    "landmark outside": ("vertex_ids_vals", lambda a: a + 60, r"0\.\.59"),
    "landmark missing": ("vertex_ids_keys", lambda a: np.array(["x", *a[1:]]), "no nose"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_field_is_named(tmp_path: Path, small: dict[str, Any], case: str) -> None:
    field, break_it, found = BROKEN[case]
    path = write_npz(tmp_path / "broken.npz", {**small, field: break_it(small[field])})
    with pytest.raises(BodyFileError, match=found) as raised:
        load_body(path)
    assert str(path) in str(raised.value)
    assert raised.value.field == field


@pytest.mark.parametrize(
    "field", ["v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f"]
)
def test_missing_field_is_named(tmp_path: Path, small: dict[str, Any], field: str) -> None:
    path = write_npz(tmp_path / "a.npz", {name: value for name, value in small.items() if name != field})
    with pytest.raises(BodyFileError, match=f"field '{field}'.*no such field"):
        load_body(path)


def test_unknown_mesh_needs_landmarks(tmp_path: Path) -> None:
    with pytest.raises(BodyFileError, match=r"vertex_ids_keys.*60 vertices"):
        load_body(write_npz(tmp_path / "a.npz", arrays(60)))


@pytest.mark.parametrize(
    ("skeleton", "found"),
    [
        (np.full((27, 60), 1 / 30), "sum to one"),
        (np.tile([2.0, -1.0, *[0.0] * 58], (27, 1)), "non-negative"),
        (np.ones((17, 60)) / 60, r"\(17, 60\)"),
    ],
)
def test_broken_skeleton(tmp_path: Path, small: dict[str, Any], skeleton: Any, found: str) -> None:
    path = write_npz(tmp_path / "a.npz", {**small, "skeleton_regressor": skeleton})
    with pytest.raises(BodyFileError, match=f"skeleton_regressor.*{found}"):
        load_body(path)


def test_missing_file_folder_and_suffix(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pkl.*found nothing"):
        load_body(tmp_path / "nowhere.pkl")
    with pytest.raises(FileNotFoundError, match="found a folder"):
        load_body(tmp_path)
    (tmp_path / "body.obj").touch()
    with pytest.raises(BodyFileError, match=r"body\.obj.*\.pkl or \.npz.*'\.obj'"):
        load_body(tmp_path / "body.obj")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_truncated_npz(tmp_path: Path, small: dict[str, Any], share: float) -> None:
    path = write_npz(tmp_path / "a.npz", small)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BodyFileError, match=r"a\.npz.*npz archive"):
        load_body(path)


def test_damaged_npz_member_is_named(tmp_path: Path, small: dict[str, Any]) -> None:
    path = write_npz(tmp_path / "a.npz", small)
    raw = bytearray(path.read_bytes())
    place = raw.index(small["weights"].tobytes()[:64])
    raw[place] ^= 0xFF
    path.write_bytes(bytes(raw))
    with pytest.raises(BodyFileError, match="field 'weights'"):
        load_body(path)


def test_npz_with_pickled_objects_is_refused(tmp_path: Path, small: dict[str, Any]) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    path = tmp_path / "a.npz"
    np.savez(path, allow_pickle=True, **{**small, "J_regressor": objects})
    with pytest.raises(BodyFileError, match="J_regressor"):
        load_body(path)
