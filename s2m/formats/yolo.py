"""Labels of poses as YOLO's text files: a folder with one file per frame, as Ultralytics' ``save_txt=True`` writes it.

A line is a person: class, box (centre, width, height), and x, y and, mostly, a confidence of each keypoint; then, where
they were asked for, the box's confidence and the number that a tracker gave. Places are shares of the picture's size.
Frames without a person have no file, or an empty one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.formats.frames import number_frames
from s2m.formats.people import Crowd, Sighting
from s2m.reading import reading
from s2m.skeletons import COCO17

Floats = NDArray[np.float64]

_BOX = 5  # numbers of the class and the box


def crowd_of(files: list[Path], folder: Path) -> Crowd:
    """Everybody in a folder of labels.

    Args:
        files: Its text files.
        folder: For messages.

    Returns:
        COCO's 17 keypoints, as shares of the picture.

    Raises:
        FormatError: For lines of another form; the message names the file.
    """
    numbering = number_frames([file.name for file in files], str(folder))
    images = {numbering.of[file.name]: file.name for file in files}
    lines = [(file, row) for file in files for row in _rows(file)]
    numbered = _has_numbers([row for _, row in lines])
    sightings = [_sighting(row, numbered, numbering.of[file.name], file) for file, row in lines]
    return Crowd(COCO17, sightings, sorted(images), images, numbering.video, numbering.notes)


def _rows(file: Path) -> list[Floats]:
    with reading(file, "YOLO's labels"):
        rows = [np.array([float(word) for word in line.split()]) for line in file.read_text().splitlines()]
    rows = [row for row in rows if len(row)]
    few, many = _BOX + 2 * len(COCO17), _BOX + 3 * len(COCO17)
    for row in rows:
        if not np.isfinite(row).all() or not (few <= len(row) <= few + 2 or many <= len(row) <= many + 2):
            expected = f"a class, a box and {len(COCO17)} keypoints ({few} or {many} numbers, and up to two more)"
            boxes = "; these are boxes without keypoints" if len(row) <= _BOX + 2 else ""
            raise FormatError(f"{file}: expected lines of {expected}, found {len(row)} numbers{boxes}")
    return rows


def _points(row: Floats) -> tuple[Floats, Floats]:
    """(17, 2 or 3) keypoints, and what stands behind them."""
    wide = 3 if len(row) >= _BOX + 3 * len(COCO17) else 2
    end = _BOX + wide * len(COCO17)
    return row[_BOX:end].reshape(len(COCO17), wide), row[end:]


def _has_numbers(rows: list[Floats]) -> bool:
    """Whether lines end with a tracker's number: a whole one, where confidences are below 1."""
    last = [float(_points(row)[1][-1]) for row in rows if len(_points(row)[1])]
    return len(last) == len(rows) and all(value == round(value) and value >= 1 for value in last) and any(last)


def _sighting(row: Floats, numbered: bool, frame: int, file: Path) -> Sighting:
    points, further = _points(row)
    seen = (points[:, :2] != 0).any(1)
    sure: Any = points[:, 2].clip(0, 1) if points.shape[1] == 3 else seen.astype(np.float64)
    rest = further[:-1] if numbered else further
    score = float(rest[0]) if len(rest) else float(sure.sum())
    person = int(further[-1]) if numbered else None
    return Sighting(frame, np.where(seen[:, None], points[:, :2], np.nan), sure * seen, score, person, file.name)
