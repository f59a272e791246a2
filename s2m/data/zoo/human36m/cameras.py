"""Human3.6M's four cameras, as the dataset's ``metadata.xml`` gives them or as they were published with VideoPose3D.

The official toolbox (ProjectPointRadial.m) leaves a factor of two out of OpenCV's tangential terms; with these lenses
that moves a point by less than 0.2 pixels, which is ignored here.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.data.zoo.source import Camera, SourceError

METADATA = "metadata.xml"
CAMERA_IDS = ("54138969", "55011271", "58860488", "60457274")
FRONTAL = "60457274"
_SUBJECTS = 11
_MM = 1e-3
# Two of the cameras deliver images that are two rows higher; the metadata does not say so.
IMAGE_SIZES = {"54138969": (1000, 1002), "55011271": (1000, 1000), "58860488": (1000, 1000), "60457274": (1000, 1002)}


@dataclass(frozen=True)
class View:
    """A camera in the laboratory.

    Args:
        camera: The pinhole camera.
        image_size: Width and height of the images, pixels.
        rotation: (3, 3) from the world to the camera frame.
        position: (3,) metres, world.
    """

    camera: Camera
    image_size: tuple[int, int]
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]

    def to_camera(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """World points (..., 3), metres, to the camera frame.

        Args:
            points: World points (..., 3), metres.
        """
        seen: NDArray[np.float64] = (np.asarray(points, np.float64) - self.position) @ self.rotation.T
        return seen


Views = dict[tuple[str, str], View]


def load_views(root: Path) -> Views:
    """The views by (subject, camera): of ``root``/metadata.xml where that is, else the published ones.

    Args:
        root: Folder of the dataset.
    """
    metadata = root / METADATA
    return read_metadata(metadata) if metadata.is_file() else published_views()


def read_metadata(path: Path) -> Views:
    """The 11 subjects' extrinsics and four cameras of the toolbox's metadata.xml.

    The vector ``w0`` holds three angles and a position (mm) per camera and subject, then focal lengths, centre, k1, k2,
    k3, p1, p2 per camera: as in github.com/open-mmlab/mmpose, tools/dataset_converters/preprocess_h36m.py. The rotation
    is Rx Ry Rz as in the toolbox's H36MCamera.m.

    Args:
        path: The xml file.

    Raises:
        SourceError: The message names the field.
    """
    try:
        root = ET.parse(path).getroot()
    except (ET.ParseError, OSError) as error:
        raise SourceError(f"{path}: expected an XML file, found {error}") from error
    ids = [str(entry.text).strip() for entry in root.findall("dbcameras/index2id/*")]
    if sorted(ids) != sorted(CAMERA_IDS):
        raise SourceError(
            f"{path}: dbcameras/index2id: expected {', '.join(CAMERA_IDS)}, found {', '.join(ids) or 'none'}"
        )
    values = _vector(path, root.findtext("w0"))
    expected = 6 * _SUBJECTS * len(ids) + 9 * len(ids)
    if len(values) != expected or not np.isfinite(values).all():
        raise SourceError(f"{path}: w0: expected {expected} finite numbers, found {len(values)}")
    extrinsics = values[: 6 * _SUBJECTS * len(ids)].reshape(len(ids), _SUBJECTS, 6)
    intrinsics = values[6 * _SUBJECTS * len(ids) :].reshape(len(ids), 9)
    return {
        (f"S{subject + 1}", ids[c]): _view(ids[c], intrinsics[c], *_pose(extrinsics[c, subject]))
        for c in range(len(ids))
        for subject in range(_SUBJECTS)
    }


def published_views() -> Views:
    """The calibration of the seven subjects that have 3D joints; see assets/cameras.json for where it is from."""
    text = (resources.files("s2m.data.zoo.human36m") / "assets" / "cameras.json").read_text()
    content = json.loads(text)
    views: Views = {}
    for subject, cameras in content["extrinsics"].items():
        for name, place in cameras.items():
            lens = content["intrinsics"][name]
            numbers = np.array([*lens["focal"], *lens["center"], *lens["radial"], *lens["tangential"]])
            w, x, y, z = place["orientation"]
            rotation = Rotation.from_quat([x, y, z, w]).as_matrix().T
            views[subject, name] = _view(name, numbers, rotation, np.array(place["translation"]) * _MM)
    return views


def _vector(path: Path, text: str | None) -> NDArray[np.float64]:
    try:
        return np.array([float(number) for number in str(text).strip().strip("[]").split()])
    except ValueError:
        found = "nothing" if text is None else repr(text.strip()[:40])
        raise SourceError(f"{path}: w0: expected numbers in brackets, found {found}") from None


def _pose(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rotation: NDArray[np.float64] = Rotation.from_euler("XYZ", numbers[:3]).as_matrix()
    return rotation, numbers[3:] * _MM


def _view(
    name: str, numbers: NDArray[np.float64], rotation: NDArray[np.float64], position: NDArray[np.float64]
) -> View:
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = (float(number) for number in numbers)
    return View(Camera(fx, fy, cx, cy, (k1, k2, p1, p2, k3)), IMAGE_SIZES[name], rotation, position)
