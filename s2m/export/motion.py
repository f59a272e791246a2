"""The motion of a body as every writer takes it: of any length, rotations read a few thousand frames at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.body import Body
from s2m.body.skinning import Tree, rigid_transforms
from s2m.export.known import CORRECTIVES, FINGERS, HAND_JOINTS, OTHER_BETAS, SMPLX_BETAS
from s2m.formats.amass import BodyLabel
from s2m.formats.tracks import Labels
from s2m.skeletons import SMPL24

Floats = NDArray[np.float64]

ROWS = 2048  # frames in memory at a time
_TREE = Tree(SMPL24.parents)
_Y_UP = Rotation.from_euler("x", -90, degrees=True)  # from AMASS's world (+z up) to that of animation (+y up)


class Rows(Protocol):
    """Rows of an array, in memory or on the disk."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Some rows.

        Args:
            start: The first row.
            stop: One after the last.

        Returns:
            (stop - start, ...) of them.
        """
        ...


class ArrayRows:
    """Rows of an array in memory.

    Args:
        array: (T, ...) of any shape.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """See :class:`Rows`."""
        return self._array[start:stop]


@dataclass(frozen=True, eq=False)
class Points:
    """Joints as they were seen, in AMASS's world: metres, +z up.

    Attributes:
        names: (K,) of the joints.
        rows: (T, K, 3); NaN where a joint was not seen.
        fps: Frames per second.
    """

    names: tuple[str, ...]
    rows: Rows
    fps: float


@dataclass(frozen=True, eq=False)
class Rest:
    """A shaped body in its rest pose, metres, body frame (+x left, +y up, +z front).

    Attributes:
        vertices: (V, 3).
        joints: (24, 3) SMPL's.
        faces: (F, 3).
        weights: (V, 24) skinning weights.
    """

    vertices: Floats
    joints: Floats
    faces: NDArray[np.int64]
    weights: Floats

    @property
    def offsets(self) -> Floats:
        """(24, 3) every joint from its parent; the pelvis from the origin."""
        parents = self.joints[list(SMPL24.parents[1:])]
        return np.concatenate([self.joints[:1], self.joints[1:] - parents])


@dataclass(frozen=True, eq=False)
class Frames:
    """Some frames of a motion, metres.

    Attributes:
        rotations: (N, 24, 4) unit quaternions x, y, z, w, every joint relative to its parent, the pelvis to the world.
        pelvis: (N, 3) where the pelvis is.
    """

    rotations: Floats
    pelvis: Floats

    @property
    def axis_angle(self) -> Floats:
        """(N, 24, 3) the rotations as vectors, radians."""
        vectors: Floats = Rotation.from_quat(self.rotations.reshape(-1, 4)).as_rotvec()
        return vectors.reshape(-1, len(SMPL24), 3)


@dataclass(frozen=True, eq=False)
class ForeignShape:
    """Betas of another body than the one that is posed, for the files that hold parameters instead of a shape.

    Attributes:
        betas: (B,) in the shape space of their body.
        model: ``smpl``, ``smplh`` or ``smplx``: SMPL and SMPL-H have one shape space, SMPL-X another.
        label: What files say of the body.
    """

    betas: NDArray[np.float32]
    model: str
    label: BodyLabel


@dataclass(frozen=True, eq=False)
class BodyMotion:
    """How one person moves, in AMASS's world: metres, +z up.

    Attributes:
        body: Whose body is posed.
        poses: (T, 72) axis-angle of SMPL, or (T, 156) of SMPL-H, with hands.
        trans: (T, 3) what is added to the posed body; its pelvis is at ``trans`` plus the rest pose's pelvis.
        betas: (10,) shape of the person in the body's shape space.
        fps: Frames per second.
        label: What the file says of the body.
        valid: (T,) False where a pose is only held.
        name: Of the person, for files that name their parts.
        hands: Whether something turns that only some formats hold: SMPL-H's fingers, or SMPL's two hand joints.
        labels: What the file that it comes from calls frames and person.
        foreign: The person's shape where it belongs to another body than ``body``, whose mean shape is posed then.
    """

    body: Body
    poses: Rows
    trans: Floats
    betas: NDArray[np.float32]
    fps: float
    label: BodyLabel
    valid: NDArray[np.bool_]
    name: str = "person"
    hands: bool = False
    labels: Labels | None = None
    foreign: ForeignShape | None = None

    def __len__(self) -> int:
        return len(self.trans)

    @property
    def has(self) -> frozenset[str]:
        """Of :data:`s2m.export.known.OPTIONAL`, what this motion has."""
        correctives = {CORRECTIVES} if self.body.has_correctives else set()
        smpl = self.poses.read(0, 1).shape[1] == 3 * len(SMPL24)
        betas = OTHER_BETAS if self.shape_as("smplx") is None else SMPLX_BETAS
        return frozenset(correctives | {betas} | ({HAND_JOINTS if smpl else FINGERS} if self.hands else set()))

    def shape_as(self, *models: str) -> tuple[NDArray[np.float32], BodyLabel] | None:
        """Betas of some models' shape space, and what files say of their body.

        Args:
            models: Of these, such as ``smpl``.

        Returns:
            The person's; ``None`` where they are of another space. Those of ``body`` count as SMPL's.
        """
        if self.foreign is not None:
            return (self.foreign.betas, self.foreign.label) if self.foreign.model in models else None
        return (np.asarray(self.betas, np.float32), self.label) if "smpl" in models else None

    @cached_property
    def rest(self) -> Rest:
        """The person's body at rest."""
        with torch.inference_mode():
            shaped = self.body.rest(torch.from_numpy(np.asarray(self.betas, np.float32))[None])
        numpy = [tensor.double().numpy() for tensor in (shaped.vertices[0], shaped.joints[0], self.body.weights)]
        return Rest(numpy[0], numpy[1], self.body.faces.numpy(), numpy[2])

    def pieces(self, rows: int = ROWS) -> Iterator[tuple[int, int]]:
        """First frame and one after the last of every piece of the motion.

        Args:
            rows: Frames in a piece.
        """
        return ((start, min(len(self), start + rows)) for start in range(0, len(self), rows))

    def z_up(self, start: int, stop: int) -> Frames:
        """Frames in AMASS's world.

        Args:
            start: The first frame.
            stop: One after the last.
        """
        poses = np.asarray(self.poses.read(start, stop), np.float64)
        quaternions = np.zeros((len(poses), len(SMPL24), 4))
        quaternions[..., 3] = 1
        seen = len(SMPL24) if poses.shape[1] == 3 * len(SMPL24) else _SHARED  # SMPL-H's fingers are none of SMPL's
        vectors = poses[:, : 3 * seen].reshape(-1, 3)
        quaternions[:, :seen] = Rotation.from_rotvec(vectors).as_quat().reshape(-1, seen, 4)
        return Frames(quaternions, self.trans[start:stop] + self.rest.joints[0])

    def y_up(self, start: int, stop: int) -> Frames:
        """Frames in the world of animation: +y up, a person who looks along AMASS's -y looks along +z.

        Args:
            start: The first frame.
            stop: One after the last.
        """
        frames = self.z_up(start, stop)
        root = SMPL24.root_index
        frames.rotations[:, root] = (_Y_UP * Rotation.from_quat(frames.rotations[:, root])).as_quat()
        return Frames(frames.rotations, _Y_UP.apply(frames.pelvis))


_SHARED = SMPL24.index("left_hand")  # the joints before it are those of SMPL-H and SMPL-X, too


def joints_of(frames: Frames, rest: Rest) -> Floats:
    """Where the joints are.

    Args:
        frames: Rotations and places.
        rest: The body that is posed.

    Returns:
        (N, 24, 3) metres, in the frames' world.
    """
    matrices = Rotation.from_quat(frames.rotations.reshape(-1, 4)).as_matrix().reshape(-1, len(SMPL24), 3, 3)
    at_rest = torch.from_numpy(rest.joints).expand(len(matrices), -1, -1)
    _, posed = rigid_transforms(torch.from_numpy(matrices), at_rest, _TREE)
    found: Floats = posed.numpy() - rest.joints[0] + frames.pelvis[:, None]
    return found


class Continuous:
    """Quaternions of piece after piece without changes of sign, so that programs interpolate the short way."""

    def __init__(self) -> None:
        self._last: Floats | None = None

    def __call__(self, rotations: Floats) -> Floats:
        """The next frames.

        Args:
            rotations: (N, 24, 4) unit quaternions.

        Returns:
            The same rotations.
        """
        before = rotations[:1] if self._last is None else self._last[None]
        turns = np.sum(rotations * np.concatenate([before, rotations[:-1]]), axis=-1, keepdims=True) < 0
        signs = np.cumprod(np.where(turns, -1.0, 1.0), axis=0)
        self._last = rotations[-1] * signs[-1]
        continuous: Floats = rotations * signs
        return continuous
