"""Who trains, who tests, from which cameras, and what actions are called."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Any

from s2m.data.zoo.human36m.cameras import CAMERA_IDS, FRONTAL
from s2m.data.zoo.source import SourceError

TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")
# The test subject S11 lacks the video of this camera in the release; most projects leave the recording out.
KNOWN_GAPS = ("S11/Directions.54138969",)
# The files of some subjects use the longer names.
_SAME_ACTION = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}


@dataclass(frozen=True)
class Choice:
    """Which recordings are wanted.

    Args:
        cameras: Names of cameras.
        val_subjects: Training subjects held out as "val".
    """

    cameras: tuple[str, ...] = CAMERA_IDS
    val_subjects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.cameras) - set(CAMERA_IDS))
        if unknown or not self.cameras:
            raise SourceError(
                f"--cameras: expected some of {', '.join(CAMERA_IDS)}, found {', '.join(unknown) or 'none'}"
            )
        foreign = sorted(set(self.val_subjects) - set(TRAIN_SUBJECTS))
        if foreign:
            expected = ", ".join(TRAIN_SUBJECTS)
            raise SourceError(f"--val-subjects: expected training subjects ({expected}), found {', '.join(foreign)}")

    @property
    def subjects(self) -> tuple[str, ...]:
        """All subjects with 3D joints."""
        return TRAIN_SUBJECTS + TEST_SUBJECTS

    def split(self, subject: str) -> str:
        """The split of a subject.

        Args:
            subject: Name of the subject, such as S1.
        """
        if subject in TEST_SUBJECTS:
            return "test"
        return "val" if subject in self.val_subjects else "train"

    @property
    def settings(self) -> dict[str, Any]:
        """As plain data."""
        return {"cameras": list(self.cameras), "val_subjects": list(self.val_subjects)}

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Add --cameras and --val-subjects.

        Args:
            parser: The dataset's command.
        """
        parser.add_argument(
            "--cameras",
            nargs="+",
            default=["all"],
            metavar="CAMERA",
            help=f"all (default), frontal ({FRONTAL}), or names: {', '.join(CAMERA_IDS)}",
        )
        parser.add_argument(
            "--val-subjects",
            nargs="+",
            default=[],
            metavar="S",
            help="training subjects to hold out as split val (default: none, as in the protocol)",
        )

    @staticmethod
    def from_arguments(arguments: argparse.Namespace) -> Choice:
        """From parsed options.

        Args:
            arguments: Parsed options of :meth:`add_arguments`.

        Raises:
            SourceError: For unknown names.
        """
        groups = {"all": CAMERA_IDS, "frontal": (FRONTAL,)}
        names = [camera for name in arguments.cameras for camera in groups.get(name, (name,))]
        return Choice(tuple(dict.fromkeys(names)), tuple(arguments.val_subjects))


def activity(action: str) -> str:
    """ "Walking 1" is a take of "Walking"; one name for each of the fifteen activities.

    Args:
        action: Name of the take, such as 'Walking 1'.
    """
    name = re.sub(r"[ _]\d+$", "", action)
    return _SAME_ACTION.get(name, name)


def canonical(action: str) -> str:
    """The take's name as VideoPose3D writes it: "TakingPhoto 1" and "Photo 1" are one.

    Args:
        action: Name of the take, such as 'Walking 1'.
    """
    take = action[len(re.sub(r"[ _]\d+$", "", action)) :].replace("_", " ")
    return activity(action) + take


def spellings(action: str) -> list[str]:
    """The names that the files of different subjects give to one take.

    Args:
        action: Name of the take, such as 'Walking 1'.
    """
    short = canonical(action)
    take = short[len(activity(short)) :]
    return [action, *(long + take for long, name in _SAME_ACTION.items() if name == activity(short)), short]
