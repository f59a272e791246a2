"""People of known pose before a known camera are recovered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.detect import Detection
from s2m.geometry.procrustes import similarity_align
from s2m.ik.body_joints import body_regressor
from s2m.metrics.silhouette import silhouette_iou
from s2m.recover.fit import _free
from s2m.recover.gathering import Choice, tells_body
from s2m.recover.observing import Detecting
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.recover.recovery import recover_photo
from s2m.skeletons import BLAZEPOSE33, S2M27, SMPL24

from .actors import CAMERA, Actors, acted, numbered, save, silhouette, true_joints

ARMS_AND_HEAD = [j for j in S2M27.joints if j.split("_")[-1] in ("shoulder", "elbow", "wrist", "head", "ear", "nose")]
LEGS = [j for j in S2M27.joints if j.split("_")[-1] in ("hip", "knee", "ankle", "heel", "toe")]


def recovered(detections: list[Detection], refine: int = 0):
    return PictureRecovery(S2M27, CAMERA, RecoverOptions(refine=refine))(detections).bodies


def scene(frames: int = 6):
    params = acted("walk", range(0, frames * 6, 6), (0.3, 0.1, 4.0))
    return params, true_joints(params), silhouette(params)


def seen(joints, masks=None, hidden=(), noise=0.0) -> list[Detection]:
    actors = Actors([joints], None if masks is None else [masks], hidden, noise)
    return [actors(numbered(frame))[0] for frame in range(len(joints))]


def pa_mm(found: torch.Tensor, true: torch.Tensor, joints: list[str]) -> float:
    columns = S2M27.indices(joints)
    a, b = found[:, columns], true[:, columns]
    return 1000 * float((similarity_align(a, b)[0] - b).norm(dim=-1).mean())


def overlap(bodies, masks: np.ndarray) -> float:
    found, true = (torch.from_numpy(values).float() for values in (silhouette(bodies.params), masks))
    return float(silhouette_iou(found, true).median())


def test_the_body_stands_in_the_pictures_own_pixels() -> None:
    _, true, masks = scene()
    bodies = recovered(seen(true, masks, noise=1.0))
    off = (bodies.joints2d - CAMERA.pixels(true)).norm(dim=-1)
    assert float(off.mean()) < 4  # of people who are 120 pixels tall
    assert overlap(bodies, masks) > 0.8
    assert float((bodies.joints3d[:, 0] - true[:, 0]).norm(dim=-1).mean()) < 0.25
    assert bodies.seen.all()


def test_bodies_cover_the_silhouette_refined_or_not() -> None:
    _, true, masks = scene(3)
    detections = seen(true, masks, noise=1.5)
    alone = overlap(recovered(detections), masks)
    assert alone > 0.80
    assert overlap(recovered(detections, refine=25), masks) > max(0.87, alone - 0.02)


def test_what_is_not_seen_never_moves_what_is() -> None:
    _, true, _ = scene()
    whole, half = recovered(seen(true, noise=1.0)), recovered(seen(true, hidden=LEGS, noise=1.0))
    off = (half.joints2d - CAMERA.pixels(true)).norm(dim=-1)[:, S2M27.indices(ARMS_AND_HEAD)]
    assert float(off.mean()) < 4
    # The lifter that ships has seen few cut people: their depths are worse than those of whole ones.
    assert pa_mm(whole.joints3d, true, ARMS_AND_HEAD) < 25
    assert pa_mm(half.joints3d, true, ARMS_AND_HEAD) < 60
    assert not half.seen[:, S2M27.indices(LEGS)].any()
    assert half.seen[:, S2M27.indices(ARMS_AND_HEAD)].all()


def test_legs_that_nobody_saw_stand() -> None:
    _, true, _ = scene()
    half = recovered(seen(true, hidden=LEGS))
    for side in ("left", "right"):
        hip, knee, ankle = (half.joints3d[:, S2M27.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        for bone in (knee - hip, ankle - knee):
            assert float(torch.nn.functional.normalize(bone, dim=1)[:, 1].min()) > 0.9  # +y is down


def test_upper_bodies_that_nobody_saw_stand() -> None:
    _, true, _ = scene()
    legs = recovered(seen(true, hidden=[j for j in S2M27.joints if j not in LEGS]))
    trunk = legs.joints3d[:, S2M27.index("thorax")] - legs.joints3d[:, S2M27.index("pelvis")]
    assert float(torch.nn.functional.normalize(trunk, dim=1)[:, 1].max()) < -0.8
    off = (legs.joints2d - CAMERA.pixels(true)).norm(dim=-1)[:, S2M27.indices(LEGS)]
    assert float(off.mean()) < 5


def test_a_person_off_the_middle_is_not_turned_by_the_oblique_view() -> None:
    middle, aside = (true_joints(acted("walk", [0], (x, 0.0, 4.0), turn=0.0)) for x in (0.0, 1.3))
    one, other = (recovered(seen(joints)).params.global_orient[0] for joints in (middle, aside))
    assert float(torch.acos(((one.T @ other).trace() - 1) / 2)) < np.deg2rad(10)  # seen from 18 degrees aside


def test_height_sets_the_scale(tmp_path: Path) -> None:
    _, true, _ = scene(1)
    depths = []
    for height in (1.5, 1.9):
        observer = Detecting(Actors([true]), None, 0.0)
        result, _ = recover_photo(save(tmp_path / "a.png"), observer, RecoverOptions(height=height), Choice())
        params = result.people[0].read(0, 1).params
        body = result.people[0].poser.body
        rest = body.rest(params.betas).vertices[0, :, 1]
        assert float(rest.max() - rest.min()) == pytest.approx(height, abs=0.03)
        depths.append(float(params.transl[0, 2]))
    assert depths[1] / depths[0] == pytest.approx(1.9 / 1.5, rel=0.05)


def test_the_fit_leaves_limbs_alone_that_nobody_saw() -> None:
    """Shoulders that are seen a little off do not lift arms that hang unseen; a seen wrist frees its arm alone."""
    seen = torch.zeros(2, len(S2M27), dtype=torch.bool)
    seen[:, S2M27.indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"))] = True
    seen[1, S2M27.index("left_wrist")] = True
    free = [[joint for joint, turns in zip(SMPL24.joints, row, strict=True) if turns] for row in _free(seen, S2M27)]
    assert not {"left_shoulder", "right_elbow", "left_hip", "right_knee", "left_ankle"} & set(free[0])
    assert {"pelvis", "left_collar", "spine1"} <= set(free[0])
    assert {"left_shoulder", "left_elbow"} <= set(free[1])
    assert not {"left_wrist", "right_shoulder", "right_elbow"} & set(free[1])


@pytest.mark.parametrize(("size", "enough"), [((640, 360), True), ((6000, 360), True), ((6000, 3400), False)])
def test_half_a_person_is_small_beside_the_shorter_side(size: tuple[int, int], enough: bool) -> None:
    joints, sure = np.full((27, 2), 100.0), np.where(np.arange(27) < 12, 0.9, 0.0)
    half = Detection(joints, sure, "s2m27", np.array([50.0, 20.0, 270.0, 360.0]), 0.9, None)
    assert tells_body(half, size) == enough


def test_a_head_looks_where_its_nose_is_seen() -> None:
    """Ears and neck leave open how far a head nods; a nose that is seen tells."""
    params, nods = acted("walk", [0] * 4, (0.0, 0.0, 3.0), turn=0.0), np.deg2rad([-25, -10, 15, 30])
    rotations, head = params.rotations.clone(), SMPL24.index("head")
    rotations[:, head] = torch.from_numpy(Rotation.from_euler("x", nods[:, None]).as_matrix()).float()
    params = BodyParams.from_rotations(rotations, params.betas, params.transl)
    body = load_body()
    true = CAMERA.pixels(body_regressor(body, BLAZEPOSE33) @ body(params).vertices).double().numpy()
    wrong = {}
    for hidden in ([], ["nose"]):
        found = PictureRecovery(BLAZEPOSE33, CAMERA, RecoverOptions())(_faces(true, hidden)).bodies
        turned = (_heads(found.params.rotations).mT @ _heads(rotations)).double().numpy()
        wrong[not hidden] = np.rad2deg(Rotation.from_matrix(turned).magnitude())
    assert wrong[True].mean() < 8
    assert wrong[True].mean() < 0.5 * wrong[False].mean()


def _faces(pixels: np.ndarray, hidden: list[str]) -> list[Detection]:
    sure = np.full(len(BLAZEPOSE33), 0.9)
    sure[BLAZEPOSE33.indices(hidden)] = 0.0
    box = [np.concatenate([joints.min(0), joints.max(0)]) for joints in pixels]
    joints = np.where(sure[:, None] > 0, pixels, np.nan)
    return [Detection(joints[i], sure, BLAZEPOSE33.name, box[i], 0.9, None) for i in range(len(pixels))]


def _heads(rotations: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) to the camera frame."""
    found, joint = torch.eye(3).expand(len(rotations), 3, 3), SMPL24.index("head")
    while joint >= 0:
        found, joint = rotations[:, joint] @ found, SMPL24.parents[joint]
    return found
