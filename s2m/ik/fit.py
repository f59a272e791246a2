"""How well a solution fits the joints that it was made from, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.body.carried import carried_joints
from s2m.formats.spool import Spool
from s2m.ik.checks import typical_lengths
from s2m.skeletons import SMPL24, JointSet, is_smpl

FRAMES = 200  # frames that are posed, spread over the clip
_ANY = torch.zeros(1, dtype=torch.int64)  # a vertex, where only the joints are wanted
_BODY_JOINTS = 22  # those that SMPL and SMPL-H share
_WORST = 3  # joints that are named
_SHORTEST = 0.05  # metres: shorter bones say more of how joints are defined than of the person
_BONES_OFF = 0.05  # a typical bone that differs by more from the body's calls for another shape


@dataclass(frozen=True)
class Posed:
    """A body's motion on the disk.

    Attributes:
        poses: (T, 66 or more) axis-angle of SMPL's first 22 joints.
        places: (T, 3) float64 metres.
        betas: (10,).
    """

    poses: Spool
    places: NDArray[np.float64]
    betas: NDArray[np.float32]

    def at(self, frames: NDArray[np.int64], origins: NDArray[np.float64]) -> BodyParams:
        """Parameters of some frames.

        Args:
            frames: (N,) rows.
            origins: (N, 3) metres, what ``transl`` is relative to.
        """
        rows = self.poses.take(frames)
        vectors = np.zeros((len(frames), len(SMPL24), 3), np.float32)
        vectors[:, :_BODY_JOINTS] = rows[:, : 3 * _BODY_JOINTS].reshape(len(frames), _BODY_JOINTS, 3)
        matrices = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().astype(np.float32)
        rotations = torch.from_numpy(matrices).unflatten(0, (len(frames), len(SMPL24)))
        betas = torch.from_numpy(self.betas).expand(len(frames), -1)
        transl = torch.from_numpy((self.places[frames] - origins).astype(np.float32))
        return BodyParams.from_rotations(rotations, betas, transl)


@dataclass(frozen=True)
class Shown:
    """A body, and where a set's joints lie on it.

    Attributes:
        body: The body that was posed.
        regressor: (J, V) of the joints, see :func:`s2m.ik.body_joints.body_regressor`.
    """

    body: Body
    regressor: Tensor


def joint_errors(params: BodyParams, joints: Tensor, joint_set: JointSet, shown: Shown) -> Tensor:
    """Distance (J,) in metres between given joints and the posed body's, averaged over frames.

    Args:
        params: Solution, in the joints' frame, of one person.
        joints: (T, J, 3) metres; joints that are not finite are passed over.
        joint_set: Their names.
        shown: The body that was posed.

    Returns:
        NaN for joints that were never seen, or that nobody reads.
    """
    unread = torch.tensor([joint.startswith("unused_") for joint in joint_set.joints])
    centres = _centres(joint_set)
    with torch.no_grad():
        posed = carried_joints(shown.body, shown.regressor, params)
        if centres:
            posed[:, list(centres)] = shown.body(params, vertices=_ANY).joints[:, list(centres.values())]
    x, y, z = (posed - joints).square().unbind(-1)  # much faster than norms along the last axis
    return torch.nanmean((x + y + z).sqrt(), 0).masked_fill(unread, torch.nan)


def _centres(joint_set: JointSet) -> dict[int, int]:
    """Joints that are SMPL's own, and its number of each: what limbs turn about; skin moves against it in a bend."""
    if not is_smpl(joint_set):
        return {}
    return {n: SMPL24.index(joint) for n, joint in enumerate(joint_set.joints) if joint in SMPL24}


def fit_message(errors: Tensor, joint_set: JointSet) -> str:
    """Mean and worst errors in words.

    Args:
        errors: (J,) metres, as :func:`joint_errors` gives them; NaN for joints that were never seen.
        joint_set: Names of the joints.

    Returns:
        A line for people, in millimetres.
    """
    seen = torch.isfinite(errors)
    if not bool(seen.any()):
        return "fit: no joint was seen"
    order = torch.where(seen, errors, torch.zeros_like(errors)).argsort(descending=True)[:_WORST].tolist()
    worst = ", ".join(f"{joint_set.joints[j]} {errors[j] * 1000:.0f}" for j in order)
    return f"fit: {errors[seen].mean() * 1000:.0f} mm mean; worst: {worst} mm"


def shape_hint(joints: Tensor, rest: Tensor, joint_set: JointSet) -> str | None:
    """A hint at ``--fit-shape`` when the bones of a clip differ from the body's.

    Args:
        joints: (T, J, 3) metres; not finite where a joint is missing.
        rest: (J, 3) metres, the joints at rest.
        joint_set: Names of the joints.

    Returns:
        The hint; ``None`` where the bones fit, or none was seen.
    """
    first, second = torch.tensor(joint_set.bones).T
    expected = (rest[first] - rest[second]).norm(dim=-1)
    long = expected > _SHORTEST
    ratio = typical_lengths(joints, first[long], second[long]) / expected[long]
    ratio = ratio[torch.isfinite(ratio)]
    if not len(ratio) or float((ratio - 1).abs().median()) < _BONES_OFF:
        return None
    off = float((ratio - 1).abs().median()) * 100
    return f"a typical bone is {off:.0f} % off this body's; --fit-shape estimates the person's shape"
