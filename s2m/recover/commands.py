"""``s2m recover``: photos and videos in, people in 3D out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.clip_options import (
    add_detector,
    add_fill,
    add_tilt,
    check_fill,
    check_least_confidence,
    check_tilt,
    tilt_options,
)
from s2m.errors import UserError
from s2m.options import add_output, add_voice, say, warn

if TYPE_CHECKING:
    from s2m.recover.bar import Bar
    from s2m.recover.inputs import Item
    from s2m.recover.observing import Observer
    from s2m.recover.process import Job, Outcome
    from s2m.recover.result import Result
    from s2m.recover.videos import Video

_ABOUT = """Recover the people of photos and videos as SMPL bodies before the camera: a detector that ships finds their
joints, a lifter that was trained without 3D annotation lifts them, DIK solves the rotations.

Each input gets a folder of its own in -o DIR. What is there already is skipped, so that the same command goes on after
Ctrl-C; --overwrite makes it anew. One picture cannot tell how large people are: without --height they are as tall as
the mean body (1.7 m), and everything in metres goes with that. Joints that were not seen are a guess, and `seen` says
so."""
_KINDS = ("npz", "overlay", "page", "obj", "ply")
_USUAL = ("npz", "overlay", "page")
_STOPPED = 130
_MOST_STEPS = 1000


def add_recover_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m recover``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser(
        "recover",
        help="photos and videos to people in 3D",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add everything that the command takes.

    Args:
        parser: The command's.
    """
    parser.add_argument(
        "inputs", type=Path, nargs="*", metavar="INPUT", help="photos, videos, and folders with such files"
    )
    add_output(parser, "folder for the results; it may be there", required=False, metavar="DIR")
    parser.add_argument(
        "--write",
        default=",".join(_USUAL),
        metavar="KINDS",
        help=f"what to write beside people.json, of {', '.join(_KINDS)} (default: {','.join(_USUAL)})",
    )
    parser.add_argument(
        "--frame", type=int, default=0, metavar="N", help="of a video: the frame whose meshes obj and ply hold"
    )
    parser.add_argument("--height", type=float, metavar="METRES", help="of the people, for the absolute scale")
    parser.add_argument(
        "--focal", type=float, metavar="PIXELS", help="focal length (default: the file's EXIF, else the diagonal)"
    )
    add_tilt(parser)
    parser.add_argument(
        "--refine", type=int, default=0, metavar="N", help="steps that fit shape and pose to silhouettes, too (try 40)"
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--max-people", type=int, metavar="N", help="at most so many, those who are seen largest")
    who.add_argument("--person", type=int, metavar="ID", help="only the person with this number")
    parser.add_argument("--keypoints", type=Path, metavar="FILE", help="2D joints that another program found")
    parser.add_argument("--masks", type=Path, metavar="DIR", help="silhouettes of another program: NAME.png")
    add_detector(parser)
    parser.add_argument(
        "--min-confidence",
        type=float,
        metavar="C",
        help="joints below count as missing (default: 0.5 of the detector that ships, 0 of others)",
    )
    add_fill(parser, "of videos: ")
    parser.add_argument(
        "--run",
        dest="run_folder",
        type=Path,
        metavar="DIR",
        help="lifter and heads of a run of your own, runs/NAME, instead of those that ship",
    )
    parser.add_argument("--lifter", type=Path, metavar="FILE", help="a lifter of your own, such as `s2m adapt` writes")
    parser.add_argument("--body", type=Path, metavar="FILE", help="an official SMPL file (default: the open body)")
    parser.add_argument("--webcam", type=int, metavar="N", help="show camera N live in the browser instead")
    parser.add_argument("--port", type=int, default=0, help="for --webcam: of the page on this machine (default: any)")
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Args:
        arguments: Parsed options of ``s2m recover``.

    Returns:
        Exit code: 0; 1 where some of several inputs failed; 130 after Ctrl-C.

    Raises:
        UserError: For bad options, and where the only input is bad.
    """
    kinds = _check(arguments)
    if arguments.webcam is not None:
        from s2m.recover.live import serve_webcam

        return serve_webcam(arguments)

    from s2m.formats.picture_names import to_convert
    from s2m.recover.bar import Bar
    from s2m.recover.inputs import items_of, share
    from s2m.recover.process import made, run_all

    items, passed = items_of(arguments.inputs)
    if arguments.keypoints is not None and len({item.is_video for item in items}) > 1:
        raise UserError("--keypoints: expected one video or photos, found both")
    for file in passed:
        warn(f"{file}: neither a photo nor a video that can be read, passed over{to_convert(file)}")
    job, own = _job(arguments, kinds), share(items)
    made(arguments.output)
    with Bar(arguments) as bar:
        outcome = run_all(
            own, job, lambda item: bar.of(item.file), lambda item, result: _say(item, result, job, arguments, bar)
        )
    if len(items) == 1 and outcome.failed:
        raise UserError(outcome.failed[0])
    return _conclude(outcome, len(own), arguments)


def _conclude(outcome: Outcome, total: int, arguments: argparse.Namespace) -> int:
    for message in outcome.failed:
        print(f"failed: {message}", file=sys.stderr)
    if outcome.skipped:
        say(arguments, f"{outcome.skipped} of {total} were done before (--overwrite makes them anew)")
    if outcome.failed:
        print(f"error: {len(outcome.failed)} of {total} failed, {outcome.done} done", file=sys.stderr)
    if outcome.left:
        print(f"stopped: {outcome.left} of {total} are left; the same command goes on", file=sys.stderr)
        return _STOPPED
    return 1 if outcome.failed else 0


def _say(item: Item, result: Result, job: Job, arguments: argparse.Namespace, bar: Bar) -> None:
    people = "1 person" if len(result.people) == 1 else f"{len(result.people)} people"
    frames = f", {len(result.times)} frames" if result.video else ""
    bar.clear()
    say(
        arguments,
        f"{job.output / item.name}: {people}{frames}; focal length {result.camera.focal:.0f} pixels, "
        f"{result.camera.source}; {result.tilt}",
    )
    for note in result.notes:
        warn(note)


def _job(arguments: argparse.Namespace, kinds: tuple[str, ...]) -> Job:
    from s2m.body import load_body
    from s2m.formats.amass import BodyLabel
    from s2m.recover.gathering import Choice
    from s2m.recover.options import RecoverOptions
    from s2m.recover.process import Job
    from s2m.recover.trained import chosen

    try:
        body = load_body(arguments.body)
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error
    pitch, roll = tilt_options(arguments)
    model, own = chosen(arguments.run_folder, arguments.lifter, body)
    return Job(
        output=arguments.output,
        observe=_observing(arguments),
        options=RecoverOptions(
            height=arguments.height,
            refine=arguments.refine,
            fill=arguments.fill,
            pitch=pitch,
            roll=roll,
            body=body,
            lifter=own,
            model=model,
        ),
        label=BodyLabel.of(arguments.body, body.hash),
        choice=Choice(arguments.max_people, arguments.person),
        kinds=kinds,
        focal=arguments.focal,
        frame=arguments.frame,
        overwrite=arguments.overwrite,
    )


def _observing(arguments: argparse.Namespace) -> Callable[[Video | None], Observer]:
    """What makes who finds people in a video, or in pictures."""
    from s2m.recover.detectors import OneAtATime
    from s2m.recover.observing import Detecting, FromKeypoints, WithMasks

    lowest, folder = arguments.min_confidence, arguments.masks
    known = None if arguments.keypoints is None else FromKeypoints(arguments.keypoints, lowest or 0.0)
    detectors = OneAtATime(arguments) if known is None else None

    def joints(video: Video | None) -> Observer:
        if detectors is not None:
            return Detecting(detectors(video is None), None if video is None else video.fps, lowest)
        assert known is not None
        if video is None:
            return known
        found, notes = known.of_video(video.expected)
        for note in notes:
            warn(note)
        return found

    if folder is None:
        return joints
    return lambda video: WithMasks(joints(video), folder, None if video is None else video.expected)


def _check(arguments: argparse.Namespace) -> tuple[str, ...]:
    kinds = tuple(kind for kind in arguments.write.split(",") if kind)
    unknown = [kind for kind in kinds if kind not in _KINDS]
    if unknown:
        raise UserError(f"--write: expected some of {', '.join(_KINDS)}, found {unknown[0]}")
    if arguments.webcam is None:
        if not arguments.inputs:
            raise UserError("INPUT: expected photos, videos or folders, found nothing")
        if arguments.output is None:
            raise UserError("--output: expected a folder for the results, found nothing")
        if arguments.output.exists() and not arguments.output.is_dir():
            raise UserError(f"--output {arguments.output}: expected a folder, found a file")
    if not 0 <= arguments.refine <= _MOST_STEPS:
        raise UserError(f"--refine: expected steps from 0 to {_MOST_STEPS}, found {arguments.refine}")
    check_tilt(arguments)
    if arguments.max_people is not None and arguments.max_people < 1:
        raise UserError(f"--max-people: expected 1 or more, found {arguments.max_people}")
    if arguments.frame < 0:
        raise UserError(f"--frame: expected the number of a frame, 0 or more, found {arguments.frame}")
    if arguments.keypoints is not None and (arguments.detector or arguments.landmarks):
        raise UserError("--keypoints: these come instead of a detector; leave --detector and --landmarks out")
    if arguments.min_confidence is not None:
        check_least_confidence(arguments.min_confidence)
    check_fill(arguments.fill)
    return kinds
