"""``python -m studies.render.sigma``: which softness fits a body to a mask best, by resolution.

Known people are posed and drawn as hard masks. From a disturbed start their pose, position and size are fitted to the
masks by gradient descent through :class:`RaggedSilhouette`, once for every softness and image side, each time from the
same starts. What counts is how well the fitted body's hard mask and vertices agree with the truth.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import roma
import torch
from torch import Tensor

from s2m.batch import BodyParams, TensorRecord
from s2m.body import Body, load_body
from s2m.geometry.camera import FACING_CAMERA, weak_perspective
from s2m.markdown import markdown_table
from s2m.metrics.silhouette import silhouette_iou, soft_iou
from s2m.render.base import default_sigma
from s2m.render.hard import hard_silhouette
from s2m.render.ragged import RaggedSilhouette
from studies.writing import machine, write

SIGMAS = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
SIZES = (64, 112, 224)
JUDGE = 448  # side of the masks that fits of every size are judged by
FILL = 4 / 3  # height of a person in crop units: the crop is half as large again
# Disturbance of the start: radians per axis of each joint, share of the size, crop units.
POSE_NOISE, SCALE_NOISE, SHIFT_NOISE = 0.08, 0.02, 0.02
PRIOR = 0.003  # weight of the squared turns away from the start, the one that stage 3 gives to PR
RATE = 0.02
COLUMNS = ("px", "sigma", "IoU", "behind the best", "area", "in the plane, mm", "in space, mm", "CPU ms per step")


@dataclass(frozen=True)
class People(TensorRecord):
    """Bodies seen by a weak-perspective camera.

    Attributes:
        params: Theirs.
        camera: (B, 3), see :func:`weak_perspective`.
    """

    params: BodyParams
    camera: Tensor


@dataclass(frozen=True)
class Fit:
    """How well one softness does at one image side; lists are per body.

    Attributes:
        iou: Of hard masks of ``JUDGE`` pixels.
        area: Of the fitted mask over the true one's.
        plane_mm: Mean vertex distance in the picture's plane, mm of the true body.
        space_mm: The same in space, relative to the root.
        seconds: Of the processor, per body and step.
    """

    size: int
    sigma: float
    iou: list[float]
    area: list[float]
    plane_mm: list[float]
    space_mm: list[float]
    seconds: float

    @property
    def mean_iou(self) -> float:
        """Mean over the bodies."""
        return statistics.fmean(self.iou)

    def behind(self, other: Fit) -> tuple[float, float]:
        """By how much the IoU is lower than another's, and the standard error of that over the same bodies."""
        gaps = [theirs - own for own, theirs in zip(self.iou, other.iou, strict=True)]
        return statistics.fmean(gaps), statistics.stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0


def known_people(body: Body, count: int, seed: int) -> People:
    """Standing people of random pose, shape and yaw, in the middle of the crop.

    Args:
        body: A body in SMPL format.
        seed: Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    turn = torch.zeros(count, 3)
    turn[:, 1] = torch.rand(count, generator=generator) * 2 * torch.pi
    pose = roma.rotvec_to_rotmat(torch.randn(count, 23, 3, generator=generator) * 0.2)
    betas = torch.randn(count, body.num_betas, generator=generator)
    params = BodyParams(FACING_CAMERA @ roma.rotvec_to_rotmat(turn), pose, betas)
    with torch.no_grad():
        vertices = body(params).vertices
    low, high = vertices[..., :2].amin(1), vertices[..., :2].amax(1)
    scale = FILL / (high - low).amax(1, keepdim=True)
    return People(params, torch.cat([scale, -(low + high) / 2], dim=1))


def disturbed(people: People, seed: int) -> People:
    """The same people with every joint turned, and shifted and scaled in the picture.

    Args:
        seed: Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(people.camera)
    turn = roma.rotvec_to_rotmat(torch.randn(count, 23, 3, generator=generator) * POSE_NOISE)
    scale = people.camera[:, :1] * torch.exp(torch.randn(count, 1, generator=generator) * SCALE_NOISE)
    shift = torch.randn(count, 2, generator=generator) * SHIFT_NOISE / scale
    params = BodyParams(people.params.global_orient, people.params.body_pose @ turn, people.params.betas)
    return People(params, torch.cat([scale, people.camera[:, 1:] + shift], dim=1))


def fit(body: Body, start: People, masks: Tensor, sigma: float, faces: int, steps: int) -> People:
    """Pose, position and size that bring soft silhouettes closest to masks (B, S, S); Adam on 1 - soft IoU.

    The turns away from the start are held by a weak square, as in stage 3. The root and the shape stay as they are.

    Args:
        body: A body in SMPL format.
    """
    index, triangles = body.render_mesh(faces)
    renderer = RaggedSilhouette(sigma)
    turns = torch.zeros(len(masks), 23, 3, requires_grad=True)
    change = torch.zeros(len(masks), 3, requires_grad=True)
    optimiser = torch.optim.Adam([turns, change], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        people = _changed(start, turns, change)
        points = weak_perspective(body(people.params, index).vertices, people.camera)
        alpha = renderer(points, triangles, masks.shape[-1])
        loss = _distance(alpha, masks) + PRIOR * turns.square().sum((1, 2))
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
        schedule.step()
    return _changed(start, turns, change).detach()


def _changed(start: People, turns: Tensor, change: Tensor) -> People:
    pose = start.params.body_pose @ roma.rotvec_to_rotmat(turns)
    camera = torch.cat([start.camera[:, :1] * change[:, :1].exp(), start.camera[:, 1:] + change[:, 1:]], dim=1)
    return People(BodyParams(start.params.global_orient, pose, start.params.betas), camera)


def _projected(body: Body, people: People) -> Tensor:
    vertices = body(people.params).vertices
    return torch.cat([weak_perspective(vertices, people.camera), vertices[..., 2:]], dim=-1)


def _distance(soft: Tensor, reference: Tensor) -> Tensor:
    """1 - soft IoU (Eqn. 5) of each image."""
    return 1 - soft_iou(soft, reference)


@torch.no_grad()
def compare(body: Body, found: People, truth: People) -> dict[str, Tensor]:
    """Per body (B,): iou, area, plane_mm and space_mm, see :class:`Fit`.

    Args:
        body: A body in SMPL format.
    """
    seen = [_projected(body, people) for people in (found, truth)]
    hard = [hard_silhouette(points, body.faces, JUDGE) for points in seen]
    plane = (seen[0] - seen[1])[..., :2].norm(dim=-1).mean(1) / truth.camera[:, 0]
    posed = [body(people.params) for people in (found, truth)]
    rooted = [output.vertices - output.joints[:, :1] for output in posed]
    areas = [mask.sum((1, 2)).float() for mask in hard]
    return {
        "iou": silhouette_iou(hard[0], hard[1]).float(),
        "area": areas[0] / areas[1],
        "plane_mm": 1000 * plane,
        "space_mm": 1000 * (rooted[0] - rooted[1]).norm(dim=-1).mean(1),
    }


def measure(
    body: Body, sizes: Sequence[int], sigmas: Sequence[float], bodies: int, steps: int, faces: int, seed: int
) -> tuple[dict[str, float], list[Fit]]:
    """The starts' mean figures, and one fit for every size and softness, from the same starts.

    Args:
        body: A body in SMPL format.
        seed: Of the random numbers.
    """
    truth = known_people(body, bodies, seed)
    start = disturbed(truth, seed + 1)
    full = _projected(body, truth)
    fits = []
    for size in sizes:
        masks = hard_silhouette(full, body.faces, size).float()
        for sigma in sigmas:
            begun = time.process_time()
            found = fit(body, start, masks, sigma, faces, steps)
            seconds = (time.process_time() - begun) / steps / bodies
            values = {name: value.tolist() for name, value in compare(body, found, truth).items()}
            fits.append(Fit(size=size, sigma=sigma, seconds=seconds, **values))
    return {name: float(value.mean()) for name, value in compare(body, start, truth).items()}, fits


def best(fits: Sequence[Fit], size: int) -> Fit:
    """The fit of the highest IoU at an image side."""
    return max((fit for fit in fits if fit.size == size), key=lambda fit: fit.mean_iou)


def nearest(fits: Sequence[Fit], size: int) -> Fit:
    """The fit whose softness is closest, as a ratio, to the default of an image side."""
    return min(
        (fit for fit in fits if fit.size == size), key=lambda fit: abs(math.log(fit.sigma / default_sigma(size)))
    )


def markdown(result: dict[str, Any], fits: Sequence[Fit], command: str) -> str:
    """The page.

    Args:
        result: What was measured.
    """
    host = result["machine"]
    sizes = list(dict.fromkeys(fit.size for fit in fits))
    return "\n".join(
        [
            "# Softness of the silhouette by resolution",
            "",
            f"`{command}`; {host['cpu']}, {host['threads']} threads, torch {host['torch']}.",
            "",
            _setup(result),
            "",
            markdown_table(
                ["px", "best sigma", "IoU", "default", "nearest measured to it", "IoU"],
                [_choice(fits, size) for size in sizes],
            ),
            "![IoU and vertex error against sigma](sigma.png)",
            "",
            markdown_table(COLUMNS, [_row(fit, best(fits, fit.size)) for fit in fits]),
        ]
    )


def _setup(result: dict[str, Any]) -> str:
    start = result["start"]
    return (
        f"{result['bodies']} people of the open body (seed {result['seed']}) are fitted to their own hard masks, "
        f"drawn from the whole mesh. The mesh that is fitted has about {result['faces']} faces and is drawn by "
        f"`RaggedSilhouette` with its default options. Adam, {result['steps']} steps, 1 - soft IoU; root and shape are "
        f"known. The start is off by {POSE_NOISE} rad per axis and joint, {100 * SCALE_NOISE:.0f} % of the size and "
        f"{SHIFT_NOISE} crop units (standard deviations): IoU {start['iou']:.3f}, vertices {start['plane_mm']:.0f} mm "
        f"in the plane, {start['space_mm']:.0f} mm in space. IoU is that of hard masks at {JUDGE} px whatever the size "
        "of the fit; behind the best: mean over the same bodies, with its standard error."
    )


def _choice(fits: Sequence[Fit], size: int) -> list[str]:
    top, used = best(fits, size), nearest(fits, size)
    of_default = f"{default_sigma(size):.1e}", f"{used.sigma:.0e}", f"{used.mean_iou:.4f}"
    return [str(size), f"{top.sigma:.0e}", f"{top.mean_iou:.4f}", *of_default]


def _row(fit: Fit, top: Fit) -> list[str]:
    gap, error = fit.behind(top)
    area, plane, space = (statistics.fmean(values) for values in (fit.area, fit.plane_mm, fit.space_mm))
    figures = [f"{100 * (area - 1):+.1f} %", f"{plane:.1f}", f"{space:.1f}", f"{1000 * fit.seconds:.1f}"]
    return [str(fit.size), f"{fit.sigma:.0e}", f"{fit.mean_iou:.4f}", f"{gap:.4f} ± {error:.4f}", *figures]


def plot(fits: Sequence[Fit], target: Path) -> None:
    """A PNG: IoU and vertex error against sigma, one line per size; a dashed line at each size's default."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from s2m.report.figures import save

    figure = Figure(figsize=(9, 3.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = (("hard IoU", "iou"), ("vertex error in the plane [mm]", "plane_mm"))
    for axis, (label, field) in zip(figure.subplots(1, 2), panels, strict=True):
        for size in dict.fromkeys(fit.size for fit in fits):
            line = [fit for fit in fits if fit.size == size]
            values = [statistics.fmean(getattr(fit, field)) for fit in line]
            (curve,) = axis.plot([fit.sigma for fit in line], values, "o-", markersize=4, label=f"{size} px")
            axis.axvline(default_sigma(size), color=curve.get_color(), linestyle="--", linewidth=1)
        axis.set_xscale("log")
        axis.set_xlabel("sigma [squared crop units]; dashed: the default")
        axis.set_title(label, fontsize=10, loc="left")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=9)
    save(figure, target)


def main(argv: list[str] | None = None) -> None:
    """Write ``sigma.md``, ``sigma.json`` and ``sigma.png``."""
    parser = argparse.ArgumentParser(prog="python -m studies.render.sigma", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="image sides in pixels (64 112 224)")
    parser.add_argument("--sigmas", type=float, nargs="+", default=list(SIGMAS), help="squared crop units")
    parser.add_argument("--bodies", type=int, default=8, help="(8)")
    parser.add_argument("--steps", type=int, default=60, help="of each fit (60)")
    parser.add_argument("--faces", type=int, default=2000, help="of the mesh that is fitted (2000)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--threads", type=int, default=1, help="(1)")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"), help="folder (docs/results)")
    arguments = parser.parse_args(argv)
    if min(arguments.sigmas) <= 0 or min(arguments.sizes, default=0) < 1 or arguments.bodies < 1 or arguments.steps < 1:
        parser.error("--sigmas, --sizes, --bodies and --steps: expected positive numbers")
    torch.set_num_threads(arguments.threads)
    settings = {name: getattr(arguments, name) for name in ("bodies", "steps", "faces", "seed")}
    start, fits = measure(load_body(), arguments.sizes, arguments.sigmas, **settings)
    result = {**settings, "start": start, "fits": [asdict(fit) for fit in fits], "machine": machine()}
    options = [f"--{name} {value}" for name, value in settings.items() if value != parser.get_default(name)]
    arguments.output.mkdir(parents=True, exist_ok=True)
    plot(fits, arguments.output / "sigma.png")
    write(arguments.output / "sigma.json", result)
    write(arguments.output / "sigma.md", markdown(result, fits, " ".join(["python -m studies.render.sigma", *options])))
    for size in arguments.sizes:
        print(f"{size} px: best sigma {best(fits, size).sigma:.0e}, default {default_sigma(size):.1e}")


if __name__ == "__main__":
    main()
