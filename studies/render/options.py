"""``python -m studies.render.options``: what ``fill`` and ``cull`` do to values, gradients and time, with a picture."""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from s2m.files import write_png
from s2m.markdown import number_table
from s2m.metrics.silhouette import soft_iou
from s2m.render.hard import hard_silhouette
from s2m.render.ragged import RaggedSilhouette
from s2m.render.shading import Picture
from studies.render.bench import posed_bodies

OPTIONS = (("exact", False, False), ("fill", True, False), ("cull", False, True), ("fill + cull", True, True))
_PANEL = 336
_GAIN = 4.0  # differences are drawn this many times stronger


@dataclass(frozen=True)
class Effect:
    """One choice of options against neither.

    Attributes:
        alpha: (B, S, S).
        change: Mean absolute difference of alpha.
        cosine: Of the gradients of an IoU loss, mean over images.
        inside: Mean alpha over pixels that the mesh covers.
        seconds: Per image, forward and backward, median.
    """

    name: str
    alpha: Tensor
    change: float
    cosine: float
    inside: float
    seconds: float


def measure(points: Tensor, faces: Tensor, size: int, repeats: int = 3) -> list[Effect]:
    """Effects of all options on bodies (B, V, 3); each body's loss is against the mask of the next one."""
    covered = hard_silhouette(points, faces, size)
    made = []
    for _, fill, cull in OPTIONS:
        renderer, seconds = RaggedSilhouette(fill=fill, cull=cull), []
        for _ in range(repeats):
            leaf = points.clone().requires_grad_()
            start = time.perf_counter()
            alpha = renderer(leaf, faces, size)
            (1 - soft_iou(alpha, covered.roll(1, 0).float())).sum().backward()
            seconds.append((time.perf_counter() - start) / len(points))
        assert leaf.grad is not None
        made.append((alpha.detach(), leaf.grad[..., :2].flatten(1), statistics.median(seconds)))
    exact, gradient, _ = made[0]
    return [
        Effect(
            name,
            alpha,
            float((alpha - exact).abs().mean()),
            float(torch.cosine_similarity(slope, gradient, dim=1).mean()),
            float(alpha[covered].mean()),
            pace,
        )
        for (name, _, _), (alpha, slope, pace) in zip(OPTIONS, made, strict=True)
    ]


def table(effects: list[Effect]) -> str:
    """A Markdown table."""
    headings = ["options", "mean change of alpha", "gradient's cosine", "mean alpha inside", "s per image", "speed"]
    rows = [
        [
            effect.name,
            *(f"{effect.change:.4f}", f"{effect.cosine:.3f}", f"{effect.inside:.4f}", f"{effect.seconds:.4f}"),
            f"{effects[0].seconds / effect.seconds:.1f}x",
        ]
        for effect in effects
    ]
    return number_table(headings, rows)


def picture(effects: list[Effect], image: int = 0) -> Picture:
    """Top: alpha with each choice of options. Bottom: its difference to the exact one, red more, blue less."""
    top = [_titled(_grey(effect.alpha[image]), effect.name) for effect in effects]
    bottom = [
        _titled(_signed(effect.alpha[image] - effects[0].alpha[image]), f"{effect.name} - exact, x {_GAIN:g}")
        for effect in effects
    ]
    return np.concatenate([np.concatenate(top, axis=1), np.concatenate(bottom, axis=1)], axis=0)


def _grey(alpha: Tensor) -> Picture:
    return np.repeat((255 * (1 - alpha.numpy()))[..., None], 3, axis=-1).round().astype(np.uint8)


def _signed(change: Tensor) -> Picture:
    value = (_GAIN * change).clamp(-1, 1).numpy()
    fade_blue, fade_red = 1 - np.maximum(value, 0), 1 - np.maximum(-value, 0)
    return (255 * np.stack([fade_red, fade_blue * fade_red, fade_blue], axis=-1)).round().astype(np.uint8)


def _titled(panel: Picture, title: str) -> Picture:
    image = Image.fromarray(panel).resize((_PANEL, _PANEL), Image.Resampling.NEAREST)
    ImageDraw.Draw(image).text((8, 6), title, fill=(70, 74, 82), font=ImageFont.load_default(14))
    return np.asarray(image)


def main(argv: list[str] | None = None) -> None:
    """Print the table; write the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.render.options", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--size", type=int, default=112, help="image side in pixels")
    parser.add_argument("--faces", type=int, default=2000)
    parser.add_argument("--bodies", type=int, default=8)
    parser.add_argument("--picture", type=Path, default=Path("docs/images/render_options.png"))
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    points, faces = posed_bodies(arguments.bodies, arguments.faces)
    effects = measure(points, faces, arguments.size)
    print(table(effects), end="")
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    write_png(arguments.picture, picture(effects))


if __name__ == "__main__":
    main()
