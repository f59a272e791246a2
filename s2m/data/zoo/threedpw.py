"""3DPW (von Marcard et al., ECCV 2018): ``s2m data 3dpw --root DIR --output STORE``.

People outdoors, filmed by a moving phone, with bodies in SMPL format from IMUs. A recording is one person of one
sequence. What must be known of it:

- the official evaluation (miraymen/3dpw-eval) counts frames with an aligned camera and a detection, and those only;
- parameters are in a world frame, and the camera moves;
- 2D joints are OpenPose's, and sequences have one or two people;
- the test split is what papers report; joint angle errors are those of 3dpw-eval (:mod:`s2m.metrics.rotations`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from s2m.data.zoo.gendered import GenderedBodies
from s2m.data.zoo.picture_files import picture_size
from s2m.data.zoo.pictures import NumberedPictures, first_found
from s2m.data.zoo.source import Array, BodyTruth, Camera, Recording, RecordingRef, Source, SourceError
from s2m.data.zoo.threedpw_files import OPENPOSE18, Person, count_people, read_people
from s2m.skeletons import SMPL24, get_joint_set

JOINTS2D = ("detected", "projected")
_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_PICTURES = ("imageFiles", "imageFiles/imageFiles")
_FOLDERS = ("sequenceFiles", "sequenceFiles/sequenceFiles", "")
# Between jointPositions and the joints of the posed body of the gender that the file says.
_BODY_LIMIT = 0.02
# Middles of detected joints, by this project's names; "thorax" is the neck.
_MIDDLES = {"pelvis": ("left_hip", "right_hip"), "thorax": ("neck", "neck"), "spine": ("pelvis", "thorax")}


class ThreeDPW(Source):
    """``sequenceFiles/{train,validation,test}/*.pkl`` and, for their size, ``imageFiles/<sequence>/image_00000.jpg``.

    Silhouettes are not part of the data set.

    Args:
        root: Folder of the dataset.
        bodies: SMPL's gendered models, for other joints than SMPL's 24.
        joints2d: "detected" are the OpenPose joints of the files; "projected" the 3D joints' projections.
    """

    name: ClassVar[str] = "3dpw"
    description: ClassVar[str] = (
        "3DPW in its official files (sequenceFiles/, imageFiles/), from https://virtualhumans.mpi-inf.mpg.de/3DPW. "
        "Silhouettes are not part of it; bring them with --masks."
    )

    def __init__(self, root: Path, bodies: GenderedBodies | None = None, joints2d: str = "detected") -> None:
        if joints2d not in JOINTS2D:
            raise SourceError(f"--joints2d: expected {' or '.join(JOINTS2D)}, found '{joints2d}'")
        self.root, self.bodies, self.joints2d = root, bodies, joints2d
        self._base = _base(root)

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """See the class."""
        parser.add_argument("--joints2d", choices=JOINTS2D, default="detected", help="default: %(default)s")
        GenderedBodies.add_arguments(parser)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> ThreeDPW:
        """See the class."""
        return cls(arguments.root, GenderedBodies.from_arguments(arguments), arguments.joints2d)

    @property
    def settings(self) -> dict[str, Any]:
        """Options that change the result."""
        return {"joints2d": self.joints2d, **({} if self.bodies is None else self.bodies.settings)}

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        return [f"2D joints: {self.joints2d}", "frames as in 3dpw-eval: camera aligned, somebody detected"]

    def recordings(self) -> list[RecordingRef]:
        """A recording per person; the number of people is in the files, which are read for it."""
        found = []
        for folder, split in _SPLITS.items():
            for file in sorted((self._base / folder).glob("*.pkl")):
                for person in range(count_people(file)):
                    found.append(RecordingRef(f"{file.stem}/{person}", split, {"file": str(file), "person": person}))
        if not found:
            raise SourceError(f"{self._base}: expected sequences such as test/downtown_walking_00.pkl, found none")
        return found

    def read(self, ref: RecordingRef) -> Recording:
        """One person of one sequence, in the frames that 3dpw-eval counts.

        Args:
            ref: The recording to read.
        """
        file = Path(ref.payload["file"])
        person = read_people(file)[int(ref.payload["person"])]
        found = np.abs(person.detected).mean((1, 2)) > 0
        rows = np.flatnonzero(person.aligned & found)
        camera = _camera(person)
        body, joints3d = _truth(person, rows)
        joint_set = SMPL24.name
        if self.bodies is not None:
            joints3d = self._regressed(person, body, joints3d, self.bodies)
            joint_set = self.bodies.joint_set
        if self.joints2d == "detected":
            joints2d, confidence = from_openpose(person.detected[rows], joint_set)
        else:
            joints2d, confidence = camera.project(joints3d), np.ones(joints3d.shape[:2])
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=joint_set,
            joints2d=joints2d,
            confidence=confidence,
            frame=rows,
            image_size=self._size(file.stem, camera),
            camera=camera,
            joints3d=joints3d,
            body=body,
            pictures=first_found(
                NumberedPictures(self.root / between / file.stem, "image_{:05d}.jpg") for between in _PICTURES
            ),
            detected=self.joints2d == "detected",
            source_files=(file,),
            left_out={
                "campose_valid: camera not aligned": int((~person.aligned).sum()),
                "poses2d: nobody detected": int((person.aligned & ~found).sum()),
            },
        )

    def _regressed(self, person: Person, body: BodyTruth, joints3d: Array, bodies: GenderedBodies) -> Array:
        own = bodies.joints(body, SMPL24.name)
        error = float(np.median(np.linalg.norm(own - joints3d, axis=-1))) if len(own) else 0.0
        if not error <= _BODY_LIMIT:
            raise SourceError(
                f"{person.file}: fields poses, trans, betas, genders: expected joints of the {person.gender} body "
                f"within {_BODY_LIMIT} m of jointPositions in the median, found {error:.3f} m"
            )
        return own if bodies.joint_set == SMPL24.name else bodies.joints(body)

    def _size(self, sequence: str, camera: Camera) -> tuple[int, int]:
        for between in _PICTURES:
            picture = self.root / between / sequence / "image_00000.jpg"
            if picture.is_file():
                return picture_size(picture)
        # the principal point of 3DPW's phone is the middle of its pictures
        return round(2 * camera.cx), round(2 * camera.cy)


def _base(root: Path) -> Path:
    for folder in _FOLDERS:
        if any((root / folder / split).is_dir() for split in _SPLITS):
            return root / folder
    raise SourceError(f"{root}: expected 3DPW's sequenceFiles with {', '.join(_SPLITS)}, found none of them")


def _camera(person: Person) -> Camera:
    k = person.intrinsics
    expected = np.array([[k[0, 0], 0, k[0, 2]], [0, k[1, 1], k[1, 2]], [0, 0, 1]])
    if not np.allclose(k, expected) or not (k[[0, 1], [0, 1]] > 0).all():
        raise SourceError(
            f"{person.file}: field cam_intrinsics: expected [fx 0 cx; 0 fy cy; 0 0 1], found {k.tolist()}"
        )
    return Camera(k[0, 0], k[1, 1], k[0, 2], k[1, 2])


def _truth(person: Person, rows: Array) -> tuple[BodyTruth, Array]:
    """The body and SMPL's joints (T, 24, 3) in the camera frame of each frame."""
    turn, move = person.extrinsics[rows, :3, :3], person.extrinsics[rows, :3, 3]
    if not np.allclose(turn @ turn.transpose(0, 2, 1), np.eye(3), atol=1e-3) or (np.linalg.det(turn) < 0).any():
        raise SourceError(f"{person.file}: field cam_poses: expected rotations, found other matrices")
    joints = np.einsum("tij,tnj->tni", turn, person.joints[rows]) + move[:, None]
    poses = person.poses[rows].copy()
    # what is not finite stays so, and its frames are dropped with that reason
    if (finite := np.isfinite(poses[:, :3]).all(1)).any():
        roots = Rotation.from_matrix(turn[finite]) * Rotation.from_rotvec(poses[finite, :3])
        poses[finite, :3] = roots.as_rotvec()
    # SMPL turns a body about its pelvis at rest, which jointPositions and trans tell without the model
    rest_pelvis = person.joints[rows, SMPL24.root_index] - person.trans[rows]
    transl = joints[:, SMPL24.root_index] - rest_pelvis
    return BodyTruth(poses, person.betas, transl, person.gender), joints


def from_openpose(detected: Array, joint_set: str) -> tuple[Array, Array]:
    """OpenPose's 18 joints (T, 18, 3) as pixels (T, J, 2) and confidence (T, J) of another joint set, by name.

    Middles are as certain as the less certain end; what OpenPose does not find has confidence 0.

    Args:
        detected: OpenPose's joints (T, 18, 3): x, y in pixels, confidence.
        joint_set: The joint set that is wanted.
    """
    places = {name: (detected[:, i, :2], detected[:, i, 2].clip(0, 1)) for i, name in enumerate(OPENPOSE18)}
    for name, (first, second) in _MIDDLES.items():
        (place, sure), (other, also) = places[first], places[second]
        places[name] = (place + other) / 2, np.minimum(sure, also)
    missing = np.zeros_like(detected[:, 0, :2]), np.zeros_like(detected[:, 0, 2])
    chosen = [places.get(name, missing) for name in get_joint_set(joint_set).joints]
    return np.stack([place for place, _ in chosen], axis=1), np.stack([sure for _, sure in chosen], axis=1)
