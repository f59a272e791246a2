"""``s2m ik``: a file of 3D joints in, a motion file for SMPL tools out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.errors import UserError
from s2m.options import (
    add_joint_set,
    add_output,
    add_reading,
    add_voice,
    check_free,
    check_outputs,
    check_reading,
    chosen_joint_set,
    detail,
    how_many,
    metres_of_noise,
    of_person,
    readable,
    say,
    warn,
    writable,
)

if TYPE_CHECKING:
    from torch import Tensor

    from s2m.formats.tracks import Track
    from s2m.ik.checks import Clip
    from s2m.ik.solution import Solution
    from s2m.skeletons import JointSet

_CHUNK = 8192


def add_ik_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m ik``. Nothing heavy is imported before the command runs."""
    parser = subparsers.add_parser(
        "ik",
        help="3D joints to SMPL parameters",
        description="Turn 3D joints into SMPL rotations with DIK: no training, no GPU, no licence.",
    )
    parser.add_argument(
        "file",
        type=Path,
        help=".npy, .npz, .json or .csv with (frames, joints, 3); EasyMocap, MMPose, Panoptic or MediaPipe json, or a "
        "folder of such files; MDM's .npy, AIST++'s .pkl; - reads a file from standard input",
    )
    add_output(parser, "the AMASS-style .npz to write; - writes it to standard output")
    add_joint_set(parser, "joints of the file (default: those that it names, else h36m17)")
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    add_reading(parser)
    parser.add_argument("--unit", choices=("m", "cm", "mm"), default="m", help="unit of the file (default: m)")
    parser.add_argument(
        "--up",
        choices=("y", "z", "y-down", "z-down"),
        default="y",
        help="up axis of the file (default: y); y-down for camera frames",
    )
    parser.add_argument("--fps", type=float, default=30.0, help="frames per second (default: 30)")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.0,
        metavar="MM",
        help="noise of the joints in millimetres (default: 0)",
    )
    parser.add_argument("--fit-shape", action="store_true", help="estimate betas from the bone lengths")
    parser.add_argument("--smooth", action="store_true", help="correct frames that jump against their neighbours")
    parser.add_argument("--body", type=Path, metavar="FILE", help="an official SMPL file; the open body by default")
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises UserError for bad input."""
    check_outputs({"--output": (arguments.output, ".npz")}, [arguments.file], arguments.overwrite)
    check_reading(arguments)
    if not 0 < arguments.fps < float("inf"):
        raise UserError(f"--fps: expected a positive number, found {arguments.fps}")
    metres_of_noise(arguments.noise)
    tracks = _read(arguments)
    outputs = [
        arguments.output if arguments.people is None else of_person(arguments.output, track.person or 0)
        for track in tracks
    ]
    for output in outputs:
        check_free("--output", output, arguments.overwrite)
    for track, output in zip(tracks, outputs, strict=True):
        _one_person(track, output, arguments)
    return 0


def _read(arguments: argparse.Namespace) -> list[Track]:
    from s2m.formats.joints3d import read_all_joints, read_joints

    joint_set = None if arguments.joint_set is None else chosen_joint_set(arguments.joint_set)
    people, low = how_many(arguments), arguments.min_confidence
    with readable(arguments.file) as file:
        if people is None:
            chosen = arguments.person
            return [read_joints(file, joint_set, arguments.key, min_confidence=low, person=chosen)]
        return read_all_joints(file, joint_set, arguments.key, people=people, min_confidence=low)


def _one_person(track: Track, output: Path, arguments: argparse.Namespace) -> None:
    import torch

    from s2m.formats.joints3d import UNITS, UP_AXES

    joint_set = track.joint_set
    detail(arguments, f"{arguments.file}: {len(track.points)} frames of {joint_set.name}, read as {arguments.unit}")
    for note in track.notes:
        warn(note)
    joints = torch.from_numpy(track.points) * UNITS[arguments.unit]
    joints = joints @ torch.tensor(UP_AXES[arguments.up], dtype=joints.dtype).T
    # AMASS's world is +z up.
    joints = torch.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], -1).float()
    solution = _solve(joints, torch.from_numpy(track.confidence), joint_set, arguments)
    with writable(output) as file:
        _write(solution, file, arguments.fps)
    unsolved = int((~solution.solved[:, 0]).sum())
    say(arguments, f"{output}: {len(joints)} frames" + (f", {unsolved} without a body" if unsolved else ""))


def _solve(joints: Tensor, confidence: Tensor, joint_set: JointSet, arguments: argparse.Namespace) -> Solution:
    import torch
    from tqdm import tqdm

    from s2m.batch import BodyParams
    from s2m.body import load_body
    from s2m.ik.body_joints import rest_skeleton
    from s2m.ik.checks import Clip
    from s2m.ik.jumps import correct
    from s2m.ik.solution import Solution, solve_with
    from s2m.ik.solver import DIK

    try:
        body = load_body(arguments.body)
        rest = rest_skeleton(body, joint_set)
        _check(Clip(joints, joint_set, rest, confidence, arguments.unit, "z"), arguments.up)
        betas = None
        if arguments.fit_shape:
            from s2m.ik.shape import fit_betas

            betas = fit_betas(joints, joint_set, body)
            rest = rest_skeleton(body, joint_set, betas)
        solver = DIK(rest, noise=metres_of_noise(arguments.noise))
    except (ValueError, KeyError, OSError) as error:
        raise UserError(str(error.args[0] if error.args else error)) from error

    parts = []
    with (
        torch.inference_mode(),
        tqdm(total=len(joints), unit="frame", disable=arguments.quiet or None, leave=False) as progress,
    ):
        for chunk, seen in zip(torch.split(joints, _CHUNK), torch.split(confidence, _CHUNK), strict=True):
            parts.append(solve_with(solver, chunk, betas, seen))
            progress.update(len(chunk))
        rotations = torch.cat([part.params.rotations for part in parts])
        solved = torch.cat([part.solved for part in parts])
        if arguments.smooth:
            corrected = correct(rotations, solved | ~solved.any(0))
            rotations = corrected.rotations
            if not arguments.quiet:
                count = int(corrected.replaced.any(1).sum())
                print(f"corrected {count} of {len(rotations)} frames", file=sys.stderr)
        shape = torch.cat([part.params.betas for part in parts])
        place = torch.cat([part.params.transl for part in parts if part.params.transl is not None])
    return Solution(BodyParams.from_rotations(rotations, shape, place), solved)


def _check(clip: Clip, up: str) -> None:
    """Stop at a wrong unit; warn of the rest. clip: in AMASS's world; up: what the user said of the file's."""
    from s2m.ik.checks import warnings_of, wrong_unit

    message = wrong_unit(clip)
    if message is not None:
        raise UserError(message)
    for message in warnings_of(clip):
        warn(message.replace("with z up", f"with {up} up", 1))


def _write(solution: Solution, file: Path, fps: float) -> None:
    from s2m.formats.amass import write_amass

    params = solution.params
    assert params.transl is not None
    write_amass(file, solution.axis_angle.numpy(), params.transl.numpy(), params.betas[0].numpy(), fps)
