"""The people of a file of motion, whatever its kind, each as the motion of a body: the one way to read one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from s2m.clip_options import check_fps, how_many
from s2m.errors import UserError
from s2m.formats.anny import is_anny
from s2m.formats.body_motion import is_body_motion
from s2m.formats.bvh import Bvh
from s2m.formats.clips import FrameSource, TrackFrames
from s2m.formats.estimated_bodies import EstimatedBody
from s2m.formats.gltf import GltfPerson
from s2m.formats.joints3d import UNITS, UP_AXES, read_all_joints, read_joints
from s2m.formats.large import Asked, is_large, opened, person_of
from s2m.formats.layouts import ANY_SIZE, PRESETS, Layout
from s2m.formats.markers import read_label_map
from s2m.formats.own import OwnFields, own_fields
from s2m.formats.tracks import Labels, RigMotion, Track
from s2m.ik.body_files import TREES, body_person, chosen_bodies, tree_person, trees_of
from s2m.ik.carried_rotations import carry_rotations
from s2m.ik.chosen_body import BodyChoice
from s2m.ik.motion import MotionOptions
from s2m.ik.writing import Clip, Solved, axes_of, solved
from s2m.options import AUTO, chosen_joint_set, metres_of_noise, say, warn_once
from s2m.skeletons import JointSet


@dataclass(frozen=True)
class Person:
    """Someone in a file.

    Attributes:
        number: What the file calls the person; ``None`` where it holds one alone.
        opened: Given a name and a folder where what is too long for the memory waits, the person as the motion of a
            body, readable within the block.
    """

    number: int | str | None
    opened: Callable[[str, Path], AbstractContextManager[Solved]]


def people_of(file: Path, choice: BodyChoice, arguments: argparse.Namespace, shown: Path | None = None) -> list[Person]:
    """Everyone whom the user wants of a file; nothing is solved yet.

    Args:
        file: A file of joints, BVH, or the motion of a body; or a folder with a file of joints per frame.
        choice: The body to pose.
        arguments: Options of :func:`s2m.ik.source_options.add_sources`, and how much the command says.
        shown: What messages call the file; itself by default.

    Returns:
        The people.

    Raises:
        UserError: For a file that cannot be read.
    """
    if file.suffix.lower() in TREES and not file.is_dir():
        trees = trees_of(file, arguments)
        return [_of_tree(tree, None if len(trees) == 1 else n, file, choice, arguments) for n, tree in enumerate(trees)]
    if arguments.key is None and (is_body_motion(file) or is_anny(file)):
        return [Person(None, lambda name, folder: body_person(file, choice, name, folder, arguments))]
    if arguments.key is None and (bodies := chosen_bodies(file, arguments)):
        single = len(bodies) == 1 and arguments.people is None
        return [_of_body(body, None if single else body.number, file, choice, arguments) for body in bodies]
    own = own_fields(file, arguments.key)
    joint_set = _wanted(own, arguments)
    asked = Asked(3, joint_set, arguments.key, arguments.min_confidence)
    if is_large(file, asked):  # else all in memory, whatever the format
        large = _Large(file, asked, own, choice, arguments, shown or file)
        return [Person(person_of(file, asked), large.opened)]
    found = []
    for track in _tracks(file, joint_set, arguments):
        given = _Given(TrackFrames(track), track.joint_set, track.layout, track.why, track.labels, track.rig)
        given = given if joint_set is None else replace(given, why="", rig=None)
        found.append(_person(given, own, choice, arguments, shown or file))
    return found


def _of_tree(
    tree: Bvh | GltfPerson, number: int | None, file: Path, choice: BodyChoice, arguments: argparse.Namespace
) -> Person:
    return Person(number, lambda name, _: nullcontext(tree_person(tree, file, choice, name, arguments)))


def _of_body(
    body: EstimatedBody, number: int | str | None, file: Path, choice: BodyChoice, arguments: argparse.Namespace
) -> Person:
    return Person(number, lambda name, folder: body_person(file, choice, name, folder, arguments, body))


@dataclass(frozen=True)
class _Given:
    """Joints as a reader gives them, and what it knows of them."""

    source: FrameSource
    joint_set: JointSet
    layout: Layout | None = None
    why: str = ""
    labels: Labels | None = None
    rig: RigMotion | None = None


def _person(given: _Given, own: OwnFields, choice: BodyChoice, arguments: argparse.Namespace, shown: Path) -> Person:
    options = _options(given, own, arguments, shown)
    clip = Clip(given.source, given.joint_set, options, given.labels)

    @contextmanager
    def opened(name: str, folder: Path) -> Iterator[Solved]:
        if given.why:
            say(
                arguments,
                f"{shown}: joints of {given.joint_set.name} ({given.why}), in {options.unit}, "
                f"{options.up} up, {options.fps:g} frames per second",
            )
        with solved(clip, choice, name, folder, arguments) as found:
            yield found if given.rig is None else _with_rig(found, given.rig, options, arguments)

    return Person(None if given.labels is None else given.labels.person, opened)


def _with_rig(found: Solved, rig: RigMotion, options: MotionOptions, arguments: argparse.Namespace) -> Solved:
    """The person with the rotations that the file has; with what joints tell, where they are to be corrected."""
    if options.smooth or options.noise:
        say(arguments, "note: rotations come from the joints, which --smooth and --noise correct")
        return found
    axes = axes_of("m", options.up)
    carried = carry_rotations(found.motion, rig, axes)
    say(arguments, f"note: {carried.note}")
    return replace(found, motion=carried.motion)


def _options(given: _Given, own: OwnFields, arguments: argparse.Namespace, shown: Path) -> MotionOptions:
    """What was given on the command line, else what the file says, else what its kind tells."""
    found = given.layout or Layout("")
    told = PRESETS[arguments.preset].layout if arguments.preset else found
    unit = arguments.unit or own.unit or told.unit or "m"
    up = arguments.up or own.up or told.up or "y"
    if unit not in (*UNITS, ANY_SIZE) or up not in UP_AXES:
        raise UserError(f"{shown}: fields unit, up: expected those that `s2m lift` writes, found {unit}, {up}")
    return MotionOptions(
        fps=check_fps(_first(arguments.fps, own.fps, found.fps, told.fps, 30.0)),
        noise=metres_of_noise(_first(arguments.noise, own.noise_mm, 0.0)),
        fill=arguments.fill,
        smooth=arguments.smooth,
        fit_shape=arguments.fit_shape,
        # A lifter tells the size of a person as well as it can be told.
        keep_scale=arguments.keep_scale or own.joint_set is not None,
        unit=unit,
        up=up,
    )


def _first(*values: float | None) -> float:
    """The first that is there."""
    return next(value for value in values if value is not None)


def _wanted(own: OwnFields, arguments: argparse.Namespace) -> JointSet | None:
    """The joint set that the user or the file names; ``None``: it is to be told."""
    name = None if arguments.joint_set == AUTO else arguments.joint_set
    name = name or own.joint_set or (PRESETS[arguments.preset].joint_set if arguments.preset else None)
    return None if name is None else chosen_joint_set(name)


@dataclass(frozen=True)
class _Large:
    """A clip that is not loaded, see :mod:`s2m.formats.large`."""

    file: Path
    asked: Asked
    own: OwnFields
    choice: BodyChoice
    arguments: argparse.Namespace
    shown: Path

    @contextmanager
    def opened(self, name: str, folder: Path) -> Iterator[Solved]:
        with opened(self.file, self.asked, folder) as clip:
            warn_once(clip.notes)
            why = clip.why if self.asked.joint_set is None else ""
            given = _Given(clip, clip.joint_set, clip.layout, why, clip.labels)
            person = _person(given, self.own, self.choice, self.arguments, self.shown)
            with person.opened(name, folder) as solved_person:
                yield solved_person


def _tracks(file: Path, joint_set: JointSet | None, arguments: argparse.Namespace) -> list[Track]:
    people, low, key = how_many(arguments), arguments.min_confidence, arguments.key
    labels = None if arguments.markers is None else read_label_map(arguments.markers)
    if people is None:
        tracks = [read_joints(file, joint_set, key, min_confidence=low, person=arguments.person, labels=labels)]
    else:
        tracks = read_all_joints(file, joint_set, key, people=people, min_confidence=low, labels=labels)
    warn_once(note for track in tracks for note in track.notes)
    return tracks
