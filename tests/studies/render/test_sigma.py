from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.render import default_sigma, hard_silhouette
from studies.render.sigma import Fit, best, compare, disturbed, fit, known_people, main, nearest

FIT = Fit(64, 1e-5, iou=[0.9, 0.8], area=[1.0, 1.1], plane_mm=[1.0, 3.0], space_mm=[2.0, 4.0], seconds=0.1)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def test_people_are_as_large_as_promised_and_in_the_middle(body: Body) -> None:
    people = known_people(body, 3, seed=0)
    points = people.camera[:, None, :1] * (body(people.params).vertices[..., :2] + people.camera[:, None, 1:])
    low, high = points.amin(1), points.amax(1)
    torch.testing.assert_close((high - low).amax(1), torch.full((3,), 4 / 3))
    torch.testing.assert_close(low + high, torch.zeros(3, 2), atol=1e-5, rtol=0)


def test_a_fit_comes_closer_to_the_mask_than_its_start(body: Body) -> None:
    truth = known_people(body, 2, seed=0)
    start = disturbed(truth, seed=1)
    points = truth.camera[:, None, :1] * (body(truth.params).vertices[..., :2] + truth.camera[:, None, 1:])
    masks = hard_silhouette(points, body.faces, 48).float()
    found = fit(body, start, masks, 3e-5, faces=600, steps=15)
    before, after = compare(body, start, truth), compare(body, found, truth)
    assert (after["iou"] > before["iou"] + 0.05).all()
    torch.testing.assert_close(found.params.betas, truth.params.betas)
    torch.testing.assert_close(found.params.global_orient, truth.params.global_orient)


def test_the_truth_is_judged_perfect_and_a_shift_costs_what_it_is(body: Body) -> None:
    truth = known_people(body, 2, seed=0)
    values = compare(body, truth, truth)
    assert values["iou"].tolist() == values["area"].tolist() == [1.0, 1.0]
    assert values["plane_mm"].tolist() == values["space_mm"].tolist() == [0.0, 0.0]
    moved = type(truth)(truth.params, truth.camera + torch.tensor([0.0, 0.03, 0.04]))
    values = compare(body, moved, truth)
    torch.testing.assert_close(values["plane_mm"], torch.full((2,), 50.0))
    assert values["space_mm"].tolist() == [0.0, 0.0]
    turn = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    turned = type(truth)(
        BodyParams(turn @ truth.params.global_orient, truth.params.body_pose, truth.params.betas), truth.camera
    )
    assert (compare(body, turned, truth)["space_mm"] > 100).all()


def test_gaps_are_paired_over_the_bodies() -> None:
    other = Fit(64, 1e-4, iou=[0.6, 0.7], area=[1.0, 1.0], plane_mm=[1.0, 1.0], space_mm=[1.0, 1.0], seconds=0.1)
    gap, error = other.behind(FIT)
    assert gap == pytest.approx(0.2)
    assert error == pytest.approx(stats.sem([0.3, 0.1]))
    assert best([other, FIT], 64) is FIT
    wanted = default_sigma(64)
    assert nearest([other, FIT], 64) is min((other, FIT), key=lambda f: abs(np.log(f.sigma) - np.log(wanted)))


def test_the_command_writes_page_figures_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--sizes", "16", "24", "--sigmas", "1e-4", "1e-3", "--bodies", "2", "--steps", "2", "--faces", "600"]
    main([*options, "--output", str(tmp_path / "results")])
    assert capsys.readouterr().out.count("best sigma") == 2
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["sigma.json", "sigma.md", "sigma.png"]
    result = json.loads((tmp_path / "results/sigma.json").read_text())
    assert [(f["size"], f["sigma"]) for f in result["fits"]] == [(16, 1e-4), (16, 1e-3), (24, 1e-4), (24, 1e-3)]
    page = (tmp_path / "results/sigma.md").read_text()
    assert "`python -m studies.render.sigma --bodies 2 --steps 2 --faces 600" in page
    assert page.count("| 16 |") == 3
    assert np.asarray(Image.open(tmp_path / "results/sigma.png")).std() > 5


@pytest.mark.parametrize("wrong", [["--sigmas", "0"], ["--sizes", "0"], ["--bodies", "0"], ["--steps", "-1"]])
def test_impossible_settings_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
