"""``python -m studies.render.ambiguity``: how much of the outline changes when a body is mirrored in depth or turned
round.

A weak-perspective camera ignores depth, and people are symmetric, so each outline belongs to two bodies: one, and its
mirror image in depth, which is again a body in some pose. Nothing that sees the mask alone can tell them apart.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.geometry.camera import weak_perspective
from s2m.markdown import number_table
from s2m.metrics.silhouette import silhouette_iou
from s2m.render.hard import hard_silhouette
from s2m.skeletons import SMPL24
from studies.render.sigma import People, known_people

DISTANCE = 4.0  # metres: the nearest camera of the open data


def mirrored_in_depth(params: BodyParams) -> BodyParams:
    """The body whose vertices are those of ``params`` with z negated, left and right having changed places.

    Reflecting depth and the body's own left and right together is a rotation, so the mirror image is a pose: the root
    becomes F R M and each local rotation M R' M, R' being that of the opposite joint, F = diag(1, 1, -1) in the camera
    frame and M = diag(-1, 1, 1) in the body's. Exact for a body without asymmetry. ``transl`` is left out.
    """
    depth = params.betas.new_tensor([1.0, 1.0, -1.0])
    sides = params.betas.new_tensor([-1.0, 1.0, 1.0])
    opposite = params.rotations[:, list(SMPL24.mirror)]
    rotations = sides[:, None] * opposite * sides
    rotations[:, 0] = depth[:, None] * params.global_orient * sides
    return BodyParams.from_rotations(rotations, params.betas)


def turned_round(params: BodyParams) -> BodyParams:
    """The same body after half a turn about the camera's vertical axis."""
    half = params.betas.new_tensor([-1.0, 1.0, -1.0])
    return BodyParams(half[:, None] * params.global_orient, params.body_pose, params.betas)


@torch.no_grad()
def centred(body: Body, params: BodyParams) -> tuple[Tensor, Tensor]:
    """Vertices (B, V, 3) and SMPL joints (B, 24, 3) relative to the pelvis, metres, camera frame.

    Args:
        body: A body in SMPL format.
    """
    posed = body(params)
    return posed.vertices - posed.joints[:, :1], posed.joints - posed.joints[:, :1]


def mask(body: Body, vertices: Tensor, people: People, size: int, distance: float | None = None) -> Tensor:
    """Hard masks (B, S, S) of centred vertices; before a pinhole camera of the same scale if a distance is given.

    Args:
        body: A body in SMPL format.
    """
    camera = torch.cat([people.camera[:, :1], torch.zeros(len(vertices), 2)], dim=1)
    if distance is not None:
        vertices = vertices * (distance / (distance + vertices[..., 2:]))
    return hard_silhouette(weak_perspective(vertices, camera), body.faces, size)


def measure(body: Body, people: People, size: int) -> dict[str, Tensor]:
    """Per body (B,): IoU of its mask with that of others, and how far apart their joints are, mm.

    ``mirrored``: in depth; ``mirrored_perspective``: the same before a pinhole camera; ``turned``: by half a turn.

    Args:
        body: A body in SMPL format.
    """
    vertices, joints = centred(body, people.params)
    other, other_joints = centred(body, mirrored_in_depth(people.params))
    round_, _ = centred(body, turned_round(people.params))
    own, near = mask(body, vertices, people, size), mask(body, vertices, people, size, DISTANCE)
    return {
        "mirrored": silhouette_iou(own, mask(body, other, people, size)).float(),
        "mirrored_perspective": silhouette_iou(near, mask(body, other, people, size, DISTANCE)).float(),
        "turned": silhouette_iou(own, mask(body, round_, people, size)).float(),
        "joints_mm": 1000 * (joints - other_joints).norm(dim=-1).mean(1),
    }


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.render.ambiguity", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--bodies", type=int, default=64, help="(64)")
    parser.add_argument("--size", type=int, default=224, help="image side in pixels (224)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    arguments = parser.parse_args(argv)
    body = load_body()
    values = measure(body, known_people(body, arguments.bodies, arguments.seed), arguments.size)
    names = {
        "mirrored": "IoU, mirrored in depth, weak perspective",
        "mirrored_perspective": f"IoU, mirrored in depth, pinhole camera at {DISTANCE:g} m",
        "turned": "IoU, turned by 180 degrees",
        "joints_mm": "distance of the joints to those mirrored in depth, mm",
    }
    rows = []
    for name, label in names.items():
        value, digits = values[name], 0 if name.endswith("mm") else 3
        low, high = value.quantile(0.05), value.quantile(0.95)
        rows.append([label, *(f"{figure:.{digits}f}" for figure in (value.mean(), low, high))])
    print(number_table(["of one body and another", "mean", "5 %", "95 %"], rows), end="")


if __name__ == "__main__":
    main()
