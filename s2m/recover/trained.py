"""A trained stage 3 before new pictures: what its heads read off silhouettes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from s2m.batch import Observation
from s2m.body import Body, load_body
from s2m.errors import UserError
from s2m.files import intact
from s2m.formats.keypoints2d import Keypoints
from s2m.geometry.camera import pixels_to_crop, square_crop
from s2m.lifter.keypoints import on_joint_set
from s2m.lifter.shipped_lifters import read_head
from s2m.model import MeshRecovery
from s2m.pretrained import load_mesh_model
from s2m.recover.camera import Camera
from s2m.recover.own_lifter import OwnLifter, own_lifter
from s2m.recover.silhouettes import Silhouettes
from s2m.skeletons import JointSet

_MARGIN, _SIDE = 1.5, 112  # of the crops that stage 3 is trained on: over the joints' box, and pixels
RECORD = "shipped.json"
# How far outside the skin real people's silhouettes end, as a share of their height: clothes, and a segmenter's margin.
# Without it all of 40 pedestrians and 3 people in photos were read as fat (docs/recover.md).
_CLOTHES = 0.015


@dataclass(frozen=True)
class Readings:
    """What the heads read off some frames of people who are whole in the picture.

    Attributes:
        betas: (B, 10) shapes, each off one frame.
        theta: (B, P, 3) corrections of extremities, radians; P is 0 for a model without PR.
    """

    betas: Tensor
    theta: Tensor


class TrainedModel:
    """What ``s2m recover`` takes from a stage 3: the shape, and with PR the rotations of extremities.

    Root and camera it finds itself, in the whole picture instead of the crop.

    Args:
        model: The model, in evaluation mode.
        clothes: How far outside the skin silhouettes end, as a share of a person's height; 0 for a model that has
            learned from people in clothes.
    """

    def __init__(self, model: MeshRecovery, clothes: float = 0.0) -> None:
        self._model, self._clothes = model, clothes

    @property
    def refines(self) -> bool:
        """Whether it corrects rotations of extremities."""
        return len(self._model.pose.joints) > 0

    @torch.inference_mode()
    def read(
        self, joints2d: Tensor, confidence: Tensor, joint_set: JointSet, silhouettes: Silhouettes, camera: Camera
    ) -> Readings:
        """Read people's frames.

        Args:
            joints2d: (B, J, 2) pixels; anything where a joint was not seen.
            confidence: (B, J), 0 where a joint was not seen; six or more of the model's joints were.
            joint_set: Names of the joints.
            silhouettes: Of the same frames.
            camera: Of the picture.
        """
        seen = Keypoints(joints2d.double().numpy(), confidence.numpy(), joint_set)
        taken = on_joint_set(seen, self._model.joint_set)
        points, sure = torch.from_numpy(taken.points), torch.from_numpy(taken.confidence)
        crop = square_crop(points, sure > 0, _MARGIN)
        pinhole = points.new_tensor([[camera.focal, camera.focal, camera.width / 2, camera.height / 2]])
        intrinsics = torch.cat([pinhole[:, :2].expand(len(crop), 2), pinhole[:, 2:] - crop[:, :2]], 1) / crop[:, 2:]
        inside = torch.where(sure[..., None] > 0, pixels_to_crop(points, crop), torch.zeros(()))
        mask = silhouettes.shrunk(self._clothes).in_crops(crop, _SIDE)
        evidence = self._model.read(Observation(inside, sure, mask, crop=crop, camera=intrinsics))
        return Readings(evidence.betas, evidence.theta_pr)

    @torch.inference_mode()
    def refined(self, rotations: Tensor, theta: Tensor) -> Tensor:
        """Rotations with corrections applied.

        Args:
            rotations: (B, 24, 3, 3).
            theta: (B, P, 3) of :class:`Readings`.

        Returns:
            (B, 24, 3, 3).
        """
        return self._model.pose.refine(rotations, theta)


def chosen(run: Path | None, lifter: Path | None, body: Body) -> tuple[TrainedModel | None, OwnLifter | None]:
    """The model and the lifter that a user asks for.

    Args:
        run: Folder of a run of one's own; ``None``: what ships.
        lifter: File of a lifter of one's own; ``None``: that of the run, or those that ship.
        body: See :func:`shipped_model` and :func:`of_run`.

    Returns:
        The model, ``None`` where there is none for the body; the lifter, ``None`` for those that ship.

    Raises:
        UserError: See :func:`of_run` and :func:`~s2m.recover.own_lifter.own_lifter`.
    """
    model, own = (shipped_model(body), None) if run is None else of_run(run, body)
    return model, own if lifter is None else own_lifter(lifter)


def shipped_model(body: Body) -> TrainedModel | None:
    """The model that ships: stage 3 on 27 joints, trained without 3D annotation on the open data.

    Args:
        body: The body whose shapes are wanted.

    Returns:
        The model; ``None`` for a body other than the open one, whose shape space it does not know.

    Raises:
        UserError: The file is missing or is not the one that was shipped.
    """
    return _shipped() if body.hash == load_body().hash else None


@lru_cache(maxsize=1)
def _shipped() -> TrainedModel:
    folder = Path(str(resources.files("s2m.recover") / "assets"))
    record = json.loads((folder / RECORD).read_text())
    model, _ = load_mesh_model(intact(folder, record), load_body())
    return TrainedModel(model.requires_grad_(False), clothes=_CLOTHES)


def of_run(run: Path, body: Body) -> tuple[TrainedModel, OwnLifter]:
    """The model and the lifter of a finished run of one's own.

    Args:
        run: Its folder, ``runs/NAME``; also the file ``mesh.pt`` itself.
        body: The body that it must have been trained with.

    Returns:
        The model, and its lifter with the temporal head of ``runs/NAME/temporal`` for videos, where there is one.

    Raises:
        UserError: There is no such run, or its model cannot be used.
    """
    file = run / "mesh" / "mesh.pt" if run.is_dir() else run
    if not file.is_file():
        raise UserError(f"--run {run}: expected the folder of a run whose stage 3 has ended, found no {file}")
    model, _ = load_mesh_model(file, body)
    temporal, lifter = run / "temporal" / "temporal.pt", run / "lifter" / "lifter.pt"
    head = read_head(temporal, lifter) if temporal.is_file() and lifter.is_file() else None
    return TrainedModel(model.requires_grad_(False)), OwnLifter(model.lifter, head)
