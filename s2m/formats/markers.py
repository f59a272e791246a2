"""Labelled points over time, as marker systems write them, and the joints that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.formats.layouts import Layout
from s2m.formats.names import known_name
from s2m.formats.tracks import Track, masked
from s2m.reading import read_yaml
from s2m.skeletons import JOINT_SETS, JointSet, has_smpl_names, joint_set_of, known_joints

Floats = NDArray[np.float64]

_FEWEST = 6
_SHOWN = 12
_HEAD = {"head", "face", "nose", "head_joint", "left_ear"}
# OpenCap's and Pose2Sim's further labels. "Neck" is OpenPose's and Halpe's: the middle of the shoulders. Of OpenCap's
# "_study" markers, which sit on both sides of a joint, the middle is taken.
_LABELS: Mapping[str, str] = {"neck": "thorax", "midhip": "pelvis", "hip": "pelvis", "head": "head"}
_PAIRS: Mapping[str, tuple[str, str]] = {
    f"{side}_{joint}": (f"{letter}_{outer}_study", f"{letter}_{inner}_study")
    for side, letter in (("left", "L"), ("right", "r"))
    for joint, outer, inner in (("knee", "knee", "mknee"), ("ankle", "ankle", "mankle"))
} | {f"{side}_hip": (f"{side[0].upper()}HJC_reg",) * 2 for side in ("left", "right")}


@dataclass(frozen=True)
class Markers:
    """Labelled points.

    Attributes:
        labels: Names, as the file spells them.
        points: (T, M, 3) in the file's unit; NaN where a marker was not seen.
        layout: Unit, axes and rate.
    """

    labels: tuple[str, ...]
    points: Floats
    layout: Layout


def read_label_map(path: Path) -> dict[str, tuple[str, ...]]:
    """Which markers make a joint, from a user's yaml file: ``left_knee: [LKNE, LKNM]`` is the middle of two.

    Args:
        path: The file.

    Returns:
        Joint -> labels.

    Raises:
        UserError: For another form, and for joints that nobody here knows.
    """
    content: Any = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path}: expected lines such as 'left_knee: [LKNE, LKNM]', found {type(content).__name__}")
    known, found = known_joints(), {}
    for joint, labels in content.items():
        listed = [labels] if isinstance(labels, str) else labels
        if joint not in known:
            raise UserError(f"{path}: {str(joint)[:40]}: expected the name of a joint, as left_knee (docs/formats.md)")
        if not isinstance(listed, list) or not listed or not all(isinstance(label, str) for label in listed):
            raise UserError(f"{path}: {joint}: expected a label or a list of labels, found {str(labels)[:60]}")
        found[str(joint)] = tuple(listed)
    return found


def track_of(markers: Markers, label_map: Mapping[str, Sequence[str]] | None, path: Path) -> Track:
    """The joints that markers make.

    Args:
        markers: Labelled points.
        label_map: Which markers make a joint, as :func:`read_label_map` reads it; by default what the labels say.
        path: For messages.

    Returns:
        The track; a joint is missing where one of its markers is.

    Raises:
        UserError: For a map that names markers which the file lacks, and for labels that make no person.
    """
    chosen = _by_names(markers.labels) if label_map is None else _by_map(markers.labels, label_map, path)
    if len(chosen) < _FEWEST:
        shown = ", ".join(label[:30] for label in markers.labels[:_SHOWN])
        raise UserError(
            f"{path}: expected labels of joints, found {shown}{' ...' if len(markers.labels) > _SHOWN else ''}; say "
            "which markers make a joint with --markers FILE (docs/formats.md)"
        )
    told = not _HEAD.isdisjoint(chosen)
    joint_set = _set_of(tuple(chosen) if told else (*chosen, "head"))  # a head that is never seen stays at rest
    nowhere = np.full((len(markers.points), 3), np.nan)
    points = np.stack(
        [markers.points[:, list(chosen[j])].mean(1) if j in chosen else nowhere for j in joint_set.joints], axis=1
    )
    unread = sorted(set(range(len(markers.labels))) - {index for rows in chosen.values() for index in rows})
    names = ", ".join(markers.labels[index][:30] for index in unread[:_SHOWN])
    more = " ..." if len(unread) > _SHOWN else ""
    notes = (f"markers that make no joint are not read: {names}{more}",) if unread and label_map is None else ()
    why = "the labels of its markers" if label_map is None else "--markers"
    return masked(points, None, joint_set, notes=notes, why=why, layout=markers.layout)


def _by_names(labels: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Joint -> positions of its markers, by what the labels say."""
    plain = [label.rsplit(":", 1)[-1].strip() for label in labels]
    if has_smpl_names(plain):
        return {joint: (index,) for index, joint in enumerate(plain)}  # "neck" is SMPL's own then
    found: dict[str, tuple[int, ...]] = {}
    for index, label in enumerate(plain):
        joint = _LABELS.get(label.lower()) or known_name(label)
        if joint is not None:
            found.setdefault(joint, (index,))
    place = {label: index for index, label in enumerate(labels)}
    for joint, pair in _PAIRS.items():
        if joint not in found and all(label in place for label in pair):
            found[joint] = tuple(place[label] for label in dict.fromkeys(pair))
    return found


def _by_map(labels: Sequence[str], label_map: Mapping[str, Sequence[str]], path: Path) -> dict[str, tuple[int, ...]]:
    place = {label.rsplit(":", 1)[-1].strip(): index for index, label in enumerate(labels)}
    place |= {label: index for index, label in enumerate(labels)}
    lacking = sorted({label for wanted in label_map.values() for label in wanted} - place.keys())
    if lacking:
        shown = ", ".join(label[:30] for label in labels[:_SHOWN])
        raise UserError(f"{path}: --markers: has no marker {', '.join(lacking[:_SHOWN])}; it has: {shown}")
    return {joint: tuple(place[label] for label in wanted) for joint, wanted in label_map.items()}


def _set_of(joints: tuple[str, ...]) -> JointSet:
    for known in JOINT_SETS.values():
        if set(known.joints) == set(joints):
            return known
    return joint_set_of("markers", joints)
