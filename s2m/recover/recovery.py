"""A photo or a video from its file to what is known of its people."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from s2m.detect import Picture
from s2m.lifter.tilt import Tilt
from s2m.recover.camera import Camera
from s2m.recover.clip import PersonClip
from s2m.recover.gathering import Choice, NobodyError, Progress, gathered, tells_body
from s2m.recover.observing import Observer
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.recover.pictures import read_photo
from s2m.recover.result import Person, Result, Still
from s2m.recover.standing import tilt_of
from s2m.recover.videos import Video
from s2m.skeletons import JointSet, get_joint_set

_STILL_FPS = 30.0


def recover_photo(
    file: Path, observer: Observer, options: RecoverOptions, choice: Choice, focal: float | None = None
) -> tuple[Result, Picture]:
    """The people of a photo.

    Args:
        file: The photo.
        observer: Who finds them.
        options: How bodies are recovered.
        choice: Whom the user wants.
        focal: Of the camera, pixels; ``None`` where it is not known.

    Returns:
        What was recovered, and the photo (H, W, 3).

    Raises:
        UserError: The photo cannot be read, or shows nobody.
    """
    photo = read_photo(file)
    size = photo.pixels.shape[1], photo.pixels.shape[0]
    camera = Camera.of(size, focal, photo.focal_35mm)
    numbers, found = observer(0, file.stem, photo.pixels)
    enough = [row for row, one in enumerate(found) if tells_body(one, size)]
    rows = choice.of([(numbers[row], _area(found[row].box)) for row in enough], file)
    picture = PictureRecovery(get_joint_set(observer.joint_set), camera, options)
    kept = [row for row in enough if numbers[row] in rows]
    people = picture([found[row] for row in kept], [numbers[row] for row in kept])
    persons = []
    for row in range(len(kept)):
        still = Still(people, row, picture.poser)
        if still.valid.any():
            persons.append(still)
    if not persons:
        raise NobodyError(f"{file}: expected people, found none of whom enough was seen")
    joint_set = picture.poser.joint_set
    tilt = _tilt(options, persons, joint_set)
    notes = (f"{file.name}: the first of its {photo.count} pictures is taken",) if photo.count > 1 else ()
    result = Result(file.name, camera, _STILL_FPS, np.zeros(1), persons, joint_set, video=False, notes=notes, tilt=tilt)
    return result, photo.pixels


@contextlib.contextmanager
def recover_video(
    file: Path,
    observe: Callable[[Video], Observer],
    options: RecoverOptions,
    choice: Choice,
    folder: Path,
    focal: float | None = None,
    progress: Progress = lambda stage, done, expected: None,
) -> Iterator[Result]:
    """The people of a video, whose numbers wait on the disk while the block runs.

    Args:
        file: The video.
        observe: Makes who finds them, in this video.
        options: How bodies are recovered.
        choice: Whom the user wants.
        folder: Where numbers wait.
        focal: Of the camera, pixels; ``None`` where it is not known.
        progress: Told how far it is.

    Yields:
        What was recovered.

    Raises:
        UserError: The video cannot be read, or shows nobody.
    """
    video = Video(file)
    with (
        gathered(video, observer := observe(video), choice, folder, progress) as seen,
        contextlib.ExitStack() as stack,
    ):
        camera, joint_set = Camera.of(seen.size, focal), get_joint_set(observer.joint_set)
        clips = []
        for done, one in enumerate(seen.people, start=1):
            clip = PersonClip(one, joint_set, camera, seen.fps, options, folder)
            stack.callback(clip.close)
            clips += [clip] if clip.valid.any() else []
            progress("solved", done, len(seen.people))
        if not clips:
            raise NobodyError(f"{file}: expected people, found none of whom enough was seen")
        notes = tuple(f"{file.name}: {note}" for note in (video.stretched, video.cut) if note)
        joint_set = clips[0].joint_set
        tilt = _tilt(options, clips, joint_set, seen.fps)
        times = np.array(seen.times)
        yield Result(file.name, camera, seen.fps, times, clips, joint_set, video=True, notes=notes, tilt=tilt)


def _tilt(options: RecoverOptions, people: Sequence[Person], joint_set: JointSet, fps: float | None = None) -> Tilt:
    """How the camera is held, as given or as people tell; fps: of a video."""
    return tilt_of(people, joint_set, fps).given(options.pitch, options.roll)


def _area(box: np.ndarray) -> float:
    return float(np.prod(box[2:] - box[:2]))
