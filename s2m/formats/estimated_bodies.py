"""What programs write that estimate SMPL bodies from pictures and videos, whatever they call its parts.

Sources, the code of each that writes its results: WHAM (``wham_output.pkl``), VIBE and PARE (``*_output.pkl``), CLIFF
(npz), TRAM (``hps_track_*.npy``), HybrIK (``res.pk``), ROMP and BEV (npz with ``results``), 4D-Humans / PHALP
(``demo_*.pkl``), GVHMR (``hmr4d_results.pt``), PromptHMR (``results.pkl``), SLAHMR and HuMoR (npz), AIST++ (motions).
Where a file has a body both in the world and in the camera's frame, the world counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.errors import FormatError, UserError
from s2m.formats.motion_npz import MODELS, MotionFile, narrow, numbers_of
from s2m.formats.npz import array_names
from s2m.formats.rates import told_rate
from s2m.formats.raw import load
from s2m.formats.spool import Spool
from s2m.formats.upright import axis_of_roots
from s2m.skeletons import SMPL24

Floats = NDArray[np.float64]

_SUFFIXES = (".npz", ".npy", ".pkl", ".pk", ".pt")
_CAMERA = "y-down"
_OFF = 0.05  # of a rotation matrix from one
_BODY = 22  # joints of a body without hands; 21 where the root is apart


@dataclass(frozen=True)
class _Naming:
    """What a program calls the parts of a body's motion.

    Attributes:
        name: The program, for people.
        poses: Fields that make up the pose, root first.
        places: What may hold the place.
        betas: What may hold the shape.
        up: The axis that points up; ``None`` where the program has several frames.
    """

    name: str
    poses: tuple[str, ...]
    places: tuple[str, ...] = ("trans", "transl", "translation")
    betas: tuple[str, ...] = ("betas", "shape")
    up: str | None = None


_NAMINGS = (
    _Naming("WHAM, in the world", ("pose_world",), ("trans_world",), up="y"),
    _Naming("TRAM", ("pred_rotmat",), ("pred_trans",), ("pred_shape",), _CAMERA),
    _Naming("ROMP", ("smpl_thetas",), ("cam_trans",), ("smpl_betas",), _CAMERA),
    _Naming("HybrIK", ("pred_thetas",), ("transl_camsys", "transl"), ("pred_betas",), _CAMERA),
    _Naming("AIST++", ("smpl_poses",), ("smpl_trans",), ("smpl_betas",), "y"),
    _Naming("SLAHMR, HuMoR", ("root_orient", "pose_body")),
    _Naming("the package smplx", ("global_orient", "body_pose")),
    _Naming("WHAM, VIBE, PARE, CLIFF", ("pose",), ("trans", "transl", "global_t")),
    _Naming("fields poses, trans", ("poses",)),
)
# A dictionary within the file -> the axis that points up in it. The first that is there counts.
_WITHIN: Mapping[str, str | None] = {
    "smpl_params_global": "y",
    "smplx_world": "y",
    "smpl_params_incam": _CAMERA,
    "smplx_cam": _CAMERA,
    "smpl_params": None,
    "smplx_params": None,
    "pred_smpl_params": _CAMERA,
    "results": None,
}
_JOINTS = (22, 24, 52, 55)  # of SMPL-H's body, SMPL, SMPL-H, SMPL-X
_FRAMES = ("frame_ids", "frame_id", "frame")
_DEEPEST = 4


@dataclass(frozen=True, eq=False)
class EstimatedBody:
    """A person of a file.

    Attributes:
        number: What the file calls the person; ``None`` where it holds one alone.
        content: The fields.
        naming: What they are called.
        up: The axis that points up; ``None`` where the file does not tell.
        path: The file.
    """

    number: int | str | None
    content: Mapping[str, Any]
    naming: _Naming
    up: str | None
    path: Path

    def __len__(self) -> int:
        return len(np.asarray(self.content[self.naming.poses[0]]))

    def motion(self, folder: Path) -> MotionFile:
        """The person's motion.

        Args:
            folder: Where poses wait on the disk.

        Returns:
            The motion; whoever asked closes its ``poses``. Frames in which the person was not seen hold the pose before
            them, and are not valid.

        Raises:
            FormatError: The message names the field, what was expected and what was found.
        """
        vectors, model = self._poses()
        trans, notes = self._trans(len(vectors))
        rows, valid = self._rows(len(vectors))
        up = self.up or axis_of_roots(vectors[:, :3])
        if self.up is None and up is not None:
            notes += (f"{up} is up because the person stands along it",)
        spool = Spool(folder)
        spool.append(narrow(vectors.astype(np.float32))[rows])
        fps = told_rate(dict(self.content) if "fps" in self.content else {}, self.path)
        hands = vectors.shape[1] > 3 * len(SMPL24)
        notes = (f"body of {self.naming.name}", *notes)
        return MotionFile(spool, trans[rows], self._betas(), fps, "neutral", model, "", valid, hands, up, notes)

    def _poses(self) -> tuple[Floats, str]:
        """(T, 72, 156 or 165) axis-angle, and whose."""
        parts = [_vectors(self.content[field], f"{self.path}: {field}") for field in self.naming.poses]
        if len({len(part) for part in parts}) != 1:
            found = " and ".join(str(len(part)) for part in parts)
            raise FormatError(f"{self.path}: {', '.join(self.naming.poses)}: expected as many frames, found {found}")
        vectors = np.concatenate(parts, axis=1)
        model = MODELS.get(vectors.shape[1], "smplx")  # 21 joints beside the root: SMPL-H's and SMPL-X's
        if vectors.shape[1] == 3 * _BODY:
            vectors = np.concatenate([vectors, np.zeros((len(vectors), 6))], axis=1)
        if vectors.shape[1] not in MODELS:
            fields = ", ".join(self.naming.poses)
            raise FormatError(
                f"{self.path}: {fields}: expected 22, 24, 52 or 55 joints, found {vectors.shape[1] / 3:g}"
            )
        return vectors, model

    def _trans(self, frames: int) -> tuple[Floats, tuple[str, ...]]:
        field = next((name for name in self.naming.places if name in self.content), None)
        if field is None:
            return np.zeros((frames, 3)), ("the file does not tell where the person is: the pelvis stays in place",)
        trans = numbers_of(self.content[field], f"{self.path}: {field}").reshape(-1, 3)
        if len(trans) != frames:
            raise FormatError(f"{self.path}: {field}: expected {(frames, 3)}, found {trans.shape}")
        if "smpl_scaling" in self.content:  # AIST++: places are in the unit of its cameras
            trans = trans / numbers_of(self.content["smpl_scaling"], f"{self.path}: smpl_scaling").reshape(-1)[0]
        return trans, ()

    def _betas(self) -> NDArray[np.float32]:
        field = next((name for name in self.naming.betas if name in self.content), None)
        if field is None:
            return np.zeros(10, np.float32)
        betas = numbers_of(self.content[field], f"{self.path}: {field}")
        # One person has one shape, of which programs have an estimate for every frame.
        return betas.reshape(-1, betas.shape[-1] if betas.ndim else 1).mean(0).astype(np.float32)

    def _rows(self, frames: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """For each frame from the person's first to the last the row to show, and whether it is its own."""
        field = next((name for name in _FRAMES if name in self.content), None)
        numbers = None if field is None else numbers_of(self.content[field], f"{self.path}: {field}").reshape(-1)
        if numbers is None or len(numbers) != frames or not (np.diff(numbers) > 0).all() or np.ptp(numbers) > 1e7:
            return np.arange(frames), np.ones(frames, bool)
        shown = np.arange(int(numbers[0]), int(numbers[-1]) + 1)
        rows = np.searchsorted(numbers, shown, side="right") - 1
        return rows, np.asarray(numbers[rows] == shown)


def estimated_bodies(path: Path) -> list[EstimatedBody]:
    """The people of a file as a program estimated them.

    Args:
        path: Any file.

    Returns:
        The people; none where the file is of another kind, or cannot be read (its reader then says why).
    """
    if path.suffix.lower() not in _SUFFIXES or not path.is_file() or not _may_be(path):
        return []
    try:
        content = load(path)
    except UserError:
        if path.suffix.lower() == ".pt":  # nothing else reads it
            raise
        return []
    return list(_people(content, path, None, None))


def _may_be(path: Path) -> bool:
    """Whether a file is worth loading to look what stands in it."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            names = set(array_names(path))
            known = any(names >= set(naming.poses) for naming in _NAMINGS)
            return known or bool(names & set(_WITHIN))
        if suffix == ".npy":
            with path.open("rb") as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                return bool(read(stream)[2].hasobject)
    except (UserError, ValueError, OSError, SyntaxError, TokenError):
        return False
    return True


def _people(
    content: Any, path: Path, number: int | str | None, up: str | None, depth: int = 0
) -> Iterator[EstimatedBody]:
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    for naming in _NAMINGS:
        if not all(field in content for field in naming.poses):
            continue
        crowd = _of_slahmr(content) if naming.poses[0] == "root_orient" else []
        if crowd:
            yield from (EstimatedBody(n, fields, naming, up or naming.up, path) for n, fields in enumerate(crowd))
            return
        if _is_pose(content, naming):
            yield EstimatedBody(number, content, naming, up or naming.up, path)
            return
    within = next((field for field in _WITHIN if isinstance(content.get(field), Mapping)), None)
    if within is not None:
        yield from _people(content[within], path, number, _WITHIN[within] or up, depth + 1)
        return
    tracks = _of_phalp(content)
    for key, entry in (tracks or content).items():
        yield from _people(entry, path, key if isinstance(key, int | str) else number, up, depth + 1)


def _is_pose(content: Mapping[str, Any], naming: _Naming) -> bool:
    """Whether fields hold rotations, and not places of joints that are called so."""
    if naming.poses == ("global_orient", "body_pose") and any("joints" in str(field) for field in content):
        return False  # the joints beside it count, as they always did
    try:
        arrays = [np.asarray(content[field]) for field in naming.poses]
    except (UserError, ValueError):
        return False
    if any(array.dtype.kind not in "fiu" or array.ndim < 2 for array in arrays):
        return False
    widths = [array[0].size if len(array) else 0 for array in arrays]
    matrices = all(array.shape[-2:] == (3, 3) for array in arrays) or widths == [9 * len(SMPL24)]
    if not matrices and len(arrays) == 1 and arrays[0].ndim > 2:
        return False  # (T, J, 3): places of joints are stored so
    return sum(widths) / (9 if matrices else 3) in _JOINTS


def _of_slahmr(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The people of arrays (people, frames, ...); none for arrays of one person."""
    fields = ("root_orient", "pose_body", "trans", "betas")
    arrays = {name: np.asarray(content[name]) for name in fields if name in content}
    if {arrays[name].ndim for name in ("root_orient", "pose_body")} != {3} or arrays["root_orient"].shape[-1] != 3:
        return []
    return [{name: array[n] for name, array in arrays.items()} for n in range(len(arrays["root_orient"]))]


def _of_phalp(content: Mapping[Any, Any]) -> dict[int, dict[str, Any]]:
    """The tracks of 4D-Humans, whose files hold frame after frame; empty for other files."""
    frames = [entry for entry in content.values() if isinstance(entry, Mapping)]
    if not frames or not all({"tid", "smpl", "camera"} <= set(entry) for entry in frames):
        return {}
    found: dict[int, dict[str, list[Any]]] = {}
    for number, entry in enumerate(frames):
        for person, body, place in zip(entry["tid"], entry["smpl"], entry["camera"], strict=False):
            track = found.setdefault(int(person), {"global_orient": [], "body_pose": [], "transl": [], "frame": []})
            track["global_orient"].append(np.asarray(body["global_orient"]).reshape(1, 3, 3))
            track["body_pose"].append(np.asarray(body["body_pose"]).reshape(-1, 3, 3))
            track["transl"].append(np.asarray(place).reshape(-1)[-3:])
            track["frame"].append(number)
    tracks = {person: {name: np.array(rows) for name, rows in track.items()} for person, track in found.items()}
    return {person: {"pred_smpl_params": track} for person, track in tracks.items()}


def _vectors(value: Any, where: str) -> Floats:
    """(T, 3 J) axis-angle, of these or of matrices."""
    array = numbers_of(value, where)
    flat = array.ndim == 2 and array.shape[1] == 9 * len(SMPL24)
    if array.shape[-2:] != (3, 3) and not flat:
        return array.reshape(len(array), -1)
    matrices = array.reshape(-1, 3, 3)
    if np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(initial=0) > _OFF:
        raise FormatError(f"{where}: expected rotation matrices, found others")
    return np.asarray(Rotation.from_matrix(matrices).as_rotvec().reshape(len(array), -1))
