"""Results of programs that estimate SMPL bodies, in their own layouts, through `s2m ik`."""

from __future__ import annotations

import base64
import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.cli import main

FRAMES = 5
_RNG = np.random.default_rng(0)
BODY = Rotation.from_rotvec(_RNG.normal(size=(FRAMES * 23, 3)) * 0.3)
ROOT = Rotation.from_euler("yxz", _RNG.normal(size=(FRAMES, 3)) * [1, 0.1, 0.1])  # upright in a world with +y up
PLACE = _RNG.normal(size=(FRAMES, 3))
BETAS = _RNG.normal(size=10).astype(np.float32)
DOWN = Rotation.from_euler("x", 180, degrees=True)  # to the camera's frame
# What joblib.dump of joblib 1.6.0 wrote with compress=3, of two people as WHAM has them: person 0 in the frames 4 and 6
# at x = 0 and 0.5, her left hip turned by 0.25 about z in frame 6; person 3 in frame 4.
WHAM = base64.b64decode(
    "eF7tVUlLw0AYtWmjbS3WBcUFPAiuoIh68CBa8aIGCnrxGCZNdKLZyELpQagHa4W5Ofl13vwjdSZrbaIU9GYGkswkM19m3vfe+9oF"
    "92PEb494g6M3VDB0S8Jo5l4XFFnY0RzVaPGG3HhQyNupOh2emiZo3ZjAMCQTv+HNJ0wXFi1HaCjAsjBivVUYjWkioHPJJMRaEBgS"
    "5hjuvENGuimSxSh3Rvqi3SJfYCnskdnM7QF+7b7ga7KtPMod4Xq9ftkjzbtxIzYWUBkoit7kVRUYuIuW/J16/+OBIt9pqqTZvNCy"
    "JQtzk47A9Hrv1YtacN7skYJAOj7t4wwsHwF3O0ACsbYJNAtD1ic/LMJxWCHczncwnIBVOAln4XwXLlDilShlvRbjWKM8PPHHtZq7"
    "F8YtU/XxTd1UxGRwIpxE8EoU/Ev8LGPDI5DxO8TK3Q95OO7x+zsiprE8H/GvHfCa8tvv9+lGkGyQoptyCrVzVC90/Z9d7lV4vtKt"
    "CVSJl8XkXp5DkU0jRj6MqxCcS9agSOOsJ8NCEH40eEbndrg8dQlmwC9ytBb+4BdZvfpZxe568B0uJpBN42i13ywH/DiOtTxUlmK+"
    "D+80/21mjOnKL/ITeEiU67VErDT3CPIzlHe4qyGPtgZjR26wm1LPQ707zs4n3Cpy5A=="
)

Fields = dict[str, Any]


def vectors(root: Rotation, joints: int = 23) -> np.ndarray:
    body = BODY.as_rotvec().reshape(FRAMES, 23, 3)[:, :joints]
    return np.concatenate([root.as_rotvec()[:, None], body], axis=1).reshape(FRAMES, -1)


def matrices(root: Rotation) -> np.ndarray:
    return np.concatenate([root.as_matrix()[:, None], BODY.as_matrix().reshape(FRAMES, 23, 3, 3)], axis=1)


def in_camera() -> tuple[Rotation, np.ndarray]:
    return DOWN * ROOT, DOWN.apply(PLACE)


def phalp(path: Path) -> None:
    root, place = in_camera()
    full = matrices(root)
    content = {
        f"img/{n:06d}.jpg": {
            "tid": [7],
            "smpl": [{"global_orient": full[n, :1], "body_pose": full[n, 1:], "betas": BETAS}],
            "camera": [place[n]],
        }
        for n in range(FRAMES)
    }
    path.write_bytes(gzip.compress(pickle.dumps(content)))


def gvhmr(path: Path) -> None:
    def params(root: Rotation, place: np.ndarray) -> Fields:
        parts = {"global_orient": root.as_rotvec(), "body_pose": vectors(root, 21)[:, 3:], "transl": place}
        return {name: torch.from_numpy(part).float() for name, part in parts.items()}

    world, camera = params(ROOT, PLACE), params(*in_camera())
    torch.save({"smpl_params_incam": camera, "smpl_params_global": world, "K_fullimg": torch.eye(3)}, path)


def slahmr(path: Path) -> None:
    poses = vectors(ROOT, 21)
    two = {"root_orient": poses[:, :3], "pose_body": poses[:, 3:], "trans": PLACE}
    fields = {name: np.stack([part, part]) for name, part in two.items()}
    np.savez(path, betas=np.stack([BETAS, BETAS]), **fields)


def fields(path: Path, content: Fields) -> None:
    if path.suffix == ".npz":
        np.savez(path, **content)
    elif path.suffix == ".npy":
        np.save(path, np.array(content, dtype=object))
    else:
        path.write_bytes(pickle.dumps(content))


def _layouts() -> dict[str, Any]:
    root, place = in_camera()
    pose, mats = vectors(root), matrices(root)
    every, smplx = np.repeat(BETAS[None], FRAMES, axis=0), np.pad(vectors(ROOT)[:, :66], ((0, 0), (0, 99)))
    plain: dict[str, Fields] = {
        "wham.npz": {"pose": pose, "trans": place, "betas": every},
        "vibe_output.pkl": {1: {"pose": pose, "betas": every, "pred_cam": np.ones((FRAMES, 3)), "joints3d": PLACE}},
        "cliff.npz": {"pose": pose, "shape": every, "global_t": place},
        "hps_track_0.npy": {"pred_rotmat": mats, "pred_shape": every, "pred_trans": place[:, None]},
        "res.pk": {"pred_thetas": [m.reshape(-1) for m in mats], "pred_betas": list(every), "transl": list(place)},
        "romp.npz": {"results": {"smpl_thetas": pose, "smpl_betas": every, "cam_trans": place}},
        "motion.pkl": {"smpl_poses": vectors(ROOT), "smpl_trans": PLACE * 90, "smpl_scaling": np.array([90.0])},
        "smpl_params.npz": {
            "smpl_params": {"global_orient": pose[:, None, :3], "body_pose": pose[:, 3:], "transl": place}
        },
        "prompthmr.pkl": {0: {"smplx_world": {"pose": smplx, "trans": PLACE}}},
    }
    made = {name: (lambda path, content=content: fields(path, content)) for name, content in plain.items()}
    return {**made, "demo_video.pkl": phalp, "hmr4d_results.pt": gvhmr, "world_results.npz": slahmr}


LAYOUTS = _layouts()
_WITHOUT_PLACE = {"vibe_output.pkl"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_rotations_and_ways_are_those_of_the_file(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    LAYOUTS[name](tmp_path / name)
    out = tmp_path / "out.npz"
    assert main(["ik", str(tmp_path / name), "-o", str(out)]) == 0
    upright = Rotation.from_euler("x", 90, degrees=True)
    with np.load(out) as found:
        roots = Rotation.from_rotvec(found["poses"][:, :3])
        assert (roots * (upright * ROOT).inv()).magnitude().max() < 1e-5
        np.testing.assert_allclose(found["poses"][:, 3:66], vectors(ROOT)[:, 3:66], atol=1e-5)
        way = upright.apply(PLACE - PLACE[0]) * (name not in _WITHOUT_PLACE)
        np.testing.assert_allclose(found["trans"] - found["trans"][0], way, atol=1e-5)
    said = capsys.readouterr()
    assert "rotations are taken over as they are" in said.out + said.err


def test_a_file_of_joblib_and_frames_in_which_nobody_was_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "wham_output.pkl", tmp_path / "out.npz"
    path.write_bytes(WHAM)
    assert main(["ik", str(path), "-o", str(out)]) == 0
    assert "2 people: took 0, seen in most frames; the others: 3 (1 frames)" in capsys.readouterr().err
    with np.load(out) as found:
        assert found["valid"].tolist() == [True, False, True]
        np.testing.assert_allclose(found["poses"][:, 5], [0, 0, 0.25], atol=1e-6)
        np.testing.assert_allclose(found["trans"][:, 0] - found["trans"][0, 0], [0, 0, 0.5], atol=1e-6)
        np.testing.assert_allclose(found["betas"][:10], 0.5)
    assert main(["ik", str(path), "--people", "all", "-o", str(out), "--overwrite", "-q"]) == 0
    assert sorted(each.name for each in tmp_path.glob("out-*.npz")) == ["out-0.npz", "out-3.npz"]
    assert main(["ik", str(path), "--person", "5", "-o", str(out), "--overwrite"]) == 2
    assert "--person: expected one of 0, 3, found 5" in capsys.readouterr().err


def test_a_pickle_that_unpacks_to_a_thousand_times_its_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wham_output.pkl"
    path.write_bytes(gzip.compress(pickle.dumps({"pose": bytes(70_000_000)}), 1))
    assert main(["ik", str(path), "-o", str(tmp_path / "out.npz")]) == 2
    assert "more than 64000000 bytes, unpacked" in capsys.readouterr().err


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def _cut(path: Path) -> None:
    path.write_bytes(WHAM[:-40])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.pkl", lambda path: path.write_bytes(pickle.dumps({0: {"pose": _Runs()}})), "forbidden global"),
        ("a.pkl", _cut, "cut short"),
        ("a.pt", lambda path: torch.save({"smpl_params_global": _Runs()}, path), "save the arrays with numpy.savez"),
        ("a.pt", lambda path: path.write_bytes(b"PK"), "not written by torch.save"),
        ("a.npz", lambda path: np.savez(path, pose=vectors(ROOT), trans=PLACE[:2]), "trans: expected (5, 3), found (2"),
        (
            "a.npz",
            lambda path: np.savez(path, pose=vectors(ROOT) * np.nan, trans=PLACE),
            "pose: holds values that are not",
        ),
        (
            "a.npz",
            lambda path: np.savez(path, pred_rotmat=matrices(ROOT) * 2),
            "pred_rotmat: expected rotation matrices",
        ),
    ],
)
def test_what_cannot_be_read(
    name: str,
    make: Any,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / name)
    assert main(["ik", name, "-o", "out.npz"]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert name in message
    assert words in message
    assert not Path("ran").exists()
    assert not Path("out.npz").exists()
