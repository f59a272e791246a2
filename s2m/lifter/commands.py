"""``s2m lift``: a file of 2D joints in, 3D skeletons out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.errors import UserError
from s2m.files import write_png
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
    image_size,
    metres_of_noise,
    of_person,
    readable,
    say,
    warn,
    writable,
)
from s2m.skeletons import SMPL22, SMPL24

if TYPE_CHECKING:
    from s2m.formats.keypoints2d import Keypoints
    from s2m.lifter.api import Lift

_ABOUT = """Lift the 2D joints of one person to 3D skeletons with a network that was trained from 2D joints alone.

One view cannot tell how large or how far away a person is: without --height, the bones of every frame are on average
as long as those of the lifter's mean body (1.7 m tall). Positions are relative to the pelvis, in the camera's frame:
+x right, +y down, +z away from the camera."""


def add_lift_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m lift``. Nothing heavy is imported before the command runs."""
    parser = subparsers.add_parser(
        "lift",
        help="2D joints to 3D skeletons",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        type=Path,
        help=".npy, .npz, .json or .csv with (frames, joints, 2), or 3 with a confidence; COCO-style, MMPose, OpenPose "
        "or MediaPipe json; a folder with one such json file per frame; - reads a file from standard input",
    )
    add_output(parser, "the .npz to write; - writes it to standard output")
    text = "joints of the file (default: those that it names, else h36m17; detectors' json says it itself)"
    add_joint_set(parser, text, without=(SMPL22.name, SMPL24.name))
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    add_reading(parser)
    parser.add_argument(
        "--image-size", metavar="WxH", help="of the pictures in pixels, for coordinates from 0 to 1 such as MediaPipe's"
    )
    parser.add_argument("--lifter", type=Path, metavar="FILE", help="a lifter.pt of your own (default: one that ships)")
    parser.add_argument("--height", type=float, metavar="METRES", help="of the person, for the absolute scale")
    parser.add_argument("--fps", type=float, default=30.0, help="frames per second (default: 30)")
    parser.add_argument(
        "--video",
        action="store_true",
        help="the frames are those of one video: smooth each with those around it, against jitter",
    )
    parser.add_argument(
        "--temporal", type=Path, metavar="FILE", help="for --video with --lifter: its temporal.pt (`make temporal`)"
    )
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw some frames, as seen and from the side")
    parser.add_argument("--ik", type=Path, metavar="NPZ", help="also solve SMPL rotations: an AMASS-style .npz")
    parser.add_argument(
        "--noise",
        type=float,
        metavar="MM",
        help="for --ik: noise of the lifted joints in millimetres (default: 15)",
    )
    parser.add_argument(
        "--body", type=Path, metavar="FILE", help="for --ik: an official SMPL file (default: the open body)"
    )
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises UserError for bad input, before anything is written."""
    _check(arguments)
    tracks = _read(arguments)
    each = [arguments if arguments.people is None else _for_person(arguments, track.person or 0) for track in tracks]
    for track, options in zip(tracks, each, strict=True):
        _one_person(track, options)
    return 0


def _read(arguments: argparse.Namespace) -> list[Keypoints]:
    from s2m.formats.keypoints2d import read_all_keypoints, read_keypoints

    joint_set = None if arguments.joint_set is None else chosen_joint_set(arguments.joint_set)
    people, low, size = how_many(arguments), arguments.min_confidence, image_size(arguments.image_size)
    with readable(arguments.file) as file:
        if people is None:
            chosen = arguments.person
            track = read_keypoints(file, joint_set, arguments.key, min_confidence=low, person=chosen, image_size=size)
            return [track]
        return read_all_keypoints(file, joint_set, arguments.key, people=people, min_confidence=low, image_size=size)


def _for_person(arguments: argparse.Namespace, person: object) -> argparse.Namespace:
    """The same options with the files of one person; refused where one is there already."""
    own = argparse.Namespace(**vars(arguments))
    for name in ("output", "picture", "ik"):
        if getattr(own, name) is not None:
            setattr(own, name, of_person(getattr(own, name), person))
            check_free(f"--{name}", getattr(own, name), own.overwrite)
    return own


def _one_person(keypoints: Keypoints, arguments: argparse.Namespace) -> None:
    from s2m.lifter.warnings import lift_warnings
    from s2m.lifter.writing import write_lift

    detail(arguments, f"{arguments.file}: {len(keypoints.points)} frames of {keypoints.joint_set.name}")
    for note in keypoints.notes:
        warn(note)
    lifted = _lift(keypoints, arguments)
    for message in lift_warnings(keypoints, lifted):
        warn(message)
    with writable(arguments.output) as file:
        write_lift(file, lifted, arguments.fps, keypoints.images)
    say(
        arguments,
        f"{arguments.output}: {int(lifted.lifted.sum())} of {len(lifted.lifted)} frames, {lifted.joint_set.name}",
    )
    if arguments.picture is not None:
        from s2m.lifter.drawing import draw_lift

        write_png(arguments.picture, draw_lift(lifted))
        say(arguments, f"{arguments.picture}: some frames as seen and from the side")
    if arguments.ik is not None:
        _write_motion(lifted, arguments)


def _check(arguments: argparse.Namespace) -> None:
    written = {"--output": (arguments.output, ".npz")}
    written |= {"--picture": (arguments.picture, ".png")} if arguments.picture is not None else {}
    written |= {"--ik": (arguments.ik, ".npz")} if arguments.ik is not None else {}
    check_outputs(written, [arguments.file], arguments.overwrite)
    if not 0 < arguments.fps < float("inf"):
        raise UserError(f"--fps: expected a positive number, found {arguments.fps}")
    if arguments.temporal is not None and not (arguments.video and arguments.lifter):
        raise UserError("--temporal: it is for --video with a --lifter of your own, of which one is missing")
    if arguments.video and arguments.lifter is not None and arguments.temporal is None:
        raise UserError(
            f"--video: {arguments.lifter} needs a head of its own, --temporal FILE; `make temporal` trains it"
        )
    check_reading(arguments)
    image_size(arguments.image_size)
    if arguments.ik is None and (arguments.noise is not None or arguments.body is not None):
        raise UserError("--noise, --body: these are for --ik, which is missing")
    if arguments.noise is not None:
        metres_of_noise(arguments.noise)


def _lift(keypoints: Keypoints, arguments: argparse.Namespace) -> Lift:
    from s2m.lifter.api import lift_keypoints
    from s2m.lifter.shipped import read_head, read_lifter

    lifter = None if arguments.lifter is None else read_lifter(arguments.lifter)
    head = None if arguments.temporal is None else read_head(arguments.temporal, arguments.lifter)
    try:
        return lift_keypoints(
            keypoints,
            lifter=lifter,
            height=arguments.height,
            video_fps=arguments.fps if arguments.video else None,
            head=head,
        )
    except UserError as error:
        raise UserError(f"{arguments.file}: {error}") from error


def _write_motion(lifted: Lift, arguments: argparse.Namespace) -> None:
    from s2m.formats.amass import write_amass
    from s2m.lifter.to_rotations import NOISE, solve_motion

    noise = NOISE if arguments.noise is None else metres_of_noise(arguments.noise)
    solution = solve_motion(lifted, noise, arguments.body)
    params = solution.params
    assert params.transl is not None
    pose = solution.axis_angle.numpy()
    write_amass(arguments.ik, pose, params.transl.numpy(), params.betas[0].numpy(), arguments.fps)
    say(
        arguments,
        f"{arguments.ik}: {len(pose)} frames; the pelvis stays at the origin, the camera is taken to stand level",
    )
