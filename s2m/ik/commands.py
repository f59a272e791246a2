"""``s2m ik``: a file of 3D joints in, a motion file for SMPL tools out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.errors import UserError
from s2m.skeletons import JOINT_SETS

if TYPE_CHECKING:
    from torch import Tensor

    from s2m.ik.api import Solution
    from s2m.skeletons import JointSet

_CHUNK = 8192


def add_ik_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m ik``. Nothing heavy is imported before the command runs."""
    parser = subparsers.add_parser(
        "ik",
        help="3D joints to SMPL parameters",
        description="Turn 3D joints into SMPL rotations with DIK: no training, no GPU, no licence.",
    )
    parser.add_argument("file", type=Path, help=".npy, .npz, .json or .csv with (frames, joints, 3)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the AMASS-style .npz to write")
    parser.add_argument(
        "--joint-set",
        default="h36m17",
        metavar="NAME",
        help=f"one of {', '.join(sorted(JOINT_SETS))}, or a yaml file with your own",
    )
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    parser.add_argument("--unit", choices=("m", "cm", "mm"), default="m", help="unit of the file (default: m)")
    parser.add_argument(
        "--up",
        choices=("y", "z", "y-down", "z-down"),
        default="y",
        help="up axis of the file (default: y); y-down for camera frames",
    )
    parser.add_argument("--fps", type=float, default=30.0, help="frames per second (default: 30)")
    parser.add_argument("--noise", type=float, default=0.0, metavar="MM", help="expected noise of the joints in mm")
    parser.add_argument("--fit-shape", action="store_true", help="estimate betas from the bone lengths")
    parser.add_argument("--smooth", action="store_true", help="correct frames that jump against their neighbours")
    parser.add_argument("--body", type=Path, help="an official SMPL file; the open body by default")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises UserError for bad input."""
    if arguments.output.suffix.lower() != ".npz":
        raise UserError(f"--output {arguments.output}: expected a name that ends in .npz")
    if not arguments.output.resolve().parent.is_dir():
        raise UserError(f"--output {arguments.output}: the folder does not exist")
    if not arguments.fps > 0:
        raise UserError(f"--fps: expected a positive number, found {arguments.fps}")
    if not 0 <= arguments.noise <= 500:
        raise UserError(f"--noise: expected millimetres between 0 and 500, found {arguments.noise}")
    joint_set = _joint_set(arguments.joint_set)

    import torch

    from s2m.formats import joints3d as reading

    points, confidence = reading.read_joints(arguments.file, joint_set, arguments.key)
    joints = torch.from_numpy(points) * reading.UNITS[arguments.unit]
    joints = joints @ torch.tensor(reading.UP_AXES[arguments.up], dtype=torch.float32).T
    # AMASS's world is +z up.
    joints = torch.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], -1)
    solution = _solve(joints, torch.from_numpy(confidence), joint_set, arguments)
    _write(solution, arguments)
    _say_fit(
        solution, torch.where(torch.from_numpy(confidence)[..., None] > 0, joints, torch.nan), joint_set, arguments
    )
    unsolved = int((~solution.solved[:, 0]).sum())
    print(f"{arguments.output}: {len(joints)} frames" + (f", {unsolved} without a body" if unsolved else ""))
    return 0


def _joint_set(name: str) -> JointSet:
    from s2m.ik.joint_maps import read_joint_set
    from s2m.skeletons import get_joint_set

    try:
        return read_joint_set(name) if name.endswith((".yaml", ".yml")) else get_joint_set(name)
    except ValueError as error:
        raise UserError(f"--joint-set: {error}") from error


def _solve(joints: Tensor, confidence: Tensor, joint_set: JointSet, arguments: argparse.Namespace) -> Solution:
    import torch
    from tqdm import tqdm

    from s2m.batch import BodyParams
    from s2m.body import load_body
    from s2m.ik import checks
    from s2m.ik.api import Solution, solve
    from s2m.ik.body_joints import rest_skeleton
    from s2m.ik.jumps import correct
    from s2m.ik.solver import DIK

    try:
        body = load_body(arguments.body)
        rest = rest_skeleton(body, joint_set)
        checks.check_size(joints, rest, arguments.unit)
        betas = None
        if arguments.fit_shape:
            from s2m.ik.shape import fit_betas

            betas = fit_betas(joints, joint_set, body)
            rest = rest_skeleton(body, joint_set, betas)
        solver = DIK(rest, noise=arguments.noise / 1000)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(str(error.args[0] if error.args else error)) from error
    for message in (
        checks.missing_message(joints, joint_set),
        checks.mirrored_message(joints, joint_set),
        checks.upright_message(joints, joint_set, arguments.up),
    ):
        if message:
            print(f"warning: {message}", file=sys.stderr)

    parts = []
    with torch.inference_mode(), tqdm(total=len(joints), unit="frame", disable=None, leave=False) as progress:
        for chunk, seen in zip(torch.split(joints, _CHUNK), torch.split(confidence, _CHUNK), strict=True):
            parts.append(solve(chunk, joint_set, body, betas=betas, confidence=seen, solver=solver))
            progress.update(len(chunk))
        rotations = torch.cat([part.params.rotations for part in parts])
        solved = torch.cat([part.solved for part in parts])
        if arguments.smooth:
            corrected = correct(rotations, solved | ~solved.any(0))
            rotations = corrected.rotations
            print(f"corrected {int(corrected.replaced.any(1).sum())} of {len(rotations)} frames", file=sys.stderr)
        shape = torch.cat([part.params.betas for part in parts])
        place = torch.cat([part.params.transl for part in parts if part.params.transl is not None])
    return Solution(BodyParams.from_rotations(rotations, shape, place), solved)


def _say_fit(solution: Solution, joints: Tensor, joint_set: JointSet, arguments: argparse.Namespace) -> None:
    from s2m.body import load_body
    from s2m.ik import fit
    from s2m.ik.body_joints import rest_skeleton

    body = load_body(arguments.body)
    print(fit.fit_message(fit.joint_errors(solution.params, joints, joint_set, body), joint_set))
    hint = None if arguments.fit_shape else fit.shape_hint(joints, rest_skeleton(body, joint_set).joints, joint_set)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def _write(solution: Solution, arguments: argparse.Namespace) -> None:
    from s2m.formats.amass import write_amass

    assert solution.params.transl is not None
    write_amass(
        arguments.output,
        solution.axis_angle.numpy(),
        solution.params.transl.numpy(),
        solution.params.betas[0].numpy(),
        arguments.fps,
    )
