"""Pictures under the joints of the contact sheet, from videos and from extracted files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.human36m.cameras import FRONTAL
from s2m.data.zoo.human36m.pictures import find_pictures
from s2m.data.zoo.pictures import NumberedPictures, VideoPictures
from s2m.data.zoo.source import SourceError
from s2m.markdown import escape
from tests.data.zoo.fabricate import human36m as fabricate
from tests.data.zoo.test_human36m import source_of

FRAMES = 40
RED, BLUE = (200, 30, 30), (30, 30, 200)


def write_mp4(path: Path, pictures: list[np.ndarray]) -> None:
    """H.264 as cameras and ffmpeg write it: a key frame now and then, frames out of order in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(50), options={"g": "12", "bf": "2", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def grey(frame: int) -> np.ndarray:
    """Left half as bright as the number of the frame says, right half black."""
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:, :24] = 20 + 5 * frame
    return picture


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    write_mp4(path, [grey(frame) for frame in range(FRAMES)])
    return path


def brightness(picture: Any, left: bool = True) -> float:
    assert picture is not None
    values = np.asarray(picture)
    return float((values[:, :20] if left else values[:, 28:]).mean())


def test_frames_of_a_video_in_any_order(video: Path) -> None:
    reader = VideoPictures(video)
    for frame in (0, 1, 11, 12, 13, 30, FRAMES - 1, 5, 0):
        assert abs(brightness(reader.read(frame)) - (20 + 5 * frame)) < 2
    assert reader.read(FRAMES) is None


def test_frames_that_must_be_mirrored(video: Path) -> None:
    picture = VideoPictures(video, mirrored=True).read(20)
    assert brightness(picture, left=True) < 10
    assert abs(brightness(picture, left=False) - 120) < 2


def test_damaged_videos_are_named(video: Path, tmp_path: Path) -> None:
    for content in (b"", b"no video" * 100, video.read_bytes()[:200]):
        (tmp_path / "cut.mp4").write_bytes(content)
        with pytest.raises(SourceError, match=r"cut\.mp4: not a readable video"):
            VideoPictures(tmp_path / "cut.mp4").read(0)


def test_numbered_files(tmp_path: Path) -> None:
    Image.fromarray(grey(3)).save(tmp_path / "img_000004.png")
    reader = NumberedPictures(tmp_path, "img_{:06d}.png", 1)
    assert brightness(reader.read(3)) == 35
    assert reader.read(0) is None
    assert not reader.found()
    (tmp_path / "img_000001.png").write_bytes(b"no picture")
    assert reader.found()
    with pytest.raises(SourceError, match=r"img_000001\.png: not a readable picture"):
        reader.read(0)


@pytest.mark.parametrize(
    "file",
    [
        "S9/Videos/WalkDog 1.60457274.mp4",
        # The files of some subjects say it longer.
        "S9/Videos/WalkingDog 1.60457274.mp4",
        "images/S9/S9_WalkDog_1.60457274/S9_WalkDog_1.60457274_000001.jpg",
        "images/S9_WalkDog_1.60457274_000001.jpg",
        "S9/images/WalkDog 1.60457274/000001.jpg",
    ],
)
def test_where_human36m_has_its_pictures(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    assert find_pictures(tmp_path, "S9", "WalkDog 1", FRONTAL) is None
    if path.suffix == ".mp4":
        write_mp4(path, [grey(8), grey(9)])
    else:
        path.parent.mkdir(parents=True)
        Image.fromarray(grey(8)).save(path, quality=95)
    reader = find_pictures(tmp_path, "S9", "WalkDog 1", FRONTAL)
    assert reader is not None
    assert abs(brightness(reader.read(0)) - 60) < 3
    assert find_pictures(tmp_path, "S9", "WalkDog", FRONTAL) is None
    assert find_pictures(tmp_path, "S11", "WalkDog 1", FRONTAL) is None


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """One recording without masks whose video, at half resolution, is red left of the pelvis and blue right of it."""
    fabricate.write_metadata(tmp_path / "raw")
    known = fabricate.write_take(tmp_path / "raw", "S9", "Walking", 0, FRONTAL, frames=3, masks=None)
    pictures = []
    for x in known.joints2d[:, 0, 0]:
        picture = np.empty((500, 500, 3), np.uint8)
        picture[:, : round(x / 2)], picture[:, round(x / 2) :] = RED, BLUE
        pictures.append(picture)
    write_mp4(tmp_path / "raw" / "S9" / "Videos" / f"Walking.{FRONTAL}.mp4", pictures)
    return tmp_path


def near(sheet: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(sheet - np.array(colour)).max(-1) < 30


def test_the_contact_sheet_has_the_video_under_the_joints(recorded: Path) -> None:
    convert(source_of(recorded / "raw", cameras=["frontal"]), recorded / "out", progress=False)
    arrays = FrameStore(recorded / "out").open("test")
    sheet = np.asarray(Image.open(recorded / "out" / "contact_sheet.png").convert("RGB")).astype(int)
    assert arrays.rows == 3
    for row in range(3):
        tile = sheet[2:254, 256 * row + 2 : 256 * row + 254]
        x, _, half = arrays.observation["crop"][row]
        pelvis = ((arrays.observation["joints2d"][row, 0, 0] - x) / half + 1) * 128
        red, blue = near(tile, RED), near(tile, BLUE)
        assert red.sum() > 5000
        assert blue.sum() > 5000
        assert abs(np.nonzero(red)[1].max() + 2 - pelvis) < 6
        assert abs(np.nonzero(blue)[1].min() + 2 - pelvis) < 6


def test_a_damaged_video_stops_nobody(recorded: Path, caplog: pytest.LogCaptureFixture) -> None:
    (recorded / "raw" / "S9" / "Videos" / f"Walking.{FRONTAL}.mp4").write_bytes(b"no video")
    assert convert(source_of(recorded / "raw", cameras=["frontal"]), recorded / "out", progress=False)
    assert f"Walking.{FRONTAL}.mp4: not a readable video" in caplog.text
    assert (recorded / "out" / "contact_sheet.png").is_file()


def test_who_lacks_masks_is_told_where_they_come_from(recorded: Path) -> None:
    source = source_of(recorded / "raw", cameras=["frontal"])
    convert(source, recorded / "out", progress=False)
    (note,) = [n for n in FrameStore(recorded / "out").header["notes"] if "silhouettes" in n]
    assert note.startswith("test: no recording has silhouettes, which stage 3 trains on; ")
    assert "MySegmentsMat/ground_truth_bs" in note
    assert "--masks DIR" in note
    assert f"- {escape(note)}" in (recorded / "out" / "report.md").read_text()
    convert(source, recorded / "joints", Options(masks="none"), progress=False)
    assert not any("silhouettes" in n for n in FrameStore(recorded / "joints").header["notes"])
