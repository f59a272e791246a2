"""SMPL's own 22 joints (HumanML3D, MDM) back to rotations, on genuine motion, of three published bodies.

``python -m studies.ik.smpl_joints --motions DIR`` prints a table; DIR holds AMASS-style files.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from s2m.body import load_body
from s2m.ik.baselines.rigid import forward_kinematics
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.choice import solver_for
from s2m.ik.rest import RestSkeleton
from s2m.ik.smpl_rests import SMPL_RESTS, Offset
from s2m.ik.units import TEN_BODY_JOINTS
from s2m.markdown import markdown_table
from s2m.metrics.rotations import geodesic_angle
from s2m.skeletons import SMPL22, SMPL24
from studies.ik.genuine import Takes, read_takes


def rest_of(offsets: Mapping[str, Offset]) -> RestSkeleton:
    """A published body at rest.

    Args:
        offsets: Of the joints from their parents, metres.
    """
    joints = torch.zeros(len(SMPL24), 3)
    for number, (joint, parent) in enumerate(zip(SMPL24.joints, SMPL24.parents, strict=True)):
        if parent >= 0:
            joints[number] = joints[parent] + torch.tensor(offsets[joint])
    return RestSkeleton(SMPL24, joints, joints)


def errors_of(takes: Takes, rest: RestSkeleton) -> tuple[Tensor, float]:
    """How far each of the ten rotations is off (radians, mean of the takes), and the farthest joint (metres).

    Args:
        takes: Motion, whose joints are made with ``rest``; each take is a clip that calibrates itself.
        rest: The body that they are of.
    """
    body, ten = rest_skeleton(load_body(), SMPL22), SMPL24.indices(TEN_BODY_JOINTS)
    off, far = [], 0.0
    for rotations in takes.rotations:
        _, joints = forward_kinematics(rotations, rest)
        given = joints[:, : len(SMPL22)]
        solver, _ = solver_for(given, body, 0.0)
        with torch.inference_mode():
            found = solver(given).rotations
        own = RestSkeleton(SMPL24, solver.rest_body_joints, solver.rest_body_joints)
        _, again = forward_kinematics(found, own)
        off.append(geodesic_angle(found[:, ten], rotations[:, ten]).mean(0))
        far = max(far, float((again[:, : len(SMPL22)] - given).norm(dim=-1).max()))
    return torch.stack(off).mean(0), far


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.ik.smpl_joints", description=__doc__)
    parser.add_argument("--motions", type=Path, required=True, help="folder of AMASS-style files")
    takes = read_takes(parser.parse_args(arguments).motions)
    rows = []
    for name, offsets in SMPL_RESTS.items():
        off, far = errors_of(takes, rest_of(offsets))
        rows.append([name, f"{off.mean():.3f}", *(f"{one:.3f}" for one in off.tolist()), f"{far * 1000:.3f}"])
    print(markdown_table(["body", "all ten, rad", *TEN_BODY_JOINTS, "farthest joint, mm"], rows))


if __name__ == "__main__":
    main()
