"""Our skinning beside smplx: ``python -m studies.body.bench``.

Time of a forward pass, and of forward and backward, on the open body as smplx poses it, one thread. Both are called in
turn, so that a busy machine slows both; the ratio is that of the medians, above 1 where ours is faster. Needs
``smplx``, whose licence is for non-commercial use.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
from collections.abc import Callable

import roma
import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.skeletons import SMPL24

BATCHES = (1, 64, 512)
Poser = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.body.bench", description="Speed of our skinning beside smplx."
    )
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="bodies per call")
    parser.add_argument("--repeats", type=int, default=9, help="calls of each, in turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body()
    ours, theirs = our_poser(body), smplx_poser(body)
    print("| bodies | pass | smplx, ms | ours, ms | smplx / ours | largest difference |\n|--:|:--|--:|--:|--:|--:|")
    for batch in options.batches:
        measure(batch, options.repeats if batch < 256 else max(3, options.repeats // 3), ours, theirs)


def measure(batch: int, repeats: int, ours: Poser, theirs: Poser) -> None:
    """Print two rows: forward (difference in metres), and with backward (relative to the largest gradient).

    Args:
        batch: Bodies at a time.
        repeats: How often each is timed.
        ours: Poses with the suite's skinning.
        theirs: Poses with ``smplx``.
    """
    generator = torch.Generator().manual_seed(0)
    rotations = roma.rotvec_to_rotmat(0.5 * torch.randn(batch, 24, 3, generator=generator))
    given = [rotations, torch.randn(batch, 10, generator=generator), torch.randn(batch, 3, generator=generator)]
    with torch.no_grad():
        times = _in_turn([lambda p=p: p(*given) for p in (theirs, ours)], repeats)  # type: ignore[misc]
        apart = max(float((a - b).abs().max()) for a, b in zip(ours(*given), theirs(*given), strict=True))
    _row(batch, "forward", times, f"{apart:.1e} m")
    leaves = [value.requires_grad_() for value in given]
    weight = torch.randn(ours(*leaves)[0].shape, generator=generator)

    def pull(poser: Poser) -> tuple[Tensor, ...]:
        vertices, joints = poser(*leaves)
        return torch.autograd.grad((vertices, joints), leaves, (weight, torch.ones_like(joints)))

    times = _in_turn([lambda p=p: pull(p) for p in (theirs, ours)], repeats)  # type: ignore[misc]
    pairs = zip(pull(ours), pull(theirs), strict=True)
    _row(batch, "+ backward", times, f"{max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs):.1e}")


def our_poser(body: Body) -> Poser:
    """What the suite does.

    Args:
        body: A body in SMPL format.
    """

    def pose(rotations: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
        posed = body(BodyParams.from_rotations(rotations, betas, transl))
        return posed.vertices, posed.joints

    return pose


def smplx_poser(body: Body) -> Poser:
    """``smplx.SMPLLayer`` with the arrays of the same body, spared its products with pose blend shapes of zero.

    Args:
        body: A body in SMPL format.
    """
    import smplx
    from smplx.utils import Struct

    fields = Struct(
        v_template=body.v_template.numpy(),
        shapedirs=body.shapedirs.numpy(),
        posedirs=torch.zeros(len(body.v_template), 3, 207).numpy(),
        J_regressor=body.joint_regressor.numpy(),
        weights=body.weights.numpy(),
        kintree_table=[list(SMPL24.parents), list(range(24))],
        f=body.faces.numpy(),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        layer = smplx.SMPLLayer("", data_struct=fields, vertex_ids=body.vertex_ids, num_betas=10)
    layer.register_buffer("posedirs", torch.zeros(207, 3))  # broadcasts to every vertex

    def pose(rotations: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
        posed = layer(global_orient=rotations[:, 0], body_pose=rotations[:, 1:], betas=betas, transl=transl)
        return posed.vertices, posed.joints[:, :24]

    return pose


def _in_turn(calls: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median milliseconds of each."""
    taken: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(repeats):
        for call, times in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(times) for times in taken]


def _row(batch: int, what: str, times: list[float], apart: str) -> None:
    theirs, ours = times
    print(f"| {batch} | {what} | {theirs:.2f} | {ours:.2f} | {theirs / ours:.2f} | {apart} |", flush=True)


if __name__ == "__main__":
    main()
