"""What data a run was made on, and what a reader of its numbers must know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2m.data import is_open_data
from s2m.data.store import FrameStore, StoreError
from s2m.reading import read_yaml
from s2m.report.results import ReportError

OPEN = "open"
TITLES = {
    "human36m": "Human3.6M",
    "mpi_inf_3dhp": "MPI-INF-3DHP",
    "surreal": "SURREAL",
    "3dpw": "3DPW",
    "lsp": "Leeds Sports Pose",
    "lspet": "Leeds Sports Pose, extended",
    "images": "your own pictures",
}
# By whether a detector made them.
_ORIGIN = {False: "of the dataset", True: "of a detector"}
OPEN_NOTE = (
    "All numbers are on the open data: real motion capture on synthetic bodies, seen by virtual cameras. "
    "This is not Human3.6M; do not compare them with published Human3.6M figures."
)


@dataclass(frozen=True)
class RunData:
    """The data of a run.

    Attributes:
        dataset: Its name, as the converters have it, or ``open``.
        splits: On which it was tested.
        store: ``None`` for the open data, whose report needs none.
    """

    dataset: str
    splits: tuple[str, ...] = ()
    store: FrameStore | None = None

    @property
    def title(self) -> str:
        """The dataset's name for people."""
        return TITLES.get(self.dataset, self.dataset)


def run_data(run: Path) -> RunData:
    """What the last stage of a run was made on, by its ``config.yaml``; without that file, it is the open data.

    Args:
        run: Folder of the run.

    Raises:
        ReportError: Names the file when the store is gone or is no store.
    """
    path = run / ("mesh" if (run / "mesh").is_dir() else "lifter") / "config.yaml"
    if not path.is_file():
        return RunData(OPEN)
    data = _data_section(path)
    arguments = data.get("init_args") or {}
    if not isinstance(arguments, dict):
        raise ReportError(f"{path}: field data.init_args: expected settings, found {type(arguments).__name__}")
    if is_open_data(str(data.get("class_path", ""))):
        return RunData(OPEN)
    try:
        store = FrameStore(str(arguments.get("store")))
    except StoreError as error:
        raise ReportError(
            f"{path}: field data.init_args.store: expected the store of the run, found none: {error}"
        ) from error
    dataset = dataset_name(store)
    tested = arguments.get("test_splits") or ()
    if not isinstance(tested, list | tuple):
        raise ReportError(f"{path}: field data.init_args.test_splits: expected a list, found {tested!r:.80}")
    splits = tuple(split for split in tested if split in store.splits)
    return RunData(dataset, splits, None if dataset == OPEN else store)


def dataset_name(store: FrameStore) -> str:
    """What a store was converted from; ``open`` for the open data.

    Args:
        store: A frame store.
    """
    return str(store.header["kind"]) if "converter_version" in store.header else OPEN


def split_text(store: FrameStore, split: str) -> str:
    """Which frames a split of a converted dataset consists of, by the settings of its conversion.

    Args:
        store: A frame store.
        split: Name of a split.
    """
    header, recordings = store.header, store.recordings(split)
    source, options = header.get("source", {}), header.get("options", {})
    rows = int(header["splits"][split]["rows"])
    every = int((options.get("test_every") if split == "test" else None) or options.get("every") or 1)
    parts = [
        f"{rows} frames of {len(recordings)} recordings",
        "every frame" if every == 1 else f"every {every}th frame",
    ]
    parts += _views(dataset_name(store), [str(recording["name"]) for recording in recordings])
    detected = {bool(recording.get("detected")) for recording in recordings}
    parts += [f"2D joints {_ORIGIN[flag]}" for flag in sorted(detected)]
    if "silhouette" in header["splits"][split]["fields"]:
        parts.append(f"silhouettes {'from a folder of masks' if source.get('masks') == 'folder' else 'of the dataset'}")
    if not measurable(store, split):
        parts.append("no 3D truth")
    elif "truth" in source:
        parts.append(f"{source['truth']} 3D truth")
    return ", ".join(parts)


def _views(dataset: str, names: list[str]) -> list[str]:
    """Cameras of Human3.6M, runs of SURREAL: the recordings are named after them."""
    if dataset == "human36m":
        return [f"cameras {' '.join(sorted({name.rpartition('.')[2] for name in names}))}"]
    if dataset == "surreal":
        return [" and ".join(sorted({name.partition("/")[0] for name in names}))]
    return []


def measurable(store: FrameStore, split: str) -> bool:
    """Whether a split has 3D joints to measure against.

    Args:
        store: A frame store.
        split: Name of a split.
    """
    return store.has_truth(split) and "joints3d" in store.header["splits"][split]["fields"]


def conversion_notes(data: RunData) -> list[str]:
    """What the conversion of a run's dataset has to say, such as which recordings were not there.

    Args:
        data: The run's data.
    """
    return [] if data.store is None else [str(note) for note in data.store.header.get("notes", [])]


def note_of(data: RunData) -> str:
    """What stands at the head of a report.

    Args:
        data: The run's data.
    """
    if data.store is None:
        return OPEN_NOTE
    measured = any(measurable(data.store, split) for split in data.splits)
    text = f"All numbers are on {data.title} as converted into {data.store.path.name}; errors relative to the pelvis."
    return text if measured else f"{data.title} as converted into {data.store.path.name}: pictures alone, no 3D truth."


def _data_section(path: Path) -> Mapping[str, Any]:
    config = read_yaml(path, ReportError)
    data = config.get("data") if isinstance(config, dict) else None
    if not isinstance(data, dict):
        raise ReportError(f"{path}: field data: expected the settings of the data, found none")
    return data
