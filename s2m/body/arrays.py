"""The arrays that make a body in SMPL format, and the checks that every source of them must pass."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.skeletons import S2M27, SMPL24

NUM_BETAS = 10
NUM_JOINTS = len(SMPL24)
NUM_POSE_FEATURES = 9 * (NUM_JOINTS - 1)
OFFICIAL_VERTICES = 6890
# Which vertex of SMPL's mesh is the tip of the nose, ...: facts about it, under the names that smplx gives them.
OFFICIAL_VERTEX_IDS = {
    "nose": 332,
    "reye": 6260,
    "leye": 2800,
    "rear": 4071,
    "lear": 583,
    "rthumb": 6191,
    "rindex": 5782,
    "rmiddle": 5905,
    "rring": 6016,
    "rpinky": 6133,
    "lthumb": 2746,
    "lindex": 2319,
    "lmiddle": 2445,
    "lring": 2556,
    "lpinky": 2673,
    "LBigToe": 3216,
    "LSmallToe": 3226,
    "LHeel": 3387,
    "RBigToe": 6617,
    "RSmallToe": 6624,
    "RHeel": 6787,
}
FIELDS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
SUM_TOLERANCE = 1e-3

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class BodyFileError(UserError, ValueError):
    """A body file that cannot be used; the message names file, field, expected and found.

    Args:
        source: Name of the file.
        field: Name of the field that is wrong.
        expected: What it should have been, in words.
        found: What it is, in words.
    """

    def __init__(self, source: str, field: str, expected: str, found: str) -> None:
        super().__init__(f"{source}: field '{field}': expected {expected}, found {found}")
        self.source, self.field, self.expected, self.found = source, field, expected, found


@dataclass(frozen=True, eq=False)
class BodyArrays:
    """A body in SMPL format (Loper et al. 2015); metres, body frame (+x left, +y up, +z front).

    Attributes:
        v_template: (V, 3).
        shapedirs: (V, 3, 10), one standard deviation each.
        posedirs: (V, 3, 207), may be zero.
        joint_regressor: (24, V), rows sum to one.
        weights: (V, 24), rows sum to one.
        faces: (F, 3), wound outward.
        vertex_ids: Landmark name (smplx's names) to vertex.
        skeleton_regressor: (27, V) non-negative rows that sum to one, the dataset skeleton in the order of ``s2m27``,
            or ``None``.
    """

    v_template: Floats
    shapedirs: Floats
    posedirs: Floats
    joint_regressor: Floats
    weights: Floats
    faces: Ints
    vertex_ids: dict[str, int]
    skeleton_regressor: Floats | None = None

    def __repr__(self) -> str:
        """Sizes only."""
        return f"BodyArrays({len(self.v_template)} vertices, {len(self.faces)} faces)"

    @staticmethod
    def checked(fields: Mapping[str, Any], source: str) -> BodyArrays:
        """Build from a mapping with SMPL's field names.

        Args:
            fields: Arrays by SMPL's names: ``v_template``, ``shapedirs``, ``J_regressor`` and so on.
            source: Name of the file they come from, for messages.

        Raises:
            BodyFileError: Names the first field that is missing or has another shape or value.
        """
        return _Reader(fields, source).read()

    def sha256(self) -> str:
        """Hash over every array and landmark: two bodies with the same hash pose alike."""
        digest = hashlib.sha256()
        named: list[tuple[str, NDArray[Any] | None]] = [
            ("v_template", self.v_template),
            ("shapedirs", self.shapedirs),
            ("posedirs", self.posedirs),
            ("J_regressor", self.joint_regressor),
            ("weights", self.weights),
            ("f", self.faces),
            ("skeleton_regressor", self.skeleton_regressor),
        ]
        for name, array in named:
            if array is not None:
                digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr(sorted(self.vertex_ids.items())).encode())
        return digest.hexdigest()


class _Reader:
    """Reads and checks one field after the other."""

    def __init__(self, fields: Mapping[str, Any], source: str) -> None:
        self.fields, self.source = fields, source

    def read(self) -> BodyArrays:
        template = self._floats("v_template", ("V", 3))
        vertices = len(template)
        shapedirs = self._floats("shapedirs", (vertices, 3, f">={NUM_BETAS}"))[..., :NUM_BETAS]
        weights = self._floats("weights", (vertices, NUM_JOINTS))
        regressor = self._floats("J_regressor", (NUM_JOINTS, vertices))
        self._sums_to_one("weights", weights)
        self._sums_to_one("J_regressor", regressor)
        self._check_tree()
        return BodyArrays(
            v_template=template,
            shapedirs=np.ascontiguousarray(shapedirs),
            posedirs=self._floats("posedirs", (vertices, 3, NUM_POSE_FEATURES)),
            joint_regressor=regressor,
            weights=weights,
            faces=self._faces(vertices),
            vertex_ids=self._vertex_ids(vertices),
            skeleton_regressor=self._skeleton(vertices),
        )

    def _fail(self, field: str, expected: str, found: str) -> BodyFileError:
        return BodyFileError(self.source, field, expected, found)

    def _array(self, field: str, shape: tuple[int | str, ...], kinds: str) -> NDArray[Any]:
        wanted = f"an array of shape ({', '.join(str(n) for n in shape)})"
        if field not in self.fields:
            raise self._fail(field, wanted, f"no such field (there are: {', '.join(sorted(self.fields))})")
        array = np.asarray(self.fields[field])
        if array.dtype.kind not in kinds:
            raise self._fail(field, f"{wanted} of numbers", f"dtype {array.dtype} and shape {array.shape}")
        if array.ndim != len(shape) or not all(_fits(n, m) for n, m in zip(array.shape, shape, strict=True)):
            raise self._fail(field, wanted, f"shape {array.shape}")
        return array

    def _floats(self, field: str, shape: tuple[int | str, ...]) -> Floats:
        array = np.array(self._array(field, shape, "fiu"), dtype=np.float32, order="C")
        if not np.isfinite(array).all():
            raise self._fail(field, "finite numbers", f"{int((~np.isfinite(array)).sum())} NaN or infinite values")
        return array

    def _sums_to_one(self, field: str, rows: Floats) -> None:
        error = np.abs(rows.sum(axis=1, dtype=np.float64) - 1).max()
        if error > SUM_TOLERANCE:
            raise self._fail(field, "rows that sum to one", f"a row that is off by {error:.3g}")

    def _check_tree(self) -> None:
        table = self._array("kintree_table", (2, NUM_JOINTS), "iu").astype(np.int64)
        # The root's parent is stored as -1 or, in unsigned files, as 2^32 - 1.
        parents = [-1, *table[0, 1:].tolist()]
        if parents != list(SMPL24.parents):
            raise self._fail("kintree_table", f"SMPL's parents {list(SMPL24.parents)}", str(parents))

    def _faces(self, vertices: int) -> Ints:
        faces = np.array(self._array("f", ("F", 3), "iu"), dtype=np.int64, order="C")
        if len(faces) == 0 or faces.min() < 0 or faces.max() >= vertices:
            span = f"{faces.min()}..{faces.max()}" if len(faces) else "no faces"
            raise self._fail("f", f"vertex indices in 0..{vertices - 1}", span)
        return faces

    def _vertex_ids(self, vertices: int) -> dict[str, int]:
        if "vertex_ids_keys" not in self.fields:
            if vertices == OFFICIAL_VERTICES:
                return dict(OFFICIAL_VERTEX_IDS)
            found = f"none, and {vertices} vertices (only SMPL's own {OFFICIAL_VERTICES} are known without)"
            raise self._fail("vertex_ids_keys", "landmark names", found)
        names = [str(name) for name in np.ravel(self.fields["vertex_ids_keys"])]
        values = self._array("vertex_ids_vals", (len(names),), "iu").astype(np.int64)
        missing = sorted(set(OFFICIAL_VERTEX_IDS) - set(names))
        if missing:
            raise self._fail("vertex_ids_keys", "all landmarks of smplx", f"no {', '.join(missing)}")
        if values.min() < 0 or values.max() >= vertices:
            found = f"{values.min()}..{values.max()}"
            raise self._fail("vertex_ids_vals", f"vertex indices in 0..{vertices - 1}", found)
        return dict(zip(names, values.tolist(), strict=True))

    def _skeleton(self, vertices: int) -> Floats | None:
        if "skeleton_regressor" not in self.fields:
            return None
        skeleton = self._floats("skeleton_regressor", (len(S2M27), vertices))
        if skeleton.min() < 0:
            raise self._fail("skeleton_regressor", "non-negative weights", f"a weight of {skeleton.min():.3g}")
        self._sums_to_one("skeleton_regressor", skeleton)
        return skeleton


def _fits(size: int, wanted: int | str) -> bool:
    if isinstance(wanted, int):
        return size == wanted
    return size >= int(wanted.removeprefix(">=")) if wanted.startswith(">=") else size > 0
