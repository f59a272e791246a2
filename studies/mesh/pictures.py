"""Fig. 6 (ablations side by side) and Fig. 7 (what regressors read off meshes) of the paper; synthetic bodies; what the
default encoder is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from s2m.batch import FrameBatch
from s2m.body.regressors import FixedRegressor, JointRegressor
from s2m.evaluation.methods import true_values
from s2m.geometry.camera import fit_weak_perspective, weak_perspective
from s2m.heads.encoder import silhouette_of
from s2m.heads.render_compare import ComparingEncoder
from s2m.model import MeshRecovery
from s2m.render.picture import BLUE, SAND, draw_skeleton, shade, view
from s2m.render.shading import Picture
from s2m.synthetic.pairs import SyntheticPairs

PANEL = 220
FINE = (48, 32)
_HEADING = 24
_PAPER = (250, 250, 250)
_PERSON = (205, 207, 212)


@torch.no_grad()
def ablation_picture(models: Sequence[tuple[str, MeshRecovery]], frame: FrameBatch) -> Picture:
    """A row per frame: the input, then every model's mesh on the mask and from the side, and the truth.

    Args:
        models: (label, model), all of the frame's joint set.
        frame: With truth and silhouette.
    """
    assert frame.truth is not None
    first = models[0][1]
    true = true_values(frame.truth, first.joint_set.root_index, first.body)["true_vertices"]
    assert true is not None
    recoveries = [(label, model(frame.observation)) for label, model in models]
    lines = []
    for row in range(len(frame)):
        shown = [true[row], *(recovery.body.vertices[row] for _, recovery in recoveries)]
        extent = 1.1 * max(float((mesh.amax(0) - mesh.amin(0)).amax()) for mesh in shown) / 2
        panels = [_titled(_input(frame, row, first), "input")]
        for label, recovery in recoveries:
            body, points = recovery.body.vertices[row], recovery.projected()[row]
            on_mask = shade(
                points, first.body.faces, PANEL, _mask(frame, row), depth_scale=float(recovery.camera[row, 0])
            )
            panels += [_titled(on_mask, label), _turned(body, first.body.faces, extent, BLUE)]
        panels.append(_titled(_turned(true[row], first.body.faces, extent, SAND), "truth, side"))
        lines.append(np.concatenate(panels, axis=1))
    return np.concatenate(lines, axis=0)


@torch.no_grad()
def regressor_picture(model: MeshRecovery, frame: FrameBatch) -> Picture:
    """A row per frame: on the true mesh, and on the predicted one, skeletons of W, the body's own, and the truth.

    Args:
        model: The trained model.
        frame: A batch of frames.
    """
    assert frame.truth is not None
    assert frame.truth.params is not None
    root, faces = model.joint_set.root_index, model.body.faces
    fixed = FixedRegressor(model.body, model.joint_set)
    observation = frame.observation
    recovery = model(observation)
    absolute = model.body(frame.truth.params).vertices
    truth = frame.truth.joints3d
    camera = fit_weak_perspective(truth - truth[:, root : root + 1], observation.joints2d, observation.confidence)
    true_mesh = absolute - truth[:, root : root + 1]
    meshes = (("true mesh", true_mesh, camera), ("predicted", recovery.body.vertices, recovery.camera))
    lines = []
    for row in range(len(frame)):
        panels = []
        for name, vertices, seen_by in meshes:
            mesh, pinhole = vertices[row : row + 1], seen_by[row : row + 1]
            skeletons = (
                ("W", _read(model.regressor, mesh)),
                ("body's own", _read(fixed, mesh)),
                ("truth", (truth - truth[:, root : root + 1])[row : row + 1]),
            )
            points = torch.cat([weak_perspective(mesh, pinhole), mesh[..., 2:]], dim=-1)[0]
            picture = shade(points, faces, PANEL, _mask(frame, row), SAND, alpha=0.55, depth_scale=float(pinhole[0, 0]))
            for label, joints in skeletons:
                drawn = draw_skeleton(picture, weak_perspective(joints, pinhole)[0], model.joint_set)
                panels.append(_titled(drawn, f"{name}: {label}"))
        lines.append(np.concatenate(panels, axis=1))
    return np.concatenate(lines, axis=0)


@torch.no_grad()
def synthetic_picture(model: MeshRecovery, pairs: SyntheticPairs, frame: FrameBatch) -> Picture:
    """A column per frame: the frame, what is seen of the body that is made of it, and that body from both sides.

    Row numbers are the bodies' seeds.

    Args:
        model: The trained model.
        frame: With silhouette; its truth is not used.
    """
    made = pairs(model, frame.observation, [(row,) for row in range(len(frame))])
    assert made.truth is not None
    assert made.truth.params is not None
    posed = model.body(made.truth.params)
    meshes = posed.vertices - posed.joints[:, :1]
    columns = []
    for row in range(len(frame)):
        extent = 1.1 * float((meshes[row].amax(0) - meshes[row].amin(0)).amax()) / 2
        seen = [_titled(_input(shown, row, model), name) for name, shown in (("frame", frame), ("made", made))]
        sides = [_turned(meshes[row], model.body.faces, extent, SAND, degrees) for degrees in (0.0, 90.0)]
        columns.append(np.concatenate([*seen, *sides], axis=0))
    return np.concatenate(columns, axis=1)


@torch.no_grad()
def compared_picture(model: MeshRecovery, frame: FrameBatch) -> Picture:
    """A column per frame, what :class:`ComparingEncoder` is given: the mask less the initial estimate's, the same
    along every bone
    (which leads down; more finely than the encoder reads it) and around every end point.

    White: the mask has more; black: less.

    Args:
        model: The trained model.
        frame: With silhouette.

    Raises:
        TypeError: For a model with another encoder.
    """
    encoder, observation = model.encoder, frame.observation
    if not isinstance(encoder, ComparingEncoder):
        raise TypeError(f"compared_picture: expected a ComparingEncoder, found {type(encoder).__name__}")
    initial = model.initial(observation, model.lift(observation))
    difference = (silhouette_of(observation) - initial.silhouette)[:, None]
    strips = encoder.beside_bones(difference, initial, *FINE)[:, :, 0]
    windows = encoder.beside_extremities(difference, initial)[:, :, 0]
    columns = []
    for row in range(len(frame)):
        whole = draw_skeleton(_grey(difference[row, 0], PANEL, PANEL), initial.lifted2d[row], model.joint_set)
        parts = (("along bones", strips[row]), ("around ends", windows[row]))
        shown = [_titled(whole, "more, less"), *(_titled(_mosaic(images), title) for title, images in parts)]
        columns.append(np.concatenate(shown, axis=0))
    return np.concatenate(columns, axis=1)


def _mosaic(images: Tensor) -> Picture:
    """Images (N, H, W) in [-1, 1] side by side under a heading, from black to white, as large as a panel allows."""
    count, height, width = images.shape
    scales = {n: min(PANEL / n / width, (PANEL - _HEADING) / -(-count // n) / height) for n in range(1, count + 1)}
    columns = max(scales, key=scales.__getitem__)
    high, wide = int(scales[columns] * height), int(scales[columns] * width)
    panel = np.full((PANEL, PANEL, 3), _PAPER, dtype=np.uint8)
    for i, image in enumerate(images):
        y, x = _HEADING + i // columns * high, i % columns * wide
        panel[y : y + high - 2, x : x + wide - 2] = _grey(image, wide - 2, high - 2)
    return panel


def _grey(image: Tensor, width: int, height: int) -> Picture:
    """An image (H, W) in [-1, 1] from black to white."""
    levels = Image.fromarray((127.5 * (image.clamp(-1, 1) + 1)).byte().numpy())
    resized = np.asarray(levels.resize((width, height), Image.Resampling.NEAREST))
    return np.repeat(resized[..., None], 3, axis=2)


def _read(regressor: JointRegressor, mesh: Tensor) -> Tensor:
    joints: Tensor = regressor(mesh)
    return joints


def _turned(
    vertices: Tensor, faces: Tensor, extent: float, colour: tuple[int, int, int], degrees: float = 90.0
) -> Picture:
    background = np.full((PANEL, PANEL, 3), _PAPER, dtype=np.uint8)
    return shade(view(vertices, degrees, half_extent=extent), faces, PANEL, background, colour, depth_scale=1.0)


def _mask(frame: FrameBatch, row: int) -> Picture:
    silhouette = frame.observation.silhouette
    assert silhouette is not None
    image = np.where(silhouette[row].numpy()[..., None] > 0.5, _PERSON, _PAPER).astype(np.uint8)
    return np.asarray(Image.fromarray(image).resize((PANEL, PANEL), Image.Resampling.NEAREST))


def _input(frame: FrameBatch, row: int, model: MeshRecovery) -> Picture:
    seen = frame.observation
    return draw_skeleton(_mask(frame, row), seen.joints2d[row], model.joint_set, seen.confidence[row])


def _titled(picture: Picture, title: str) -> Picture:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((6, 4), title, fill=(70, 74, 82), font=ImageFont.load_default(12))
    return np.asarray(image)
