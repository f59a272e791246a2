"""Pictures of examples: the input, the mesh on it, and mesh and truth from the front and from the side."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from s2m.geometry.camera import weak_perspective
from s2m.render.picture import BLUE, SAND, Picture, draw_skeleton, shade, view
from s2m.report.examples import Examples
from s2m.skeletons import get_joint_set

PANEL = 256
_PAPER = (250, 250, 250)
_BOTH, _OBSERVED_ONLY, _PREDICTED_ONLY = (205, 207, 212), (245, 190, 120), (190, 214, 250)
_SIDE_DEG = 90.0


def example_picture(examples: Examples, row: int) -> Picture:
    """Two rows of three panels: input, mesh front, mesh side; overlay, truth front, truth side."""
    faces = torch.as_tensor(examples.faces.astype(np.int64))
    pred = torch.as_tensor(examples.pred_vertices[row].astype(np.float32))
    true = torch.as_tensor(examples.true_vertices[row].astype(np.float32))
    # One scale for all four views, so that sizes compare.
    extent = max(float((mesh.amax(0) - mesh.amin(0)).amax()) for mesh in (pred, true)) / 2 / 0.92
    background = np.full((PANEL, PANEL, 3), _PAPER, dtype=np.uint8)

    def turned(mesh: torch.Tensor, azimuth_deg: float, colour: tuple[int, int, int]) -> Picture:
        points = view(mesh, azimuth_deg, half_extent=extent)
        return shade(points, faces, PANEL, background, colour, depth_scale=1.0)

    panels = [
        ("2D joints and mask", _input(examples, row)),
        ("mesh, front", turned(pred, 0.0, BLUE)),
        ("mesh, side", turned(pred, _SIDE_DEG, BLUE)),
        ("mesh on the mask", _overlay(examples, row, pred, faces)),
        ("truth, front", turned(true, 0.0, SAND)),
        ("truth, side", turned(true, _SIDE_DEG, SAND)),
    ]
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


def _enlarge(image: Picture) -> Picture:
    return np.asarray(Image.fromarray(image).resize((PANEL, PANEL), Image.Resampling.NEAREST))


def _titled(picture: Picture, title: str) -> Picture:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((8, 6), title, fill=(70, 74, 82), font=ImageFont.load_default(13))
    return np.asarray(image)
