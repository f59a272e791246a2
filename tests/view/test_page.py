"""The page in headless Chromium: another program reads our GLB (three.js), every control is used."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2m.cli import main
from s2m.export.glb import write_glb
from s2m.export.npz import write_amass_npz
from s2m.skeletons import SMPL24
from tests.export.motions import FPS, person, truth, y_up

from .chromium import PROGRAM, Browser

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not there")
FRAMES = 12


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people in one file beside one person in another, by the command."""
    folder = tmp_path_factory.mktemp("view")
    write_glb(folder / "two.glb", [person(FRAMES, 0, "ann"), person(7, 1, "bob")])
    write_amass_npz(folder / "one.npz", person(FRAMES, 0, "ann"))
    page = folder / "page.html"
    assert main(["view", str(folder / "two.glb"), str(folder / "one.npz"), "--static", str(page), "-q"]) == 0
    return page


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    browser.open(page.as_uri())
    yield browser
    browser.close()


def seen(browser: Browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB")).astype(int)


def scrub(browser: Browser, frame: int) -> None:
    browser.value(
        f"(() => {{ const s = document.getElementById('scrub'); s.value = {frame};"
        "s.dispatchEvent(new Event('input')); })()"
    )


def lifted(browser: Browser) -> np.ndarray:
    """How far people who stand on no floor were lifted to it."""
    return np.array([0, browser.value("viewer.motions[0].lift"), 0])


def test_three_js_poses_our_joints(browser: Browser) -> None:
    scrub(browser, 9)
    code = (
        "viewer.motions[0].people[0].joints.bones.map((bone) => "
        "[bone.name, bone.getWorldPosition(new THREE.Vector3()).toArray()])"
    )
    found = dict(json.loads(browser.value(f"JSON.stringify({code})")))
    places = np.array([found[joint] for joint in SMPL24.joints])
    np.testing.assert_allclose(places, y_up(truth(FRAMES).joints[9]) + lifted(browser), atol=1e-5)
    assert browser.value("document.getElementById('time').textContent") == f"frame 9 of 11, {9 / FPS:.2f} s"
    scrub(browser, 0)


def test_both_sides_show_a_body(browser: Browser) -> None:
    assert browser.value("[...document.getElementById('right').options].map((o) => o.text)") == [
        *("none", "two.glb", "one.npz"),
    ]
    picture = seen(browser)[80:-60]
    half = picture.shape[1] // 2
    for side in (picture[:, :half], picture[:, half:]):
        assert (np.abs(side - side[0, 0]).sum(-1) > 60).mean() > 0.02


@pytest.mark.parametrize("side", [0, 1])
def test_people_stand_on_the_floor(browser: Browser, side: int) -> None:
    bones = f"viewer.motions[{side}].people[0].joints.bones"
    heights = f"{bones}.map((bone) => bone.getWorldPosition(new THREE.Vector3()).y)"
    lowest = min(browser.value(f"viewer.motions[{side}].show({frame}), Math.min(...{heights})") for frame in range(12))
    assert -0.3 < lowest < 0.3
    assert browser.value(f"viewer.motions[{side}].floor.position.y") == 0
    scrub(browser, 0)


@pytest.mark.parametrize("control", ["mesh", "joints", "floor"])
def test_a_switch_changes_the_picture_and_back(browser: Browser, control: str) -> None:
    before = seen(browser)
    browser.click(f"#{control}")
    after = seen(browser)
    assert (np.abs(after - before).sum(-1) > 30).mean() > 0.001
    browser.click(f"#{control}")
    assert (np.abs(seen(browser) - before)[80:-60] > 8).mean() < 1e-3


def test_play_runs_to_the_end_and_starts_again(browser: Browser) -> None:
    browser.click("#play")
    browser.wait("viewer.at >= viewer.seconds && !viewer.playing")
    assert browser.value("viewer.frame") == FRAMES - 1
    browser.click("#play")
    browser.wait("viewer.playing && viewer.frame < 11")
    browser.click("#play")
    assert browser.value("viewer.playing") is False


def test_dragging_and_the_turn_switch_move_the_camera(browser: Browser) -> None:
    place = "viewer.camera.position.toArray()"
    before = browser.value(place)
    browser.mouse("mousePressed", 150, 200)
    browser.mouse("mouseMoved", 220, 210)
    browser.mouse("mouseReleased", 220, 210)
    dragged = browser.value(place)
    assert np.linalg.norm(np.subtract(dragged, before)) > 0.1
    browser.click("#turn")
    browser.wait(f"Math.abs(viewer.camera.position.x - ({dragged[0]})) > 0.02")
    browser.click("#turn")
    browser.click("#side")
    away = browser.value("viewer.camera.position.clone().sub(viewer.controls.target).toArray()")
    assert away[0] > 3
    assert abs(away[2]) < 0.01


def test_one_of_two_people(browser: Browser) -> None:
    browser.value(
        "(() => { const s = document.getElementById('person'); s.value = '1';s.dispatchEvent(new Event('change')); })()"
    )
    assert browser.value("[...document.getElementById('person').options].map((o) => o.text)") == ["all", "ann", "bob"]
    assert browser.value("viewer.motions[0].people.map(({ mesh }) => mesh.visible)") == [False, True]


def test_a_file_of_joints_is_shown_with_the_body(browser: Browser, tmp_path: Path) -> None:
    """A file of SMPL's joints beside one of bodies: balls where the joints are, which a switch takes away."""
    joints = y_up(truth(FRAMES).joints)[:, :22]
    np.save(tmp_path / "joints.npy", joints)
    command = ["view", str(tmp_path / "joints.npy"), "--static", str(tmp_path / "a.html"), "--joint-set", "smpl22"]
    assert main([*command, "--fps", "25", "-q"]) == 0
    browser.open((tmp_path / "a.html").as_uri())
    scrub(browser, 9)
    place = "ball.getWorldPosition(new THREE.Vector3()).toArray()"
    balls = browser.value(f"JSON.stringify(viewer.motions[0].people[0].seen.children.map((ball) => {place}))")
    np.testing.assert_allclose(json.loads(balls), joints[9] + lifted(browser), atol=1e-5)
    assert browser.value("viewer.motions[0].people[0].mesh.visible")
    before = seen(browser)
    browser.click("#seen")
    assert (np.abs(seen(browser) - before).sum(-1) > 30).mean() > 1e-4
    assert browser.console == []


def test_the_page_is_silent_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    assert browser.console == []
    text = page.read_text()
    assert [word for word in ("src=", "href=") if word in text.split("<script>")[0].replace('href="data:,"', "")] == []
