"""The videos: those of the demonstration that comes in the wheel of Pose2Sim (BSD-3-Clause), fetched by pip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.files import sha256
from s2m.optional import require

WHEEL = "pose2sim-0.10.49-py3-none-any.whl"
REQUIREMENT = "pose2sim==0.10.49"
SHA256 = "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1"
FPS = 60.0
SINGLE, SEVERAL = "Demo_SinglePerson", "Demo_MultiPerson"
CAMERAS = ("cam01", "cam02", "cam03", "cam04")


@dataclass(frozen=True)
class Demo:
    """Four synchronous videos, and the file of their calibration.

    Attributes:
        path: The wheel.
        name: Of the demonstration: one person, or several.
    """

    path: Path
    name: str = SINGLE

    def calibration(self) -> str:
        """The calibration file, in Qualisys' format."""
        return self._read("calibration/Calib.qca.txt").decode()

    def video(self, camera: str) -> list[NDArray[np.uint8]]:
        """All frames of a camera.

        Args:
            camera: One of ``CAMERAS``.

        Returns:
            (H, W, 3) uint8 each.
        """
        av: Any = require("av")
        with av.open(BytesIO(self.file(camera))) as container:
            return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    def file(self, camera: str) -> bytes:
        """The video of a camera, as it is.

        Args:
            camera: One of ``CAMERAS``.
        """
        return self._read(f"videos/{camera}.mp4")

    def _read(self, name: str) -> bytes:
        with zipfile.ZipFile(self.path) as wheel:
            return wheel.read(f"Pose2Sim/{self.name}/{name}")


def fetched(folder: Path, name: str = SINGLE) -> Demo:
    """The wheel, fetched unless it is there.

    Args:
        folder: Where wheels are kept.
        name: Of the demonstration.

    Returns:
        What is in it.

    Raises:
        UserError: It cannot be fetched, or is another file than the one that the figures were made with.
    """
    path = folder / WHEEL
    if not path.is_file():
        download(REQUIREMENT, folder)
    if not path.is_file():
        raise UserError(f"{path}: expected pip to fetch {REQUIREMENT}, and it did not")
    if (found := sha256(path)) != SHA256:
        raise UserError(f"{path}: expected sha256 {SHA256[:16]}..., found {found[:16]}...; remove it to fetch it again")
    return Demo(path, name)


def download(requirement: str, folder: Path) -> None:
    """Let pip fetch a wheel; whether it did, the folder tells.

    Args:
        requirement: Package and version.
        folder: Where to; it is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), requirement]
    subprocess.run(command, check=False)
