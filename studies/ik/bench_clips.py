"""Time of a whole clip of every joint set: checks, calibration, solving, and what is said of the fit."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from s2m.body import Body
from s2m.errors import S2MWarning
from s2m.formats.clips import ArrayFrames
from s2m.ik.api import solve
from s2m.ik.motion import MotionOptions, solve_clip
from s2m.markdown import markdown_table
from s2m.skeletons import JOINT_SETS, JointSet
from studies.ik.evaluation import SkinnedJoints, motion_poses

_REPEATS = 7

_UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # the body's +y up to +z up


def clip_times(body: Body, frames: int) -> list[dict[str, Any]]:
    """How long the shipped motion takes, as joints of every set.

    Args:
        body: Whose joints they are, and which is posed.
        frames: Length of the clip.

    Returns:
        One row a joint set: milliseconds of ``s2m.solve`` on a calibrated solver, of it at 15 mm of noise, and of
        ``s2m ik`` between reading and writing, calibration and fit included.
    """
    rotations = motion_poses().rotations[:frames]
    rows = []
    for joint_set in tqdm(JOINT_SETS.values(), desc="clips", disable=None):
        points = SkinnedJoints(body, joint_set)(rotations).numpy()
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore", S2MWarning)
            rows.append({"joint_set": joint_set.name, "frames": len(points), **_times(points, joint_set, body, folder)})
    return rows


def _times(points: Any, joint_set: JointSet, body: Body, folder: str) -> dict[str, float]:
    def whole() -> None:
        solve_clip(ArrayFrames(points), joint_set, body, _UPRIGHT, MotionOptions(), Path(folder)).poses.close()

    return {
        "solve_ms": _median_cpu_ms(lambda: solve(points, joint_set)),
        "noisy_ms": _median_cpu_ms(lambda: solve(points, joint_set, noise=0.015)),
        "clip_ms": _median_cpu_ms(whole),
    }


def _median_cpu_ms(call: Callable[[], object]) -> float:
    """What a call takes of one thread's time, whatever else the machine does; after one call to warm up."""
    call()
    taken = []
    for _ in range(_REPEATS):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return 1000 * float(np.median(taken))


def clip_table(rows: list[dict[str, Any]]) -> str:
    """The times as Markdown.

    Args:
        rows: As :func:`clip_times` gives them.
    """
    text = (
        f"\n{rows[0]['frames']:,} frames of the shipped motion as joints of every set, milliseconds of one "
        "thread's time (CPU time: waiting for others does not count): `s2m.solve` with its checks on a calibrated "
        "solver; the same with 15 mm of noise; and all of `s2m ik` between reading and writing, with "
        "calibration and fit.\n\n"
    )
    lines = [
        [row["joint_set"], f"{row['solve_ms']:.0f}", f"{row['noisy_ms']:.0f}", f"{row['clip_ms']:.0f}"] for row in rows
    ]
    return text + markdown_table(["joint set", "s2m.solve", "with noise", "s2m ik"], lines)
