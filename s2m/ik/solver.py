"""DIK, the paper's differentiable inverse kinematics (section 3.2): closed form, batched, nothing to train."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from s2m.batch import IKOutput
from s2m.ik.body_motion import BodyMotion, chosen
from s2m.ik.collars import Collars
from s2m.ik.columns import Columns, constant, turned
from s2m.ik.denoise import BoneLengths
from s2m.ik.endpoints import Endpoints
from s2m.ik.inputs import Presence, bones, differences, end_points, facing, parts_read, rows
from s2m.ik.interface import IKSolver
from s2m.ik.joint_maps import Parts, part_matrix, parts_of
from s2m.ik.limbs import PlainLimbs, SmoothLimbs
from s2m.ik.neck import Neck
from s2m.ik.rest import RestSkeleton
from s2m.ik.trunk import FRAME_VECTORS, Trunk
from s2m.ik.trunk_model import SPINE, TRUNK_PARTS
from s2m.ik.units import ROOT_PARTS, TEN, UNITS, Unit
from s2m.skeletons import SMPL24, JointSet

Variant = Literal["ours", "paper"]

_ENDPOINT_NOISE = 2e-3  # metres: the least noise that endpoints are regularised for


@dataclass(frozen=True)
class _Strategy:
    limbs: type[SmoothLimbs] | type[PlainLimbs]
    symmetric_torso: bool
    centred: bool
    corrected_trunk: bool
    noise_aware: bool
    collars: bool


_STRATEGIES: dict[str, _Strategy] = {
    "ours": _Strategy(
        SmoothLimbs, symmetric_torso=True, centred=True, corrected_trunk=True, noise_aware=True, collars=True
    ),
    "paper": _Strategy(
        PlainLimbs, symmetric_torso=False, centred=False, corrected_trunk=False, noise_aware=False, collars=False
    ),
}


class DIK(IKSolver):
    """Analytic inverse kinematics calibrated to a rest skeleton.

    Args:
        rest: The skeleton at rest.
        variant: 'ours' (carrying angle, smooth fades, correction of rotation centres, symmetric torso) or 'paper' (its
            plain frames).
        noise: Expected standard deviation of the joints, metres. It sets how straight a limb must be before its twist
            fades, and how far extremities lean on their parent.
        motion: Hinge axes and shares of a bend, which joints do not tell; ``genuine`` (those measured on genuine
            motion), ``synthetic`` (those of the sampler and the shipped clips), or constants of your own.

    Raises:
        KeyError: When the joint set lacks a part that the ten units need.
        ValueError: For an unknown variant.
    """

    to_parts: Tensor
    reading: Tensor
    offsets: Tensor
    place: Tensor
    neck_offset: Tensor
    end_offset: Tensor
    conjugate: Tensor
    lengths: BoneLengths | None
    collars: Collars | None
    endpoints: Endpoints | None

    def __init__(
        self, rest: RestSkeleton, variant: Variant = "ours", noise: float = 0.0, motion: str | BodyMotion = "genuine"
    ) -> None:
        super().__init__(rest)
        if variant not in _STRATEGIES:
            raise ValueError(f"unknown DIK variant '{variant}'; known: {', '.join(_STRATEGIES)}")
        self.variant, self.noise = variant, noise
        self.motion = chosen(motion)
        available = parts_of(rest.joint_set)
        self.units = tuple(self.motion.hinged(unit) for unit in _usable(rest.joint_set, available))
        self._balls, self._ends = rows(self.units, "ball"), rows(self.units, "points")
        self._parts = parts_read(self.units, available)
        self._facing = facing(self._parts)
        self._presence = Presence(self.units, self._parts)
        self._calibrate()
        self.register_load_state_dict_post_hook(_calibrate_again)

    # ------------------------------------------------------------------ calibration

    @torch.no_grad()
    def _calibrate(self) -> None:
        """All that follows from the rest skeleton, which alone is saved."""
        rest, strategy = self.rest, _STRATEGIES[self.variant]
        noise = self.noise if strategy.noise_aware else 0.0
        matrix = part_matrix(rest.joint_set, self._parts).to(rest.joints)
        at_rest = dict(zip(self._parts, matrix @ rest.joints, strict=True))
        body = dict(zip(SMPL24.joints, rest.body_joints, strict=True))
        self.algebra = Columns(rest.joints)
        self.lengths = None
        if noise > 0:
            self.lengths = BoneLengths(self._parts, matrix @ rest.joints, noise)
        wanted = [*FRAME_VECTORS, *bones(self.units, self._parts)]
        self._bones = slice(len(FRAME_VECTORS), len(wanted))
        wanted += end_points(self._ends, self._parts) if self._ends else []
        reading = differences(self._parts, wanted).to(matrix)
        constant(self, "to_parts", matrix.expand(3, -1, -1))
        constant(self, "reading", (reading if noise > 0 else reading @ matrix).expand(3, -1, -1))
        self._build_trunk(at_rest, body, strategy, noise)
        self._build_limbs(at_rest, body, strategy, noise)
        self._build_endpoints(at_rest, body)
        self._build_neck(at_rest, body, noise)
        constant(self, "conjugate", matrix.new_tensor([-1.0, -1.0, -1.0, 1.0])[:, None, None])
        constant(self, "place", torch.tensor(self._places(), device=matrix.device))

    def _build_trunk(
        self, at_rest: dict[str, Tensor], body: dict[str, Tensor], strategy: _Strategy, noise: float
    ) -> None:
        carriers = self.rest.carriers
        if carriers is not None:
            carriers = part_matrix(self.joint_set, TRUNK_PARTS).to(self.rest_joints) @ carriers.to(self.rest_joints)
        trunk = torch.stack([at_rest[part] for part in TRUNK_PARTS]) - body["pelvis"]
        spine = torch.stack([body[joint] for joint in SPINE]) - body["pelvis"]
        self.trunk = Trunk(
            trunk,
            spine,
            carriers,
            trunk.new_tensor(self.motion.spine),
            symmetric=strategy.symmetric_torso,
            corrected=strategy.corrected_trunk,
            noise=noise,
        )
        self._trunk_slots = [self._parts.index(part) for part in TRUNK_PARTS]
        self.collars = None
        if strategy.collars:
            units = rows(self.units, "collar")
            collars = torch.stack([body[unit.name] for unit in units]) - at_rest["thorax"]
            shoulders = torch.stack([at_rest[unit.parts[1]] for unit in units]) - at_rest["thorax"]
            self.collars = Collars(collars, shoulders, units[0].spread, noise)

    def _build_neck(self, at_rest: dict[str, Tensor], body: dict[str, Tensor], noise: float) -> None:
        levers = torch.stack([at_rest[part] for part in ("head", "neck_nose") if part in at_rest]) - body["neck"]
        facing = None if self._facing is None else at_rest[self._facing[0]] - at_rest[self._facing[1]]
        self.neck = Neck(self.motion.neck, levers, body["head"] - body["neck"], facing, noise)
        constant(self, "neck_offset", (at_rest["thorax"] - body["neck"])[:, None, None])

    def _build_limbs(
        self, at_rest: dict[str, Tensor], body: dict[str, Tensor], strategy: _Strategy, noise: float
    ) -> None:
        start, middle, end = (torch.stack([at_rest[unit.parts[k]] for unit in self._balls]) for k in range(3))
        centre = torch.stack([body[unit.name] for unit in self._balls]) if strategy.centred else start
        upper = torch.cat([(at_rest["head"] - body["neck"])[None], middle - centre])
        end_of, start_of = self._facing or ("head", "thorax")
        facing = at_rest[end_of] - at_rest[start_of]
        lower = torch.cat([facing[None], end - middle])
        # What the difference of two keypoints lacks to start at the body's own joint.
        thorax = at_rest["thorax"] - body["neck"]
        offsets = torch.stack([torch.cat([thorax[None], start - centre]), torch.zeros_like(upper)])
        constant(self, "offsets", offsets.permute(2, 0, 1)[..., None])
        self.limbs = strategy.limbs(self._balls, upper, lower, noise)

    def _build_endpoints(self, at_rest: dict[str, Tensor], body: dict[str, Tensor]) -> None:
        if not self._ends:
            self.endpoints = None
            return
        slots = max(len(unit.parts) for unit in self._ends)
        like = self.rest_joints
        points, use = like.new_zeros(len(self._ends), slots, 3), like.new_zeros(len(self._ends), slots)
        offset = like.new_zeros(3, 1, len(self._ends), 1)
        for e, unit in enumerate(self._ends):
            if unit.pivot:
                offset[:, 0, e, 0] = body[unit.name] - at_rest[unit.pivot]
            for n, part in enumerate(unit.parts):
                if part in at_rest:
                    points[e, n], use[e, n] = at_rest[part] - body[unit.name], 1.0
        constant(self, "end_offset", offset)
        centred = like.new_tensor([[0.0 if unit.pivot else 1.0] for unit in self._ends])
        spread = like.new_tensor([[unit.spread] for unit in self._ends])
        self.endpoints = Endpoints(points, use, centred, spread, max(self.noise, _ENDPOINT_NOISE))

    def _found(self) -> list[str]:
        """The units in the order in which the solver joins their quaternions."""
        balls = [unit.name for unit in self._balls]
        hinges = {unit.parent: unit.name for unit in rows(self.units, "hinge")}
        collars = [unit.name for unit in rows(self.units, "collar")] if self.collars is not None else []
        ends = [unit.name for unit in self._ends]
        head = [] if "head" in ends else ["head"]
        return ["spine1", "neck", *balls, *(hinges[ball] for ball in balls), *collars, "spine2", "spine3", *head, *ends]

    def _places(self) -> list[int]:
        """For each body joint, the row of its matrix: first the root's, then the units', last the identity."""
        rows_of = {name: row for row, name in enumerate(["pelvis", *self._found()])}
        return [rows_of.get(joint, len(rows_of)) for joint in SMPL24.joints]

    # ------------------------------------------------------------------ solving

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`."""
        with torch.autocast(joints.device.type, enabled=False):
            if confidence is None and self._complete(joints):
                return self.solve_complete(joints.to(self.rest_joints.dtype), root)
            joints, confidence = self._sanitised(joints, confidence)
            confidence = self._part_confidence(confidence)
            return self._solve(joints, root, confidence)

    def _complete(self, joints: Tensor) -> bool:
        """Whether nothing is missing: a cheap question on a CPU alone. The answer saves time and changes no result."""
        if joints.device.type != "cpu" or joints.shape[1:] != self.rest_joints.shape or torch.compiler.is_compiling():
            return False
        return math.isfinite(joints.detach().sum().item())

    def solve_complete(self, joints: Tensor, root: Tensor | None = None) -> IKOutput:
        """Solve skeletons that have all of their joints; :meth:`forward` comes here for them.

        Args:
            joints: (B, J, 3) metres, any right-handed frame, in the solver's precision, all finite.
            root: (B, 3, 3) rotation from the body frame to the joints' frame; ``None``: solved from the joints.

        Returns:
            See :meth:`forward`.
        """
        return self._solve(joints, root, None)

    def _part_confidence(self, confidence: Tensor) -> Tensor:
        """Confidences (P, B) of the parts that the units read: that of the least certain joint."""
        uses = self.to_parts[0] != 0
        return torch.where(uses[..., None], confidence.T, torch.ones_like(confidence.T)).amin(1)

    def _solve(self, joints: Tensor, root: Tensor | None, confidence: Tensor | None) -> IKOutput:
        known = None if confidence is None else self._presence(confidence > 0)
        given = None if root is None else self._given(root, len(joints))
        points, trunk = joints.permute(2, 1, 0).contiguous(), None
        if self.lengths is not None:
            points = self.lengths(torch.bmm(self.to_parts, points), confidence)
            trunk = points[:, self._trunk_slots]
        vectors = torch.bmm(self.reading, points)
        pair = None if known is None else (known["root"], known["torso"])
        pose = self.trunk(vectors[:, : len(FRAME_VECTORS)], given, pair, trunk)
        inside = (pose.root.unsqueeze(2) * vectors[:, self._bones.start :].unsqueeze(1)).sum(0)
        found = self._solve_units(inside, pose.bends, confidence, known)
        return self._assemble(pose.root, found, known, given is not None)

    def _given(self, root: Tensor, batch: int) -> Tensor:
        if tuple(root.shape) != (batch, 3, 3):
            raise ValueError(f"root: expected shape ({batch}, 3, 3), found {tuple(root.shape)}")
        return root.to(self.rest_joints.dtype).permute(1, 2, 0).contiguous()

    def _solve_units(
        self, inside: Tensor, bends: Tensor, confidence: Tensor | None, known: dict[str, Tensor] | None
    ) -> Tensor:
        """Quaternions (4, N, B) of the units in the order of ``_found``, and the identity.

        inside: (3, V, B) what ``bones`` and ``end_points`` list, in the root's frame.
        """
        legs = slice(self._bones.stop - self._bones.start - 4, self._bones.stop - self._bones.start)
        chest = bends[:, 2:]
        upright = turned(self.algebra.inverse(chest), inside[:, : legs.start])
        arms = upright[:, 5:].view(3, 2, 2, -1)
        collars = None
        if self.collars is not None:
            collars = self.algebra.kept(self._known(known, "collar"), self.collars(upright[:, :2]))
            arms = turned(self.algebra.inverse(collars).unsqueeze(2), arms)
        chains = torch.cat([upright[:, 2:4].unsqueeze(2), arms, inside[:, legs].unflatten(1, (2, 2))], 2)
        balls, hinges = self.limbs(
            chains + self.offsets, None if confidence is None else self._limb_confidence(confidence)
        )
        balls = self.algebra.kept(self._known(known, "neck", "ball"), balls)
        hinges = self.algebra.kept(self._known(known, "hinge"), hinges)
        head = self._neck_and_head(balls[:, :1], upright[:, 4:5], confidence, known)
        shared = self._shared(bends, head)
        balls = torch.cat([head[:, :1], balls[:, 1:]], 1)
        found = [bends[:, :1], balls, hinges, *([] if collars is None else [collars]), shared]
        if self.endpoints is not None:
            ends = self._solve_endpoints(inside[:, legs.stop :], chest, collars, balls, hinges, confidence)
            found.append(self.algebra.kept(self._known(known, "points"), ends))
        return torch.cat([*found, self.algebra.identity.expand(-1, -1, bends.shape[-1])], 1)

    def _neck_and_head(
        self, lever: Tensor, middle: Tensor, confidence: Tensor | None, known: dict[str, Tensor] | None
    ) -> Tensor:
        """(4, 2, B) the neck's own turn, and that of neck and head together.

        lever: (4, 1, B) that of the line to the head, with where it faces; middle: (3, 1, B) thorax to neck_nose.
        """
        seen = None
        if confidence is not None:
            seen = self._seen(confidence, ("neck_nose",)), self._seen(confidence, self._facing or ("",))
        return self.algebra.kept(self._known(known, "neck"), self.neck(lever, middle + self.neck_offset, seen))

    def _shared(self, bends: Tensor, head: Tensor) -> Tensor:
        """(4, 2 or 3, B) what spine2, spine3 and the head turn beyond the joint below. head: as just found."""
        below, above = [bends[:, :2]], [bends[:, 1:]]
        if "head" not in (unit.name for unit in self._ends):
            below, above = [*below, head[:, :1]], [*above, head[:, 1:]]
        return self.algebra.product(torch.cat(below, 1) * self.conjugate, torch.cat(above, 1))

    def _seen(self, confidence: Tensor, parts: tuple[str, ...]) -> Tensor:
        """(B,) bool, where all of these parts were seen."""
        each = [confidence[self._parts.index(p)] > 0 if p in self._parts else confidence[0] < 0 for p in parts]
        return torch.stack(each).all(0)

    def _known(self, known: dict[str, Tensor] | None, *rules: str) -> Tensor | None:
        """(U, B) which units with these rules are determined, in the order of their quaternions."""
        if known is None:
            return None
        return torch.stack([known[unit.name] for rule in rules for unit in rows(self.units, rule)])

    def _limb_confidence(self, confidence: Tensor) -> Tensor:
        """(1 + U, B) how far the head's facing and the limbs' last joints may decide twists."""
        facing = torch.zeros_like(confidence[0])
        if self._facing:
            facing = torch.minimum(*(confidence[self._parts.index(part)] for part in self._facing))
        return torch.stack([facing, *(confidence[self._parts.index(unit.parts[2])] for unit in self._balls)])

    def _solve_endpoints(
        self,
        points: Tensor,
        chest: Tensor,
        collars: Tensor | None,
        balls: Tensor,
        hinges: Tensor,
        confidence: Tensor | None,
    ) -> Tensor:
        """Quaternions (4, E, B). points: (3, N * E, B) relative to their pivots, in the root's frame."""
        assert self.endpoints is not None
        product, count = self.algebra.product, len(self._ends)
        limbs = product(balls[:, 1:], hinges)
        shoulders = chest.expand(-1, 2, -1) if collars is None else product(chest.expand(-1, 2, -1), collars)
        ends = {
            "neck": product(chest, balls[:, :1]),
            **self._by_name("left_elbow", "right_elbow", product(shoulders, limbs[:, :2])),
            **self._by_name("left_knee", "right_knee", limbs[:, 2:]),
        }
        frames = torch.cat([ends[unit.parent] for unit in self._ends], 1)
        seen = turned(self.algebra.inverse(frames).unsqueeze(2), points.unflatten(1, (-1, count))) - self.end_offset
        confidence = torch.ones_like(self.endpoints.use) if confidence is None else self._end_confidence(confidence)
        return self.endpoints(seen.permute(3, 2, 1, 0), confidence).permute(2, 1, 0)

    @staticmethod
    def _by_name(first: str, second: str, pair: Tensor) -> dict[str, Tensor]:
        return {first: pair[:, :1], second: pair[:, 1:]}

    def _end_confidence(self, confidence: Tensor) -> Tensor:
        """(B, E, N) confidences of the end units' points."""

        def of(unit: Unit, slot: int) -> Tensor:
            if slot >= len(unit.parts) or unit.parts[slot] not in self._parts:
                return torch.zeros_like(confidence[0])
            own = confidence[self._parts.index(unit.parts[slot])]
            return own * confidence[self._parts.index(unit.pivot)] if unit.pivot else own

        slots = range(self.endpoints.use.shape[1]) if self.endpoints is not None else ()
        return torch.stack([torch.stack([of(unit, n) for n in slots], -1) for unit in self._ends], 1)

    def _assemble(self, root: Tensor, found: Tensor, known: dict[str, Tensor] | None, given: bool) -> IKOutput:
        samples = root.shape[-1]
        matrices = torch.cat([root.view(9, 1, samples), self.algebra.matrix(found).view(9, -1, samples)], 1)
        matrices = matrices[:, self.place].transpose(0, 1).reshape(9 * len(SMPL24), samples)
        rotations = matrices.t().contiguous().view(samples, len(SMPL24), 3, 3)
        return IKOutput(rotations, self._solved(known, samples, given))

    def _solved(self, known: dict[str, Tensor] | None, samples: int, given: bool) -> Tensor:
        """(B, 24) bool."""
        unit_of = {joint: unit.name for unit in self.units for joint in unit.body_joints} | {"pelvis": "root"}
        idle = set() if self.collars is not None else {unit.name for unit in rows(self.units, "collar")}
        determined = [joint in unit_of and unit_of[joint] not in idle for joint in SMPL24.joints]
        if known is None:
            return torch.tensor(determined).expand(samples, -1)
        never = torch.zeros_like(known["root"])
        columns = [known[unit_of[j]] if yes else never for j, yes in zip(SMPL24.joints, determined, strict=True)]
        if given:
            columns[0] = torch.ones_like(never)
        return torch.stack(columns, 1)


def _calibrate_again(module: nn.Module, keys: Any) -> None:
    """After loading: what was derived from the old rest skeleton is stale."""
    assert isinstance(module, DIK)
    module._calibrate()


def _usable(joint_set: JointSet, available: Parts) -> tuple[Unit, ...]:
    """The rows of the table that a joint set can serve. KeyError unless these include all of the ten."""
    units = tuple(u for u in UNITS if sum(part in available for part in u.parts) >= u.needs)
    required = [*ROOT_PARTS, *(part for unit in TEN if unit not in units for part in unit.parts)]
    missing = [part for part in dict.fromkeys(required) if part not in available]
    if missing:
        raise KeyError(f"joint set {joint_set.name} has no part {', '.join(missing)}, which DIK needs")
    return units
