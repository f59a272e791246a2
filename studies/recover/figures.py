"""How far recovered bodies are from known ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.geometry.procrustes import similarity_align
from s2m.metrics.silhouette import silhouette_iou
from s2m.recover.bodies import Bodies
from s2m.render import hard_silhouette
from studies.recover.scenes import SIDE, Scene

FIGURES = {"iou": "overlay", "pa_mm": "PA-MPJPE [mm]", "shape_mm": "shape [mm]", "height_mm": "height [mm]"}


def figures(body: Body, known: Scene, bodies: Bodies) -> dict[str, float]:
    """Means over people, but for the overlay, whose median it is.

    Args:
        body: Whose bodies they are.
        known: What is true.
        bodies: What was recovered.
    """
    return {
        "iou": float(overlaps(body, known, bodies).median()),
        "pa_mm": float(np.mean(pa_mm(known.joints3d, bodies.joints3d, bodies.seen))),
        **shapes(body, bodies.params.betas, known.params.betas),
    }


def overlaps(body: Body, known: Scene, bodies: Bodies) -> Tensor:
    """(B,) IoU of the bodies' silhouettes with the true ones, in the whole picture.

    Args:
        body: Whose bodies they are.
        known: What is true.
        bodies: What was recovered.
    """
    pixels = known.camera.pixels(body(bodies.params).vertices)
    found = hard_silhouette(pixels / SIDE * 2 - 1, body.faces, SIDE)
    return silhouette_iou(found.float(), torch.from_numpy(known.masks).float())


def pa_mm(true: Tensor, found: Tensor, which: Tensor) -> list[float]:
    """PA-MPJPE of each person.

    Args:
        true: (B, J, 3) metres.
        found: (B, J, 3) metres.
        which: (B, J) bool, the joints that count.
    """
    errors = []
    for ours, other, joints in zip(found, true, which, strict=True):
        pair = ours[None, joints], other[None, joints]
        errors.append(1000 * float((similarity_align(*pair)[0] - pair[1]).norm(dim=-1).mean()))
    return errors


def shapes(body: Body, found: Tensor, true: Tensor) -> dict[str, float]:
    """How far shapes are from the true ones: means over people.

    Args:
        body: Whose shapes they are.
        found: (B, 10).
        true: (B, 10).

    Returns:
        ``shape_mm``: distance of the vertices of upright bodies, after the best translation; ``height_mm``: of their
        heights; ``volume``: of a found body over that of the true one.
    """
    ours, others = (_standing(body, betas) for betas in (found, true))
    apart = (ours - ours.mean(1, keepdim=True)) - (others - others.mean(1, keepdim=True))
    tall = [standing[..., 1].amax(1) - standing[..., 1].amin(1) for standing in (ours, others)]
    return {
        "shape_mm": 1000 * float(apart.norm(dim=-1).mean()),
        "height_mm": 1000 * float((tall[0] - tall[1]).abs().mean()),
        "volume": float((_volumes(body, ours) / _volumes(body, others)).mean()),
    }


def _volumes(body: Body, vertices: Tensor) -> Tensor:
    """(B,) cubic metres: of the tetrahedra between the faces and the origin."""
    first, second, third = (vertices[:, column] for column in body.faces.long().unbind(1))
    return (torch.linalg.cross(first, second) * third).sum((1, 2)) / 6


def _standing(body: Body, betas: Tensor) -> Tensor:
    still = torch.eye(3).expand(len(betas), 24, 3, 3)
    return body(BodyParams.from_rotations(still, betas)).vertices
