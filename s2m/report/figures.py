"""Matplotlib figures as PNGs."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from s2m.files import write_bytes


def png(figure: Figure) -> bytes:
    """The same bytes for the same figure: matplotlib's version is left out.

    Args:
        figure: Matplotlib's.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, target: Path) -> None:
    """Write a PNG, complete or not at all.

    Args:
        figure: Matplotlib's.
        target: The file to write.
    """
    write_bytes(target, png(figure))
