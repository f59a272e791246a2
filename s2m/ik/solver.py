"""DIK, the paper's differentiable inverse kinematics (section 3.2): closed form, batched, nothing to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik import quaternion as quat
from s2m.ik.denoise import BoneLengths
from s2m.ik.endpoints import Endpoints
from s2m.ik.fusion import TrunkFusion
from s2m.ik.interface import IKSolver
from s2m.ik.joint_maps import Parts, part_matrix, parts_of
from s2m.ik.limbs import PlainLimbs, SmoothLimbs
from s2m.ik.rest import RestSkeleton
from s2m.ik.trunk import Collars, Frame, Neck, Root, Torso, lateral_frame, symmetric_frame
from s2m.ik.trunk_model import SPINE, TRUNK_PARTS, TrunkModel
from s2m.ik.units import ROOT_PARTS, TEN, UNITS, Unit
from s2m.skeletons import SMPL24, JointSet

Variant = Literal["ours", "paper"]

# The sine of bend below which a limb's twist fades out, and its growth with noise. On clean motion less would be
# better (0.043 rad at 0.1 against 0.049), but then stretched limbs amplify: 40 rad per metre against 24.
_STRAIGHT = 0.17
_STRAIGHT_PER_METRE = 16.0
_ENDPOINT_NOISE = 2e-3  # metres: the least noise that endpoints are regularised for


@dataclass(frozen=True)
class _Strategy:
    limbs: type[SmoothLimbs] | type[PlainLimbs]
    torso_frame: Frame
    centred: bool
    corrected_trunk: bool
    noise_aware: bool
    collars: bool


_STRATEGIES: dict[str, _Strategy] = {
    "ours": _Strategy(SmoothLimbs, symmetric_frame, centred=True, corrected_trunk=True, noise_aware=True, collars=True),
    "paper": _Strategy(
        PlainLimbs, lateral_frame, centred=False, corrected_trunk=False, noise_aware=False, collars=False
    ),
}


class DIK(IKSolver):
    """Analytic inverse kinematics calibrated to a rest skeleton.

    rest: the skeleton at rest. variant: ``ours`` (carrying angle, smooth fades, correction of rotation centres,
    symmetric torso) or ``paper`` (its plain frames). noise: expected standard deviation of the joints in metres; it
    sets how straight a limb must be before its twist fades, and how far endpoints lean on their parent.
    Raises KeyError when the joint set lacks a part that the ten units need, ValueError for an unknown variant.
    """

    to_parts: Tensor
    rest_trunk: Tensor
    ball_offset: Tensor
    end_offset: Tensor
    lengths: BoneLengths | None
    fusion: TrunkFusion | None
    collars: Collars | None
    endpoints: Endpoints | None

    def __init__(self, rest: RestSkeleton, variant: Variant = "ours", noise: float = 0.0) -> None:
        super().__init__(rest)
        if variant not in _STRATEGIES:
            raise ValueError(f"unknown DIK variant '{variant}'; known: {', '.join(_STRATEGIES)}")
        strategy = _STRATEGIES[variant]
        self.variant, self.noise = variant, noise
        available = parts_of(rest.joint_set)
        self.units = _usable(rest.joint_set, available)
        self._parts = self._parts_read(available)
        self._slot = {part: i for i, part in enumerate(self._parts)}
        matrix = part_matrix(rest.joint_set, self._parts)
        self._gather = matrix.argmax(1).tolist() if bool((matrix.amax(1) == 1).all()) else None
        self.register_buffer("to_parts", matrix.to(rest.joints.dtype))

        at_rest = dict(zip(self._parts, matrix.to(rest.joints) @ rest.joints, strict=True))
        body = dict(zip(SMPL24.joints, rest.body_joints, strict=True))
        rows = part_matrix(rest.joint_set, TRUNK_PARTS).to(rest.joints)
        carriers = None if rest.carriers is None else rows @ rest.carriers.to(rest.joints)
        self._build_trunk(at_rest, body, strategy, carriers)
        self._build_noise_model(at_rest, noise if strategy.noise_aware else 0.0)
        self._build_limbs(at_rest, body, strategy)
        self._build_endpoints(at_rest, body)

    # ------------------------------------------------------------------ calibration

    def _parts_read(self, available: Parts) -> tuple[str, ...]:
        wanted = [*ROOT_PARTS]
        for unit in self.units:
            wanted += [*unit.parts, *([unit.pivot] if unit.pivot else [])]
        return tuple(part for part in dict.fromkeys(wanted) if part in available)

    def _rows(self, rule: str) -> tuple[Unit, ...]:
        return tuple(unit for unit in self.units if unit.rule == rule)

    def _build_noise_model(self, at_rest: dict[str, Tensor], noise: float) -> None:
        self.lengths = self.fusion = None
        if noise > 0:
            self.lengths = BoneLengths(self._parts, torch.stack(list(at_rest.values())), noise)
            self.fusion = TrunkFusion(self.trunk, noise)

    def _build_trunk(
        self, at_rest: dict[str, Tensor], body: dict[str, Tensor], strategy: _Strategy, carriers: Tensor | None
    ) -> None:
        trunk = torch.stack([at_rest[part] for part in TRUNK_PARTS]) - body["pelvis"]
        spine = torch.stack([body[joint] for joint in SPINE]) - body["pelvis"]
        self.trunk = TrunkModel(trunk, spine, carriers)
        self.corrected = strategy.corrected_trunk
        self.root = Root()
        self.torso = Torso(len(SPINE), strategy.torso_frame)
        self.register_buffer("rest_trunk", trunk)
        thorax, head = at_rest["thorax"], at_rest["head"]
        noise = self.noise if strategy.noise_aware else 0.0
        self.neck = Neck(thorax, head, at_rest.get("nose", head), noise)
        self.collars = None
        if strategy.collars:
            rows = self._rows("collar")
            bones = torch.stack([body[unit.name] for unit in rows]) - thorax
            shoulders = torch.stack([at_rest[unit.parts[1]] for unit in rows]) - thorax
            self.collars = Collars(bones, shoulders, rows[0].spread, noise)

    def _build_limbs(self, at_rest: dict[str, Tensor], body: dict[str, Tensor], strategy: _Strategy) -> None:
        balls = self._rows("ball")
        proximal, middle, distal = (torch.stack([at_rest[u.parts[k]] for u in balls]) for k in range(3))
        centre = torch.stack([body[unit.name] for unit in balls])
        offset = centre - proximal if strategy.centred else torch.zeros_like(proximal)
        self.register_buffer("ball_offset", offset)
        straight = (_STRAIGHT**2 + (_STRAIGHT_PER_METRE * self.noise) ** 2) ** 0.5
        self.limbs = strategy.limbs(balls, proximal + offset, middle, distal, straight)
        self._balls = balls

    def _build_endpoints(self, at_rest: dict[str, Tensor], body: dict[str, Tensor]) -> None:
        self._ends = self._rows("points")
        if not self._ends:
            self.endpoints = None
            return
        slots = max(len(unit.parts) for unit in self._ends)
        like = self.rest_joints
        points, use = like.new_zeros(len(self._ends), slots, 3), like.new_zeros(len(self._ends), slots)
        offset = like.new_zeros(len(self._ends), 3)
        for e, unit in enumerate(self._ends):
            if unit.pivot:
                offset[e] = body[unit.name] - at_rest[unit.pivot]
            for n, part in enumerate(unit.parts):
                if part in at_rest:
                    points[e, n], use[e, n] = at_rest[part] - body[unit.name], 1.0
        self.register_buffer("end_offset", offset)
        centred = like.new_tensor([[0.0 if unit.pivot else 1.0] for unit in self._ends])
        spread = like.new_tensor([[unit.spread] for unit in self._ends])
        self.endpoints = Endpoints(points, use, centred, spread, max(self.noise, _ENDPOINT_NOISE))

    # ------------------------------------------------------------------ solving

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`."""
        with torch.autocast(joints.device.type, enabled=False):
            joints, confidence = self._sanitised(joints, confidence)
            points, trust = self._select(joints, confidence)
            return self._solve(points, trust, root)

    def _select(self, joints: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
        """Joints and confidences (B, P, 3), (B, P) of the parts that the units read."""
        if self._gather is not None:
            return joints[:, self._gather], confidence[:, self._gather]
        uses = self.to_parts != 0
        trust = torch.where(uses, confidence[:, None], torch.ones_like(confidence[:, None])).amin(-1)
        return self.to_parts @ joints, trust

    def _of(self, points: Tensor, *parts: str) -> tuple[Tensor, ...]:
        return tuple(points[:, self._slot[part]] for part in parts)

    def _solve(self, points: Tensor, trust: Tensor, root: Tensor | None) -> IKOutput:
        found: dict[str, Tensor] = {}  # unit -> quaternion relative to its parent, (B, 4)
        solved: dict[str, Tensor] = {}  # body joint -> (B,) bool
        if self.lengths is not None:
            points = self.lengths(points, trust)
        root, share, inside = self._solve_trunk(points, trust, root, solved)
        for joint in self._rows("torso")[0].body_joints:
            found[joint] = share
        bend = quat.product(share, quat.product(share, share))
        self._solve_neck(inside, trust, bend, found, solved)
        self._solve_collars(inside, trust, bend, found, solved)
        self._solve_limbs(inside, trust, bend, found, solved)
        if self.endpoints is not None:
            self._solve_endpoints(inside, trust, bend, found, solved)
        return self._assemble(root, found, solved)

    def _present(self, trust: Tensor, parts: tuple[str, ...], needed: int | None = None) -> Tensor:
        slots = [self._slot[part] for part in parts if part in self._slot]
        return (trust[:, slots] > 0).sum(-1) >= (len(parts) if needed is None else needed)

    def _solve_trunk(
        self, points: Tensor, trust: Tensor, given: Tensor | None, solved: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Root (B, 3, 3), one spine joint's share of the bend (B, 4), and the parts in the root's frame."""
        (unit,) = self._rows("torso")
        known = self._present(trust, unit.parts)
        for joint in unit.body_joints:
            solved[joint] = known
        pelvis = points[:, self._slot["pelvis"], None]
        root = (
            self._closed_form_root(points, trust, solved) if given is None else self._given_root(given, points, solved)
        )
        share = self._share((points - pelvis) @ root, known, self.rest_trunk)
        if self.corrected:
            bent = self.trunk(share)
            if given is None:
                root = self._closed_form_root(points, trust, solved, bent)
            # In the chest's frame the spine points elsewhere when the joints in between have turned less.
            chest = quat.conjugate(quat.product(share, quat.product(share, share)))
            share = self._share((points - pelvis) @ root, known, quat.rotate(chest[:, None], bent))
        if self.fusion is not None and given is None:
            trunk = points[:, [self._slot[part] for part in TRUNK_PARTS]]
            root_fused, share_fused = self.fusion(root, share, trunk)
            whole = known & solved["pelvis"]
            root = torch.where(whole[:, None, None], root_fused, root)
            share = torch.where(whole[:, None], share_fused, share)
        return root, share, (points - pelvis) @ root

    def _closed_form_root(
        self, points: Tensor, trust: Tensor, solved: dict[str, Tensor], bent: Tensor | None = None
    ) -> Tensor:
        """(B, 3, 3), against the trunk at rest or as ``bent`` (B, 7, 3)."""
        pelvis, left, right, spine = self._of(points, *ROOT_PARTS)
        solved["pelvis"] = known = self._present(trust, ROOT_PARTS)
        rest = self.rest_trunk if bent is None else bent
        rest_pelvis, rest_left, rest_right, rest_spine = (rest[..., TRUNK_PARTS.index(p), :] for p in ROOT_PARTS)
        estimate = self.root(left - right, spine - pelvis, rest_left - rest_right, rest_spine - rest_pelvis)
        return torch.where(known[:, None, None], estimate, torch.eye(3, dtype=points.dtype, device=points.device))

    def _given_root(self, root: Tensor, points: Tensor, solved: dict[str, Tensor]) -> Tensor:
        if tuple(root.shape) != (points.shape[0], 3, 3):
            raise ValueError(f"root: expected shape ({points.shape[0]}, 3, 3), found {tuple(root.shape)}")
        solved["pelvis"] = torch.ones(points.shape[0], dtype=torch.bool, device=points.device)
        return root.to(points.dtype)

    def _share(self, inside: Tensor, known: Tensor, rest: Tensor) -> Tensor:
        parts = self._rows("torso")[0].parts
        spine, thorax, left, right = self._of(inside, *parts)
        rest_spine, rest_thorax, rest_left, rest_right = (rest[..., TRUNK_PARTS.index(part), :] for part in parts)
        share = self.torso(left - right, thorax - spine, rest_left - rest_right, rest_thorax - rest_spine)
        return torch.where(known[:, None], share, _identity(share))

    def _solve_neck(
        self, inside: Tensor, trust: Tensor, bend: Tensor, found: dict[str, Tensor], solved: dict[str, Tensor]
    ) -> None:
        thorax, head = self._of(inside, "thorax", "head")
        nose_trust = trust[:, self._slot["nose"], None] if "nose" in self._slot else torch.zeros_like(bend[:, :1])
        nose = self._of(inside, "nose")[0] if "nose" in self._slot else head
        back = quat.conjugate(bend)
        neck = self.neck(quat.rotate(back, head - thorax), quat.rotate(back, nose - thorax), nose_trust)
        solved["neck"] = self._present(trust, ("thorax", "head"))
        found["neck"] = torch.where(solved["neck"][:, None], neck, _identity(neck))

    def _solve_collars(
        self, inside: Tensor, trust: Tensor, bend: Tensor, found: dict[str, Tensor], solved: dict[str, Tensor]
    ) -> None:
        if self.collars is None:
            found.update({unit.name: _identity(bend) for unit in self._rows("collar")})
            return
        rows = self._rows("collar")
        thorax, *shoulders = self._of(inside, "thorax", *(unit.parts[1] for unit in rows))
        arms = torch.stack(shoulders, 1) - thorax[:, None]
        collars = self.collars(quat.rotate(quat.conjugate(bend)[:, None], arms))
        for index, unit in enumerate(rows):
            known = self._present(trust, unit.parts) & solved["spine1"]
            found[unit.name] = torch.where(known[:, None], collars[:, index], _identity(bend))
            solved[unit.name] = known

    def _solve_limbs(
        self, inside: Tensor, trust: Tensor, bend: Tensor, found: dict[str, Tensor], solved: dict[str, Tensor]
    ) -> None:
        count = len(self._balls)
        slots = [self._slot[unit.parts[k]] for k in range(3) for unit in self._balls]
        above = {unit.name: unit.parent for unit in self.units}
        frames = torch.stack([self._global(unit.parent, above, bend, found) for unit in self._balls], 1)
        chains = quat.rotate(quat.conjugate(frames).repeat(1, 3, 1), inside[:, slots])
        proximal, middle, distal = chains.reshape(-1, 3, count, 3).unbind(1)
        seen = trust[:, slots].reshape(-1, 3, count)
        ball, hinge = self.limbs(proximal + self.ball_offset, middle, distal, seen[:, 2, :, None])
        ball_known = (seen[:, :2] > 0).all(1)
        hinge_known = ball_known & (seen[:, 2] > 0)
        ball = torch.where(ball_known[..., None], ball, _identity(ball))
        hinge = torch.where(hinge_known[..., None], hinge, _identity(hinge))
        hinge_of = {unit.parent: unit.name for unit in self._rows("hinge")}
        for u, unit in enumerate(self._balls):
            found[unit.name], solved[unit.name] = ball[:, u], ball_known[:, u]
            found[hinge_of[unit.name]], solved[hinge_of[unit.name]] = hinge[:, u], hinge_known[:, u]

    def _solve_endpoints(
        self, inside: Tensor, trust: Tensor, bend: Tensor, found: dict[str, Tensor], solved: dict[str, Tensor]
    ) -> None:
        assert self.endpoints is not None
        above = {unit.name: unit.parent for unit in self.units}
        frames = torch.stack([self._global(unit.parent, above, bend, found) for unit in self._ends], 1)
        width = self.endpoints.points.shape[1]
        slots = [
            self._slot.get(unit.parts[n], 0) if n < len(unit.parts) else 0 for unit in self._ends for n in range(width)
        ]
        pivots = [self._slot[unit.pivot] if unit.pivot else 0 for unit in self._ends]
        ends = len(self._ends)
        points = inside[:, slots].reshape(-1, ends, width, 3) - inside[:, pivots][:, :, None]
        points = quat.rotate(quat.conjugate(frames)[:, :, None], points) - self.end_offset[:, None]
        pivot_seen = torch.stack(
            [trust[:, self._slot[u.pivot]] if u.pivot else torch.ones_like(trust[:, 0]) for u in self._ends], 1
        )
        seen = trust[:, slots].reshape(-1, ends, width) * pivot_seen[..., None]
        rotation = self.endpoints(points, seen)
        needed = seen.new_tensor([unit.needs for unit in self._ends])
        known = ((seen * self.endpoints.use) > 0).sum(-1) >= needed
        known = known & torch.stack([solved[unit.parent] for unit in self._ends], 1)
        rotation = torch.where(known[..., None], rotation, _identity(rotation))
        for e, unit in enumerate(self._ends):
            found[unit.name], solved[unit.name] = rotation[:, e], known[:, e]

    def _global(self, unit: str, above: dict[str, str], bend: Tensor, found: dict[str, Tensor]) -> Tensor:
        """Orientation of a unit in the root's frame, (B, 4)."""
        if unit == "root":
            return _identity(bend)
        if unit == "torso":
            return bend
        return quat.product(self._global(above[unit], above, bend, found), found[unit])

    def _assemble(self, root: Tensor, found: dict[str, Tensor], solved: dict[str, Tensor]) -> IKOutput:
        still = _identity(root.new_zeros(root.shape[0], 4))
        never = torch.zeros_like(solved["pelvis"])
        quaternions = torch.stack([found.get(joint, still) for joint in SMPL24.joints[1:]], 1)
        rotations = torch.cat([root[:, None], quat.to_matrix(quaternions)], 1)
        return IKOutput(rotations, torch.stack([solved.get(joint, never) for joint in SMPL24.joints], 1))


def _usable(joint_set: JointSet, available: Parts) -> tuple[Unit, ...]:
    """The rows of the table that a joint set can serve. KeyError unless these include all of the ten."""
    units = tuple(u for u in UNITS if sum(part in available for part in u.parts) >= u.needs)
    required = [*ROOT_PARTS, *(part for unit in TEN if unit not in units for part in unit.parts)]
    missing = [part for part in dict.fromkeys(required) if part not in available]
    if missing:
        raise KeyError(f"joint set {joint_set.name} has no part {', '.join(missing)}, which DIK needs")
    return units


def _identity(like: Tensor) -> Tensor:
    """The quaternion of no rotation, in the shape of ``like`` (..., 4)."""
    return torch.zeros_like(like) + like.new_tensor([0.0, 0.0, 0.0, 1.0])
