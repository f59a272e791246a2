"""Frame after frame, and the page that shows a camera."""

from __future__ import annotations

import io
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import numpy as np
import pytest
import torch
from PIL import Image

from s2m.cli import main
from s2m.recover import Recoverer
from s2m.recover.live import Latest, page_server, show

from .actors import CAMERA, Actors, acted, numbered, true_joints

FRAMES = 6


@pytest.fixture(scope="module")
def walk() -> torch.Tensor:
    return true_joints(acted("walk", range(FRAMES), (0.2, 0.1, 4.0)))


def test_people_keep_their_numbers_and_stand_where_they_are_seen(walk: torch.Tensor) -> None:
    recoverer = Recoverer(30, detector=Actors([walk, walk + torch.tensor([1.0, 0, 0.5])], noise=1.0))
    for frame in range(FRAMES):
        found = recoverer(numbered(frame))
        assert found.numbers == [0, 1]
        assert found.bodies is not None
        off = (found.bodies.joints2d[0] - CAMERA.pixels(walk[frame])).norm(dim=-1)
        assert float(off.mean()) < 6
    drawn = recoverer.draw(numbered(0), found)
    assert drawn.shape == numbered(0).shape
    assert (drawn != numbered(0)).any()


def test_the_page_shows_the_newest_picture(walk: torch.Tensor) -> None:
    latest = Latest()
    with page_server(latest) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        show(iter([numbered(0)]), Recoverer(30, detector=Actors([walk])), latest)
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with urlopen(f"{address}/") as page:
            assert b"/stream" in page.read()
        with urlopen(f"{address}/stream") as stream:
            assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
            head = stream.read(4096)
        picture = latest.after(0)[1]
        assert picture[:64] in head
        assert np.asarray(Image.open(io.BytesIO(picture))).shape == numbered(0).shape
        server.shutdown()


@pytest.mark.skipif(Path("/dev/video93").exists(), reason="there is such a camera")
def test_a_camera_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recover", "--webcam", "93"]) == 2
    error = capsys.readouterr().err
    assert "--webcam 93: expected a camera, found none" in error
    assert error.count("\n") == 1


def test_frames_that_were_left_out_do_not_hold_a_body_back(walk: torch.Tensor) -> None:
    """Somebody steps aside by 25 cm: within a thirtieth of a second half is smoothed away, within 0.4 s nothing."""
    apart = []
    for seconds in (1 / 30, 0.4):
        actor = walk.clone()
        actor[1] = actor[0] + torch.tensor([0.25, 0, 0])
        recoverer = Recoverer(30, detector=Actors([actor]))
        first, second = (recoverer(numbered(frame), frame * seconds).bodies for frame in (0, 1))
        assert first is not None
        assert second is not None
        apart.append(float((second.joints3d - first.joints3d)[0, :, 0].mean()))
    assert 0.1 < apart[0] < 0.18
    assert 0.23 < apart[1] < 0.27
