"""People in a picture of whom nothing is known yet: two networks propose them, a third looks closer, and all decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2m.detect.covering import covered, head_around
from s2m.detect.interface import Picture, not_seen
from s2m.detect.landmarks import BetterOfTwo, LandmarkNetwork, Landmarks
from s2m.detect.people import Candidate, PeopleNetwork, overlap
from s2m.detect.poses import Pose, PoseNetwork, once
from s2m.detect.rectangles import inside
from s2m.detect.region import Region
from s2m.skeletons import BLAZEPOSE33, COCO17

_SHARED = np.array(BLAZEPOSE33.indices(COCO17.joints))
_LOOKS = 3  # at a newcomer; each further one in the square that the look before gives
_HOPELESS = 0.1  # after the first look
_SURE = 0.5
_CLEAR = 0.3  # of a pose's joint: it counts in the comparison
_FEWEST = 3
# How far landmarks may be from a pose's joints, on average, as a share of the reach of the person, to be the same's.
_AGREED = 0.12
_AT_MOST = 0.5  # what one joint may add to that
# A pose that no look agrees with counts for itself from here on: of 22 pictures without people one had one.
_SURE_OF_POSE = 0.3
_SEEN = 0.6  # a pose's joint is as visible as can be
# Of whom the other network alone proposes: mean of what it says, what the landmarks say, and how visible the joints are
# that lie in the picture. Each of them alone is sure of some lamp post.
_SURE_OF_CANDIDATE = 0.75
_SAME = 0.05  # mean distance of the landmarks of one and the same person, as a share of the side of the square
_SAME_SQUARE = 0.5  # overlap over union: of such candidates no look is needed
_SAME_NOSE = 0.08  # the same of the noses, of whom one network sees and another proposes
_LIES_ON = 0.6  # share of a pose's box
_POSE_FACE = slice(0, 5)
_FACE = BLAZEPOSE33.indices([name for name in BLAZEPOSE33.joints if name.split("_")[-1] in ("nose", "eye", "ear")])
_NOSE = BLAZEPOSE33.index("nose")
_VISIBLE = 0.5


@dataclass(frozen=True)
class Proposals:
    """Who may be in a tile.

    Attributes:
        poses: By the one network.
        candidates: By the other, which looks at the whole picture alone.
    """

    poses: list[Pose]
    candidates: list[Candidate]


class Newcomers:
    """Finds people of whom nothing is known yet.

    Args:
        poses: Proposes everybody in a part of a picture, with joints.
        people: Proposes those whom it sees, also those who lie.
        quick: Looks closer, several times.
        careful: Has the last look; the quick one by default.
        workers: Who look at the same time.
    """

    def __init__(
        self,
        poses: PoseNetwork,
        people: PeopleNetwork,
        quick: LandmarkNetwork,
        careful: BetterOfTwo | None,
        workers: ThreadPoolExecutor,
    ) -> None:
        self._poses, self._people, self._quick, self._careful, self._workers = poses, people, quick, careful, workers

    def propose(self, picture: Picture, tiles: Sequence[Region]) -> Iterator[Proposals]:
        """Who may be in tiles of a picture; all looks are under way when this returns.

        Args:
            picture: (H, W, 3) uint8, RGB.
            tiles: Squares to look into.
        """
        longest = max(picture.shape[:2])

        def look(tile: Region) -> Proposals:
            candidates = self._people(picture, tile) if tile.side >= longest else []
            return Proposals(self._poses(picture, tile), candidates)

        return self._workers.map(look, tiles)

    def __call__(
        self, picture: Picture, proposals: Sequence[Proposals], known: Sequence[Landmarks], most: int
    ) -> list[Landmarks]:
        """Look closer at who may be there.

        Args:
            picture: (H, W, 3) uint8, RGB.
            proposals: Of tiles of it.
            known: People who are known already.
            most: Proposals of each network that are looked at closer.

        Returns:
            Whoever is there and not among those known.
        """
        proposed = once([pose for one in proposals for pose in one.poses])
        poses = [pose for pose in proposed if not any(_apart(pose, person) <= _AGREED for person in known)][:most]
        looks = self._looked_at(picture, poses, known)
        found = different([look for look in looks if look is not None], known)
        others = self._backed([c for one in proposals for c in one.candidates][:most], picture, (*known, *found))
        # Whoever lies has a pose, too, that is none: it lies on her.
        alone = [
            _of_joints(pose)
            for pose, look in zip(poses, looks, strict=True)
            if look is None and pose.score >= _SURE_OF_POSE and not any(_on(pose, other) for other in others)
        ]
        return [*found, *others, *different(alone, (*known, *found))]

    def _looked_at(self, picture: Picture, poses: Sequence[Pose], known: Sequence[Landmarks]) -> list[Landmarks | None]:
        """The landmarks of each; ``None`` where no look agrees with the pose."""
        owns, theirs = [_head_of_pose(pose) for pose in poses], [_head(person) for person in known]

        def closer(place: int) -> Landmarks | None:
            others = [head for head in (*owns[:place], *owns[place + 1 :], *theirs) if head is not None]
            shown = covered(picture, others, owns[place])
            best = self._closest(shown, poses[place])
            return best if best.score >= _SURE and _apart(poses[place], best) <= _AGREED else None

        return list(self._workers.map(closer, range(len(poses))))

    def _closest(self, picture: Picture, pose: Pose) -> Landmarks:
        """The look that agrees best with a pose; a careful one where it agrees at all."""
        best = min(_looks(self._quick, picture, pose.square), key=lambda look: _apart(pose, look))
        if self._careful is None:
            return best
        if _apart(pose, best) <= _AGREED:
            last = self._careful(picture, best.region)
            return last if _apart(pose, last) <= _AGREED else best
        return min(_looks(self._careful, picture, pose.square), key=lambda look: _apart(pose, look))

    def _backed(self, candidates: Sequence[Candidate], picture: Picture, known: Sequence[Landmarks]) -> list[Landmarks]:
        found: list[Landmarks] = []
        squares = [person.following for person in known]
        unknown = [one for one in candidates if all(overlap(one.region, square) < _SAME_SQUARE for square in squares)]
        for looked_at in self._workers.map(lambda one: self._of_candidate(picture, one), unknown):
            more = [one for one in looked_at if not _same_nose(one, (*known, *found))]
            found += different(more, (*known, *found))
        return found

    def _of_candidate(self, picture: Picture, candidate: Candidate) -> list[Landmarks]:
        found = _looks(self._quick, picture, candidate.region)[-1]
        found = found if self._careful is None else self._careful(picture, found.region)
        there = ~not_seen(found.joints2d, found.visibility, (picture.shape[1], picture.shape[0]), 0.0)
        visible = float(found.visibility[there].mean()) if there.any() else 0.0
        return [found] if (candidate.score + found.score + visible) / 3 >= _SURE_OF_CANDIDATE else []


def _looks(network: LandmarkNetwork | BetterOfTwo, picture: Picture, region: Region) -> list[Landmarks]:
    """One after the other, as the square gets better, or moves on to somebody else."""
    looks = [network(picture, region)]
    while len(looks) < _LOOKS and looks[0].score > _HOPELESS:
        looks.append(network(picture, looks[-1].following))
    return looks


def different(found: Sequence[Landmarks], known: Sequence[Landmarks] = ()) -> list[Landmarks]:
    """Leave each person once.

    Args:
        found: Some people.
        known: People who are not wanted.

    Returns:
        The people among those found, the surest first.
    """
    kept: list[Landmarks] = []
    for person in sorted(found, key=lambda one: -one.score):
        if not any(_same(person, other) for other in (*known, *kept)):
            kept.append(person)
    return kept


def _same(one: Landmarks, other: Landmarks) -> bool:
    apart = np.linalg.norm(one.joints2d - other.joints2d, axis=-1).mean()
    return bool(apart < _SAME * max(one.following.side, other.following.side))


def _on(pose: Pose, person: Landmarks) -> bool:
    seen = person.joints2d[person.visibility >= _VISIBLE]
    lies_on = len(seen) > 0 and inside(pose.box, np.concatenate([seen.min(0), seen.max(0)])) >= _LIES_ON
    return lies_on or _same_nose(person, [_of_joints(pose)])


def _same_nose(one: Landmarks, others: Sequence[Landmarks]) -> bool:
    apart = [np.linalg.norm(one.joints2d[_NOSE] - other.joints2d[_NOSE]) for other in others]
    return bool(min(apart, default=np.inf) < _SAME_NOSE * one.following.side)


def _apart(pose: Pose, found: Landmarks) -> float:
    """How far landmarks are from a pose, as a share of the reach of the person."""
    clear = pose.confidence >= _CLEAR
    if clear.sum() < _FEWEST:
        clear = pose.sure
    if not clear.any():
        return 1.0
    apart = np.linalg.norm(found.joints2d[_SHARED] - pose.joints2d, axis=-1) / pose.reach
    return float(np.minimum(apart[clear], _AT_MOST).mean())


def _of_joints(pose: Pose) -> Landmarks:
    """What a pose tells by itself: nothing of hands, feet and outline."""
    joints2d = pose.joints2d[_NEAREST]
    visibility = np.zeros(len(BLAZEPOSE33))
    visibility[_SHARED] = np.minimum(pose.confidence / _SEEN, 1.0)
    nothing = np.zeros((2, 2), np.uint8)
    unknown = np.full((len(BLAZEPOSE33), 3), np.nan)
    return Landmarks(pose.square, joints2d, np.zeros_like(joints2d), visibility, unknown, nothing, 0.5, pose.square)


def _nearest() -> list[int]:
    """For each landmark the pose's joint at which it is believed to be: hands at wrists, feet at ankles."""
    near = {"thumb": "wrist", "pinky": "wrist", "index": "wrist", "heel": "ankle", "toe": "ankle"}
    found = []
    for name in BLAZEPOSE33.joints:
        side, _, part = name.partition("_")
        options = (name, f"{side}_{near.get(part, 'eye' if 'eye' in part else part)}", "nose")
        found.append(next(COCO17.index(option) for option in options if option in COCO17))
    return found


_NEAREST = _nearest()


def _head_of_pose(pose: Pose) -> NDArray[np.float64] | None:
    clear = pose.confidence[_POSE_FACE] >= _CLEAR
    return head_around(pose.joints2d[_POSE_FACE][clear]) if clear.sum() > 1 else None


def _head(person: Landmarks) -> NDArray[np.float64] | None:
    return None if person.visibility[_FACE].mean() < _VISIBLE else head_around(person.joints2d[_FACE])
