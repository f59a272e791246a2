"""Pictures of examples: the input, the mesh on it, and mesh and truth from the front and from the side."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from s2m.geometry.camera import weak_perspective
from s2m.render.picture import BLUE, SAND, draw_skeleton, shade, view
from s2m.render.shading import Picture
from s2m.report.examples import Examples
from s2m.skeletons import JointSet, get_joint_set

PANEL = 256
_PAPER = (250, 250, 250)
_TRUTH_GREY = (196, 199, 205)
_BOTH, _OBSERVED_ONLY, _PREDICTED_ONLY = (205, 207, 212), (245, 190, 120), (190, 214, 250)
_SIDE_DEG = 90.0
_SIDES = {"front": 0.0, "side": _SIDE_DEG}
_TRUTH_WIDTH = 0.03


def example_picture(examples: Examples, row: int) -> Picture:
    """Two rows of three panels: input, mesh front, mesh side; overlay, truth front, truth side.

    Without the true body the lower row has skeletons instead: the lifter's, on the true one if there is one.

    Args:
        examples: The frames that are shown.
        row: Number of the frame.
    """
    faces = torch.as_tensor(examples.faces.astype(np.int64))
    pred = torch.as_tensor(examples.pred_vertices[row].astype(np.float32))
    meshes = [pred]
    if examples.true_vertices is not None:
        meshes.append(torch.as_tensor(examples.true_vertices[row].astype(np.float32)))
    # One scale for all four views, so that sizes compare.
    extent = max(float((mesh.amax(0) - mesh.amin(0)).amax()) for mesh in meshes) / 2 / 0.92
    background = _blank()

    def turned(mesh: torch.Tensor, azimuth_deg: float, colour: tuple[int, int, int]) -> Picture:
        points = view(mesh, azimuth_deg, half_extent=extent)
        return shade(points, faces, PANEL, background, colour, depth_scale=1.0)

    panels = [
        ("2D joints and mask", _input(examples, row)),
        ("mesh, front", turned(pred, 0.0, BLUE)),
        ("mesh, side", turned(pred, _SIDE_DEG, BLUE)),
        ("mesh on the mask", _overlay(examples, row, pred, faces)),
    ]
    if len(meshes) == 2:
        panels += [(f"truth, {side}", turned(meshes[1], degrees, SAND)) for side, degrees in _SIDES.items()]
    else:
        panels += skeleton_panels(examples, row)
    drawn = [_titled(picture, title) for title, picture in panels]
    return np.concatenate([np.concatenate(drawn[:3], axis=1), np.concatenate(drawn[3:], axis=1)], axis=0)


def _input(examples: Examples, row: int) -> Picture:
    mask = np.asarray(examples.silhouette[row]) > 0.5
    image = _enlarge(np.where(mask[..., None], _BOTH, _PAPER).astype(np.uint8))
    joints, confidence = torch.as_tensor(examples.joints2d[row]), torch.as_tensor(examples.confidence[row])
    return draw_skeleton(image, joints.float(), get_joint_set(examples.joint_set), confidence.float())


def _overlay(examples: Examples, row: int, pred: torch.Tensor, faces: torch.Tensor) -> Picture:
    """The mesh, half transparent, on the masks: orange is observed only, blue predicted only."""
    seen, made = (np.asarray(mask[row])[..., None] > 0.5 for mask in (examples.silhouette, examples.pred_mask))
    image = np.where(seen, np.where(made, _BOTH, _OBSERVED_ONLY), np.where(made, _PREDICTED_ONLY, _PAPER))
    camera = torch.as_tensor(examples.camera[row].astype(np.float32))
    points = torch.cat([weak_perspective(pred[None], camera[None])[0], pred[:, 2:]], dim=1)
    return shade(points, faces, PANEL, _enlarge(image.astype(np.uint8)), alpha=0.6, depth_scale=float(camera[0]))


def skeleton_panels(examples: Examples, row: int) -> list[tuple[str, Picture]]:
    """Titles and pictures of the lifter's skeleton from two sides, on the true one where that is known.

    Both have their root in the same place; the lifter's is at the best scale, as in N-MPJPE.

    Args:
        examples: The frames that are shown.
        row: Number of the frame.
    """
    if examples.lifted_joints is None:
        return [(f"no truth, {side}", _blank()) for side in _SIDES]
    joint_set = get_joint_set(examples.joint_set)
    lifted, true = _rooted(examples.lifted_joints[row], joint_set), None
    title = "lifted"
    if examples.true_joints is not None:
        true, title = _rooted(examples.true_joints[row], joint_set), "lifted on truth (grey)"
        lifted = lifted * ((lifted * true).sum() / (lifted * lifted).sum().clamp_min(1e-9))
    every = lifted if true is None else torch.cat([lifted, true])
    middle = (every.amax(0) + every.amin(0)) / 2
    half = float((every.amax(0) - every.amin(0)).amax()) / 2 / 0.8
    panels = []
    for side, degrees in _SIDES.items():
        picture = _blank()
        if true is not None:
            picture = _greyed(
                draw_skeleton(picture, _seen(true - middle, degrees, half), joint_set, None, _TRUTH_WIDTH)
            )
        picture = draw_skeleton(picture, _seen(lifted - middle, degrees, half), joint_set)
        panels.append((f"{title}, {side}", picture))
    return panels


def _rooted(joints: NDArray[np.floating], joint_set: JointSet) -> torch.Tensor:
    points = torch.as_tensor(joints.astype(np.float32))
    return points - points[joint_set.root_index]


def _seen(points: torch.Tensor, azimuth_deg: float, half_extent: float) -> torch.Tensor:
    """(J, 2) of points about the origin, the camera walking towards the picture's right as in ``view``."""
    azimuth = math.radians(azimuth_deg)
    across = math.cos(azimuth) * points[:, 0] + math.sin(azimuth) * points[:, 2]
    return torch.stack([across, points[:, 1]], 1) / max(half_extent, 1e-9)


def _greyed(picture: Picture) -> Picture:
    """Whatever is drawn on the paper, in one grey."""
    drawn = (picture != np.array(_PAPER, np.uint8)).any(-1, keepdims=True)
    return np.where(drawn, np.array(_TRUTH_GREY, np.uint8), picture)


def _blank() -> Picture:
    return np.full((PANEL, PANEL, 3), _PAPER, dtype=np.uint8)


def _enlarge(image: Picture) -> Picture:
    return np.asarray(Image.fromarray(image).resize((PANEL, PANEL), Image.Resampling.NEAREST))


def _titled(picture: Picture, title: str) -> Picture:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((8, 6), title, fill=(70, 74, 82), font=ImageFont.load_default(13))
    return np.asarray(image)
