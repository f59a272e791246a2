"""Shapes that are read off silhouettes of people in clothes: how wrong, and how fat.

A silhouette that ends outside the skin looks like a fatter person's. Here the same people wear what is equally thick
everywhere; the truth is the body below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from s2m.body import Body
from s2m.markdown import markdown_table
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.skeletons import S2M27_DETECTED
from studies.recover.figures import shapes
from studies.recover.scenes import Scene, dressed

# Shares of the height; people of 1.7 m wear 0, 1, 2 and 3 centimetres.
THICKNESSES = (0.0, 0.006, 0.012, 0.018)


def rows(body: Body, known: Scene, options: RecoverOptions) -> list[dict[str, Any]]:
    """The mean shape, then what is read in clothes of each thickness; of people whose silhouettes can be trusted.

    Args:
        body: Whose bodies they are.
        known: People without clothes.
        options: How shapes are read.
    """
    recover, true = PictureRecovery(S2M27_DETECTED, known.camera, options), known.params.betas
    found: list[dict[str, Any]] = []
    for thickness in THICKNESSES:
        people = recover(dressed(known.detections, thickness))
        told = people.shaped
        if not found:
            found.append({"shape": "mean shape"} | shapes(body, torch.zeros_like(true[told]), true[told]))
        read = shapes(body, people.bodies.params.betas[told], true[told])
        found.append({"shape": f"read, {100 * thickness:.1f} % of clothes", "people": int(told.sum())} | read)
    return found


def text(found: Sequence[dict[str, Any]]) -> str:
    """The table, for people.

    Args:
        found: Of :func:`rows`.
    """
    shown = [
        [row["shape"], str(row.get("people", "")), f"{row['shape_mm']:.1f}", f"{100 * (row['volume'] - 1):+.0f} %"]
        for row in found
    ]
    return (
        "\nThe same people in clothes of some thicknesses, shares of their height; the truth is the body below. "
        "Volume: of the body that is read over the true one, mean.\n\n"
        + markdown_table(["shape", "people", "shape [mm]", "volume"], shown)
    )
