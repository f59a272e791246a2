"""CSV: a row of numbers for every frame, for spreadsheets and own programs.

``frame``, ``time`` (seconds), ``pelvis_at_x``, ``_y``, ``_z`` (metres, where the pelvis is) and for each of SMPL's 24
joints ``NAME_rx``, ``_ry``, ``_rz``: its rotation relative to its parent (the pelvis: to the world) as a vector,
radians. AMASS's world, +z up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2m.export.motion import BodyMotion
from s2m.files import replacing
from s2m.skeletons import SMPL24


def write_csv(path: str | Path, motion: BodyMotion, names: tuple[str, ...] = SMPL24.joints) -> None:
    """Write one person's rotations, whole or not at all, in little memory.

    Args:
        path: The file to write.
        motion: The motion.
        names: Of SMPL's 24 joints, in their order.

    Raises:
        WriteError: It cannot be written.
    """
    columns = [f"{names[SMPL24.root_index]}_at_{axis}" for axis in "xyz"]
    columns += [f"{name}_r{axis}" for name in names for axis in "xyz"]
    line = "%d,%.6f" + ",%.7f" * len(columns) + "\n"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(["frame", "time", *columns]) + "\n")
        for start, stop in motion.pieces():
            frames = motion.z_up(start, stop)
            numbers = np.arange(start, stop)
            vectors = frames.axis_angle.reshape(stop - start, -1)
            rows = np.column_stack([numbers, numbers / motion.fps, frames.pelvis, vectors])
            file.writelines(line % tuple(row) for row in rows.tolist())
