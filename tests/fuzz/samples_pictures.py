"""Small valid inputs of ``s2m recover``: pictures, videos, joints and masks of other programs, runs and networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from s2m.detect.models import shipped_model
from s2m.recover.videos import VideoWriter
from tests.fuzz.asking import Sample
from tests.fuzz.samples import keypoints, small_body
from tests.fuzz.seeing import FRACTION, SOMEBODY

_SIZE = (120, 160)  # width and height
Words = Callable[[Path, Path], Sequence[str]]


def _photo(to: Path, name: str = "a.png") -> None:
    shade = np.linspace(0, 255, _SIZE[0] * _SIZE[1] * 3).astype(np.uint8)
    Image.fromarray(shade.reshape(_SIZE[1], _SIZE[0], 3)).save(to / name)


def _joints() -> np.ndarray:
    """(T, 17, 3) pixels of the photo and confidence."""
    points = keypoints()
    return np.concatenate([points[..., :2] * FRACTION * _SIZE, points[..., 2:]], -1)


def _words(*more: str, write: str = "npz", sees: bool = True) -> Words:
    """The command for what lies beside the options' own files; ``{}`` in an option is the folder of inputs."""

    def words(given: Path, out: Path) -> Sequence[str]:
        options = [word.format(given) for word in more]
        named = {Path(word).name for word in options}
        inputs = [str(path) for path in sorted(given.iterdir()) if path.name not in named]
        detector = ["--detector", SOMEBODY] if sees else []
        return ["recover", *inputs, "-o", str(out), "-q", "--write", write, *detector, *options]

    return words


@cache
def _film() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        with VideoWriter(Path(folder) / "a.mp4", 25.0) as writer:
            for frame in range(4):
                writer.add(np.full((_SIZE[1], _SIZE[0], 3), 60 * frame, np.uint8), frame / 25)
        return (Path(folder) / "a.mp4").read_bytes()


def _masks(to: Path) -> None:
    _photo(to)
    (to / "masks").mkdir()
    person = np.zeros((_SIZE[1], _SIZE[0]), np.uint8)
    person[20:140, 40:80] = 255
    Image.fromarray(person).save(to / "masks" / "a.png")


def _known(to: Path) -> None:
    _photo(to)
    np.savez(to / "known.npz", joints2d=_joints()[..., :2], confidence=_joints()[..., 2])


def _known_json(to: Path) -> None:
    _photo(to)
    person = {"category_id": 1, "keypoints": _joints()[0].ravel().tolist(), "score": 0.9}
    found = [{"image_id": f"{name}.png", **person} for name in "ab"]
    (to / "known.json").write_text(json.dumps(found))


def _run(to: Path) -> None:
    """What a run leaves, of the models that ship."""
    _photo(to)
    for stage, package, name in (
        ("mesh", "recover", "mesh_s2m27"),
        ("lifter", "lifter", "lifter_s2m27"),
        ("temporal", "lifter", "temporal_s2m27"),
    ):
        folder = to / "run" / stage
        folder.mkdir(parents=True)
        shipped = resources.files(f"s2m.{package}") / "assets" / f"{name}.pt"
        (folder / f"{stage}.pt").write_bytes(shipped.read_bytes())


def _body(to: Path) -> None:
    _photo(to)
    np.savez(to / "body.npz", **small_body())


def recover_samples() -> list[Sample]:
    """Pictures, and what options name."""
    films = _words(write="npz")
    return [
        Sample("recover-photo", _photo, _words(write="npz,overlay")),
        Sample("recover-jpeg", lambda to: _photo(to, "a.jpg"), _words()),
        Sample("recover-video", lambda to: (to / "a.mp4").write_bytes(_film()) and None, films),
        Sample("recover-keypoints", _known, _words("--keypoints={}/known.npz", sees=False), "known.npz"),
        Sample("recover-keypoints-json", _known_json, _words("--keypoints={}/known.json", sees=False), "known.json"),
        Sample("recover-masks", _masks, _words("--masks={}/masks", "--refine=1"), "a.png"),
        Sample("recover-body", _body, _words("--body={}/body.npz"), "body.npz"),
    ]


def _landmarks(to: Path) -> None:
    """A network of one's own, and a picture without anybody, which ends the command where the file is whole."""
    _photo(to)
    (to / "own.tflite").write_bytes(shipped_model("pose_landmark_full.tflite").read_bytes())


def run_samples() -> list[Sample]:
    """Networks of a run of one's own: megabytes, of which some tries are enough."""
    own = _words("--landmarks={}/own.tflite", sees=False)
    return [
        Sample("recover-run", _run, _words("--run={}/run"), "*.pt"),
        Sample("recover-landmarks", _landmarks, own, "own.tflite", ends=2),
    ]
