"""A detector that sees the same person in whatever picture: what is tried is the reading of files, not detection."""

from __future__ import annotations

import numpy as np

from s2m.detect import Detection, Detector, Picture
from tests.fuzz.samples import keypoints

FRACTION = 1 / 1000  # of the picture's size: the samples' keypoints are those of one of 1000 pixels


class Somebody(Detector):
    """In the middle of the picture, however large it is."""

    joint_set = "h36m17"

    def __call__(self, picture: Picture) -> list[Detection]:
        points = keypoints()[0]
        joints = points[:, :2] * FRACTION * picture.shape[1::-1]
        box = np.concatenate([joints.min(0), joints.max(0)])
        return [Detection(joints, points[:, 2], self.joint_set, box, 0.9)]


SOMEBODY = f"{__name__}:{Somebody.__name__}"
