"""Videos of all kinds: their frames are upright, in order and at their times; others say what is wrong with them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from s2m.errors import UserError
from s2m.recover import videos
from s2m.recover.gathering import _rate
from s2m.recover.videos import Video, VideoWriter

from .test_pictures import near, scene


def film(path: Path, times: list[float], size: tuple[int, int] = (80, 48)) -> Path:
    with VideoWriter(path, 25.0) as writer:
        for time in times:
            writer.add(scene()[: size[1], : size[0]], time)
    return path


def encoded(path: Path, codec: str, pix_fmt: str, form: str | None = None, frames: int = 3, scale: int = 1) -> Path:
    picture = scene().repeat(scale, 0).repeat(scale, 1)
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 80 * scale, 48 * scale, pix_fmt
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)))
        container.mux(stream.encode())
    return path


def test_frames_are_made_smaller_as_they_are_read(tmp_path: Path) -> None:
    """Each pixel of the small frame is the mean of those that it stands for; small videos stay."""
    file = film(tmp_path / "a.mp4", [0.0, 0.04])
    whole, small, same = (next(iter(Video(file, largest))).pixels for largest in (None, 40, 80))
    assert small.shape == (24, 40, 3)
    means = whole.reshape(24, 2, 40, 2, 3).mean((1, 3))
    assert np.abs(small - means).mean() < 3
    np.testing.assert_array_equal(same, whole)


@pytest.mark.parametrize(("ratio", "width"), [((16, 11), 116), ((8, 9), 71), ((1081, 1080), 80), ((1, 90), 80)])
def test_pixels_that_are_not_square_are_shown_so(tmp_path: Path, ratio: tuple[int, int], width: int) -> None:
    """Frames come out as wide as players show them; what says nothing likely is left alone."""
    file = tmp_path / "a.mkv"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "1"})
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*ratio)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(), format="rgb24")))
        container.mux(stream.encode())
    video = Video(file)
    found = next(iter(video)).pixels
    assert found.shape == (48, width, 3)
    assert bool(video.stretched) == (width != 80)
    assert next(iter(Video(file, 40))).pixels.shape[1] == 40
    if width != 80:
        assert video.stretched.endswith(f"{width} x 48")
    assert near(found, np.asarray(Image.fromarray(scene()).resize((width, 48), Image.Resampling.BILINEAR)), 12)


def test_a_cover_before_the_film_is_passed_over(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25, options={"qscale": "1"}) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
        streams[0].disposition, streams[1].disposition = Disposition.attached_pic, Disposition.default
        cover, frame = np.zeros_like(scene()), scene()
        container.mux(streams[0].encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
        for _ in range(5):
            container.mux(streams[1].encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    found = list(Video(tmp_path / "a.mkv"))
    assert len(found) == 5
    assert near(found[0].pixels, scene(), 12)


def test_a_rate_that_varies_keeps_its_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.1, 0.5, 0.52, 2.0]
    video = Video(film(tmp_path / "läuft weg 走.mp4", times))
    frames = list(video)
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)
    assert _rate([frame.time for frame in frames], video.fps) == pytest.approx(5 / 2)
    assert all(near(frame.pixels, scene()) for frame in frames)
    assert video.cut == ""


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_telephone_held_on_its_side(tmp_path: Path, quarters: int) -> None:
    """The matrix of MP4's track header says how players turn the frames: the standard's own numbers, written in."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    file = with_matrix(film(tmp_path / "a.mp4", [0.0, 0.04]), cos, sin, -sin, cos)
    expected = np.rot90(scene(), -quarters)  # a turn by 90 degrees is clockwise
    assert all(near(frame.pixels, expected) for frame in Video(file))


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
    ],
)
def test_what_is_stored_mirrored_is_mirrored_back(
    tmp_path: Path, matrix: tuple[int, ...], shown: Callable[[np.ndarray], np.ndarray]
) -> None:
    file = with_matrix(film(tmp_path / "a.mp4", [0.0, 0.04]), *matrix)
    assert all(near(frame.pixels, shown(scene())) for frame in Video(file))


def with_matrix(file: Path, a: int, b: int, c: int, d: int) -> Path:
    """An MP4 whose track header has a matrix: (x, y) is shown at (a x + c y, b x + d y)."""
    matrix = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    plain = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    content = file.read_bytes()
    header = content.index(b"tkhd")
    place = content.index(plain, header)
    file.write_bytes(content[:place] + matrix + content[place + len(matrix) :])
    return file


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "form"),
    [
        ("ten bits.mkv", "ffv1", "yuv420p10le", "matroska"),
        ("alpha.mov", "png", "rgba", "mov"),
        ("grey.avi", "ffv1", "gray", "avi"),
        ("a.gif", "gif", "rgb8", "gif"),
    ],
)
def test_other_kinds_of_pixels(tmp_path: Path, name: str, codec: str, pix_fmt: str, form: str) -> None:
    frames = list(Video(encoded(tmp_path / name, codec, pix_fmt, form)))
    assert len(frames) == 3
    grey = scene() @ np.array([0.299, 0.587, 0.114])
    expected = np.repeat(grey[..., None], 3, -1) if pix_fmt == "gray" else scene()
    assert near(frames[-1].pixels, expected.astype(int), 40)


def test_a_video_without_frames(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(UserError, match=r"a\.mkv: expected (frames|a video), found"):
        list(Video(tmp_path / "a.mkv"))


def test_a_video_whose_table_is_cut_off(tmp_path: Path) -> None:
    """An MP4 has it at its end: without it nobody can find a frame."""
    file = film(tmp_path / "a.mp4", [0.0, 0.04, 0.08])
    content = file.read_bytes()
    file.write_bytes(content[: content.index(b"moov")])
    with pytest.raises(UserError, match=r"a\.mp4: expected a video, found something else"):
        Video(file)


def test_frames_that_are_damaged_end_it(tmp_path: Path) -> None:
    file = encoded(tmp_path / "a.avi", "png", "rgb24", "avi", frames=6)
    content = bytearray(file.read_bytes())
    places = [at for at in range(len(content)) if content[at : at + 8] == b"\x89PNG\r\n\x1a\n"]
    content[places[3] : places[3] + 60] = bytes(60)
    file.write_bytes(content)
    video = Video(file)
    assert len(list(video)) == 3
    assert video.cut.startswith("breaks off after 3 frames (")


@pytest.mark.parametrize("missing", [("libx264",), tuple(name for name, _ in videos._CODECS[:-1])])
def test_without_an_encoder_the_next_one_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    monkeypatch.setattr(av, "codecs_available", set(av.codecs_available) - set(missing))
    times = [0.0, 0.04, 0.5]
    frames = list(Video(film(tmp_path / "a.mp4", times)))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)
    assert all(near(frame.pixels, scene(), 12) for frame in frames)


def test_an_odd_size_loses_a_row(tmp_path: Path) -> None:
    (frame,) = Video(film(tmp_path / "a.mp4", [0.0], (79, 47)))
    assert frame.pixels.shape == (46, 78, 3)


def test_frames_of_another_size_are_made_like_the_first(tmp_path: Path) -> None:
    parts = [encoded(tmp_path / f"{n}.ts", "mpeg2video", "yuv420p", "mpegts", frames=2, scale=n) for n in (1, 2)]
    (tmp_path / "a.mpg").write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(Video(tmp_path / "a.mpg"))
    assert len(frames) >= 3
    assert all(near(frame.pixels, scene(), 12) for frame in frames)


def test_frames_larger_than_any_camera_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "LARGEST_PIXELS", 80 * 48 - 1)
    with pytest.raises(UserError, match=r"a\.mp4: expected frames of at most 3839 pixels, found 80 x 48"):
        Video(film(tmp_path / "a.mp4", [0.0]))


def test_what_is_read_ahead_is_the_same_and_ends_with_the_reader() -> None:
    closed = []

    def numbers(stop: int) -> Iterator[int]:
        try:
            for number in range(100):
                if number == stop:
                    raise UserError("broken")
                yield number
        finally:
            closed.append(stop)

    assert list(videos.ahead(numbers(-1))) == list(range(100))
    found: list[int] = []
    with pytest.raises(UserError, match="broken"):
        found.extend(videos.ahead(numbers(5), most=1))
    assert found == list(range(5))
    some = videos.ahead(numbers(-2))
    assert next(some) == 0
    some.close()
    assert closed == [-1, 5, -2]


def test_frames_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    """Not even until the collector of cycles comes by."""
    file = tmp_path / "a.mp4"
    with VideoWriter(file, 25.0) as writer:
        for number in range(30):
            writer.add(np.full((64, 64, 3), number, np.uint8), number / 25)
    gc.collect()
    gc.disable()
    try:
        assert sum(1 for _ in Video(file)) == 30
        assert sum(isinstance(one, av.VideoFrame) for one in gc.get_objects()) <= 2
    finally:
        gc.enable()
