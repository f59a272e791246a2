"""The page of a result in headless Chromium: the overlay's video plays, and the bodies stand beneath it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.view.chromium import PROGRAM, Browser

from .test_commands import WALKERS, film, recover

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not there")
_WIDTH, _HEIGHT = 700, 1100


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a page ü")
    file = film(folder / "läuft & lacht.mp4", 6)
    assert recover(file, "-o", folder / "out", "--detector", WALKERS, "--write", "overlay,page") == 0
    return folder / "out" / "läuft & lacht"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    browser.call("Emulation.setDeviceMetricsOverride", width=_WIDTH, height=_HEIGHT, deviceScaleFactor=1, mobile=False)
    yield browser
    browser.close()


def seen(browser: Browser, selector: str) -> np.ndarray:
    """What is shown where an element stands."""
    box = browser.value(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
    picture = np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB")).astype(int)
    return picture[int(box["top"]) : int(box["bottom"]), int(box["left"]) : int(box["right"])]


def test_the_page_shows_the_overlay_and_the_bodies(result: Path, browser: Browser) -> None:
    browser.call("Page.navigate", url=(result / "index.html").as_uri())
    browser.wait("document.readyState === 'complete' && document.querySelector('video').readyState >= 2")
    assert browser.value("document.querySelector('h1').textContent") == "läuft & lacht.mp4"
    assert "2 people; 320 x 240 pixels; focal length 400 pixels" in browser.value("document.body.textContent")
    size, seconds = browser.value(
        "(() => { const v = document.querySelector('video'); return [[v.videoWidth, v.videoHeight], v.duration]; })()"
    )
    assert size == [3 * 240 + 2 * 80, 240]  # the original, the overlay, and a square
    assert seconds == pytest.approx(6 / 25, abs=0.05)
    panels = seen(browser, "video")
    third = panels[:, -panels.shape[1] // 4 :]
    assert (third.max(-1) - third.min(-1) > 40).mean() > 0.02  # blue and coral bodies on white
    # The frame beneath is a document of its own, which scripts of this one may not look into.
    for _ in range(200):
        picture = seen(browser, "iframe")[40:-60]
        if (drawn := (np.abs(picture - picture[0, 0]).sum(-1) > 60).mean()) > 0.01:
            break
    assert drawn > 0.01
    assert browser.console == []


def test_the_bodies_alone_are_ready_without_a_complaint(result: Path, browser: Browser) -> None:
    browser.open((result / "bodies.html").as_uri())
    assert browser.value("viewer.motions[0].people.length") == 2
    assert browser.console == []
