"""Matplotlib figures as PNGs."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure


def png(figure: Figure) -> bytes:
    """The same bytes for the same figure: matplotlib's version is left out."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, target: Path) -> None:
    """Write a PNG, complete or not at all."""
    temporary = target.with_name(f".{target.stem}.partial.png")
    try:
        temporary.write_bytes(png(figure))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
