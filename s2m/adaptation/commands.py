"""``s2m adapt``: recordings of 2D joints in, a lifter that has learned on them out."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.clip_options import add_detector, add_min_confidence, check_least_confidence, image_size
from s2m.errors import UserError
from s2m.options import (
    add_joint_set,
    add_output,
    add_voice,
    check_outputs,
    progress,
    say,
    set_file,
    warn,
)
from s2m.skeletons import SMPL22, SMPL24

if TYPE_CHECKING:
    from s2m.adaptation.adapt import Adapted

_ABOUT = """Let the lifter go on learning on your own recordings: their 2D joints are all that it needs.

Give recordings of the kind that you are going to lift: same cameras, same detector, some thousand frames if you can,
and people seen from several sides: from one side alone there is little to learn. In videos the detector that ships
finds the joints. The last fifth of each recording is held out, or what --held-out names. Where the held-out 2D joints
do not say that the new lifter is better, nothing is written, and this is said. `s2m lift` and `s2m recover` take what
is written as --lifter FILE."""
_MOST_STEPS = 100_000


def add_adapt_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m adapt``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser(
        "adapt",
        help="let the lifter learn on recordings of your own",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="videos, or 2D joints as `s2m lift` reads them"
    )
    add_output(parser, "the lifter.pt to write")
    parser.add_argument("--held-out", type=Path, nargs="+", default=[], metavar="FILE", help="recordings to measure on")
    parser.add_argument("--lifter", type=Path, metavar="FILE", help="where to start (default: the one that ships)")
    add_joint_set(parser, "joints of the files (default: as `s2m lift`)", without=(SMPL22.name, SMPL24.name))
    parser.add_argument("--key", help="field of npz or json files that holds the joints")
    add_min_confidence(parser, "; in videos what the detector says, 0.5 of the one that ships")
    parser.add_argument(
        "--people", metavar="N", help="use so many people of each file or video, or 'all' (default: one)"
    )
    parser.add_argument(
        "--image-size", metavar="WxH", help="of the pictures in pixels: for the camera (videos tell it)"
    )
    parser.add_argument("--focal", type=float, metavar="PIXELS", help="focal length, with --image-size or videos")
    add_detector(parser)
    parser.add_argument("--steps", type=int, default=400, help="of the training (default: 400, a minute or two)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=None, help="bar (default: on a terminal)"
    )
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Args:
        arguments: Parsed options of ``s2m adapt``.

    Returns:
        Exit code 0, also where the old lifter is better.

    Raises:
        UserError: For bad input, before anything is written.
    """
    _check(arguments)
    from s2m import artifact as artifacts
    from s2m.adaptation.adapt import adapt
    from s2m.adaptation.reading import Reading
    from s2m.adaptation.recordings import check_enough, divided
    from s2m.adaptation.training import Settings
    from s2m.files import sha256
    from s2m.lifter.lineage import lineage
    from s2m.lifter.shipped_lifters import read_lifter, shipped_file
    from s2m.recover.bar import Bar

    with Bar(arguments) as bar:
        reading = Reading(arguments, bar.of)
        start = arguments.lifter or shipped_file(reading.best_set(arguments.files[0]))
        lifter, old = read_lifter(start), artifacts.load(start, "lifter")
        learned = reading.recordings(arguments.files, lifter.joint_set)
        held = reading.recordings(arguments.held_out, lifter.joint_set)
    if not held:
        learned, held = divided(learned)
    check_enough(learned, held)
    settings = Settings(steps=arguments.steps, seed=arguments.seed)
    found = adapt(lifter, learned, held, settings, old.config.get("model"), progress=progress(arguments))
    _tell(found, arguments)
    if found.objections or found.lifter is None:
        return 0
    record = dataclasses.asdict(settings) | {"recordings": [each.name for each in learned], "of": lineage(start)}
    state = {name: value.clone() for name, value in found.lifter.state_dict().items()}
    parents, config = {**old.parents, "lifter": sha256(start)}, {**old.config, "adapted": record}
    artifacts.save(arguments.output, dataclasses.replace(old, state=state, parents=parents, config=config))
    say(arguments, f"{arguments.output}: written; s2m lift and s2m recover take it as --lifter {arguments.output}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    inputs = (*arguments.files, *arguments.held_out, arguments.lifter, set_file(arguments.joint_set))
    check_outputs({"--output": (arguments.output, ".pt")}, [p for p in inputs if p is not None], arguments.overwrite)
    check_least_confidence(arguments.min_confidence)
    people = arguments.people
    if people not in (None, "all") and not (people.isdecimal() and int(people) > 0):
        raise UserError(f"--people: expected how many people, or 'all', found {people}")
    if not 1 <= arguments.steps <= _MOST_STEPS:
        raise UserError(f"--steps: expected 1 to {_MOST_STEPS}, found {arguments.steps}")
    if arguments.seed < 0:
        raise UserError(f"--seed: expected 0 or more, found {arguments.seed}")
    image_size(arguments.image_size)


def _tell(found: Adapted, arguments: argparse.Namespace) -> None:
    """What held-out 2D joints say, before and after."""
    from s2m.adaptation.sides import ENOUGH, SIDES

    after = found.after
    rows = (
        ("cycle, % of the joints' mean distance", "cycle", 100.0),
        ("bone lengths over a recording, %", "bones", 100.0),
        ("jitter, mm per frame and frame", "jitter", 1.0),
        ("mirrored depth, % of frames", "mirrored", 100.0),
    )
    for text, name, factor in rows:
        new = "" if after is None else f" -> {factor * getattr(after, name):.2f}"
        say(arguments, f"held out: {text}: {factor * getattr(found.before, name):.2f}{new}")
    say(arguments, f"people are seen from about {found.sides:.0f} of {SIDES} sides, as pictures and mirrored")
    if found.sides < ENOUGH:
        warn(
            "how people look from other sides is not learned from so few: more cameras, or people who turn around, "
            "teach more"
        )
    if found.objections:
        warn(f"nothing is written, the lifter stays as it was: {'; '.join(found.objections)}")
