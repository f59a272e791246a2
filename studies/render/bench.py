"""``python -m studies.render.bench``: seconds per image and peak memory of the soft silhouettes, both implementations.

One factor at a time is varied around a centre: image side, faces, batch and sigma. Writes ``bench_render.md``,
``.json`` and ``.png``.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.errors import UserError
from s2m.geometry.camera import FACING_CAMERA, weak_perspective
from s2m.render.base import default_sigma
from studies.render.bench_case import PYTORCH3D, RENDERERS, Figures, Job, Setting, in_own_process
from studies.render.bench_plot import plot
from studies.render.bench_report import Axis, Result, as_json, checks, markdown, setting_text
from studies.writing import machine, write

SIZES = (64, 112, 224)
FACES = (2000, 4000, 6000, 13776)  # SMPL's whole mesh; the open body has some fewer
BATCHES = (1, 2, 8, 32, 128, 512)
SIGMAS = (3e-5, 1e-4)
CENTRE = {"sizes": 112, "faces": 2000, "batches": 2}
LEAST = {"sizes": 1, "faces": 100, "batches": 1, "faces_per_pixel": 1, "pytorch3d_batch": 0, "repeats": 1, "threads": 1}


def posed_bodies(count: int, faces: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random people in the crop: points (count, V, 3) crop units and faces (F, 3) of a mesh of about that many.

    Args:
        seed: Of the random numbers.
    """
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


def main(arguments: list[str] | None = None) -> None:
    """Measure; write the page, the figures and the plot.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        bench(options)
    except UserError as error:
        sys.exit(f"error: {error}")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.render.bench", description=(__doc__ or "").split("\n")[0])
    several: dict[str, Any] = {"nargs": "+", "metavar": "N"}
    parser.add_argument("--sizes", type=int, default=SIZES, help=f"image sides, pixels {SIZES}", **several)
    parser.add_argument("--faces", type=int, default=FACES, help=f"of the mesh {FACES}", **several)
    parser.add_argument("--batches", type=int, default=BATCHES, help=f"images at a time {BATCHES}", **several)
    parser.add_argument("--sigmas", type=float, default=SIGMAS, help=f"squared crop units {SIGMAS}", **several)
    parser.add_argument("--device", type=_device, nargs="+", help="cpu, cuda or both (cpu, and cuda if there is a GPU)")
    parser.add_argument("--faces-per-pixel", type=int, default=25, help="K of PyTorch3D (25)")
    parser.add_argument("--pytorch3d-batch", type=int, default=8, help="largest that PyTorch3D gets on a CPU (8)")
    parser.add_argument("--repeats", type=int, default=3, help="timed at least so often (3)")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the people (0)")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"), help="folder (docs/results)")
    options = parser.parse_args(arguments)
    _check(parser, options)
    options.command = _command(parser, options)
    options.device = options.device or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    for name, least in LEAST.items():
        values = getattr(options, name)
        if min(values if isinstance(values, (list, tuple)) else [values]) < least:
            parser.error(f"--{name.replace('_', '-')}: expected at least {least}, found {values}")
    if not all(0 < sigma < math.inf for sigma in options.sigmas):
        parser.error(f"--sigmas: expected positive numbers, found {options.sigmas}")
    try:  # before the measurements, not after them
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output: expected a folder, found {options.output} ({error.strerror})")


def _device(text: str) -> str:
    try:
        kind = torch.device(text).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(f"expected cpu or cuda, found {text!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError(f"{text}: PyTorch finds no GPU")
    return text


def _command(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """The command line, without the places of files."""
    parts = [parser.prog]
    for name, value in vars(options).items():
        if name != "output" and value != parser.get_default(name):
            values = value if isinstance(value, list) else [value]
            parts.append(" ".join([f"--{name.replace('_', '-')}", *map(str, values)]))
    return " ".join(parts)


def bench(options: argparse.Namespace) -> None:
    """Raises BenchError when a measurement fails for another reason than memory.

    Args:
        options: The parsed command line.
    """
    before = os.getloadavg()[0]
    axes = [axis for device in dict.fromkeys(options.device) for axis in plan(options, device)]
    with tempfile.TemporaryDirectory(prefix="s2m-bench-") as folder:
        results = list(_measure(options, axes, Path(folder)))
    host = {**machine(), "threads": options.threads, "cores": os.cpu_count(), "devices": _names(options.device)}
    host |= {"load_before": before, "load_after": os.getloadavg()[0]}
    settings = {name: getattr(options, name) for name in ("faces_per_pixel", "pytorch3d_batch", "repeats", "seed")}
    settings |= {"command": options.command, "date": datetime.date.today().isoformat()}
    info = {**settings, "machine": host, "whole_body": len(load_body().faces)}
    plot(axes, results, options.output / "bench_render.png")
    write(options.output / "bench_render.json", as_json(info, axes, results))
    write(options.output / "bench_render.md", markdown(info, axes, results))
    for check in checks(results, options.faces_per_pixel):
        print(check.text)
    print(f"written: {options.output / 'bench_render.md'}")


def plan(options: argparse.Namespace, device: str) -> list[Axis]:
    """What is measured on a device: each axis varies one thing, the others are the centre's.

    The centre is 112 px, 2000 faces and a batch of 2; where one of these was not asked for, the first that was.

    Args:
        options: The parsed command line.
    """
    size, faces, batch = (
        wanted if wanted in getattr(options, name) else getattr(options, name)[0] for name, wanted in CENTRE.items()
    )
    centre = Setting(device, size, faces, batch, default_sigma(size))
    axes = {
        "size": [replace(centre, size=size, sigma=default_sigma(size)) for size in options.sizes],
        "faces": [replace(centre, faces=faces) for faces in options.faces],
        "batch": [replace(centre, batch=batch) for batch in options.batches],
        "sigma": [replace(centre, sigma=sigma) for sigma in options.sigmas],
    }
    return [Axis(name, list(dict.fromkeys(settings))) for name, settings in axes.items()]


def _measure(options: argparse.Namespace, axes: Sequence[Axis], folder: Path) -> Iterator[Result]:
    """Every renderer at every setting; those of a setting right after each other, as the machine is then."""
    settings = list(dict.fromkeys(setting for axis in axes for setting in axis.settings))
    meshes = Meshes(folder, max(options.batches), options.seed)
    for i, setting in enumerate(settings):
        mesh, triangles = meshes.file(setting)
        for renderer in RENDERERS:
            if renderer == PYTORCH3D and setting.device == "cpu" and setting.batch > options.pytorch3d_batch:
                figures = Figures(note="left out")
            else:
                job = Job(renderer, setting, str(mesh), options.faces_per_pixel, options.threads, options.repeats)
                figures = in_own_process(job)
            result = Result(setting, renderer, triangles, figures)
            print(f"[{i + 1}/{len(settings)}] {setting_text(setting)}, {result.text}", flush=True)
            yield result


class Meshes:
    """Files of bodies. The people are the same whatever the mesh is, and a batch begins with those of a smaller one.

    Args:
        folder: The folder.
        seed: Of the random numbers.
    """

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        self._folder, self._count, self._seed = folder, count, seed
        self._posed: dict[int, tuple[Tensor, Tensor]] = {}

    def file(self, setting: Setting) -> tuple[Path, int]:
        """Points (batch, V, 3) and faces (F, 3) on disk, and F."""
        if setting.faces not in self._posed:
            self._posed = {setting.faces: posed_bodies(self._count, setting.faces, self._seed)}
        points, faces = self._posed[setting.faces]
        target = self._folder / "mesh.pt"
        torch.save((points[: setting.batch].clone(), faces.clone()), target)
        return target, len(faces)


def _names(devices: Sequence[str]) -> dict[str, str]:
    return {d: torch.cuda.get_device_name(d) if torch.device(d).type == "cuda" else "CPU" for d in devices}


if __name__ == "__main__":
    main()
