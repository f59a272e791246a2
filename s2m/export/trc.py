"""TRC: places of the joints, for OpenSim and other tools of biomechanics. Metres, +y up; no rotations, no shape.

Layout as OpenSim's documentation describes it ("Marker (.trc) Files"): three lines of head, two of column names, an
empty one, then one row of frame number, seconds and x, y, z of every marker.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2m.export.motion import BodyMotion, joints_of
from s2m.files import replacing
from s2m.skeletons import SMPL24


def write_trc(path: str | Path, motion: BodyMotion, names: tuple[str, ...] = SMPL24.joints) -> None:
    """Write one person's joints, whole or not at all, in little memory.

    Args:
        path: The file to write.
        motion: The motion.
        names: Of SMPL's 24 joints, in their order.

    Raises:
        WriteError: It cannot be written.
    """
    count, rate, frames = len(names), f"{motion.fps:g}", len(motion)
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{Path(path).name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{frames}\t{count}\tm\t{rate}\t1\t{frames}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{marker}" for marker in range(1, count + 1) for axis in "XYZ"),
        "",
    ]
    line = "%d\t%.6f" + "\t%.6f" * (3 * count) + "\n"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(head) + "\n")
        for start, stop in motion.pieces():
            joints = joints_of(motion.y_up(start, stop), motion.rest).reshape(stop - start, -1)
            numbers = np.arange(start, stop)
            rows = np.column_stack([numbers + 1, numbers / motion.fps, joints])
            file.writelines(line % tuple(row) for row in rows.tolist())
