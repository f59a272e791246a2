"""The detector that ``s2m recover`` is asked for."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from s2m.detect import BlazePose, Detector
from s2m.errors import UserError, one_line
from s2m.memory import give_back

_MOST_THREADS = 4  # more do not make small networks faster


class OneAtATime:
    """Detectors of photos and of videos: where these differ, the last one that was asked for alone is in memory.

    Args:
        arguments: Parsed options, see :func:`detector_of`.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._kept: tuple[str | None, Detector] | None = None

    def __call__(self, still: bool) -> Detector:
        """The detector of a kind of input.

        Args:
            still: For single pictures.

        Raises:
            UserError: It cannot be made.
        """
        landmarks = _landmarks(self._arguments, still)
        if self._kept is None or self._kept[0] != landmarks:
            if self._kept is not None:
                self._kept = None
                give_back()
            self._kept = landmarks, detector_of(self._arguments, still)
        return self._kept[1]


def detector_of(arguments: argparse.Namespace, still: bool = False) -> Detector:
    """The detector that the options name.

    Args:
        arguments: Parsed options.
        still: For single pictures, which may take longer than the frames of a video.

    Raises:
        UserError: It cannot be made.
    """
    if (landmarks := _landmarks(arguments, still)) is not None:
        import torch

        return BlazePose(landmarks, threads=min(torch.get_num_threads(), _MOST_THREADS))
    module, _, name = arguments.detector.partition(":")
    try:
        made: Any = getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UserError(f"--detector {arguments.detector}: expected MODULE:CLASS, found {one_line(error)}") from error
    if not isinstance(made, Detector):
        raise UserError(f"--detector {arguments.detector}: expected a s2m.detect.Detector, found {type(made).__name__}")
    return made


def _landmarks(arguments: argparse.Namespace, still: bool) -> str | None:
    """Which of BlazePose's networks; ``None`` for a detector of one's own, which is the same for photos and videos."""
    if arguments.detector is not None:
        return None
    return str(arguments.landmarks or ("both" if still else "full"))
