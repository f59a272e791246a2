"""BlazePose: people in pictures of any size, and their tracks in videos, on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import short_repr
from s2m.detect.interface import Detection, Detector, Picture, not_seen
from s2m.detect.landmarks import BetterOfTwo, LandmarkNetwork, Landmarks
from s2m.detect.masks import extent, give_to_nearest, one_piece
from s2m.detect.models import shipped_model
from s2m.detect.newcomers import Newcomers, different
from s2m.detect.people import PeopleNetwork
from s2m.detect.poses import PoseNetwork
from s2m.detect.region import Region
from s2m.detect.sides import Sides
from s2m.detect.tiles import tiles
from s2m.skeletons import BLAZEPOSE33

_SURE = 0.5
_LOWEST_VISIBILITY = 0.2
SURE = 0.5  # of a joint: hidden ones have 0.2 to 0.5, and are rarely where they are said to be
# Share of a person's square along a picture's edges where the network puts joints that the edge hides.
_EDGE = 0.01
# Exponent of the heavy network's visibilities: it says less of joints that it sees as well (docs/detect.md).
_HEAVY = 0.5
# Frames of a video within which all tiles of a scale are searched for newcomers; who is small may wait.
_PERIODS = (20, 120, 480)


@dataclass(frozen=True, eq=False)
class Track:
    """What is known of a person from the frames so far.

    Attributes:
        following: The square to look in next.
        sides: Where left and right are.
        frame: Number of frames since the video's first one with somebody in it.
    """

    following: Region
    sides: Sides
    frame: int

    __repr__ = short_repr


@dataclass(frozen=True, eq=False, repr=False)
class Tracked(Detection):
    """A person whom BlazePose can find again in the next frame.

    Attributes:
        track: What it needs for that.
    """

    track: Track | None = None


class BlazePose(Detector):
    """33 landmarks and a mask of each person.

    In a picture, people are looked for in overlapping tiles at several scales. In a video, each person is looked for
    where the landmarks of the frame before say, with one run of one network; meanwhile a share of the tiles is
    searched for newcomers in each frame, and all of them when someone was lost.

    Method and networks: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020, and MediaPipe
    0.10.21 (Apache-2.0).

    Args:
        landmarks: ``full``, which keeps up with videos; ``both``, which looks with a heavier network, too, takes each
            joint from the one that sees it better, and takes two to four times as long; or a file of that family.
        scales: Of the tiles. One sees people of about a quarter of the picture's longer side and larger; each more
            sees people half as large, and costs about four times as much as the one before.
        most_people: In a picture; the less certain are left out.
        lowest_visibility: Joints below it are missing.
        threads: How many people and tiles are looked at at the same time. What is found does not depend on it.

    Raises:
        UserError: A model file is missing, damaged or another.
        MissingPackageError: The extra ``photo`` is not installed.
    """

    joint_set = BLAZEPOSE33.name
    least_confidence = SURE

    def __init__(
        self,
        landmarks: str | Path = "full",
        *,
        scales: int = 2,
        most_people: int = 20,
        lowest_visibility: float = _LOWEST_VISIBILITY,
        threads: int = 1,
    ) -> None:
        ours = str(landmarks) in ("full", "both")
        quick = LandmarkNetwork(shipped_model("pose_landmark_full.tflite") if ours else Path(landmarks), threads)
        if not ours:
            quick.try_out(Path(landmarks))
        careful = BetterOfTwo(_heavy(threads), quick) if str(landmarks) == "both" else None
        self._landmarks = careful or quick
        self._workers = ThreadPoolExecutor(threads, "blazepose")
        self._newcomers = Newcomers(
            PoseNetwork(shipped_model("movenet_multipose.tflite"), threads),
            PeopleNetwork(shipped_model("pose_detection.tflite"), threads),
            quick,
            careful,
            self._workers,
        )
        self._scales, self._most = scales, most_people
        self._lowest = lowest_visibility

    def __call__(self, picture: Picture) -> list[Detection]:
        """See :meth:`Detector.__call__`."""
        return self.track(picture, ())

    def track(self, picture: Picture, previous: Sequence[Detection]) -> list[Detection]:
        """See :meth:`Detector.track`.

        Args:
            picture: See there.
            previous: See there; only this detector's own entries are followed.
        """
        tracks = [one.track for one in previous if isinstance(one, Tracked) and one.track is not None]
        frame = max((track.frame + 1 for track in tracks), default=0)
        places = tiles(picture.shape[1], picture.shape[0], self._scales)
        due = _due(places, frame) if tracks else places
        following = self._workers.map(lambda track: self._followed(picture, track), tracks)
        proposals = self._newcomers.propose(picture, due)
        followed = list(following)
        known = different([person for person, _ in followed if person.score >= _SURE])
        proposed = list(proposals)
        if len(known) < len(tracks):  # someone was lost
            proposed += self._newcomers.propose(picture, [place for place in places if place not in due])
        found = [*known, *self._newcomers(picture, proposed, known, self._most)][: self._most]
        sides = {id(person): sides for person, sides in followed}
        return self._detections(picture, [(one, sides.get(id(one)) or Sides(one.joints2d)) for one in found], frame)

    def _followed(self, picture: Picture, track: Track) -> tuple[Landmarks, Sides]:
        found = self._landmarks(picture, track.following)
        if track.sides.distance(found) > 1:
            # Another look, at a square that is a little different, nearly always tells.
            again = self._landmarks(picture, found.following)
            found = min(found, again, key=track.sides.distance)
        return track.sides.next(found)

    def _detections(self, picture: Picture, found: Sequence[tuple[Landmarks, Sides]], frame: int) -> list[Detection]:
        shape = (picture.shape[0], picture.shape[1])
        detections = list(self._workers.map(lambda one: self._detection(one[0], shape, one[1], frame), found))
        masks = [
            (one.mask, person.following.side)
            for one, (person, _) in zip(detections, found, strict=True)
            if one.mask is not None
        ]
        give_to_nearest([mask for mask, _ in masks], [size for _, size in masks])
        return [one for one in detections if (one.confidence > 0).any()]

    def _detection(self, person: Landmarks, shape: tuple[int, int], sides: Sides, frame: int) -> Detection:
        edge = _EDGE * person.region.side
        missing = not_seen(person.joints2d, person.visibility, (shape[1], shape[0]), self._lowest, edge)
        joints = np.where(missing[:, None], np.nan, person.joints2d)
        mask = person.region.paste(one_piece(person.mask, person.in_mask[~missing]), shape)
        around = extent(mask)
        return Tracked(
            joints2d=joints,
            confidence=np.where(missing, 0.0, person.visibility),
            joint_set=self.joint_set,
            box=_box(joints[~missing], around),
            score=person.score,
            mask=None if around is None else mask,
            joints3d=person.joints3d,
            track=Track(person.following, sides, frame),
        )


def _heavy(threads: int) -> LandmarkNetwork:
    return LandmarkNetwork(shipped_model("pose_landmark_heavy.tflite"), threads, _HEAVY)


def _due(places: Sequence[Region], frame: int) -> list[Region]:
    """The tiles whose turn it is: those of a scale one after the other, evenly spread over its period."""
    found: list[Region] = []
    for scale, side in enumerate(sorted({place.side for place in places}, reverse=True)):
        of_scale = [place for place in places if place.side == side]
        period = _PERIODS[min(scale, len(_PERIODS) - 1)]
        found += [place for i, place in enumerate(of_scale) if frame % period == i * period // len(of_scale)]
    return found


def _box(joints: NDArray[np.float64], around: tuple[int, int, int, int] | None) -> NDArray[np.float64]:
    """Around the joints that were seen and the mask."""
    corners = np.array([] if around is None else around, np.float64).reshape(-1, 2)
    points = np.concatenate([joints.reshape(-1, 2), corners])
    if not len(points):
        return np.full(4, np.nan)
    return np.concatenate([points.min(0), points.max(0)])
