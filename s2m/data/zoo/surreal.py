"""SURREAL (Varol et al., CVPR 2017): ``s2m data surreal --root DIR --output STORE``.

Synthetic people with perfect annotation, in clips of 100 frames. What must be known of it:

- the root's rotation lacks ``zrot``, and the camera is a reflection (:mod:`s2m.data.zoo.surreal_camera`);
- a clip of a single frame has lost an axis;
- frames whose joints are all zero have no annotation (training/loader_SURREAL.lua of gulvarol/surreal skips them);
- run0, run1 and run2 cut the same sequences into clips that overlap by 50, 30 and 70 %;
- the validation set is a part of the test set; the paper's Table 4 is on the validation set.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from s2m.data.zoo.gendered import GenderedBodies
from s2m.data.zoo.pictures import VideoPictures, first_found
from s2m.data.zoo.source import SPLITS, Array, BodyTruth, Recording, RecordingRef, Source, SourceError
from s2m.data.zoo.surreal_camera import CAMERA, Aligned, align
from s2m.data.zoo.surreal_files import IMAGE_SIZE, Clip, Segmentation, read_clip
from s2m.skeletons import SMPL24, get_joint_set

RUNS = (0, 1, 2)
_INFO = "_info.mat"
_FOLDERS = ("", "cmu", "data/cmu", "SURREAL/data/cmu")
_NO_ANNOTATION = "joints3D: all zero (no annotation)"
# Between joints3D and the joints of the body that the parameters and the gender say.
_BODY_LIMIT = 0.05


class Surreal(Source):
    """The ``cmu`` part in its official folders: ``{train,val,test}/run{0,1,2}/<sequence>/<clip>_{info,segm}.mat``.

    The joint set is ``smpl24``, or that of the bodies: then 3D joints are regressed from the posed bodies and
    projected.

    Args:
        root: The folder ``cmu`` or one above it.
        runs: Which cuts to take.
        bodies: SMPL's gendered models; without them recordings have 3D joints but no parameters of a body.
    """

    name: ClassVar[str] = "surreal"
    description: ClassVar[str] = (
        "SURREAL in its official files: cmu/{train,val,test}/run*/*/*_{info,segm}.mat, from "
        "https://www.di.ens.fr/willow/research/surreal/data/. Pictures are mirrored where the files mirror people."
    )
    mask_files: ClassVar[str] = "<clip>_segm.mat beside <clip>_info.mat"

    def __init__(self, root: Path, runs: Sequence[int] = RUNS, bodies: GenderedBodies | None = None) -> None:
        if not set(runs) <= set(RUNS) or not runs:
            raise SourceError(f"--runs: expected some of {', '.join(map(str, RUNS))}, found {list(runs)}")
        self.root, self.runs, self.bodies = _base(root), tuple(sorted(set(runs))), bodies

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """See the class."""
        parser.add_argument(
            "--runs", type=int, nargs="+", default=list(RUNS), metavar="N", help="which cuts into clips (default: all)"
        )
        GenderedBodies.add_arguments(parser)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Surreal:
        """See the class."""
        return cls(arguments.root, arguments.runs, GenderedBodies.from_arguments(arguments))

    @property
    def settings(self) -> dict[str, Any]:
        """Options that change the result."""
        return {"runs": list(self.runs), **({} if self.bodies is None else self.bodies.settings)}

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        without = "no --female and --male models: no parameters of bodies, errors of vertices cannot be had"
        return ["pictures, joints and masks are mirrored back"] + ([without] if self.bodies is None else [])

    def recordings(self) -> list[RecordingRef]:
        """A recording per clip."""
        found = []
        for split in SPLITS:
            for run in self.runs:
                folder = self.root / split / f"run{run}"
                for file in sorted(folder.glob(f"*/*{_INFO}")):
                    name = f"run{run}/{file.parent.name}/{file.name.removesuffix(_INFO)}"
                    found.append(RecordingRef(name, split, {"info": str(file)}))
        if not found:
            raise SourceError(f"{self.root}: expected clips such as train/run0/01_01/01_01_c0001{_INFO}, found none")
        return found

    def read(self, ref: RecordingRef) -> Recording:
        """One clip.

        Args:
            ref: The recording to read.
        """
        file = Path(ref.payload["info"])
        clip = read_clip(file)
        rows = np.flatnonzero((clip.joints3d != 0).any((1, 2)))
        left_out = {_NO_ANNOTATION: len(clip) - len(rows)} if len(rows) < len(clip) else {}
        clip = _take(clip, rows)
        if not len(rows):
            return self._empty(ref, clip, left_out)
        known = align(clip, self._rest(clip))
        segm = file.with_name(file.name.removesuffix(_INFO) + "_segm.mat")
        body = None if self.bodies is None else self._body(clip, known, self.bodies)
        joints2d, joints3d, joint_set = known.joints2d, known.joints3d, SMPL24.name
        if body is not None and self.bodies is not None and self.bodies.joint_set != joint_set:
            joint_set, joints3d = self.bodies.joint_set, self.bodies.joints(body)
            joints2d = CAMERA.project(joints3d)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=joint_set,
            joints2d=joints2d,
            confidence=np.ones(joints2d.shape[:2]),
            frame=rows,
            image_size=IMAGE_SIZE,
            camera=CAMERA,
            joints3d=joints3d,
            body=body,
            masks=Segmentation(segm, rows, known.mirrored) if segm.is_file() else None,
            pictures=first_found([VideoPictures(file.with_name(ref.name.rpartition("/")[2] + ".mp4"), known.mirrored)]),
            source_files=(file, segm) if segm.is_file() else (file,),
            left_out=left_out,
        )

    def _empty(self, ref: RecordingRef, clip: Clip, left_out: dict[str, int]) -> Recording:
        joint_set = SMPL24.name if self.bodies is None else self.bodies.joint_set
        joints3d = np.zeros((0, len(get_joint_set(joint_set)), 3))
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=joint_set,
            joints2d=joints3d[..., :2],
            confidence=joints3d[..., 0],
            frame=np.zeros(0, np.int64),
            image_size=IMAGE_SIZE,
            camera=CAMERA,
            joints3d=joints3d,
            body=None if self.bodies is None else BodyTruth(clip.poses, clip.betas, clip.poses[:, :3], clip.gender),
            source_files=(clip.file,),
            left_out=left_out,
        )

    def _rest(self, clip: Clip) -> Array:
        if self.bodies is None:
            return _mean_rest()
        rest: Array = self.bodies.rest_joints(clip.gender, clip.betas[:1])[0]
        return rest

    def _body(self, clip: Clip, known: Aligned, bodies: GenderedBodies) -> BodyTruth:
        """The body's parameters in the camera frame; they must pose the body onto the file's joints."""
        poses = np.concatenate([known.roots.as_rotvec(), clip.poses[:, 3:]], axis=1)
        # SMPL turns a body about its pelvis at rest, which the shape and the gender place
        pelvis = bodies.rest_joints(clip.gender, clip.betas)[:, SMPL24.root_index]
        transl = known.joints3d[:, SMPL24.root_index] - pelvis
        body = BodyTruth(poses, clip.betas, transl, clip.gender)
        error = float(np.median(np.linalg.norm(bodies.joints(body, SMPL24.name) - known.joints3d, axis=-1)))
        if not error <= _BODY_LIMIT:
            raise SourceError(
                f"{clip.file}: fields pose, shape, gender: expected the {clip.gender} body's joints within "
                f"{_BODY_LIMIT} m of joints3D in the median, found {error:.3f} m"
            )
        return body


def _base(root: Path) -> Path:
    for folder in _FOLDERS:
        if any((root / folder / split).is_dir() for split in SPLITS):
            return root / folder
    raise SourceError(f"{root}: expected SURREAL's folder cmu with {', '.join(SPLITS)}, found none of them")


def _take(clip: Clip, rows: Array) -> Clip:
    by_frame = ("joints2d", "joints3d", "poses", "betas", "zrot")
    return replace(clip, **{name: getattr(clip, name)[rows] for name in by_frame})


@lru_cache(maxsize=1)
def _mean_rest() -> Array:
    """SMPL joints (24, 3) of the open body's mean shape at rest; read without torch, whose import takes seconds."""
    asset = resources.files("s2m") / "body" / "assets" / "open_body.npz"
    with resources.as_file(asset) as path, np.load(path, allow_pickle=False) as fields:
        rest: Array = fields["J_regressor"].astype(np.float64) @ fields["v_template"]
    return rest
