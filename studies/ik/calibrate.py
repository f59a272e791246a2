"""Measure how bodies move on AMASS-style motion, for DIK: ``python -m studies.ik.calibrate --motions DIR``.

Writes ``s2m/ik/assets/body_motion.json``: a few dozen derived numbers, no motion. Every kind of motion counts the same
however long it was recorded, and the right side counts as the left side's mirror image.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import roma
import torch
from torch import Tensor

from s2m.errors import UserError
from s2m.ik import quaternion as quat
from s2m.ik.body_motion import SYNTHETIC
from s2m.skeletons import SMPL24
from studies.ik.genuine import read_takes

_LEAST_BEND = 0.2  # radians: below, a rotation says little about its axis
_MIRROR = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)

Kinds = dict[str, Tensor]


def measure(kinds: Kinds, trust: float) -> dict[str, Any]:
    """The constants as the file holds them.

    Args:
        kinds: Rotations (N, 24, 3, 3) of every kind of motion.
        trust: From 0 to 1, how far to go from the synthetic constants to the measured ones. One source of motion is
            one rig: elbow axes of genuine SMPL fits differ by some ten degrees between sources.

    Returns:
        Fields of :class:`s2m.ik.body_motion.BodyMotion`.
    """
    kinds = {name: rotations.double() for name, rotations in kinds.items()}
    elbow, knee = (hinge_axis(kinds, joint) for joint in ("elbow", "knee"))
    spine, neck = _shares(kinds, ("spine1", "spine2", "spine3")), _shares(kinds, ("neck", "head"))[0]
    return {
        "elbow": _rounded(_towards(elbow, torch.tensor(SYNTHETIC.elbow).double(), trust)),
        "knee": _rounded(_towards(knee, torch.tensor(SYNTHETIC.knee).double(), trust)),
        "spine": [_rounded(row) for row in trust * spine + (1 - trust) * torch.tensor(SYNTHETIC.spine).double()],
        "neck": _rounded(trust * neck + (1 - trust) * torch.tensor(SYNTHETIC.neck).double()),
    }


def hinge_axis(kinds: Kinds, joint: str) -> Tensor:
    """(3,) the axis about which the left ``joint`` bends: the mean direction of its rotation vectors."""
    total = torch.zeros(3, dtype=torch.float64)
    for rotations in kinds.values():
        for side, sign in (("left", torch.ones_like(_MIRROR)), ("right", _MIRROR)):
            vector = _vector(rotations[:, SMPL24.index(f"{side}_{joint}")]) * sign
            vector = vector[vector.norm(dim=-1) > _LEAST_BEND]
            total = total + (vector.sum(0) / vector.norm(dim=-1).sum().clamp_min(1e-9))
    return total / total.norm()


def _shares(kinds: Kinds, joints: tuple[str, ...]) -> Tensor:
    """(len(joints), 3) share of the whole turn about x, y, z that each of a chain takes; regression without offset.

    No joint of a chain turns against the whole or further than it: that would be one rig's habit.
    """
    up = torch.zeros(len(joints), 3, dtype=torch.float64)
    down = torch.zeros(3, dtype=torch.float64)
    for rotations in kinds.values():
        links = [rotations[:, SMPL24.index(joint)] for joint in joints]
        whole = links[0]
        for link in links[1:]:
            whole = whole @ link
        turn = _vector(whole)
        down = down + (turn * turn).mean(0)
        up = up + torch.stack([(_vector(link) * turn).mean(0) for link in links])
    share = (up / down.clamp_min(1e-9)).clamp(0, 1)
    return share / share.sum(0).clamp_min(1e-9)


def _towards(axis: Tensor, neutral: Tensor, trust: float) -> Tensor:
    """The direction on the arc from ``neutral`` to ``axis``, ``trust`` of the way."""
    normal = torch.linalg.cross(neutral, axis)
    angle = math.atan2(float(normal.norm()), float(neutral @ axis))
    turn = roma.rotvec_to_rotmat(quat.direction(normal) * angle * trust)
    return turn @ neutral if angle > 1e-6 else axis


def _vector(rotations: Tensor) -> Tensor:
    return quat.to_axis_angle(quat.from_matrix(rotations))


def _rounded(values: Tensor) -> list[float]:
    return [round(float(x), 4) for x in values]


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m studies.ik.calibrate", description=__doc__)
    parser.add_argument("--motions", type=Path, required=True, help="folder of AMASS-style npz files")
    parser.add_argument("--output", type=Path, default=Path("s2m/ik/assets/body_motion.json"))
    parser.add_argument("--trust", type=float, default=0.88, help="how far to go to what was measured, 0 to 1")
    parser.add_argument("--all", action="store_true", help="measure on all takes, not only on those not kept for tests")
    parser.add_argument("--source", default="", help="where the motion is from, its licence: a note in the file")
    options = parser.parse_args(arguments)
    try:
        if not 0 <= options.trust <= 1:
            raise UserError(f"--trust: expected a number from 0 to 1, found {options.trust}")
        takes = read_takes(options.motions)
        takes = takes if options.all else takes.part(test=False)
        if not takes.names:
            raise UserError(f"{options.motions}: no take to measure on; with --all every take is used")
    except UserError as error:
        parser.exit(2, f"error: {error}\n")
    found = measure(takes.kinds(), options.trust)
    found["measured_on"] = {
        "takes": list(takes.names),
        "frames": sum(map(len, takes.rotations)),
        "trust": options.trust,
        "source": options.source,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{options.output}: {len(takes.names)} takes, {found['measured_on']['frames']} frames\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
