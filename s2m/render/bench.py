"""``python -m s2m.render.bench``: seconds per image of the soft silhouettes, both implementations in one run."""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.geometry.camera import FACING_CAMERA, weak_perspective
from s2m.render.base import SilhouetteRenderer
from s2m.render.pytorch3d import PyTorch3DSilhouette
from s2m.render.ragged import RaggedSilhouette


@dataclass(frozen=True)
class Timing:
    """Seconds per image; median over the repeats."""

    name: str
    size: int
    forward: float
    both: float


def posed_bodies(count: int, faces: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random people in the crop: points (count, V, 3) crop units and faces (F, 3) of a mesh of about that many."""
    import roma

    generator = torch.Generator().manual_seed(seed)
    body = load_body()
    turn = torch.zeros(count, 3)
    turn[:, 1] = torch.rand(count, generator=generator) * 2 * torch.pi
    pose = roma.rotvec_to_rotmat(torch.randn(count, 23, 3, generator=generator) * 0.2)
    betas = torch.randn(count, 10, generator=generator)
    with torch.no_grad():
        vertices = body(BodyParams(FACING_CAMERA @ roma.rotvec_to_rotmat(turn), pose, betas)).vertices
    subset, subset_faces = body.render_mesh(faces)
    low, high = vertices.amin(1), vertices.amax(1)
    scale = 1.5 / (high - low)[:, :2].amax(1, keepdim=True)
    xy = weak_perspective(vertices, torch.cat([scale, -(low + high)[:, :2] / 2], dim=1))
    return torch.cat([xy, vertices[..., 2:]], -1)[:, subset], subset_faces


def time_renderer(
    name: str, renderer: SilhouetteRenderer, points: Tensor, faces: Tensor, size: int, repeats: int
) -> Timing:
    """Time one renderer on a batch; one warm-up round is not counted."""

    def forward() -> None:
        with torch.no_grad():
            renderer(points, faces, size)

    def both() -> None:
        leaf = points.clone().requires_grad_()
        renderer(leaf, faces, size).square().sum().backward()

    return Timing(name, size, *(_median(work, repeats, points) for work in (forward, both)))


def _median(work: Callable[[], None], repeats: int, points: Tensor) -> float:
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if points.is_cuda:
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - start) / points.shape[0])
    return statistics.median(seconds[1:])


def table(timings: list[Timing]) -> str:
    """A Markdown table; the ratios are to the first timing of the same size."""
    lines = ["| renderer | px | forward s/image | forward+backward s/image | ratio |", "|---|---|---|---|---|"]
    first: dict[int, float] = {}
    for timing in timings:
        base = first.setdefault(timing.size, timing.both)
        columns = f"{timing.size} | {timing.forward:.4f} | {timing.both:.4f} | {base / timing.both:.1f}x"
        lines.append(f"| {timing.name} | {columns} |")
    return "\n".join(lines)


def run(arguments: argparse.Namespace) -> list[Timing]:
    """Every renderer at every size on the same bodies."""
    renderers: dict[str, SilhouetteRenderer] = {
        f"PyTorch3D K={arguments.faces_per_pixel}": PyTorch3DSilhouette(
            arguments.sigma, faces_per_pixel=arguments.faces_per_pixel
        ),
        "ragged exact": RaggedSilhouette(arguments.sigma, fill=False, cull=False),
        "ragged fill+cull": RaggedSilhouette(arguments.sigma),
    }
    points, faces = posed_bodies(arguments.batch, arguments.faces)
    points, faces = points.to(arguments.device), faces.to(arguments.device)
    return [
        time_renderer(name, renderer, points, faces, size, arguments.repeats)
        for size in arguments.sizes
        for name, renderer in renderers.items()
    ]


def main(argv: list[str] | None = None) -> None:
    """Print the table and the peak memory of the process."""
    parser = argparse.ArgumentParser(prog="python -m s2m.render.bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 112], help="image sides in pixels")
    parser.add_argument("--faces", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sigma", type=float, default=None, help="default: by resolution")
    parser.add_argument("--faces-per-pixel", type=int, default=25, help="K of PyTorch3D")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    print(table(run(arguments)))
    print(f"\npeak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if torch.device(arguments.device).type == "cuda":
        print(f"{torch.cuda.get_device_name()}: {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB at most")


if __name__ == "__main__":
    main()
