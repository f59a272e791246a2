"""Where Human3.6M's pictures lie: in the official videos, or extracted from them."""

from __future__ import annotations

from pathlib import Path

from s2m.data.zoo.human36m.protocol import spellings
from s2m.data.zoo.pictures import NumberedPictures, VideoPictures, first_found
from s2m.data.zoo.source import PictureReader


def find_pictures(root: Path, subject: str, action: str, camera: str) -> PictureReader | None:
    """Pictures of a recording; ``None`` where there are none.

    S9/Videos/Directions 1.54138969.mp4 the release images/S9_Directions_1.54138969_000001.jpg github.com/nkolot/SPIN,
    datasets/preprocess/h36m.py images/S9/S9_Directions_1.54138969/S9_Directions_1.54138969_000001.jpg
    github.com/open-mmlab/mmpose S9/images/Directions 1.54138969/000001.jpg one folder per video, as ffmpeg numbers
    frames

    Args:
        root: Folder of the dataset.
        subject: Name of the subject, such as S1.
        action: Name of the take, such as 'Walking 1'.
        camera: Name of the camera, such as 54138969.
    """
    return first_found(_candidates(root, subject, action, camera))


def _candidates(root: Path, subject: str, action: str, camera: str) -> list[NumberedPictures | VideoPictures]:
    readers: list[NumberedPictures | VideoPictures] = []
    for name in dict.fromkeys(spellings(action)):
        take, stem = f"{name}.{camera}", f"{subject}_{name.replace(' ', '_')}.{camera}"
        readers += [
            VideoPictures(root / subject / "Videos" / f"{take}.mp4"),
            # Extracted pictures count from 1.
            NumberedPictures(root / "images" / subject / stem, stem + "_{:06d}.jpg", 1),
            NumberedPictures(root / subject / "images" / take, "{:06d}.jpg", 1),
            NumberedPictures(root / "images", stem + "_{:06d}.jpg", 1),
        ]
    return readers
