"""Which ablation a run is: the overlays of ``configs/ablation`` recognised in its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from s2m.compare.runs import CompareError, Run, flatten
from s2m.compare.settings import canonical_text
from s2m.config_files import FOLDER

FULL = "full"
DEFAULT_FOLDER = FOLDER / "ablation"


class Ablations:
    """The overlays of a folder, by the name of their file.

    A run is recognised by its settings, not by its command line: W&B's API does not give the latter, and settings can
    come from elsewhere. An overlay that changes nothing in ``base`` (the stage's own config) is none.

    Args:
        folder: With the overlays, ``configs/ablation``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.overlays = {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}
        base = folder.parent / "mesh.yaml"
        self._base = _read(base) if base.is_file() else set()

    def label(self, run: Run) -> str:
        """Name of the overlay in the run's settings, several joined by ``+``; ``full`` for none.

        Args:
            run: One stage of one run.
        """
        settings = _items(run.config)
        matching = {n: o for n, o in self.overlays.items() if o and o <= settings and not o <= self._base}
        # One that is part of another is what the other is, and less.
        largest = [name for name, overlay in matching.items() if not any(overlay < o for o in matching.values())]
        return "+".join(largest) or FULL

    def named(self, text: str) -> str:
        """The label that a user means.

        Args:
            text: an overlay's name, ``full``, or several overlays in any order, joined by ``+`` or spaces.

        Returns:
            As :meth:`label` writes it.

        Raises:
            CompareError: for a name that no overlay has.
        """
        names = sorted({*text.replace("+", " ").split()})
        unknown = [name for name in names if name not in self.overlays and names != [FULL]]
        if unknown or not names:
            known = ", ".join([FULL, *self.overlays])
            raise CompareError(f"--ablation {text}: expected one of {known} ({self.folder}/*.yaml), found none such")
        return "+".join(names)


def _read(path: Path) -> set[tuple[str, str]]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CompareError(f"{path}: expected a yaml file, found something else ({error})") from None
    return _items(flatten(values)) if isinstance(values, dict) else set()


def _items(config: dict[str, Any]) -> set[tuple[str, str]]:
    """(key, value) pairs that can be compared; a class is known by its name, wherever it is imported from."""
    pairs = set()
    for key, value in config.items():
        shown = str(value).rpartition(".")[2] if key.endswith("class_path") else value
        pairs.add((key, canonical_text(float(shown) if _is_whole(shown) else shown)))
    return pairs


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
