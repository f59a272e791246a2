"""``s2m recover`` on files, good and bad, with a detector that knows who is there."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from s2m.body import load_body
from s2m.cli import main
from s2m.detect import Detection, Picture
from s2m.errors import UserError
from s2m.recover import detectors
from s2m.recover.inputs import items_of, share
from s2m.recover.videos import Video, VideoWriter
from s2m.skeletons import S2M27

from .actors import SIZE, Actors, acted, numbered, save, silhouette, true_joints

ROOT = Path(__file__).parents[2]
FRAMES = 12


class Nobody(Actors):
    """A detector that finds nobody."""

    def __init__(self) -> None:
        super().__init__([])


@cache
def _walkers() -> tuple[list[torch.Tensor], list[np.ndarray]]:
    people = [acted("walk", range(FRAMES), place, 0.5) for place in ((-0.6, 0.1, 4.0), (0.7, 0.1, 4.5))]
    return [true_joints(p) for p in people], [silhouette(p) for p in people]


class Walkers(Actors):
    """A detector that finds two people who walk, one of whom is not there in some frames."""

    def __init__(self) -> None:
        super().__init__(*_walkers())

    def _one(self, number: int, frame: int) -> Detection:
        return super()._one(number, min(frame, FRAMES - 1))

    def __call__(self, picture: Picture) -> list[Detection]:
        found = super().__call__(picture)
        frame = int(picture[0, 0, 0]) // 8
        return found[:1] if 4 <= frame < 6 else found[::-1] if frame % 2 else found


WALKERS, NOBODY = (f"{__name__}:{kind}" for kind in ("Walkers", "Nobody"))


def recover(*words: object) -> int:
    return main(["recover", *map(str, words)])


def film(path: Path, frames: int = FRAMES, fps: float = 25.0, size: tuple[int, int] = SIZE) -> Path:
    with VideoWriter(path, fps) as writer:
        for frame in range(frames):
            writer.add(numbered(frame, size), frame / fps)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "a b ü.png")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_photo_of_two_people(photo: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (photo, "-o", out, "--detector", WALKERS)
    assert recover(*words, "--write", "npz,overlay,page,obj,ply") == 0
    folder = out / "a b ü"
    assert "2 people" in capsys.readouterr().out
    people = [f"person-{n}.{kind}" for n in range(2) for kind in ("npz", "obj", "ply")]
    pages = ["overlay.png", "index.html", "bodies.html", "bodies.glb", "people.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(people + pages)
    record = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    assert record["image_size"] == list(SIZE)
    assert [p["person"] for p in record["frames"][0]["people"]] == [0, 1]
    with np.load(folder / "person-0.npz", allow_pickle=False) as found:
        entry = record["frames"][0]["people"][0]
        np.testing.assert_allclose(found["joints2d"][0], entry["joints2d"], atol=0.01)
        assert found["seen"].shape == (1, len(S2M27))
        assert_world_is_camera(found)
    vertices = [line for line in (folder / "person-0.obj").read_text().splitlines() if line.startswith("v ")]
    assert len(vertices) == len(load_body().v_template)
    assert (folder / "person-0.ply").read_bytes().startswith(b"ply\n")


def assert_world_is_camera(found: np.lib.npyio.NpzFile) -> None:
    """AMASS's fields pose the body where the camera's own fields have it: by scipy and the extrinsics alone."""
    from scipy.spatial.transform import Rotation

    from s2m.batch import BodyParams

    turns = Rotation.from_rotvec(found["poses"][:, :66].reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
    turns = np.concatenate([turns, np.broadcast_to(np.eye(3), (len(turns), 2, 3, 3))], 1)
    arrays = [turns, found["betas"][None].repeat(len(turns), 0), found["trans"]]
    params = BodyParams.from_rotations(*(torch.from_numpy(np.asarray(a, np.float32)) for a in arrays))
    world = true_joints(params).numpy()
    camera = world @ found["world_to_camera"][:3, :3].T + found["world_to_camera"][:3, 3]
    np.testing.assert_allclose(camera, found["joints3d"], atol=2e-3)
    pixels = camera[..., :2] / camera[..., 2:] * found["focal"] + found["image_size"] / 2
    np.testing.assert_allclose(pixels, found["joints2d"], atol=0.3)


@pytest.mark.parametrize(("frame", "absent"), [(0, ""), (99, "person 0, 1, not in that frame (the video has frames 0")])
def test_meshes_of_a_frame_that_shows_nobody_are_missed(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], frame: int, absent: str
) -> None:
    file = film(tmp_path / "walk.mp4")
    assert recover(file, "-o", out, "--detector", WALKERS, "--write", "ply", "--frame", frame) == 0
    assert (absent in capsys.readouterr().err) if absent else not capsys.readouterr().err.count("no mesh")
    assert len(list((out / "walk").glob("*.ply"))) == (0 if absent else 2)


def test_a_video_with_somebody_who_leaves_and_comes_back(tmp_path: Path, out: Path) -> None:
    file = film(tmp_path / "walk.mp4")
    assert recover(file, "-o", out, "--detector", WALKERS, "--write", "npz,overlay,obj", "--frame", 3) == 0
    with np.load(out / "walk" / "person-1.npz") as found:
        assert found["mocap_framerate"] == pytest.approx(25)
        assert len(found["poses"]) == FRAMES
        assert found["valid"].all()  # two frames at 25 per second are filled in
        assert not found["seen"][4:6].any()
        np.testing.assert_allclose(found["times"], np.arange(FRAMES) / 25, atol=1e-3)
        moved = np.linalg.norm(np.diff(found["joints3d"], axis=0), axis=-1)
        assert moved.max() < 0.15  # nobody changes places
        assert_world_is_camera(found)
    drawn = list(Video(out / "walk" / "overlay.mp4"))
    assert len(drawn) == FRAMES
    assert drawn[-1].time == pytest.approx((FRAMES - 1) / 25, abs=1e-3)
    assert (out / "walk" / "person-0.obj").is_file()


def test_a_second_call_skips_what_is_done_and_one_bad_file_leaves_the_others_whole(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("one", "two"):
        save(folder / f"{name}.png")
    (folder / "notes.txt").write_text("not a photo")
    (folder / "cut.jpg").write_bytes(_jpeg(tmp_path)[:700])
    words = (folder, "-o", out, "--detector", WALKERS, "--write", "npz")
    assert recover(*words) == 1
    said = capsys.readouterr()
    assert "cut.jpg" in said.err
    assert "1 of 3 failed, 2 done" in said.err
    assert "notes.txt: neither a photo nor a video" in said.err
    assert sorted(path.name for path in out.iterdir()) == ["one", "two"]
    before = (out / "one" / "people.json").stat().st_mtime_ns
    assert recover(*words) == 1
    assert "2 of 3 were done before" in capsys.readouterr().out
    assert (out / "one" / "people.json").stat().st_mtime_ns == before
    assert recover(folder / "one.png", "-o", out, "--detector", WALKERS, "--write", "", "--overwrite") == 0
    assert (out / "one" / "people.json").stat().st_mtime_ns > before


def _jpeg(folder: Path) -> bytes:
    file = folder / "whole.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file)
    return file.read_bytes()


def test_ctrl_c_keeps_what_is_done(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [save(tmp_path / f"{n}.png") for n in range(3)]
    calls = []

    class Interrupted(Actors):
        def __init__(self) -> None:
            super().__init__([true_joints(acted("walk", [0], (0, 0, 4)))])

        def __call__(self, picture: Picture) -> list[Detection]:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return super().__call__(picture)

    monkeypatch.setattr(detectors, "detector_of", lambda *_: Interrupted())
    assert recover(*files, "-o", out, "--write", "") == 130
    assert "2 of 3 are left" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["0"]


def test_names_of_folders_are_each_an_inputs_own(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    files = [save(tmp_path / name) for name in ("a.png", "a.bmp", "b.png", "x/a.png")]
    items, _ = items_of(files)
    assert len({item.name for item in items}) == 4
    assert items[2].name == "b"
    assert [item.name for item in share(items, {})] == [item.name for item in items]


def keypoints(path: Path, scale: float = 1.0) -> Path:
    joints = Walkers()(numbered(0))[0].joints2d * scale
    np.savez(path, joints2d=joints[None], joint_set=np.array("s2m27"))
    return path


def test_keypoints_and_masks_of_another_program(photo: Path, tmp_path: Path, out: Path) -> None:
    (tmp_path / "masks").mkdir()
    mask = silhouette(acted("walk", [0], (-0.6, 0.1, 4.0)))[0]
    Image.fromarray(mask * 255).save(tmp_path / "masks" / f"{photo.stem}.png")
    words = ("--keypoints", keypoints(tmp_path / "k.npz"), "--masks", tmp_path / "masks", "--refine", 3)
    assert recover(photo, "-o", out, *words, "--write", "") == 0


@pytest.mark.parametrize("kind", ["grey", "alpha", "VOC", "colours of one sum"])
def test_the_mask_of_a_person_is_the_one_below_the_joints(kind: str, tmp_path: Path) -> None:
    """Of two people in one picture, however the program wrote it."""
    from s2m.recover.observing import WithMasks

    masks = [silhouette(acted("walk", [0], place))[0] > 0 for place in ((-0.7, 0.1, 4.0), (0.7, 0.1, 4.0))]
    who = masks[0] + 2 * (masks[1] & ~masks[0])
    border = maximum_filter(who, 3) != minimum_filter(who, 3)
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)[who]
    pictures = {
        "grey": Image.fromarray(np.array([0, 255, 90], np.uint8)[who]),
        "alpha": Image.fromarray(np.dstack([colours + np.uint8(9), np.where(who, 255, 0)]).astype(np.uint8)),
        "VOC": Image.fromarray(np.where(border, 255, who).astype(np.uint8)),
        "colours of one sum": Image.fromarray(colours),
    }
    pictures[kind].save(tmp_path / "0.png")

    class Two:
        joint_set = "coco17"

        def __call__(self, frame: int, name: str, picture: np.ndarray) -> tuple[list[int], list[Detection]]:
            rng = np.random.default_rng(0)
            inside = [rng.permutation(np.argwhere(who == n)[:, ::-1])[:17].astype(float) for n in (1, 2)]
            return [0, 1], [Detection(p, np.ones(17), "coco17", np.zeros(4), 1.0, None) for p in inside]

    _, found = WithMasks(Two(), tmp_path)(0, "0", np.zeros((*who.shape, 3), np.uint8))
    for number, one in enumerate(found):
        assert one.mask is not None
        overlap = ((one.mask != 0) & (who == number + 1)).sum() / ((one.mask != 0) | (who == number + 1)).sum()
        assert overlap > 0.98


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--keypoints", "large.npz"), "large.npz: expected joints of pictures of 320 x 240 pixels"),
        (("--masks", "masks", "--detector", WALKERS), "expected a mask of 320 x 240 pixels"),
        (("--masks", "gone", "--detector", WALKERS), "--masks gone: expected a folder, found nothing"),
        (("--detector", NOBODY), "expected people, found none"),
        (("--detector", "os:path"), "--detector os:path"),
        (("--detector", WALKERS, "--person", "7"), "--person 7: expected one of the people in it, 0, 1"),
        (("--detector", WALKERS, "--focal", "2"), "--focal: expected pixels"),
        (("--detector", WALKERS, "--height", "9"), "--height: expected metres"),
        (("--write", "stl"), "--write: expected some of"),
        (("--refine", "-1"), "--refine"),
        (("--max-people", "0"), "--max-people"),
        (("--landmarks", "gone.tflite"), "gone.tflite"),
        (("--lifter", "gone.pt"), "gone.pt: no such file"),
        (("--lifter", "large.npz"), "large.npz: not a readable artifact"),
    ],
)
def test_bad_options_are_one_line(
    words: tuple[str, ...],
    named: str,
    photo: Path,
    tmp_path: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    keypoints(tmp_path / "large.npz", 4.0)
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.ones((20, 30), np.uint8)).save(tmp_path / "masks" / f"{photo.stem}.png")
    assert recover(photo, "-o", out, *words) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not any(out.rglob("*")) if out.exists() else True


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("x.mp4", b"", "expected a video, found something else"),
        ("x.mp4", b"not a video" * 99, "expected a video, found something else"),
        ("x.png", b"\x89PNG\r\n\x1a\n", "x.png: not a readable picture"),
        ("x.txt", b"words", "expected a name that ends in"),
        ("gone.jpg", None, "expected a photo, a video or a folder, found nothing"),
    ],
)
def test_bad_files_are_one_line(
    name: str, content: bytes | None, named: str, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert recover(tmp_path / name, "-o", out, "--detector", WALKERS) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1


def test_more_pixels_than_any_camera_has(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    assert recover(tmp_path / "huge.png", "-o", out, "--detector", WALKERS) == 2
    assert "400000000 pixels" in capsys.readouterr().err


def test_a_video_that_breaks_off_is_recovered_to_there(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import av

    file = tmp_path / "cut.ts"  # a format without a table at its end
    with av.open(str(file), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height = SIZE
        for frame in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(frame), format="rgb24")))
        container.mux(stream.encode())
    whole = file.read_bytes()
    (tmp_path / "cut.mpg").write_bytes(whole[: len(whole) // 2])
    assert recover(tmp_path / "cut.mpg", "-o", out, "--detector", WALKERS, "--write", "npz") == 0
    assert 2 < len(json.loads((out / "cut" / "people.json").read_text())["frames"]) < FRAMES


def test_sound_is_no_video(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import wave

    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0" * 1600)
    (tmp_path / "sound.wav").rename(tmp_path / "sound.avi")
    assert recover(tmp_path / "sound.avi", "-o", out, "--detector", WALKERS) == 2
    assert "expected a video stream, found none" in capsys.readouterr().err


def test_what_is_recovered_is_converted_as_the_body_that_it_is(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file holds joints in the camera's frame as well, which are not to be solved anew."""
    assert recover(photo, "--detector", WALKERS, "-o", tmp_path / "out", "--write", "npz") == 0
    motion = next((tmp_path / "out").rglob("person-0.npz"))
    assert main(["convert", str(motion), str(tmp_path / "again.npz")]) == 0
    with np.load(motion) as before, np.load(tmp_path / "again.npz") as after:
        assert np.abs(before["poses"][:, :66] - after["poses"][:, :66]).max() < 1e-4
    assert "rotations are taken over" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["lift", "ik"])
@pytest.mark.parametrize("name", ["photo.jpg", "walk.MP4", "IMG_1.HEIC"])
def test_pictures_given_for_joints_are_sent_to_recover(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    assert main([command, str(tmp_path / name), "-o", str(tmp_path / "a.npz")]) == 2
    assert "`s2m recover` takes photos and videos" in capsys.readouterr().err


def test_pictures_of_telephones_are_to_be_saved_as_jpeg(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"")
    for path in (tmp_path, tmp_path / "IMG_1.HEIC"):
        with pytest.raises(UserError, match="save them as JPEG"):
            items_of([path])
