"""``s2m lift``: a file of 2D joints in, 3D skeletons out."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.clip_options import (
    add_fill,
    add_reading,
    add_tilt,
    check_fill,
    check_fps,
    check_reading,
    check_tilt,
    how_many,
    image_size,
    of_person,
    tilt_options,
)
from s2m.errors import UserError
from s2m.export.known import SUFFIXES, add_export, chosen_format
from s2m.files import write_png
from s2m.formats.own import own_fields
from s2m.options import (
    AUTO,
    PIPE,
    add_joint_set,
    add_output,
    add_voice,
    check_free,
    check_outputs,
    chosen_joint_set,
    detail,
    folder_of,
    metres_of_noise,
    readable,
    say,
    set_file,
    warn,
    warn_once,
    writable,
)
from s2m.skeletons import SMPL22, SMPL24, JointSet

if TYPE_CHECKING:
    from s2m.formats.clips import FrameSource
    from s2m.formats.layouts import Layout
    from s2m.formats.own import OwnFields
    from s2m.formats.tracks import Labels, Track
    from s2m.lifter.lifting import Lifting
    from s2m.lifter.warnings import Findings
    from s2m.lifter.writing import LiftWriter

_ABOUT = """Lift the 2D joints of one person to 3D skeletons with a network that was trained from 2D joints alone.

One view cannot tell how large or how far away a person is: without --height, the bones of every frame are on average
as long as those of the lifter's mean body (1.7 m tall). Positions are relative to the pelvis, in the camera's frame:
+x right, +y down, +z away from the camera."""

_NO_CAMERA = (
    "hint: --image-size WxH, even without --focal, tells from where people beside the picture's middle are seen; "
    "without it they lean"
)


def add_lift_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m lift``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
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
    add_output(parser, "the .npz to write, or a file of motion as --ik takes it; - writes an npz to standard output")
    text = "joints of the file (default: those that it names, else h36m17; detectors' json says it itself)"
    add_joint_set(parser, text, without=(SMPL22.name, SMPL24.name))
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    add_reading(parser)
    parser.add_argument(
        "--image-size",
        metavar="WxH",
        help="of the pictures in pixels: for the camera, and for coordinates from 0 to 1 such as MediaPipe's",
    )
    parser.add_argument(
        "--focal",
        type=float,
        metavar="PIXELS",
        help="focal length, with --image-size, for people beside the picture's middle (default: its diagonal)",
    )
    parser.add_argument("--lifter", type=Path, metavar="FILE", help="a lifter.pt of your own (default: one that ships)")
    parser.add_argument("--height", type=float, metavar="METRES", help="of the person, for the absolute scale")
    parser.add_argument("--fps", type=float, help="frames per second (default: 30)")
    parser.add_argument(
        "--video",
        action="store_true",
        help="the frames are those of one video: smooth each with those around it, against jitter, "
        "and put left and right back where they are exchanged for a few frames",
    )
    parser.add_argument(
        "--temporal",
        type=Path,
        metavar="FILE",
        help="for --video with --lifter: its temporal.pt (`make temporal`); what `s2m adapt` writes needs none",
    )
    parser.add_argument(
        "--doubt", type=Path, metavar="FILE", help="for --lifter: its doubt.pt, which tells how far off it may be"
    )
    parser.add_argument(
        "--one-person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="all frames show the same person, whose proportions they tell; with --no-one-person each frame is lifted "
        "for itself, with the average person's bones",
    )
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw some frames, as seen and from the side")
    parser.add_argument(
        "--ik", type=Path, metavar="FILE", help="also solve SMPL rotations: AMASS-style .npz, .glb, .bvh ..."
    )
    add_export(parser)
    parser.add_argument(
        "--noise",
        type=float,
        metavar="MM",
        help="for --ik: noise of the lifted joints in millimetres (default: 15)",
    )
    parser.add_argument(
        "--body", type=Path, metavar="FILE", help="for --ik: an official SMPL file (default: the open body)"
    )
    add_tilt(parser, "for --ik: ")
    add_fill(parser, "for --ik: ")
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Args:
        arguments: Parsed options of ``s2m lift``.

    Returns:
        Exit code 0.

    Raises:
        UserError: For bad input, before anything is written.
    """
    _check(arguments)

    with readable(arguments.file) as file, contextlib.ExitStack() as stack:
        own = own_fields(file)
        for source, joint_set, labels, told, options in _people(file, own, arguments, stack):
            fps = next(fps for fps in (arguments.fps, own.fps, told, 30.0) if fps is not None)
            _one_person(source, joint_set, labels, check_fps(fps), options)
    return 0


def _one_person(
    source: FrameSource, joint_set: JointSet, labels: Labels, fps: float, arguments: argparse.Namespace
) -> None:
    from s2m.lifter.api import too_few_joints
    from s2m.lifter.untangled import tidied
    from s2m.lifter.warnings import Findings
    from s2m.lifter.writing import LiftWriter

    detail(arguments, f"{arguments.file}: {len(source)} frames of {joint_set.name}")
    with writable(arguments.output) as output, LiftWriter(output.resolve().parent) as lifted:
        try:
            lifting = _lifting(joint_set, fps, arguments)
            found: list[str] = []
            if arguments.video:
                source, found = tidied(source, joint_set, fps)
            findings = Findings(joint_set, lifting.joint_set)
            _lift(source, joint_set, lifting, findings, lifted)
            if not findings.lifted.any():
                raise too_few_joints(findings.most)
        except UserError as error:
            raise UserError(f"{arguments.file}: {error}") from error
        for message in [*found, *findings.messages()]:
            warn(message)
        if not _is_motion(arguments.output):
            lifted.write(output, fps, labels)
        count, total = int(findings.lifted.sum()), len(source)
        say(arguments, f"{arguments.output}: {count} of {total} frames, {lifting.joint_set.name}")
        if lifting.told is not None:
            say(arguments, f"bones, told by these frames, beside the average person's: {lifting.told}")
        if arguments.image_size is None:
            say(arguments, _NO_CAMERA)
        _extras(lifted, findings, labels, fps, arguments)


def _people(
    file: Path, own: OwnFields, arguments: argparse.Namespace, stack: contextlib.ExitStack
) -> list[tuple[FrameSource, JointSet, Labels, float | None, argparse.Namespace]]:
    """Everyone who is to be lifted: joints, their names, what the input calls the frames and how many it has a second,
    and the options with the files to write; what they are read from stays open as long as the stack."""
    from s2m.formats.clips import TrackFrames
    from s2m.formats.large import Asked, is_large, opened

    name = own.joint_set if arguments.joint_set in (None, AUTO) else arguments.joint_set
    joint_set = None if name is None else chosen_joint_set(name)
    asked = Asked(2, joint_set, arguments.key, arguments.min_confidence, image_size(arguments.image_size))
    if is_large(file, asked):
        large = stack.enter_context(opened(file, asked, folder_of(arguments.output)))
        warn_once(large.notes)
        return [(large, large.joint_set, large.labels, _rate(large.layout), _for_person(arguments, large.labels))]
    return [
        (
            TrackFrames(track),
            track.joint_set,
            track.labels,
            _rate(track.layout),
            _for_person(arguments, track.labels),
        )
        for track in _tracks(file, joint_set, arguments)
    ]


def _rate(layout: Layout | None) -> float | None:
    return None if layout is None else layout.fps


def _tracks(file: Path, joint_set: JointSet | None, arguments: argparse.Namespace) -> list[Track]:
    from s2m.formats.keypoints2d import read_all_keypoints, read_keypoints

    people, low, size = how_many(arguments), arguments.min_confidence, image_size(arguments.image_size)
    key, chosen = arguments.key, arguments.person
    if people is None:
        tracks = [read_keypoints(file, joint_set, key, min_confidence=low, person=chosen, image_size=size)]
    else:
        tracks = read_all_keypoints(file, joint_set, key, people=people, min_confidence=low, image_size=size)
    warn_once(note for track in tracks for note in track.notes)
    return tracks


def _for_person(arguments: argparse.Namespace, labels: Labels) -> argparse.Namespace:
    """With ``--people`` the same options with the files of one person; refused where one is there already."""
    if arguments.people is None:
        return arguments
    own = argparse.Namespace(**vars(arguments))
    for name in ("output", "picture", "ik"):
        if getattr(own, name) is not None:
            setattr(own, name, of_person(getattr(own, name), labels.person or 0))
            check_free(f"--{name}", getattr(own, name), own.overwrite)
    return own


def _lift(source: FrameSource, joint_set: JointSet, lifting: Lifting, findings: Findings, lifted: LiftWriter) -> None:
    from s2m.formats.keypoints2d import Keypoints

    start = 0
    for block in lifting.blocks(source):
        points, confidence = source.read(start, start + len(block))
        findings.look(Keypoints(points, confidence, joint_set), block)
        lifted.add(block)
        start += len(block)


def _extras(lifted: LiftWriter, findings: Findings, labels: Labels, fps: float, arguments: argparse.Namespace) -> None:
    if arguments.picture is not None:
        from s2m.lifter.drawing import draw_skeletons, spread

        shown = spread(findings.lifted)
        write_png(arguments.picture, draw_skeletons(*lifted.some(shown), shown.tolist(), findings.joint_set))
        say(arguments, f"{arguments.picture}: some frames as seen and from the side")
    for file in _motion_files(arguments):
        from s2m.ik.chosen_body import BodyChoice
        from s2m.ik.motion import MotionOptions
        from s2m.ik.writing import Clip, write_motion
        from s2m.lifter.levelled import Levelled, tilt_of
        from s2m.lifter.to_rotations import NOISE

        noise = NOISE if arguments.noise is None else metres_of_noise(arguments.noise)
        # The lifter's own size of people is not known better than the body's: it is kept.
        options = MotionOptions(fps=fps, noise=noise, fill=arguments.fill, keep_scale=True, up="y-down")
        tilt = tilt_of(lifted, findings.joint_set, fps).given(*tilt_options(arguments))
        remark = f"; the pelvis stays at the origin; {tilt}"
        clip = Clip(Levelled(lifted, tilt), findings.joint_set, options, labels)
        write_motion(clip, BodyChoice.of(arguments.body), file, arguments, remark)


def _is_motion(output: Path) -> bool:
    """Whether ``--output`` asks for the motion of a body instead of skeletons."""
    return output != PIPE and output.suffix.lower() != ".npz"


def _motion_files(arguments: argparse.Namespace) -> list[Path]:
    """Where the motion of a body goes."""
    found = [arguments.output] if _is_motion(arguments.output) else []
    return found if arguments.ik is None else [*found, arguments.ik]


def _check(arguments: argparse.Namespace) -> None:
    written: dict[str, tuple[Path, str | tuple[str, ...]]] = {"--output": (arguments.output, SUFFIXES)}
    written |= {"--picture": (arguments.picture, ".png")} if arguments.picture is not None else {}
    written |= {"--ik": (arguments.ik, SUFFIXES)} if arguments.ik is not None else {}
    own = (arguments.lifter, arguments.temporal, arguments.doubt)
    inputs = (arguments.file, *own, arguments.body, set_file(arguments.joint_set))
    check_outputs(written, [path for path in inputs if path is not None], arguments.overwrite)
    for file in _motion_files(arguments):
        chosen_format(file, arguments)
    if arguments.fps is not None:
        check_fps(arguments.fps)
    check_fill(arguments.fill)
    check_tilt(arguments)
    if arguments.doubt is not None and arguments.lifter is None:
        raise UserError("--doubt: it belongs to a --lifter of your own, which is missing")
    if arguments.temporal is not None and not (arguments.video and arguments.lifter):
        raise UserError("--temporal: it is for --video with a --lifter of your own, of which one is missing")
    if arguments.video and arguments.lifter is not None and arguments.temporal is None:
        from s2m.lifter.shipped_lifters import head_of

        if head_of(arguments.lifter) is None:
            raise UserError(
                f"--video: {arguments.lifter} needs a head of its own, --temporal FILE; `make temporal` trains it"
            )
    check_reading(arguments)
    image_size(arguments.image_size)
    if not _motion_files(arguments) and (arguments.noise is not None or arguments.body is not None):
        raise UserError("--noise, --body: these are for --ik, which is missing")
    if not _motion_files(arguments) and (arguments.format is not None or arguments.names != "smpl"):
        raise UserError("--format, --names: these are for --ik, which is missing")
    if arguments.noise is not None:
        metres_of_noise(arguments.noise)


def _lifting(joint_set: JointSet, fps: float, arguments: argparse.Namespace) -> Lifting:
    from s2m.lifter.lifting import Lifting
    from s2m.lifter.shipped_lifters import head_of, read_doubt, read_head, read_lifter

    lifter = None if arguments.lifter is None else read_lifter(arguments.lifter)
    head = None if arguments.temporal is None else read_head(arguments.temporal, arguments.lifter)
    if arguments.video and lifter is not None and head is None:
        head = head_of(arguments.lifter)
    doubt = None if arguments.doubt is None else read_doubt(arguments.doubt, arguments.lifter)
    video = fps if arguments.video else None
    return Lifting(
        joint_set,
        lifter,
        height=arguments.height,
        focal=arguments.focal,
        image_size=image_size(arguments.image_size),
        video_fps=video,
        head=head,
        doubt=doubt,
        one_person=arguments.one_person,
    )
