"""Speed of the solvers: ``python -m studies.ik.bench``.

One thread, one run; every time is also given as a ratio to eager DIK at the same batch size and to a plain copy of the
bytes that a solver must read and write, because absolute times on a shared machine mean little.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from s2m.body import load_body
from s2m.fused import CompilerMissing
from s2m.ik.baselines import AdamIK, DampedIK, LevenbergIK, SwingIK
from s2m.ik.fused import FusedDIK
from s2m.ik.interface import IKSolver
from s2m.ik.solver import DIK
from s2m.markdown import markdown_table
from s2m.skeletons import H36M17, SMPL24
from studies import writing
from studies.ik.bench_clips import clip_table, clip_times
from studies.ik.evaluation import SkinnedJoints, random_poses
from studies.ik.tables import median_ms

BATCHES = (1, 64, 1024, 4096, 32768, 262144)
_LIMITS = {"paper's kind of iterative solver": 1, "Adam on axis-angle": 1024, "damped least squares": 1024}


def bench(output: Path, largest: int) -> None:
    """Measure and write ``bench_ik.md`` and ``bench_ik.json``.

    Args:
        output: Folder of the results.
        largest: Largest batch.
    """
    body = load_body()
    skinned = {s.name: SkinnedJoints(body, s) for s in (H36M17, SMPL24)}
    rotations = random_poses(1024, 0).rotations
    joints = {name: source(rotations) for name, source in skinned.items()}
    rows: list[dict[str, Any]] = []
    for name, solver in tqdm(_solvers(skinned).items(), desc="bench", disable=None):
        points = joints[solver.joint_set.name]
        for batch in (b for b in BATCHES if b <= min(largest, _LIMITS.get(name, largest))):
            x = points[torch.arange(batch) % len(points)]
            row: dict[str, Any] = {"solver": name, "batch": batch, "copy_ms": _copy_ms(x)}
            row["forward_ms"] = median_ms(lambda s=solver, x=x: s(x), repeats=5 if batch < 32768 else 2)  # type: ignore[misc]
            if isinstance(solver, DIK | FusedDIK) and batch <= 32768:
                row["with_backward_ms"] = _with_backward_ms(solver, x)
            rows.append(row)
    report = {"machine": writing.machine(), "rows": rows, "clips": clip_times(body, min(largest, 1000))}
    writing.write(output / "bench_ik.json", report)
    writing.write(output / "bench_ik.md", _text(report))


def _solvers(skinned: dict[str, SkinnedJoints]) -> dict[str, IKSolver]:
    rest, rest24 = skinned["h36m17"].rest, skinned["smpl24"].rest
    solvers: dict[str, IKSolver] = {
        "DIK, eager": DIK(rest),
        "DIK for 30 mm noise, eager": DIK(rest, noise=0.03),
        "paper's plain frames, eager": DIK(rest, "paper"),
        "swing-only, 24 joints": SwingIK(rest24),
        "damped least squares": DampedIK(rest),
        "Adam on axis-angle": AdamIK(rest),
        "paper's kind of iterative solver": LevenbergIK(rest),
    }
    try:
        solvers["DIK, fused"] = FusedDIK(DIK(rest))
        solvers["DIK for 30 mm noise, fused"] = FusedDIK(DIK(rest, noise=0.03))
    except CompilerMissing:
        pass
    return solvers


def _with_backward_ms(solver: IKSolver, x: Tensor) -> float:
    def call() -> None:
        with torch.enable_grad():
            leaf = x.clone().requires_grad_()
            solver(leaf).rotations.square().sum().backward()

    return median_ms(call, repeats=3)


def _copy_ms(x: Tensor) -> float:
    """Copying what goes in and what comes out."""
    result = torch.empty(len(x), len(SMPL24), 3, 3)
    target, target_in = torch.empty_like(result), torch.empty_like(x)
    copy: Callable[[], object] = lambda: (target.copy_(result), target_in.copy_(x))  # noqa: E731
    return median_ms(copy, repeats=5)


# What the ratios below compare: label, faster solver and its batch, slower solver and its batch.
_RATIOS = (
    ("eager to the paper's kind, both one pose", "DIK, eager", 1, "paper's kind of iterative solver", 1),
    ("eager in batches of 4096 to the paper's kind", "DIK, eager", 4096, "paper's kind of iterative solver", 1),
    ("eager to damped least squares, batch 1024", "DIK, eager", 1024, "damped least squares", 1024),
    ("eager to swing-only, one pose", "DIK, eager", 1, "swing-only, 24 joints", 1),
    ("eager to swing-only, batch 1024", "DIK, eager", 1024, "swing-only, 24 joints", 1024),
    ("fused to eager, batch 4096", "DIK, fused", 4096, "DIK, eager", 4096),
    ("fused to swing-only, batch 4096", "DIK, fused", 4096, "swing-only, 24 joints", 4096),
)


def _ratios(rows: list[dict[str, Any]]) -> str:
    """How many times faster, per pose."""
    taken = {(r["solver"], r["batch"]): r["forward_ms"] / r["batch"] for r in rows}
    lines = [
        [label, f"{taken[slow, slow_batch] / taken[fast, fast_batch]:,.3g}"]
        for label, fast, fast_batch, slow, slow_batch in _RATIOS
        if (slow, slow_batch) in taken and (fast, fast_batch) in taken
    ]
    return markdown_table(["ratio", "times faster, per pose"], lines) + "\n"


def _text(report: dict[str, Any]) -> str:
    rows: list[dict[str, Any]] = report["rows"]
    eager = {r["batch"]: r for r in rows if r["solver"] == "DIK, eager"}
    text = "# Speed of inverse kinematics\n\n"
    text += (
        f"One thread of {report['machine']['cpu']}, torch {report['machine']['torch']}, other work on the machine: "
        "compare ratios. Microseconds per pose; how many times faster than eager DIK at the same batch; how many "
        "times slower than copying the same bytes.\n\n"
    )
    text += _ratios(rows)
    lines = []
    for r in rows:
        base = eager[r["batch"]]
        backward = r.get("with_backward_ms")
        both = (
            ""
            if backward is None
            else f"{backward / r['batch'] * 1000:.2f} ({base['with_backward_ms'] / backward:.1f}x)"
        )
        lines.append(
            [
                r["solver"],
                f"{r['batch']:,}",
                f"{r['forward_ms'] / r['batch'] * 1000:.3g}",
                f"{base['forward_ms'] / r['forward_ms']:.3g}x",
                f"{r['forward_ms'] / r['copy_ms']:.3g}x",
                both,
            ]
        )
    header = ["solver", "batch", "us / pose", "vs eager DIK", "vs copy", "with backward, us / pose"]
    return text + markdown_table(header, lines) + clip_table(report["clips"])


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.ik.bench", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"))
    parser.add_argument("--largest", type=int, default=262144, help="largest batch (default: 262144)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    bench(options.output, options.largest)


if __name__ == "__main__":
    main()
