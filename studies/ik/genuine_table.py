"""Table 5 on genuine motion: what joints can tell and what they cannot, beside a network as the floor.

``python -m studies.ik.genuine_table --motions DIR``; ``make table5 MOTIONS=DIR`` writes it with the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2m.body import load_body
from s2m.ik.body_motion import SYNTHETIC
from s2m.ik.interface import IKSolver
from s2m.ik.solver import DIK
from s2m.markdown import markdown_table
from s2m.metrics.rotations import LOCAL_PARTS, geodesic_angle
from s2m.skeletons import H36M17, SMPL24
from studies import writing
from studies.ik.evaluation import SkinnedJoints, with_noise
from studies.ik.genuine import Takes, head_bone, jumps, observable_errors, read_takes
from studies.ik.training import train_learned

_NOISE_MM = (0, 30)
_SEED = 5
_JUMP = 1.0  # radians beyond the truth's turn between two frames: a discontinuity


def genuine_rows(output: Path, motions: Path, train_steps: int) -> None:
    """Measure the takes kept for tests; write ``table5_genuine.md`` and ``.json``.

    Args:
        output: Folder to write to.
        motions: Folder of AMASS-style files; the network learns on the takes that are not kept for tests.
        train_steps: Steps of the network's training.
    """
    takes = read_takes(motions)
    train, test = takes.part(test=False), takes.part(test=True)
    source = SkinnedJoints(load_body(), H36M17)
    rows: list[dict[str, Any]] = []
    for millimetres in _NOISE_MM:
        sigma = millimetres / 1000
        solvers: dict[str, IKSolver] = {
            "DIK": DIK(source.rest, noise=sigma),
            "DIK, told the sampler's constants": DIK(source.rest, noise=sigma, motion=SYNTHETIC),
            "paper's plain frames": DIK(source.rest, "paper"),
            "learned on the other takes (floor)": train_learned(source, train_steps, sigma, pool=train.all()),
        }
        for name, solver in solvers.items():
            rows.append({"solver": name, "noise_mm": millimetres} | _measured(solver, test, source, sigma))
    found = sum(jumps_of(DIK(source.rest), takes, source))
    report = {"machine": writing.machine(), "rows": rows, "discontinuities_all_takes": found, "takes": test.names}
    writing.write(output / "table5_genuine.json", report)
    writing.write(output / "table5_genuine.md", _text(rows, found, takes, test))


def _solved(solver: IKSolver, joints: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([solver(part).rotations for part in joints.split(1024)])


def _measured(solver: IKSolver, test: Takes, source: SkinnedJoints, sigma: float) -> dict[str, float]:
    truth = test.all()
    found = _solved(solver, with_noise(source(truth), sigma, _SEED))
    local = geodesic_angle(found, truth)[:, SMPL24.indices(LOCAL_PARTS)].mean(0)
    seen, whole = (
        float(observable_errors(found, truth, source.rest.body_joints, head).mean())
        for head in (head_bone(source.rest), None)
    )
    each = dict(zip(LOCAL_PARTS, local.tolist(), strict=True))
    return {"all": float(local.mean()), "observable": seen, "with head's turn": whole} | each


def jumps_of(solver: IKSolver, takes: Takes, source: SkinnedJoints) -> list[int]:
    """For each take, how many rotations turn by a radian more than the truth's between two frames."""
    return [int((jumps(_solved(solver, source(r)), r) > _JUMP).sum()) for r in takes.rotations]


def _text(rows: list[dict[str, Any]], found: int, takes: Takes, test: Takes) -> str:
    text = "# Table 5 on genuine motion\n\n"
    text += (
        f"Mean error of the ten local rotations in radians, {len(test.names)} takes kept for tests "
        f"({sum(map(len, test.rotations))} frames). `observable` leaves out what joints cannot tell (twist of "
        "forearms, shanks and straight limbs, and of the head, whose nose and ears are not among the joints; the split "
        "along spine and neck); `with head's turn` counts the head's twist all the same, which is a guess here. "
        f"Discontinuities (a radian beyond the truth's turn) on all {len(takes.names)} takes: {found}.\n\n"
    )
    columns = ["all", "observable", "with head's turn", *LOCAL_PARTS]
    header = ["solver", "noise, mm", *columns]
    lines = [[str(r["solver"]), str(r["noise_mm"]), *(f"{r[key]:.3f}" for key in columns)] for r in rows]
    return text + markdown_table(header, lines)


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m studies.ik.genuine_table", description=__doc__)
    parser.add_argument("--motions", type=Path, required=True, help="folder of AMASS-style npz files")
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    parser.add_argument("--train-steps", type=int, default=1000, help="of the learned solver (default: 1000)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    genuine_rows(options.output, options.motions, options.train_steps)


if __name__ == "__main__":
    main()
