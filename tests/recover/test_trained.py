"""A trained stage 3 before new pictures: the model that ships, one's own, and what silhouettes can be trusted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import roma
import torch

from s2m import artifact as artifacts
from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.errors import UserError
from s2m.files import sha256
from s2m.heads import RefinedPose
from s2m.lifter.api import lift
from s2m.lifter.shipped_lifters import shipped, shipped_file
from s2m.pretrained import build_mesh_model, load_mesh_model
from s2m.recover import trained
from s2m.recover.clip import PersonClip
from s2m.recover.lifting import PictureLifting
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.recover.recoverer import Recoverer
from s2m.recover.shapes import tells_shape
from s2m.recover.sightings import Sightings
from s2m.recover.silhouettes import Silhouettes, _spread, cut_out
from s2m.skeletons import S2M27, S2M27_DETECTED, SMPL24
from studies.recover.figures import shapes
from studies.recover.scenes import Scene, dressed, scene

from .actors import CAMERA, SIZE, Actors, acted, numbered, silhouette, true_joints

ASSETS = Path(trained.__file__).parent / "assets"
PEOPLE = 6


def people(betas: torch.Tensor) -> BodyParams:
    """Walkers of different shapes, as far away as the picture holds them whole."""
    params = acted("walk", range(0, 3 * len(betas), 3), (0.1, 0.1, 4.4))
    assert params.transl is not None
    return BodyParams(params.global_orient, params.body_pose, betas, params.transl)


def detections(params: BodyParams, hidden: tuple[str, ...] = ()):
    actors = Actors([true_joints(params)], [silhouette(params)], hidden)
    return [actors(numbered(frame))[0] for frame in range(len(params.betas))]


def disc(centre: tuple[float, float], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    return ((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < radius**2).astype(np.uint8)


def test_silhouettes_in_other_crops_are_where_they_were() -> None:
    found = Silhouettes.of([disc((150, 100), 40)]).in_crops(torch.tensor([[160.0, 110.0, 80.0]]), 112)[0].numpy()
    rows, columns = np.mgrid[:112, :112]
    x, y = ((2 * axis + 1) / 112 - 1 for axis in (columns, rows))
    true = (160 + 80 * x - 150) ** 2 + (110 + 80 * y - 100) ** 2 < 40**2
    assert (found != true).mean() < 0.01


@pytest.mark.parametrize("share", [0.01, 0.024])
def test_outlines_move_inwards_by_a_share_of_the_silhouettes_extent(share: float) -> None:
    radius = 90.0
    smaller = Silhouettes.of([disc((160, 120), radius)]).shrunk(share)
    pixel = 2 * float(smaller.squares[0, 2]) / smaller.values.shape[-1]
    covered = float(torch.nan_to_num(smaller.values).sum()) * pixel**2
    # A disc of the smaller radius, to a quarter of a pixel all around.
    assert (covered / np.pi) ** 0.5 == pytest.approx(radius - share * 2 * radius, abs=pixel / 4)


def test_a_silhouette_keeps_what_lies_outside_of_the_picture_unknown_when_it_shrinks() -> None:
    whole = Silhouettes.of([disc((20, 100), 60)])
    assert whole.values.isnan().any()
    assert torch.equal(whole.shrunk(0.02).values.isnan(), whole.values.isnan())


@pytest.mark.parametrize(
    ("size", "centre", "radius"), [((1081, 1921), (700.3, 1500.8), 300), ((640, 480), (300.2, 200.9), 150)]
)
def test_a_silhouette_is_cut_out_where_it_lies_whatever_the_pictures_size(
    size: tuple[int, int], centre: tuple[float, float], radius: float
) -> None:
    x, y = np.arange(size[0]) + 0.5 - centre[0], np.arange(size[1])[:, None] + 0.5 - centre[1]
    values, square = cut_out((x**2 + y**2 < radius**2).astype(np.uint8))
    steps = ((np.arange(len(values)) + 0.5) / len(values) * 2 - 1) * square[2]
    true = (square[0] + steps - centre[0]) ** 2 + (square[1] + steps[:, None] - centre[1]) ** 2 < radius**2
    known = ~np.isnan(values)
    assert ((values > 0) != true)[known].sum() < 0.002 * true.sum()


@pytest.mark.parametrize(
    ("centre", "whole"), [((150, 100), True), ((20, 100), False), ((150, 230), False), ((43, 100), True)]
)
def test_a_silhouette_at_the_edge_of_the_picture_may_go_on(centre: tuple[float, float], whole: bool) -> None:
    assert bool(Silhouettes.of([disc(centre, 40)]).whole()) == whole


def test_no_silhouette_is_not_whole() -> None:
    assert not Silhouettes.of([None]).whole()


def test_joints_lie_on_silhouettes() -> None:
    points = torch.tensor([[[150.0, 100.0], [188.0, 100.0], [200.0, 100.0], [150.0, 30.0]]])
    assert Silhouettes.of([disc((150, 100), 40)]).hold(points).tolist() == [[True, True, False, False]]


def test_only_whole_people_with_their_limbs_on_the_silhouette_tell_a_shape() -> None:
    params = people(torch.zeros(1, 10))
    joints = CAMERA.pixels(true_joints(params))
    sure = torch.ones(1, len(S2M27))
    mask = silhouette(params)[0]
    assert tells_shape(joints, sure, S2M27, Silhouettes.of([mask]))
    half = mask.copy()
    half[int(joints[0, S2M27.index("left_knee"), 1]) :] = 0
    assert not tells_shape(joints, sure, S2M27, Silhouettes.of([half]))
    sure[0, S2M27.index("left_ankle")] = 0
    assert not tells_shape(joints, sure, S2M27, Silhouettes.of([mask]))


def test_shapes_are_read_off_silhouettes_better_than_guessed_whether_people_wear_clothes_or_not() -> None:
    body, record = load_body(), json.loads((ASSETS / trained.RECORD).read_text())
    bare = trained.TrainedModel(load_mesh_model(ASSETS / record["file"], body)[0])
    known = scene(body, 40, 3)
    mean = shapes(body, torch.zeros_like(known.params.betas), known.params.betas)["shape_mm"]
    for thickness in (0.0, 0.012):  # of the height: none, and two centimetres
        read, fat = (
            read_shapes(body, known, RecoverOptions(body=body, model=model), thickness)
            for model in (trained.shipped_model(body), bare)
        )
        assert read["shape_mm"] < 0.97 * mean
        assert abs(read["volume"] - 1) < 0.1
    # Clothes that were taken for skin.
    assert fat["volume"] > read["volume"] + 0.08


def read_shapes(body: Body, known: Scene, options: RecoverOptions, thickness: float) -> dict[str, float]:
    people = PictureRecovery(S2M27_DETECTED, known.camera, options)(dressed(known.detections, thickness))
    assert people.shaped.sum() > 20
    return shapes(body, people.bodies.params.betas[people.shaped], known.params.betas[people.shaped])


def test_a_half_seen_person_keeps_the_mean_shape() -> None:
    body = load_body()
    hidden = tuple(joint for joint in S2M27.joints if joint.split("_")[-1] in ("knee", "ankle", "heel", "toe"))
    options = RecoverOptions(body=body, model=trained.shipped_model(body))
    found = PictureRecovery(S2M27, CAMERA, options)(detections(people(torch.ones(1, 10)), hidden))
    assert not found.shaped.any()
    assert not found.bodies.params.betas.any()


def test_live_people_keep_the_shape_of_their_first_pictures() -> None:
    params = people(torch.randn(12, 10, generator=torch.Generator().manual_seed(0)))
    recoverer = Recoverer(fps=30, detector=Actors([true_joints(params)], [silhouette(params)]), focal=CAMERA.focal)
    betas = [recoverer(numbered(frame)).bodies.params.betas[0] for frame in range(12)]  # type: ignore[union-attr]
    assert not torch.equal(betas[0], betas[1])
    assert all(torch.equal(betas[5], later) for later in betas[6:])


def test_what_ships_belongs_to_the_lifter_that_ships() -> None:
    record = json.loads((ASSETS / trained.RECORD).read_text())
    artifact = artifacts.load(ASSETS / record["file"], "mesh", joint_set="s2m27", body=load_body().hash)
    assert artifact.parents["lifter"] == record["lifter"] == sha256(shipped_file("s2m27"))
    assert not artifact.spec["pose"]["class_path"].endswith("RefinedPose")


def test_a_run_of_ones_own_brings_its_lifter_and_its_corrections(tmp_path: Path) -> None:
    """The same weights as a run: with its own lifter, the skeletons are the same but for half precision."""
    record = json.loads((ASSETS / trained.RECORD).read_text())
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.pt").write_bytes((ASSETS / record["file"]).read_bytes())
    _, own = trained.of_run(tmp_path, load_body())
    seen = detections(people(torch.zeros(2, 10)))
    joints, sure = np.stack([one.joints2d for one in seen]), np.stack([one.confidence for one in seen])
    ours = PictureLifting(S2M27, CAMERA, own=own).arrays(joints, sure)
    theirs = lift(joints, S2M27, sure, lifter=shipped("s2m27"), focal=CAMERA.focal, image_size=SIZE)
    assert np.abs(ours.joints3d.numpy() - theirs.joints3d).max() < 5e-3


def with_turned_wrists(turn: float) -> trained.TrainedModel:
    """The model that ships, with a PR that turns every extremity about its own x."""
    record = json.loads((ASSETS / trained.RECORD).read_text())
    artifact = artifacts.load(ASSETS / record["file"], "mesh")
    spec = {**artifact.spec, "pose": {"class_path": "s2m.heads.RefinedPose", "init_args": {}}}
    model = build_mesh_model(spec, load_body(), S2M27).eval().requires_grad_(False)
    assert isinstance(model.pose, RefinedPose)
    model.pose.layer.weight.zero_()
    model.pose.layer.bias.copy_(torch.tensor([turn, 0.0, 0.0]).repeat(len(model.pose.joints)))
    return trained.TrainedModel(model)


def test_corrections_of_ones_own_model_turn_extremities_in_photos_and_videos(tmp_path: Path) -> None:
    params, left = people(torch.zeros(4, 10)), SMPL24.index("left_wrist")
    found: list[list[torch.Tensor]] = [[], []]
    for turn in (0.0, 0.8):
        options = RecoverOptions(model=with_turned_wrists(turn))
        found[0].append(PictureRecovery(S2M27, CAMERA, options)(detections(params)).bodies.params.rotations[:, left])
        sightings = Sightings(tmp_path, 0)
        for frame, one in enumerate(detections(params)):
            sightings.add(frame, one)
        clip = PersonClip(sightings, S2M27, CAMERA, 30.0, options, tmp_path)
        found[1].append(clip.read(0, len(clip)).params.rotations[:, left])
        clip.close()
        sightings.close()
    for still, turned in found:
        angles = roma.rotmat_geodesic_distance(still, turned)
        assert float(angles.median()) > 0.4  # the fit to the knuckles takes a part of it back


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the folder of a run whose stage 3 has ended"):
        trained.of_run(tmp_path, load_body())


def test_a_damaged_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.loads((ASSETS / trained.RECORD).read_text())
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / trained.RECORD).write_text(json.dumps(record))
    body = load_body()
    monkeypatch.setattr(trained.resources, "files", lambda package: tmp_path)
    monkeypatch.setattr(trained, "load_body", lambda: body)
    trained._shipped.cache_clear()
    with pytest.raises(UserError, match="is missing; install the package again"):
        trained.shipped_model(body)
    trained._shipped.cache_clear()


def test_what_is_near_is_the_largest_of_a_square() -> None:
    values = torch.rand(2, 1, 20, 33)
    expected = torch.nn.functional.max_pool2d(values, 7, 1, 3)
    torch.testing.assert_close(_spread(values), expected, atol=0, rtol=0)
