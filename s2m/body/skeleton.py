"""The dataset skeleton of the open body: a fixed sparse vertex regressor at Human3.6M's anatomical places.

It differs from the body's own joints by the centimetres by which a real dataset's skeleton differs from SMPL's.
Each joint follows one part of the body rigidly, as closely as a convex combination of vertices around it can.
Only the builder of the open body needs this; :func:`s2m.body.regressors.dataset_regressor` reads the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from s2m.batch import BodyOutput, BodyParams
from s2m.body.model import Body
from s2m.body.skinning import global_rotations
from s2m.skeletons import S2M27, SMPL24, mirrored_name

_SAMPLES = 128
_TURN = 0.35
_DEEPEST_BEND = 2.1
_SUM_WEIGHT = 10.0
_SPREAD_WEIGHT = 5e-3
_SMALLEST = 1e-4


@dataclass(frozen=True)
class Site:
    """Where a joint of the dataset skeleton sits.

    Attributes:
        anchor: An SMPL joint, or a landmark (smplx's name), of the body.
        carrier: The SMPL joint whose part it follows.
        offset: Metres from the anchor, body frame at rest.
        radius: Metres around the place, where vertices may be used.
    """

    anchor: str
    carrier: str
    offset: tuple[float, float, float]
    radius: float


# The right side mirrors the left. Bones have the ratios of Human3.6M's (its skeleton's offsets in millimetres: hip 133,
# thigh 443, shin 454, spine 233, thorax 257, neck 121, head 115, shoulder 151, upper arm 279, forearm 252): hips as
# high as the pelvis, which is their middle; the thorax below the base of the neck; "neck_nose" where the skull begins.
SITES = {
    "pelvis": Site("pelvis", "pelvis", (0.0, -0.015, 0.004), 0.20),
    "spine": Site("spine2", "spine1", (0.0, 0.020, -0.018), 0.17),
    "thorax": Site("neck", "spine3", (0.0, -0.042, -0.012), 0.12),
    "neck_nose": Site("head", "neck", (0.0, -0.031, 0.002), 0.12),
    "head": Site("head", "head", (0.0, 0.078, 0.019), 0.12),
    "left_hip": Site("left_hip", "pelvis", (0.017, 0.041, -0.004), 0.15),
    "left_knee": Site("left_knee", "left_hip", (0.006, -0.004, -0.010), 0.09),
    "left_ankle": Site("left_ankle", "left_knee", (-0.006, 0.002, -0.012), 0.08),
    "left_shoulder": Site("left_shoulder", "left_collar", (-0.029, 0.012, -0.012), 0.12),
    "left_elbow": Site("left_elbow", "left_shoulder", (-0.012, 0.004, 0.010), 0.07),
    "left_wrist": Site("left_wrist", "left_elbow", (-0.004, 0.004, 0.003), 0.06),
    "left_ear": Site("lear", "head", (-0.002, 0.0, 0.0), 0.025),
    "left_heel": Site("LHeel", "left_ankle", (-0.006, -0.004, 0.010), 0.04),
    "left_toe": Site("LBigToe", "left_foot", (0.0, 0.006, -0.015), 0.03),
    "left_index": Site("left_hand", "left_wrist", (-0.002, -0.002, 0.030), 0.03),
    "left_pinky": Site("left_hand", "left_wrist", (-0.012, -0.004, -0.030), 0.03),
}


def dataset_skeleton(body: Body, mirror: Tensor, seed: int = 0) -> NDArray[np.float32]:
    """Fit the regressor of the dataset skeleton on random shapes and poses.

    Args:
        body: The open body.
        mirror: (V,) the mirror image of every vertex; the right side's rows are the left side's mirrored.
        seed: Of the shapes and poses.

    Returns:
        (27, V) sparse non-negative rows that sum to one, in the order of ``s2m27``.
    """
    samples = _Samples.draw(body, torch.Generator().manual_seed(seed))
    rows = {joint: samples.fit(body, site) for joint, site in SITES.items()}
    for joint in S2M27.joints:
        mirrored = mirrored_name(joint)
        if mirrored == joint:
            rows[joint] = (rows[joint] + rows[joint][mirror]) / 2
        elif joint not in rows:
            rows[joint] = rows[mirrored][mirror]
    return torch.stack([rows[joint] for joint in S2M27.joints]).float().numpy()


@dataclass(frozen=True, eq=False)
class _Samples:
    """Bodies of random shape at rest and in random poses; the first is the mean body in the rest pose."""

    rest: BodyOutput
    posed: BodyOutput
    orientations: Tensor

    @staticmethod
    @torch.no_grad()
    def draw(body: Body, generator: torch.Generator) -> _Samples:
        """Every joint turns a little; elbows and knees bend deeply."""
        betas = torch.randn(_SAMPLES, body.num_betas, generator=generator)
        vectors = _TURN * torch.randn(_SAMPLES, len(SMPL24), 3, generator=generator)
        vectors[:, SMPL24.root_index] = 0
        for joint, axis in (("left_knee", (1.0, 0.0, 0.0)), ("left_elbow", (0.0, -1.0, 0.0))):
            bend = _DEEPEST_BEND * torch.rand(_SAMPLES, 1, generator=generator)
            vectors[:, SMPL24.index(joint)] = bend * torch.tensor(axis)
        vectors[0], betas[0] = 0, 0
        rotations = roma.rotvec_to_rotmat(vectors)
        posed = body(BodyParams.from_rotations(rotations, betas))
        return _Samples(body.rest(betas), posed, global_rotations(rotations))

    def fit(self, body: Body, site: Site) -> Tensor:
        """Weights (V,) of the combination of vertices around the site that best moves with its carrier.

        Non-negative least squares; a ridge spreads the weights over the vertices.
        """
        carrier = SMPL24.index(site.carrier)
        rest = self._anchor(body, site) + torch.tensor(site.offset)
        local = rest - self.rest.joints[:, carrier]
        target = self.posed.joints[:, carrier] + (self.orientations[:, carrier] @ local[..., None])[..., 0]
        near = ((self.rest.vertices[0] - rest[0]).norm(dim=1) < site.radius).nonzero()[:, 0]
        weights = _convex_weights((self.posed.vertices[:, near] - target[:, None]).double().numpy())
        row = torch.zeros(len(body.v_template), dtype=torch.float64)
        row[near] = torch.from_numpy(weights)
        return row

    def _anchor(self, body: Body, site: Site) -> Tensor:
        # The nose is a landmark only; "head" and the limbs' joints are the tree's.
        if site.anchor in SMPL24:
            return self.rest.joints[:, SMPL24.index(site.anchor)]
        return self.rest.vertices[:, body.vertex_ids[site.anchor]]


def _convex_weights(offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (K,) that bring the weighted mean of offsets (N, K, 3) closest to zero in every sample."""
    count = offsets.shape[1]
    system = offsets.transpose(0, 2, 1).reshape(-1, count)
    scale = np.sqrt(len(system))
    left = np.concatenate([system, np.full((1, count), _SUM_WEIGHT * scale), _SPREAD_WEIGHT * scale * np.eye(count)])
    right = np.concatenate([np.zeros(len(system)), [_SUM_WEIGHT * scale], np.zeros(count)])
    weights, _ = nnls(left, right, maxiter=30 * count)
    weights[weights < _SMALLEST] = 0
    return np.asarray(weights / weights.sum())
