"""Bodies moved onto what was seen: 2D joints, over time, and silhouettes.

DIK takes directions from a skeleton whose limbs are shorter or longer than the body's own: lifted depths are too small,
and limbs that point to the camera come out too long in the picture. A few steps turn the joints, each within what its
kind usually needs, until the body's own limbs lie on those in the picture; places follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body.skinning import Tree, rigid_transforms, skin
from s2m.descent import descend
from s2m.ik import quaternion as quat
from s2m.recover.bodies import Bodies, Poser
from s2m.recover.camera import Camera
from s2m.recover.silhouettes import Outlines
from s2m.skeletons import SMPL24, JointSet

_TREE = Tree(SMPL24.parents)
# How far DIK's rotations are off, radians about the joint's own x, y, z at rest: standard deviations by the last word
# of a joint's name. Knees and elbows are hinges; hands and feet that nobody saw stay.
_TURNS = {
    "pelvis": (0.15, 0.15, 0.15),
    "hip": (0.35, 0.15, 0.35),
    "shoulder": (0.3, 0.35, 0.35),
    "knee": (0.35, 0.03, 0.03),
    "elbow": (0.1, 0.35, 0.1),
    "ankle": (0.15, 0.1, 0.1),
    "wrist": (0.1, 0.15, 0.15),
    "collar": (0.05, 0.1, 0.1),
    "neck": (0.1, 0.1, 0.1),
    "head": (0.1, 0.1, 0.1),
}
_FACE = (0.4, 0.4, 0.15)  # of a head whose nose was seen
_SPINE = (0.07, 0.07, 0.07)
# What has to be seen beyond a joint for it to turn, by the last words of names. A joint's place is carried by the parts
# on both sides of it, so an arm that nobody saw would otherwise turn to move the shoulder by a centimetre.
_ENDS = {"hip": ("knee",), "knee": ("ankle",), "ankle": ("heel", "toe"), "shoulder": ("elbow",), "elbow": ("wrist",)}
_ENDS |= {"wrist": ("index", "pinky"), "neck": ("head", "nose", "ear"), "head": ("head", "nose", "ear")}
_STEP, _LAST_STEP = 0.03, 0.003  # radians, at most, of the first and the last step
_TIME = 1 / 30  # seconds: the terms of time are tuned at this distance of frames


@dataclass(frozen=True)
class FitOptions:
    """What the terms weigh.

    Attributes:
        steps: Of Adam.
        noise: Of the detector, as a share of the person's extent in the picture.
        outlier: The same, beyond which a joint pulls less and less.
        shape: Whether a shape is fitted, too: ``one`` of all rows, one of ``each``, or ``none``.
        shake: Standard deviation of the turns' second difference between frames at 30 frames per second, radians.
        jolt: The same of the place, metres.
        swing: The same of the joints about the place, metres.
        silhouette: Weight of 1 - IoU.
    """

    steps: int = 40
    noise: float = 0.012
    outlier: float = 0.05
    shape: Literal["none", "one", "each"] = "none"
    shake: float = 0.06
    jolt: float = 0.02
    swing: float = 0.2
    silhouette: float = 200.0


class JointModel:
    """Joints and nose of a posed body without its vertices: each is carried by the body parts around it.

    Args:
        poser: Its body, shape and joint set.
    """

    def __init__(self, poser: Poser) -> None:
        body, regressor = poser.body, torch.cat([poser.regressor, poser.nose])
        carriers = poser.rest.carriers
        assert carriers is not None
        self._weights = torch.cat([carriers, poser.nose @ body.weights])
        self._template, self._joints = regressor @ body.v_template, body.template_joints
        self._shapes = torch.einsum("jv,vck->jck", regressor, body.shapedirs)
        self._joint_shapes = body.joint_shapes

    def __call__(self, rotations: Tensor, betas: Tensor) -> Tensor:
        """Joints of bodies.

        Args:
            rotations: (B, 24, 3, 3).
            betas: (1, 10) or (B, 10).

        Returns:
            (B, J + 1, 3) metres, camera frame, without the place; the tip of the nose is the last.
        """
        count = len(rotations)
        rest = (self._template + torch.einsum("bk,jck->bjc", betas, self._shapes)).expand(count, -1, -1)
        joints = (self._joints + torch.einsum("bk,jck->bjc", betas, self._joint_shapes)).expand(count, -1, -1)
        transforms, _ = rigid_transforms(rotations, joints, _TREE)
        return skin(transforms, rest, self._weights)


def fitted(
    bodies: Bodies,
    joints2d: Tensor,
    poser: Poser,
    camera: Camera,
    options: FitOptions,
    fps: float | None = None,
    outlines: Outlines | None = None,
    nose: Tensor | None = None,
) -> Bodies:
    """Bodies moved onto the joints, and onto silhouettes where there are any.

    Ears and neck leave open how far a head nods, and where it looks from a little aside: noses tell.

    Args:
        bodies: Where to begin; rows without a place stay as they are.
        joints2d: (B, J, 2) pixels; anything where a joint was not seen.
        poser: What made the bodies.
        camera: Of the picture.
        options: How many steps, and what the terms weigh.
        fps: Frames per second where the rows are consecutive frames of one person; ``None`` for single bodies.
        outlines: Silhouettes of the rows; ``None`` without them.
        nose: (B, 3) where the tip of the nose is, pixels, and the confidence; ``None`` where no detector says.

    Returns:
        The bodies; all of one shape where it was fitted.
    """
    assert bodies.params.transl is not None
    rows = torch.isfinite(bodies.params.transl).all(1).nonzero()[:, 0]
    if not len(rows) or options.steps < 1:
        return bodies
    some = bodies.rows(rows)
    outlines = None if outlines is None else outlines[rows]
    time = fps if _consecutive(rows) else None
    nose = torch.zeros(len(rows), 3) if nose is None else nose[rows]
    found = _Problem(some, joints2d[rows], nose, poser, camera, options, time, outlines).solve()
    return _put(bodies, rows, found)


def _consecutive(rows: Tensor) -> bool:
    return len(rows) > 2 and bool((rows.diff() == 1).all())


def _put(bodies: Bodies, rows: Tensor, found: Bodies) -> Bodies:
    def put(old: Tensor, new: Tensor) -> Tensor:
        whole = old.clone()
        whole[rows] = new
        return whole

    params = [put(old, new) for old, new in zip(bodies.params.tensors(), found.params.tensors(), strict=True)]
    return replace(
        bodies,
        params=BodyParams(*params),
        joints3d=put(bodies.joints3d, found.joints3d),
        joints2d=put(bodies.joints2d, found.joints2d),
    )


class _Problem:
    def __init__(
        self,
        bodies: Bodies,
        joints2d: Tensor,
        nose: Tensor,
        poser: Poser,
        camera: Camera,
        options: FitOptions,
        fps: float | None,
        outlines: Outlines | None,
    ) -> None:
        self.bodies, self.poser, self.camera, self.options, self.fps = bodies, poser, camera, options, fps
        self.outlines, self.model = outlines, JointModel(poser)
        self.start = bodies.params.rotations.clone()
        self.betas = bodies.params.betas.clone()
        self.place = bodies.params.transl.clone()  # type: ignore[union-attr]
        known = torch.where(bodies.seen[..., None], joints2d, torch.zeros(()))
        self.extent = _extent(known, bodies.seen)
        free = _free(bodies.seen, poser.joint_set)
        faces = (nose[:, 2] > 0) & free[:, SMPL24.index("head")]
        self.sure = torch.cat([bodies.confidence, (nose[:, 2] * faces)[:, None]], 1)
        self.joints2d = torch.cat([known, torch.where(faces[:, None], nose[:, :2], torch.zeros(()))[:, None]], 1)
        self.spread = _spreads(faces) * free[..., None]

    def solve(self) -> Bodies:
        # In units of their standard deviations all unknowns take steps of one size.
        turns = torch.zeros(len(self.start), len(SMPL24), 3, requires_grad=True)
        shift = torch.zeros_like(self.place, requires_grad=True)
        shapes = len(self.betas) if self.options.shape == "each" else 1
        change = torch.zeros(shapes, self.betas.shape[1], requires_grad=True)
        unknowns = [turns, shift, *([change] if self.options.shape != "none" else [])]
        descend(lambda: self._cost(turns, shift, change), unknowns, self.options.steps, _STEP / 0.3, _LAST_STEP / 0.3)
        with torch.no_grad():
            rotations, place, betas = self._values(turns, shift, change)
            params = BodyParams.from_rotations(rotations, betas)
            return self.poser.at(params, place, self.bodies.confidence, self.camera)

    def _values(self, turns: Tensor, shift: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rotations = self.start @ quat.to_matrix(quat.from_axis_angle(turns * self.spread))
        depth = self.place[:, 2:]
        # Sideways a person is known to a hundredth of the distance, along the line of sight to a tenth.
        place = self.place + shift * depth * depth.new_tensor([0.02, 0.02, 0.1])
        return rotations, place, self.betas + change

    def _cost(self, turns: Tensor, shift: Tensor, change: Tensor) -> Tensor:
        options = self.options
        rotations, place, betas = self._values(turns, shift, change)
        joints = self.model(rotations, betas) + place[:, None]
        off = ((self.camera.pixels(joints) - self.joints2d) / self.extent).norm(dim=-1) ** 2
        limit = options.outlier**2
        cost = (self.sure * limit * off / (limit + off)).sum() / options.noise**2
        cost = cost + (turns**2).sum() + 0.1 * (shift**2).sum() + (change**2).sum()
        if self.fps is not None:
            cost = cost + self._shaking(turns, place, joints)
        if self.outlines is not None:
            lost = self.outlines.lost(BodyParams.from_rotations(rotations, betas, place))
            cost = cost + options.silhouette * lost.sum()
        return cost

    def _shaking(self, turns: Tensor, place: Tensor, joints: Tensor) -> Tensor:
        assert self.fps is not None
        pace = (self.fps * _TIME) ** 2
        angles = turns * self.spread * (pace / self.options.shake)
        moves = place * (pace / self.options.jolt)
        swings = (joints[:, :-1] - place[:, None]) * (pace / self.options.swing)
        return sum((values.diff(n=2, dim=0) ** 2).sum() for values in (angles, moves, swings))  # type: ignore[return-value]


def _free(seen: Tensor, joint_set: JointSet) -> Tensor:
    """(B, 24) bool: rotations of which something is seen that they alone move."""
    found = torch.ones(len(seen), len(SMPL24), dtype=torch.bool)
    for place, joint in enumerate(SMPL24.joints):
        ends = _beyond(joint)
        if ends:
            theirs = [i for i, name in enumerate(joint_set.joints) if _is_one(name, joint, ends)]
            found[:, place] = seen[:, theirs].any(1)
    return found


def _beyond(joint: str) -> set[str]:
    """Last words of the names of all joints further out."""
    ends = set(_ENDS.get(joint.split("_")[-1], ()))
    return ends.union(*(_beyond(end) for end in ends if end not in ("head", "nose", "ear")))


def _is_one(name: str, joint: str, ends: set[str]) -> bool:
    side = joint.split("_")[0]
    return name.split("_")[-1] in ends and (side not in ("left", "right") or name.startswith(side))


def _spreads(faces: Tensor) -> Tensor:
    """(B, 24, 3) radians; faces: (B,) whose nose was seen."""
    usual = torch.tensor([_spread(joint) for joint in SMPL24.joints])
    found = usual.expand(len(faces), -1, -1).clone()
    found[faces, SMPL24.index("head")] = torch.tensor(_FACE)
    return found


def _spread(joint: str) -> tuple[float, float, float]:
    return _TURNS.get(joint.split("_")[-1], _SPINE if joint.startswith("spine") else (0.01, 0.01, 0.01))


def _extent(joints2d: Tensor, seen: Tensor) -> Tensor:
    """(B, 1, 1) pixels: the diagonal of the box around the seen joints."""
    infinity = torch.tensor(torch.inf)
    low = torch.where(seen[..., None], joints2d, infinity).amin(1)
    high = torch.where(seen[..., None], joints2d, -infinity).amax(1)
    return (high - low).norm(dim=-1).clamp(1, 1e6)[:, None, None]
