"""Leeds Sports Pose (Johnson and Everingham, BMVC 2010) and its extension (CVPR 2011): sports photos, 2D joints.

``s2m data lsp --root DIR --output STORE`` and ``s2m data lspet ...``. There is no 3D truth: the paper shows pictures.

``joints.mat`` of LSP is 3 x 14 x 2000, and its third row is 1 where a joint is HIDDEN (its place is annotated all the
same); that of LSPET is 14 x 3 x N, and its third column is 1 where a joint is VISIBLE (elsewhere the place means
nothing). Both READMEs say "visibility"; who reads both data sets knows better, e.g. the generators of
guanghan/GNet-pose (gen_cropped_LSP_test_images.m), which invert LSP's flag and leave LSPET's as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.image_masks import ImageMasks
from s2m.data.zoo.mask_values import ALL_LABELS
from s2m.data.zoo.matlab import load_variable
from s2m.data.zoo.picture_files import picture_size
from s2m.data.zoo.pictures import ListedPictures
from s2m.data.zoo.source import Recording, RecordingRef, Source, SourceError
from s2m.skeletons import H36M17, LSP14, JointSet

# Photos 1 to 1000 of LSP are for training, the rest for testing; all of LSPET is for training.
TRAINING_PHOTOS = 1000
# What a hidden joint's annotated place is worth.
HIDDEN_CONFIDENCE = 0.5
JOINT_SETS = {"h36m17": H36M17, "lsp14": LSP14}
_MASK_NAMES = ("{}.png", "{}_segmentation.png")
Joints = NDArray[np.float64]


class Lsp(Source):
    """LSP's folder: ``joints.mat`` and ``images/im0001.jpg`` ..., optionally ``masks/im0001.png`` ....

    A photo is a recording of one frame.

    Args:
        root: Folder of the dataset.
        joints: ``lsp14`` as annotated, or ``h36m17``, for models trained on those: pelvis and spine are then middles
            (of the hips; of pelvis and neck), and so is ``neck_nose`` (of neck and head).
    """

    name: ClassVar[str] = "lsp"
    description: ClassVar[str] = (
        "Leeds Sports Pose in its official files (joints.mat, images/), from http://sam.johnson.io/research/lsp.html. "
        "Masks, e.g. those of Unite the People, are read from masks/im0001.png or masks/im0001_segmentation.png."
    )
    digits: ClassVar[int] = 4
    mask_files: ClassVar[str] = "masks/im0001.png or masks/im0001_segmentation.png"

    def __init__(self, root: Path, joints: str = "h36m17") -> None:
        if joints not in JOINT_SETS:
            raise SourceError(f"joints: expected {' or '.join(JOINT_SETS)}, found '{joints}'")
        if not (root / "joints.mat").is_file():
            raise SourceError(f"{root / 'joints.mat'}: missing; expected the folder of {type(self).name}")
        self.root, self.joints = root, joints

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """See the class."""
        parser.add_argument("--joint-set", choices=JOINT_SETS, default="h36m17", help="default: %(default)s")

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Lsp:
        """See the class."""
        return cls(arguments.root, arguments.joint_set)

    @property
    def settings(self) -> dict[str, Any]:
        """Options that change the result."""
        return {"joints": self.joints}

    @property
    def notes(self) -> list[str]:
        """What a reader of the pictures must know."""
        derived = "pelvis, spine and neck_nose are middles of annotated joints"
        return [derived] if self.joints == H36M17.name else []

    def recordings(self) -> list[RecordingRef]:
        """A recording per photo; its joints travel with it, so that ``joints.mat`` is read once."""
        annotated, confidence = self._annotation()
        return [
            RecordingRef(
                f"im{number:0{self.digits}d}",
                self._split(number),
                {"number": number, "joints2d": annotated[row].tolist(), "confidence": confidence[row].tolist()},
            )
            for row, number in enumerate(range(1, len(annotated) + 1))
        ]

    def read(self, ref: RecordingRef) -> Recording:
        """One photo.

        Args:
            ref: The recording to read.
        """
        image = self._image(ref.name)
        size = picture_size(image)
        names = (self.root / "masks" / name.format(ref.name) for name in _MASK_NAMES)
        mask = next((file for file in names if file.is_file()), None)
        joints2d, confidence = as_joint_set(
            JOINT_SETS[self.joints], np.array([ref.payload["joints2d"]]), np.array([ref.payload["confidence"]])
        )
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=self.joints,
            joints2d=joints2d,
            confidence=confidence,
            frame=np.array([ref.payload["number"]]),
            image_size=size,
            masks=None if mask is None else ImageMasks([mask], size, ALL_LABELS),
            pictures=ListedPictures({int(ref.payload["number"]): image}),
            source_files=(self.root / "joints.mat", image, *([] if mask is None else [mask])),
        )

    def _split(self, number: int) -> str:
        return "train" if number <= TRAINING_PHOTOS else "test"

    def _annotation(self) -> tuple[Joints, Joints]:
        """Joints (N, 14, 2) in pixels and confidence (N, 14)."""
        file, joints = self.root / "joints.mat", self._matrix()
        if joints.ndim != 3 or joints.shape[:2] != (3, len(LSP14)):
            raise SourceError(f"{file}: field joints: expected the shape (3, 14, N), found {joints.shape}")
        hidden = _flags(file, joints[2].T, rare=1)
        return _finite(file, joints[:2].transpose(2, 1, 0)), np.where(hidden, HIDDEN_CONFIDENCE, 1.0)

    def _matrix(self) -> Joints:
        return load_variable(self.root / "joints.mat", "joints", numbers=True).astype(np.float64)

    def _image(self, name: str) -> Path:
        choices = [self.root / folder / f"{name}{kind}" for folder in ("images", "") for kind in (".jpg", ".png")]
        for choice in choices:
            if choice.is_file():
                return choice
        raise SourceError(f"{choices[0]}: missing; every annotated photo is needed")


class LspExtended(Lsp):
    """LSPET's folder: ``joints.mat`` and ``images/im00001.jpg`` ...; or the re-annotated HR-LSPET (``im00001.png``)."""

    name: ClassVar[str] = "lspet"
    description: ClassVar[str] = (
        "Leeds Sports Pose Extended in its official files (joints.mat, images/), from "
        "http://sam.johnson.io/research/lspet.html, or its re-annotation HR-LSPET (joints.mat, im00001.png)."
    )
    digits: ClassVar[int] = 5

    def _split(self, number: int) -> str:
        return "train"

    def _annotation(self) -> tuple[Joints, Joints]:
        file, joints = self.root / "joints.mat", self._matrix()
        if joints.ndim != 3 or joints.shape[:2] != (len(LSP14), 3):
            raise SourceError(f"{file}: field joints: expected the shape (14, 3, N), found {joints.shape}")
        visible = _flags(file, joints[:, 2].T, rare=0)
        places = np.where(visible[..., None], joints[:, :2].transpose(2, 0, 1), 0.0)
        return _finite(file, places), visible.astype(np.float64)


def as_joint_set(target: JointSet, joints2d: Joints, confidence: Joints) -> tuple[Joints, Joints]:
    """Joints (T, 14, 2) and confidence (T, 14) of LSP as those of another joint set, by name.

    Middles are as certain as the less certain end.

    Args:
        target: The joint set that is wanted.
        joints2d: Joints (T, 14, 2), pixels.
        confidence: Confidence (T, 14).
    """
    if target == LSP14:
        return joints2d, confidence
    places = {joint: (joints2d[:, i], confidence[:, i]) for i, joint in enumerate(LSP14.joints)}
    places["pelvis"] = _middle(places["left_hip"], places["right_hip"])
    places["spine"] = _middle(places["pelvis"], places["thorax"])
    places["neck_nose"] = _middle(places["thorax"], places["head"])
    chosen = [places[joint] for joint in target.joints]
    return np.stack([place for place, _ in chosen], axis=1), np.stack([sure for _, sure in chosen], axis=1)


def _middle(first: tuple[Joints, Joints], second: tuple[Joints, Joints]) -> tuple[Joints, Joints]:
    return (first[0] + second[0]) / 2, np.minimum(first[1], second[1])


def _flags(file: Path, flags: Joints, rare: int) -> NDArray[np.bool_]:
    """Flags (N, 14) as bool. They must be 0 or 1, and ``rare`` the rarer one: else their meaning was turned round."""
    if not np.isin(flags, (0, 1)).all():
        raise SourceError(f"{file}: field joints: expected 0 or 1 as the third number of a joint")
    if (flags == rare).mean() > 0.5:
        meaning = "hidden" if rare else "visible"
        raise SourceError(
            f"{file}: field joints: expected 1 for {meaning} joints, so more {1 - rare} than {rare}; "
            f"found {rare} in {(flags == rare).mean():.0%} of the joints"
        )
    return flags == 1


def _finite(file: Path, joints: Joints) -> Joints:
    if not np.isfinite(joints).all():
        rows = np.flatnonzero(~np.isfinite(joints).all((1, 2)))
        raise SourceError(f"{file}: field joints: not finite in {len(rows)} photos (first: {(rows[:5] + 1).tolist()})")
    return joints
