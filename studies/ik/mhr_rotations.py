"""Rotations of SAM 3D Body's files beside what its keypoints alone tell, on genuine motion.

``python -m studies.ik.mhr_rotations --motions DIR`` prints a table; DIR holds AMASS-style files. Each is given as
such a file: keypoints and joints of the open body, and rotations of the rig in random rest frames.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.body import Body, load_body
from s2m.body.skinning import global_rotations
from s2m.cli import main as s2m
from s2m.formats.sam3d import RIG_JOINTS
from s2m.ik.turning import between
from s2m.markdown import markdown_table
from s2m.metrics.rotations import geodesic_angle
from s2m.skeletons import MHR70, MHR127, SMPL22, SMPL24
from studies.ik.evaluation import SkinnedJoints
from studies.ik.genuine import read_takes

_EVERY, _MOST = 4, 150  # frames of a take
_PARTS = {"head_joint": "head", "left_ball": "left_foot", "right_ball": "right_foot"}
_BACK = ("pelvis", "spine1", "spine2", "spine3")
_LUMBAR = 4
_CAMERA = np.diag([1.0, -1.0, -1.0])
_Y_UP = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def rig_turns(rotations: Tensor, seed: int = 0) -> NDArray[np.float64]:
    """(T, 127, 3, 3) rotations of MHR's joints in the world; those that SMPL has not keep still.

    Args:
        rotations: (T, 24, 3, 3) of SMPL's joints, relative to their parents.
        seed: Of the rig's rest frames.
    """
    world = dict(zip(SMPL24.joints, global_rotations(rotations).double().numpy().swapaxes(0, 1), strict=True))
    back = [world[part] for part in _BACK]
    world |= {f"lumbar{n}": between(back, (n + 1) / _LUMBAR) for n in range(_LUMBAR)}
    frames = Rotation.random(len(RIG_JOINTS), random_state=seed).as_matrix()
    turns = np.tile(np.eye(3), (len(rotations), len(MHR127), 1, 1))
    for joint, frame in zip(RIG_JOINTS, frames, strict=True):
        turns[:, MHR127.index(joint)] = world[_PARTS.get(joint, joint)] @ frame
    return turns


def errors_of(rotations: Tensor, body: Body) -> tuple[Tensor, Tensor]:
    """(22,) how far each joint is off on average, radians: with the file's rotations, and from the keypoints alone.

    Args:
        rotations: (T, 24, 3, 3) of a take.
        body: Whose joints are in the file.
    """
    sets = {"pred_keypoints_3d": MHR70, "pred_joint_coords": MHR127}
    fields = {name: SkinnedJoints(body, chosen)(rotations).double().numpy() @ _CAMERA for name, chosen in sets.items()}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        file, output = Path(folder, "person.npz"), Path(folder, "motion.npz")
        for turns in ({"pred_global_rots": rig_turns(rotations)}, {}):
            held: dict[str, Any] = {**fields, **turns}
            np.savez(file, **held)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                s2m(["ik", str(file), "-o", str(output), "--overwrite"])
            with np.load(output) as motion:
                poses = torch.from_numpy(motion["poses"][:, : 3 * len(SMPL22)]).float().unflatten(1, (-1, 3))
            solved = roma.rotvec_to_rotmat(poses)
            solved[:, 0] = _Y_UP @ solved[:, 0]
            found.append(geodesic_angle(solved, rotations[:, : len(SMPL22)]).mean(0))
    return found[0], found[1]


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.ik.mhr_rotations", description=__doc__)
    parser.add_argument("--motions", type=Path, required=True, help="folder of AMASS-style files")
    takes, body = read_takes(parser.parse_args(arguments).motions), load_body()
    both = [errors_of(rotations[::_EVERY][:_MOST], body) for rotations in takes.rotations]
    rows = [[name, *(f"{kind.mean():.3f}" for kind in take)] for name, take in zip(takes.names, both, strict=True)]
    means = [torch.stack(kind).mean(0) for kind in zip(*both, strict=True)]
    rows += [["all takes", *(f"{mean.mean():.3f}" for mean in means)]]
    rows += [[f"{joint}, all takes", *(f"{mean[n]:.3f}" for mean in means)] for n, joint in enumerate(SMPL22.joints)]
    print(markdown_table(["take", "file's rotations, rad", "keypoints alone, rad"], rows))


if __name__ == "__main__":
    main()
