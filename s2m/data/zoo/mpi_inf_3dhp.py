"""MPI-INF-3DHP (Mehta et al., 3DV 2017): ``s2m data mpi_inf_3dhp --root DIR --output STORE``.

Training: eight actors, two sequences each, before a green screen, 14 cameras. Test: six sequences, one camera each,
the last two outdoors. What must be known of it, and where it is known from:

- the 28 joints of the training files and the 17 of the test files are matched by name (mpii_get_joints.m);
- ``univ_annot3`` is ``annot3`` times one factor per sequence, and is the truth of the official evaluation; a universal
  skeleton is placed so that it projects like the metric one;
- a few sequences have more annotations than frames (mpii_get_sequence_info.m), and one video ends early;
- in S4/Seq2 left and right are swapped in a range of frames (vegesm/pose_refinement, src/databases/mpii_3dhp.py);
- two sequences have masks that their authors advise against (mpii_get_sequence_info.m, ``bg_augmentable``);
- the red channel of ``FGmasks`` is 1 on person and chair, that of ``ChairMasks`` 0 on the chair
  (vegesm/pose_refinement, src/scripts/generate_muco_temp.py), and the screen does not fill every view
  (anibali/margipose, data/mpi_inf_3dhp/preprocess.py);
- test sequences name no camera: margipose fits one, posepile has one from the calibration. Whichever projects better
  is taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.mpi_inf_3dhp_files import (
    CameraAnnotation,
    EvaluationAnnotation,
    read_calibration,
    read_test,
    read_training,
)
from s2m.data.zoo.picture_files import picture_size
from s2m.data.zoo.pictures import NumberedPictures, VideoPictures, first_found
from s2m.data.zoo.source import Camera, Recording, RecordingRef, Source, SourceError
from s2m.data.zoo.video_masks import ForegroundMasks, frame_count
from s2m.skeletons import MPI3DHP17

Floats = NDArray[np.float64]
TRUTHS = ("universal", "metric")
# The cameras at chest height and above that others train on (SPIN, margipose); the rest look from the ceiling or knee.
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
# A subject that training does not see; the data set itself names no validation split.
VALIDATION = ("S8",)
# Activities 1 to 7 of the test annotation (mpii_get_activity_name.m).
ACTIVITIES = (
    "Standing/Walking",
    "Exercising",
    "Sitting",
    "Reaching/Crouching",
    "On The Floor",
    "Sports",
    "Miscellaneous",
)
# Frames per sequence, mpii_get_sequence_info.m: rows beyond have no picture.
FRAMES = {
    "S1/Seq1": 6416, "S1/Seq2": 12430, "S2/Seq1": 6502, "S2/Seq2": 6081, "S3/Seq1": 12488, "S3/Seq2": 12283,
    "S4/Seq1": 6171, "S4/Seq2": 6675, "S5/Seq1": 12820, "S5/Seq2": 12312, "S6/Seq1": 6188, "S6/Seq2": 6145,
    "S7/Seq1": 6239, "S7/Seq2": 6320, "S8/Seq1": 6468, "S8/Seq2": 6054,
}  # fmt: skip
_BAD_MASKS = ("S1/Seq2", "S4/Seq2")
# First and one past the last frame with left and right swapped; undone only where the motion says so, too.
SWAPPED = {"S4/Seq2": (3759, 5853)}
# How far around the box of all joints counts as person, as a share of the picture's width (margipose).
_MARGIN = 30 / 768
_TEST_FOLDERS = ("", "mpi_inf_3dhp_test_set", "test")
_STUDIO_SIZE, _OUTDOOR_SIZE, _OUTDOOR = (2048, 2048), (1920, 1080), ("TS5", "TS6")


def _lens(
    size: tuple[int, int],
    sensor: tuple[float, float],
    focal: float,
    aspect: float,
    offset: tuple[float, float],
    distortion: tuple[float, float, float, float, float] | None,
) -> Camera:
    """A camera from a calibration in mm on the sensor (posepile's make_3dhp_test_camera)."""
    x, y = size[0] / sensor[0], size[1] / sensor[1] * aspect
    return Camera(focal * x, focal * y, (sensor[0] / 2 + offset[0]) * x, (sensor[1] / 2 + offset[1]) * y, distortion)


_STUDIO = _lens(_STUDIO_SIZE, (10, 10), 7.32506, 1.00044, (-0.0322884, 0.0929296), None)
_GARDEN = _lens(
    _OUTDOOR_SIZE,
    (10, 5.625),
    8.770747185,
    0.993236423,
    (-0.104908645, 0.104899704),
    (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332),
)


class MpiInf3DHP(Source):
    """The training and test sets in their official folders.

    The test set comes without masks; ``--masks`` brings them.

    Args:
        root: Holds ``S1`` ... ``S8`` and ``TS1`` ... ``TS6`` (or ``mpi_inf_3dhp_test_set/TS1`` ...); either may be
            missing.
        truth: ``universal`` or ``metric`` 3D joints.
        cameras: Of the training set.
        validation: Subjects of split ``val``.
    """

    name: ClassVar[str] = "mpi_inf_3dhp"
    description: ClassVar[str] = (
        "MPI-INF-3DHP in its official files: S*/Seq*/{annot.mat,camera.calibration,FGmasks,ChairMasks} and "
        "TS*/{annot_data.mat,imageSequence}, from https://vcai.mpi-inf.mpg.de/3dhp-dataset."
    )
    mask_files: ClassVar[str] = "S*/Seq*/{FGmasks,ChairMasks}/video_*.avi (the test set has none)"

    def __init__(
        self,
        root: Path,
        truth: str = "universal",
        cameras: Sequence[int] = CAMERAS,
        validation: Sequence[str] = VALIDATION,
    ) -> None:
        if truth not in TRUTHS:
            raise SourceError(f"truth: expected {' or '.join(TRUTHS)}, found '{truth}'")
        if not root.is_dir():
            raise SourceError(f"{root}: expected the folder of MPI-INF-3DHP, found none")
        self.root, self.truth = root, truth
        self.cameras, self.validation = tuple(cameras), tuple(validation)

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """See the class."""
        parser.add_argument(
            "--truth",
            choices=TRUTHS,
            default="universal",
            help="3D truth: scaled to one height, as in the official evaluation, or as measured (default: universal)",
        )
        views = " ".join(map(str, CAMERAS))
        parser.add_argument(
            "--cameras", type=int, nargs="+", default=list(CAMERAS), metavar="N", help=f"training views ({views})"
        )
        parser.add_argument(
            "--validation", nargs="*", default=list(VALIDATION), metavar="S", help="subjects of split val (default: S8)"
        )

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> MpiInf3DHP:
        """See the class."""
        return cls(arguments.root, arguments.truth, arguments.cameras, arguments.validation)

    @property
    def settings(self) -> dict[str, Any]:
        """Options that change the result."""
        return {"truth": self.truth, "cameras": list(self.cameras), "validation": list(self.validation)}

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        known = [f"{name}: masks left out (its authors advise against them)" for name in _BAD_MASKS]
        return [f"3D truth: {self.truth} skeletons", *known, *(self._absent())]

    def recordings(self) -> list[RecordingRef]:
        """A recording per training sequence and camera, and per test sequence and activity."""
        found = [
            RecordingRef(f"{name}/{camera}", self._split(name), {"sequence": name, "camera": camera})
            for name in FRAMES
            if (self.root / name / "annot.mat").is_file()
            for camera in self.cameras
        ]
        for name, folder in self._test_folders().items():
            found += [
                RecordingRef(f"{name}/{number}", "test", {"test": str(folder), "activity": number})
                for number in range(1, len(ACTIVITIES) + 1)
            ]
        if not found:
            raise SourceError(f"{self.root}: expected S1/Seq1/annot.mat ... or TS1/annot_data.mat ..., found neither")
        return found

    def read(self, ref: RecordingRef) -> Recording:
        """One recording; joints are those of ``mpi3dhp17``.

        Args:
            ref: The recording to read.
        """
        if "test" in ref.payload:
            return self._read_test(ref, Path(ref.payload["test"]), int(ref.payload["activity"]))
        return self._read_training(ref, str(ref.payload["sequence"]), int(ref.payload["camera"]))

    def _split(self, name: str) -> str:
        return "val" if name.partition("/")[0] in self.validation else "train"

    def _test_folders(self) -> dict[str, Path]:
        found = {}
        for number in range(1, 7):
            name = f"TS{number}"
            folders = (self.root / between / name for between in _TEST_FOLDERS)
            existing = [folder for folder in folders if (folder / "annot_data.mat").is_file()]
            if existing:
                found[name] = existing[0]
        return found

    def _absent(self) -> list[str]:
        names = [*(n for n in FRAMES if not (self.root / n / "annot.mat").is_file())]
        names += [f"TS{n}" for n in range(1, 7) if f"TS{n}" not in self._test_folders()]
        return [f"not there: {', '.join(names)}"] if names else []

    # Training.

    def _read_training(self, ref: RecordingRef, sequence: str, camera: int) -> Recording:
        folder = self.root / sequence
        files = (folder / "annot.mat", folder / "camera.calibration")
        seen, calibrations = read_training(files[0]), read_calibration(files[1])
        for file, known in ((files[0], seen.keys()), (files[1], calibrations.keys())):
            if camera not in known:
                raise SourceError(f"{file}: expected camera {camera}, found {', '.join(map(str, sorted(known)))}")
        whole, calibration = seen[camera], calibrations[camera]
        joints2d, joints3d = unswapped(sequence, whole)
        kept, left_out = whole.frame < FRAMES[sequence], {}
        if not kept.all():
            left_out["annotated, but beyond the last frame"] = int((~kept).sum())
        videos = self._mask_videos(folder, sequence, camera)
        if videos and (length := min(filter(None, map(frame_count, videos)), default=0)):
            early = kept & (whole.frame >= length)
            if early.any():
                left_out["mask video ends earlier"] = int(early.sum())
                kept &= ~early
        frame, joints2d = whole.frame[kept], joints2d[kept]
        masks = None
        if videos:
            boxes = whole.box[kept] + np.array([-1, -1, 1, 1]) * _MARGIN * calibration.size[0]
            masks = ForegroundMasks(videos[0], videos[1] if len(videos) > 1 else None, frame, boxes)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=MPI3DHP17.name,
            joints2d=joints2d,
            confidence=np.ones(joints2d.shape[:2]),
            frame=frame,
            image_size=calibration.size,
            camera=Camera(*calibration.intrinsics),
            joints3d=joints3d[kept] * self._factor(whole.universal),
            masks=masks,
            pictures=first_found(
                [
                    VideoPictures(folder / "imageSequence" / f"video_{camera}.avi"),
                    NumberedPictures(folder / "imageFrames" / f"video_{camera}", "frame_{:06d}.jpg", 1),
                ]
            ),
            source_files=(*files, *videos),
            left_out=left_out,
        )

    def _factor(self, universal: float) -> float:
        """Scaled about the camera's centre, a skeleton keeps its projection."""
        return universal if self.truth == "universal" else 1.0

    def _mask_videos(self, folder: Path, sequence: str, camera: int) -> list[Path]:
        foreground, chair = (folder / kind / f"video_{camera}.avi" for kind in ("FGmasks", "ChairMasks"))
        if sequence in _BAD_MASKS or not foreground.is_file():
            return []
        return [foreground, chair] if chair.is_file() else [foreground]

    # Test.

    def _read_test(self, ref: RecordingRef, folder: Path, number: int) -> Recording:
        file = folder / "annot_data.mat"
        content = read_test(file)
        known = content.activity[content.valid]
        if len(known) and not 1 <= known.min() <= known.max() <= len(ACTIVITIES):
            raise SourceError(
                f"{file}: field activity_annotation: expected 1 to {len(ACTIVITIES)} in valid frames, "
                f"found {known.min()} to {known.max()}"
            )
        chosen = content.activity == number
        rows = np.flatnonzero(chosen & content.valid)
        # Annotations are numbered from 0, pictures from 1.
        pictures = [folder / "imageSequence" / f"img_{row + 1:06d}.jpg" for row in rows]
        size = _OUTDOOR_SIZE if folder.name in _OUTDOOR else _STUDIO_SIZE
        if pictures and pictures[0].is_file() and (found := picture_size(pictures[0])) != size:
            raise SourceError(f"{pictures[0]}: expected a picture of {size} pixels, found {found}")
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=MPI3DHP17.name,
            joints2d=content.joints2d[rows],
            confidence=np.ones((len(rows), len(MPI3DHP17))),
            frame=rows,
            image_size=size,
            camera=camera_of_test(file, content, _GARDEN if folder.name in _OUTDOOR else _STUDIO),
            joints3d=content.joints3d[rows] * self._factor(content.universal),
            pictures=first_found([NumberedPictures(folder / "imageSequence", "img_{:06d}.jpg", 1)]),
            activity=ACTIVITIES[number - 1],
            source_files=(file,),
            left_out={"not valid (valid_frame)": int((chosen & ~content.valid).sum())},
        )


def unswapped(sequence: str, whole: CameraAnnotation) -> tuple[Floats, Floats]:
    """Joints (T, 17, 2) and (T, 17, 3) with the known swap of left and right undone.

    A range is mirrored back only when that makes the motion smoother at each of its ends that the file holds: a
    corrected release is left as it is.

    Args:
        sequence: Name of the sequence.
        whole: Annotation of the whole sequence.
    """
    joints2d, joints3d = whole.joints2d, whole.joints3d
    if sequence not in SWAPPED:
        return joints2d, joints3d
    first, end = SWAPPED[sequence]
    inside = (whole.frame >= first) & (whole.frame < end)
    mirror = list(MPI3DHP17.mirror)
    ends = np.flatnonzero(np.diff(inside.astype(int)))
    jumps = [_motion(joints3d[row], joints3d[row + 1]) for row in ends]
    mirrored = [_motion(joints3d[row][mirror], joints3d[row + 1]) for row in ends]
    if not jumps or not all(other < jump for jump, other in zip(jumps, mirrored, strict=True)):
        return joints2d, joints3d
    joints2d, joints3d = joints2d.copy(), joints3d.copy()
    joints2d[inside], joints3d[inside] = joints2d[inside][:, mirror], joints3d[inside][:, mirror]
    return joints2d, joints3d


def _motion(before: Floats, after: Floats) -> float:
    return float(np.linalg.norm(after - before, axis=-1).sum())


def camera_of_test(file: Path, content: EvaluationAnnotation, calibrated: Camera) -> Camera:
    """The camera of a test sequence: calibrated or, where that projects better, a pinhole fitted to the annotation.

    The fit has four numbers for thousands of joints, so a truth that does not belong to its 2D joints still shows.

    Args:
        file: File of the annotation, for messages.
        content: The annotation.
        calibrated: The calibrated camera, if there is one.

    Raises:
        SourceError: When the fit is no camera.
    """
    flat, points = content.joints2d[content.valid], content.joints3d[content.valid]
    if len(flat) == 0:
        return calibrated
    focal, centre = np.empty(2), np.empty(2)
    for axis in range(2):
        sides = np.stack([points[..., axis], points[..., 2]], axis=-1).reshape(-1, 2)
        focal[axis], centre[axis] = np.linalg.lstsq(sides, (flat[..., axis] * points[..., 2]).ravel(), rcond=None)[0]
    if not (focal > 0).all():
        raise SourceError(
            f"{file}: fields annot2, annot3: expected a camera with a positive focal length to map one to the other, "
            f"found fx {focal[0]:.0f}, fy {focal[1]:.0f} pixels"
        )
    fitted = Camera(focal[0], focal[1], centre[0], centre[1])

    def error(camera: Camera) -> float:
        return float(np.nanmedian(np.linalg.norm(camera.project(points) - flat, axis=-1)))

    return min((calibrated, fitted), key=error)
