"""Damage for files: what disks, editors, other programs and ill will do to them. Seeded: a case can be repeated."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import damaged_arrays, damaged_texts
from tests.fuzz.damage import Damaged, bytewise

SUFFIXES = (".npy", ".npz", ".json", ".csv", ".yaml", ".pkl", ".pt", ".png", ".txt", "")


def file(rng: random.Random, path: Path) -> tuple[str, Path]:
    """Damage a file in place, by its format or byte by byte; or rename it, or put a folder in its place.

    Returns the kind of damage, and where the file is now.
    """
    suffix = path.suffix.lower()
    chance = rng.random()
    if chance < 0.03:
        other = path.with_suffix(rng.choice(SUFFIXES))
        path.rename(other)
        return f"renamed to {other.name}", other
    if chance < 0.05:
        path.unlink()
        path.mkdir()
        return "a folder of this name", path
    structured = _STRUCTURED.get(suffix)
    if structured is None or chance < 0.4:
        kind, content = bytewise(rng, path.read_bytes())
    else:
        kind, content = structured(rng, path.read_bytes())
    path.write_bytes(content)
    return kind, path


_STRUCTURED: dict[str, Callable[[random.Random, bytes], Damaged]] = {
    ".json": damaged_texts.of_json,
    ".yaml": damaged_texts.of_yaml,
    ".csv": damaged_texts.of_csv,
    ".npy": damaged_arrays.of_npy,
    ".npz": damaged_arrays.of_npz,
    ".pkl": damaged_arrays.of_pickle,
    ".pt": damaged_arrays.of_torch,
    ".mat": damaged_arrays.of_mat,
    ".png": damaged_arrays.of_picture,
}
