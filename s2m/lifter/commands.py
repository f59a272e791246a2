"""``s2m lift``: a file of 2D joints in, 3D skeletons out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.errors import UserError
from s2m.files import write_png
from s2m.formats.own import own_fields
from s2m.options import (
    add_fill,
    add_joint_set,
    add_min_confidence,
    add_output,
    add_voice,
    check_fill,
    check_fps,
    check_least_confidence,
    check_outputs,
    chosen_joint_set,
    detail,
    metres_of_noise,
    readable,
    say,
    set_file,
    warn,
    writable,
)
from s2m.skeletons import H36M17, SMPL24, JointSet

if TYPE_CHECKING:
    from s2m.formats.clips import FrameSource
    from s2m.formats.own import OwnFields
    from s2m.lifter.api import Lifting
    from s2m.lifter.warnings import Findings
    from s2m.lifter.writing import LiftWriter

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
        help=".npy, .npz, .json or .csv with (frames, joints, 2), or 3 with a confidence; COCO-style or OpenPose json; "
        "a folder of OpenPose's json files; - reads a file from standard input",
    )
    add_output(parser, "the .npz to write; - writes it to standard output")
    text = "joints of the file (default: h36m17; COCO-style and OpenPose json say it themselves)"
    add_joint_set(parser, text, without=(SMPL24.name,))
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    parser.add_argument("--lifter", type=Path, metavar="FILE", help="a lifter.pt of your own (default: one that ships)")
    parser.add_argument("--height", type=float, metavar="METRES", help="of the person, for the absolute scale")
    add_min_confidence(parser)
    parser.add_argument("--fps", type=float, help="frames per second (default: 30)")
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
    add_fill(parser, "for --ik: ")
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises UserError for bad input, before anything is written."""
    _check(arguments)

    from s2m.lifter.api import too_few_joints
    from s2m.lifter.warnings import Findings
    from s2m.lifter.writing import LiftWriter

    with readable(arguments.file) as file, writable(arguments.output) as output:
        own = own_fields(file)
        fps = check_fps(arguments.fps or own.fps or 30.0)
        source, joint_set, images = _source(file, own, arguments)
        detail(arguments, f"{arguments.file}: {len(source)} frames of {joint_set.name}")
        with LiftWriter(output.resolve().parent) as lifted:
            try:
                lifting = _lifting(joint_set, fps, arguments)
                findings = Findings(joint_set, lifting.joint_set)
                _lift(source, joint_set, lifting, findings, lifted)
                if not findings.lifted.any():
                    raise too_few_joints(findings.most)
            except UserError as error:
                raise UserError(f"{arguments.file}: {error}") from error
            for message in findings.messages():
                warn(message)
            lifted.write(output, fps, images)
            count, total = int(findings.lifted.sum()), len(source)
            say(arguments, f"{arguments.output}: {count} of {total} frames, {lifting.joint_set.name}")
            _extras(lifted, findings, fps, arguments)
    return 0


def _source(file: Path, own: OwnFields, arguments: argparse.Namespace) -> tuple[FrameSource, JointSet, tuple[str, ...]]:
    from s2m.formats.clips import ArrayFrames, NpyFrames, is_large
    from s2m.formats.keypoints2d import read_keypoints

    name = arguments.joint_set or own.joint_set
    joint_set = None if name is None else chosen_joint_set(name)
    if is_large(file):
        joint_set = joint_set or H36M17
        return NpyFrames(file, len(joint_set), 2, arguments.min_confidence), joint_set, ()
    found = read_keypoints(file, joint_set, arguments.key)
    source = ArrayFrames(found.points, found.confidence, arguments.min_confidence)
    return source, found.joint_set, found.images


def _lift(source: FrameSource, joint_set: JointSet, lifting: Lifting, findings: Findings, lifted: LiftWriter) -> None:
    from s2m.formats.keypoints2d import Keypoints

    start = 0
    for block in lifting.blocks(source):
        points, confidence = source.read(start, start + len(block))
        findings.look(Keypoints(points, confidence, joint_set), block)  # type: ignore[arg-type]
        lifted.add(block)
        start += len(block)


def _extras(lifted: LiftWriter, findings: Findings, fps: float, arguments: argparse.Namespace) -> None:
    if arguments.picture is not None:
        from s2m.lifter.drawing import draw_skeletons, spread

        shown = spread(findings.lifted)
        write_png(arguments.picture, draw_skeletons(lifted.some(shown), shown.tolist(), findings.joint_set))
        say(arguments, f"{arguments.picture}: some frames as seen and from the side")
    if arguments.ik is not None:
        from s2m.ik.motion import MotionOptions
        from s2m.ik.writing import write_motion
        from s2m.lifter.to_rotations import NOISE

        noise = NOISE if arguments.noise is None else metres_of_noise(arguments.noise)
        # The lifter's own size of people is not known better than the body's: it is kept.
        options = MotionOptions(fps=fps, noise=noise, fill=arguments.fill, keep_scale=True, up="y-down")
        remark = "; the pelvis stays at the origin, the camera is taken to stand level"
        write_motion(lifted, findings.joint_set, arguments.ik, options, arguments, remark)


def _check(arguments: argparse.Namespace) -> None:
    written = {"--output": (arguments.output, ".npz")}
    written |= {"--picture": (arguments.picture, ".png")} if arguments.picture is not None else {}
    written |= {"--ik": (arguments.ik, ".npz")} if arguments.ik is not None else {}
    inputs = (arguments.file, arguments.lifter, arguments.temporal, arguments.body, set_file(arguments.joint_set))
    check_outputs(written, [path for path in inputs if path is not None], arguments.overwrite)
    if arguments.fps is not None:
        check_fps(arguments.fps)
    check_fill(arguments.fill)
    check_least_confidence(arguments.min_confidence)
    if arguments.temporal is not None and not (arguments.video and arguments.lifter):
        raise UserError("--temporal: it is for --video with a --lifter of your own, of which one is missing")
    if arguments.video and arguments.lifter is not None and arguments.temporal is None:
        raise UserError(
            f"--video: {arguments.lifter} needs a head of its own, --temporal FILE; `make temporal` trains it"
        )
    if arguments.ik is None and (arguments.noise is not None or arguments.body is not None):
        raise UserError("--noise, --body: these are for --ik, which is missing")
    if arguments.noise is not None:
        metres_of_noise(arguments.noise)


def _lifting(joint_set: JointSet, fps: float, arguments: argparse.Namespace) -> Lifting:
    from s2m.lifter.api import Lifting
    from s2m.lifter.shipped import read_head, read_lifter

    lifter = None if arguments.lifter is None else read_lifter(arguments.lifter)
    head = None if arguments.temporal is None else read_head(arguments.temporal, arguments.lifter)
    video = fps if arguments.video else None
    return Lifting(joint_set, lifter, height=arguments.height, video_fps=video, head=head)
