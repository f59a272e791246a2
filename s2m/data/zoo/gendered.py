"""Bodies of a user's own, by gender: joints of datasets that bring parameters of a body instead.

SMPL's female and male models are licensed and never shipped. With them, recordings carry the body's parameters
(errors of vertices need them), and joints other than SMPL's own 24 can be had.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2m.data.zoo.source import Array, BodyTruth, SourceError
from s2m.skeletons import H36M17, S2M27, SMPL24, get_joint_set

if TYPE_CHECKING:
    from s2m.body import Body
    from s2m.data.open.skinning import SubsetSkinner

GENDERS = ("female", "male")
JOINT_SETS = (SMPL24.name, H36M17.name, S2M27.name)
_FRAMES_AT_ONCE = 1024


class GenderedBodies:
    """The female and the male model, loaded when they are first needed; can be pickled.

    Args:
        files: File of the model by gender.
        joint_set: Whose joints :meth:`joints` gives.
        regressor: Npy (J, V) for that joint set, such as the ``J_regressor_h36m.npy`` that the literature evaluates
            with; ``None``: the body's own joints and landmarks, or the open body's dataset skeleton.

    Raises:
        SourceError: When a file is missing or the joint set is another one.
    """

    def __init__(self, files: Mapping[str, Path], joint_set: str = SMPL24.name, regressor: Path | None = None) -> None:
        for gender in GENDERS:
            if gender not in files:
                raise SourceError(
                    f"--{gender}: expected the file of SMPL's {gender} model beside the other, found none"
                )
        for file in (*files.values(), *([] if regressor is None else [regressor])):
            if not file.is_file():
                raise SourceError(f"{file}: expected a file, found {'a folder' if file.is_dir() else 'nothing'}")
        if joint_set not in JOINT_SETS:
            raise SourceError(f"--joints: expected one of {', '.join(JOINT_SETS)}, found '{joint_set}'")
        self._files, self._regressor, self.joint_set = dict(files), regressor, joint_set

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Add --female, --male, --joint-set and --regressor.

        Args:
            parser: The dataset's command.
        """
        for gender in GENDERS:
            parser.add_argument(
                f"--{gender}", type=Path, metavar="FILE", help=f"SMPL's {gender} model (.pkl or .npz); vertices need it"
            )
        parser.add_argument(
            "--joint-set",
            choices=JOINT_SETS,
            default=SMPL24.name,
            help="joint set; others than the default are regressed from the bodies (default: %(default)s)",
        )
        parser.add_argument(
            "--regressor", type=Path, metavar="NPY", help="joints from vertices, (J, V), e.g. J_regressor_h36m.npy"
        )

    @staticmethod
    def from_arguments(arguments: argparse.Namespace) -> GenderedBodies | None:
        """From parsed options.

        Args:
            arguments: Parsed options of :meth:`add_arguments`.

        Returns:
            The bodies; ``None`` when no file of one was given.

        Raises:
            SourceError: When the options do not go together.
        """
        files = {gender: getattr(arguments, gender) for gender in GENDERS if getattr(arguments, gender)}
        if files:
            return GenderedBodies(files, arguments.joint_set, arguments.regressor)
        if arguments.joint_set != SMPL24.name or arguments.regressor is not None:
            raise SourceError(f"--joint-set {arguments.joint_set}: expected --female and --male to regress them from")
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the joints: the joint set and the contents of the files."""
        from s2m.data.store import file_hash

        hashes = {gender: file_hash(file) for gender, file in self._files.items()}
        regressor = None if self._regressor is None else file_hash(self._regressor)
        return {"joints": self.joint_set, "bodies": hashes, "regressor": regressor}

    def joints(self, body: BodyTruth, joint_set: str | None = None) -> Array:
        """Joints (T, J, 3) of posed bodies, metres, camera frame, in float64; of ``joint_set`` if it is given.

        Args:
            body: Posed bodies (T).
            joint_set: The joint set that is wanted; SMPL's 24 joints if not given.
        """
        import roma
        import torch

        from s2m.batch import BodyParams

        skinner = self._skinner(body.gender, joint_set or self.joint_set)
        betas = np.broadcast_to(body.betas, (len(body.poses), 10))
        parts = []
        for start in range(0, len(body.poses), _FRAMES_AT_ONCE):
            rows = slice(start, start + _FRAMES_AT_ONCE)
            vectors = torch.tensor(np.asarray(body.poses[rows], np.float32)).view(-1, len(SMPL24), 3)
            shapes = torch.tensor(np.array(betas[rows], np.float32))
            parts.append(skinner(BodyParams.from_rotations(roma.rotvec_to_rotmat(vectors), shapes)).double().numpy())
        posed: Array = np.concatenate(parts) if parts else np.zeros((0, len(get_joint_set(self.joint_set)), 3))
        # added here: metres from the camera would cost digits in float32
        return posed + np.asarray(body.transl, np.float64)[:, None]

    def rest_joints(self, gender: str, betas: Array) -> Array:
        """SMPL's joints (B, 24, 3) at rest, metres, body frame.

        Args:
            gender: Gender of the body model: female, male or neutral.
            betas: (B, 10).
        """
        import torch

        rest = self._skinner(gender, SMPL24.name).rest_joints(torch.tensor(np.asarray(betas, np.float32)))
        joints: Array = rest.double().numpy()
        return joints

    def _skinner(self, gender: str, joint_set: str) -> SubsetSkinner:
        if gender not in self._files:
            raise SourceError(f"gender: expected {' or '.join(self._files)}, found '{gender}'")
        regressor = self._regressor if joint_set == self.joint_set and joint_set != SMPL24.name else None
        return _skinner(self._files[gender], joint_set, regressor)


@lru_cache(maxsize=8)
def _skinner(file: Path, joint_set: str, regressor: Path | None) -> SubsetSkinner:
    import torch

    from s2m.body import load_body
    from s2m.data.open.skinning import SubsetSkinner

    body = load_body(file)
    matrix = _own(body, joint_set) if regressor is None else torch.tensor(_read(regressor, body, joint_set))
    return SubsetSkinner(body, matrix)


def _own(body: Body, joint_set: str) -> Any:
    from s2m.body.regressors import dataset_regressor, own_regressor

    wanted = get_joint_set(joint_set)
    if body.skeleton_regressor is not None and wanted is not SMPL24:
        return dataset_regressor(body, wanted)
    return own_regressor(body, wanted)


def _read(file: Path, body: Body, joint_set: str) -> Array:
    expected = (len(get_joint_set(joint_set)), len(body.v_template))
    try:
        matrix: Array = np.load(file, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise SourceError(f"{file}: expected an npy array {expected}, found none ({error})") from error
    if matrix.shape != expected or not np.isfinite(matrix).all():
        raise SourceError(f"{file}: expected finite numbers of shape {expected}, found {matrix.shape}")
    return matrix
