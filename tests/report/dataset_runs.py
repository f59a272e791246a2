"""Converted test sets, finished runs of fresh weights, and the runs' joints by another way than the code under test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from s2m.artifact import Artifact, save
from s2m.batch import Observation
from s2m.body import Body
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.mask_folder import WithMasks
from s2m.data.zoo.mpi_inf_3dhp import MpiInf3DHP
from s2m.pretrained import build_mesh_model, load_mesh_model
from s2m.skeletons import get_joint_set
from tests.data.zoo.fabricate.mpi_inf_3dhp import write_test, write_training

VALID, ACTIVITY = [1, 1, 1, 1, 0, 1, 1, 1], [1, 1, 3, 3, 3, 3, 7, 7]
SPEC = {
    "lifter": {"class_path": "s2m.lifter.Lifter", "init_args": {"joint_set": "h36m17", "rest_bone_length": 0.25}},
    "regressor": {"class_path": "s2m.body.regressors.FixedRegressor"},
    "ik": {"class_path": "s2m.ik.DIK"},
    "encoder": {"class_path": "s2m.heads.SilhouetteEncoder", "init_args": {"size": 32}},
    "shape": {"class_path": "s2m.heads.SilhouetteShape"},
    "pose": {"class_path": "s2m.heads.RefinedPose"},
    "root": {"class_path": "s2m.heads.SkeletonRoot"},
    "camera": {"class_path": "s2m.heads.CorrectedCamera"},
}


def write_run(folder: Path, store: Path, body: Body, seed: int = 3, joint_set: str = "h36m17") -> Path:
    """A finished run of fresh weights that says it was trained on ``store``."""
    torch.manual_seed(seed)
    spec = {**SPEC, "lifter": {**SPEC["lifter"], "init_args": {"joint_set": joint_set, "rest_bone_length": 0.25}}}
    model = build_mesh_model(spec, body, get_joint_set(joint_set))
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("body.")}
    config = {"data": {"init_args": {"store": str(store)}}}
    save(folder / "mesh/mesh.pt", Artifact("mesh", joint_set, body.hash, spec, state, config=config))
    return folder


# mpi3dhp17 (the dataset's 'relevant' joints; its "head" is a point amid the face, "head top" the head) and h36m17.
STORED = [
    "head",
    "thorax",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "spine",
    "neck_nose",
]  # fmt: skip
EVALUATED = [
    "pelvis",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "spine",
    "thorax",
    "neck_nose",
    "head",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
]  # fmt: skip
FOURTEEN = [i for i, name in enumerate(EVALUATED) if name not in ("pelvis", "spine", "neck_nose")]


def write_masks(folder: Path, sequences: Sequence[str]) -> None:
    """Silhouettes of test sequences as --masks wants them: a box where the person is."""
    mask = np.zeros((2048, 2048), np.uint8)
    mask[300:1800, 600:1500] = 255
    for name in sequences:
        for row, activity in enumerate(ACTIVITY):
            file = folder / name / str(activity) / f"{row}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(file)


def make_workplace(root: Path, body: Body) -> Path:
    """data/mpi_inf_3dhp, runs/own trained on it, runs/transferred on something called human36m."""
    official = root / "official/mpi_inf_3dhp"
    write_training(official, frames=2, masks=False)
    for name in ("TS1", "TS3"):
        write_test(official, name, valid=VALID, activity=ACTIVITY)
    write_masks(root / "masks", ("TS1", "TS3"))
    source = WithMasks(MpiInf3DHP(official, cameras=(0,)), root / "masks")
    convert(source, root / "data/mpi_inf_3dhp", Options(mask_size=32, splits=("test",)), workers=0, progress=False)
    write_run(root / "runs/own", root / "data/mpi_inf_3dhp", body)
    other = root / "data/other/store.json"
    other.parent.mkdir()
    header = json.loads((root / "data/mpi_inf_3dhp/store.json").read_text())
    other.write_text(json.dumps({**header, "kind": "human36m"}))
    write_run(root / "runs/transferred", other.parent, body, seed=4)
    return root


def predictions(workplace: Path, body: Body, run: str = "own") -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A run's joints and the truth (T, 17, 3), metres, in h36m17's order, and activities: from the store's raw files.

    Joints are found by their names in two lists written by hand.
    """
    folder = workplace / "data/mpi_inf_3dhp"
    header = json.loads((folder / "store.json").read_text())
    raw = {f.stem: np.load(f) for part in ("observation", "truth") for f in (folder / "test" / part).glob("*.npy")}
    columns = [STORED.index(name) for name in EVALUATED]
    model, _ = load_mesh_model(workplace / f"runs/{run}/mesh/mesh.pt", body)
    pred = []
    fields = ("joints2d", "confidence", "crop", "silhouette", "intrinsics")
    for joints, confidence, crop, packed, pixels in zip(*(raw[name] for name in fields), strict=True):
        camera = np.concatenate([pixels[:2], pixels[2:] - crop[:2]]) / crop[2]
        seen = Observation(
            torch.tensor((joints[columns] - crop[:2]) / crop[2])[None],
            torch.tensor(confidence[columns])[None],
            torch.tensor(np.unpackbits(packed).reshape(1, header["mask_size"], -1).astype(np.float32)),
            torch.tensor(crop)[None],
            camera=torch.tensor(camera, dtype=torch.float32)[None],
        )
        with torch.no_grad():
            pred.append(model(seen).joints3d[0].double().numpy())
    names = [header["recordings"]["test"][number]["activity"] for number in raw["sequence"]]
    return np.stack(pred), raw["joints3d"][:, columns].astype(np.float64), names


def aligned_errors(pred: np.ndarray, true: np.ndarray, joints: list[int]) -> np.ndarray:
    """(T, J) mm after Procrustes over some joints, by scipy."""
    errors = []
    for p, t in zip(pred[:, joints], true[:, joints], strict=True):
        x, y = p - p.mean(0), t - t.mean(0)
        turned = Rotation.align_vectors(y, x)[0].apply(x)
        errors.append(np.linalg.norm(turned * (turned * y).sum() / (x * x).sum() - y, axis=-1))
    return 1000 * np.array(errors)


def expected_row(errors: np.ndarray, step: int = 5) -> list[str]:
    area = np.mean([(errors < t).mean() for t in range(0, 151, step)])
    return [f"{100 * (errors < 150).mean():.1f}", f"{100 * area:.1f}", f"{errors.mean():.1f}"]
