"""What people may know of a picture, a person and a video, checked: for the lifter."""

from __future__ import annotations

import math

from s2m.errors import UserError
from s2m.lifter.committee import AnyLifter
from s2m.lifter.doubt import DoubtHead
from s2m.lifter.network import mean_bone_length
from s2m.lifter.temporal_head import TemporalHead

FASTEST = 1000
# Metres: a small child and a giant.
_HEIGHTS = (0.5, 2.6)


def pinhole(focal: float | None, image_size: tuple[int, int] | None) -> tuple[float, float, float, float] | None:
    """Focal lengths and principal point of a camera of which a picture tells something.

    Args:
        focal: Focal length, in the unit of the joints.
        image_size: Width and height of the picture, in the same unit.

    Returns:
        Focal lengths x, y, principal point x, y; ``None`` where nothing is known.

    Raises:
        UserError: For a focal length without the picture's size, and for values that no camera has.
    """
    if image_size is None:
        if focal is not None:
            raise UserError("focal: the camera's middle is the picture's; expected its image_size as well, found none")
        return None
    width, height = image_size
    if not (math.isfinite(width) and math.isfinite(height) and min(width, height) > 0):
        raise UserError(f"image_size: expected a width and a height above 0, found {width} and {height}")
    focal = math.hypot(width, height) if focal is None else focal
    if not (math.isfinite(focal) and focal > 0):
        raise UserError(f"focal: expected a length above 0, found {focal}")
    return focal, focal, width / 2, height / 2


def metres_scale(height: float, lifter: AnyLifter) -> float:
    """What makes a lifter's skeletons those of a person of some height with the open body's proportions.

    Args:
        height: Of the person standing upright, metres.
        lifter: Whose skeletons they are.

    Returns:
        The factor of the lifter's coordinates.

    Raises:
        UserError: For a height that no person has.
    """
    from s2m.body import load_body
    from s2m.body.regressors import defined_regressor

    if not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
        raise UserError(f"height: expected metres between {_HEIGHTS[0]} and {_HEIGHTS[1]}, found {height}")
    body = load_body()
    upright = body.v_template[:, 1]
    bones = mean_bone_length(defined_regressor(body, lifter.joint_set) @ body.v_template, lifter.joint_set)
    return height * bones / float(upright.max() - upright.min()) / lifter.rest_bone_length


def check_heads(
    lifter: AnyLifter | None, video_fps: float | None, head: TemporalHead | None, doubt: DoubtHead | None
) -> None:
    """Refuse frame rates that no video has, and heads that do not belong to the lifter.

    Args:
        lifter: Of the user's own; ``None``: a shipped one, with its heads.
        video_fps: Frames per second, for a video.
        head: For a video, with a lifter of the user's own.
        doubt: For a lifter of the user's own.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    if doubt is not None:
        _check_doubt(lifter, doubt)
    if video_fps is None:
        if head is not None:
            raise UserError("head: it is for a video; expected its video_fps as well")
        return
    if not 0 < video_fps <= FASTEST:
        raise UserError(f"video_fps: expected more than 0 and at most {FASTEST} frames per second, found {video_fps}")
    if (lifter is None) != (head is None):
        found = "a lifter alone" if head is None else "a head alone"
        raise UserError(f"video_fps: expected a lifter and its temporal head, or neither, found {found}")
    if lifter is not None and head is not None and lifter.joint_set.name != head.joint_set.name:
        raise UserError(f"head: expected one for {lifter.joint_set.name}, found one for {head.joint_set.name}")


def _check_doubt(lifter: AnyLifter | None, doubt: DoubtHead) -> None:
    if lifter is None:
        raise UserError("doubt: it belongs to a lifter of your own; expected that lifter as well, found none")
    if lifter.joint_set.name != doubt.joint_set.name:
        raise UserError(f"doubt: expected a head for {lifter.joint_set.name}, found one for {doubt.joint_set.name}")
