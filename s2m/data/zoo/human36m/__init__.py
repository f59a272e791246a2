"""Human3.6M (Ionescu et al., TPAMI 2014), from its official files or from those of VideoPose3D or SPIN."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar, Protocol

from s2m.data.zoo.human36m.official import OfficialFiles
from s2m.data.zoo.human36m.protocol import Choice
from s2m.data.zoo.human36m.spin import SpinFiles
from s2m.data.zoo.human36m.videopose import VideoPoseFiles
from s2m.data.zoo.source import Recording, RecordingRef, Source, SourceError

_DESCRIPTION = (
    "Human3.6M from http://vision.imar.ro/human3.6m: the official CDF files and masks (S1, S5, ..., metadata.xml), or "
    "VideoPose3D's data_3d_h36m.npz and data_2d_h36m_*.npz, or SPIN-style npz files. Train: S1, S5, S6, S7, S8; test: "
    "S9, S11."
)


class Layout(Protocol):
    """One way in which the dataset is stored."""

    settings_name: str
    choice: Choice

    @property
    def needed(self) -> str:
        """The files that the layout consists of."""

    def recordings(self) -> list[RecordingRef]:
        """See :class:`Source`."""

    def read(self, ref: RecordingRef) -> Recording:
        """See :class:`Source`."""

    def notes(self) -> list[str]:
        """See :class:`Source`."""

    def prepare(self, folder: Path) -> None:
        """See :class:`Source`."""


class Human36M(Source):
    """Any layout of the dataset behind one name.

    Args:
        layout: Reader of the layout that was found.
        extra: Parameters of bodies (MoSh), if there are any.

    Raises:
        SourceError: When there are no recordings.
    """

    name: ClassVar[str] = "human36m"
    description: ClassVar[str] = _DESCRIPTION
    mask_files: ClassVar[str] = "S*/MySegmentsMat/ground_truth_bs/*.mat (the release's background subtraction)"

    def __init__(self, layout: Layout, extra: dict[str, Any] | None = None):
        self._layout, self._extra = layout, extra or {}

    def recordings(self) -> list[RecordingRef]:
        """All recordings of the chosen cameras."""
        refs = self._layout.recordings()
        if not refs:
            raise SourceError(f"human36m: expected recordings ({self._layout.needed}), found none")
        return refs

    def read(self, ref: RecordingRef) -> Recording:
        """One recording.

        Args:
            ref: The recording to read.
        """
        return self._layout.read(ref)

    def prepare(self, folder: Path) -> None:
        """Unpack what all recordings share, where the layout needs it.

        Args:
            folder: Folder of the files.
        """
        self._layout.prepare(folder)

    @property
    def settings(self) -> dict[str, Any]:
        """Layout, cameras, held-out subjects."""
        return {"layout": self._layout.settings_name, **self._layout.choice.settings, **self._extra}

    @property
    def notes(self) -> list[str]:
        """Recordings that are missing."""
        return self._layout.notes()

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add --cameras, --val-subjects, --joints2d and --mosh.

        Args:
            parser: The dataset's command.
        """
        Choice.add_arguments(parser)
        parser.add_argument(
            "--joints2d",
            default="gt",
            metavar="NAME",
            help="data_2d_h36m_NAME.npz, e.g. cpn_ft_h36m_dbb (default: gt)",
        )
        parser.add_argument("--mosh", type=Path, metavar="DIR", help="folder of S1/<action>_cam0_aligned.pkl and so on")

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Human36M:
        """Recognise the layout of ``arguments.root``.

        Args:
            arguments: Parsed options of :meth:`add_arguments`, and ``root``, the dataset's folder.

        Raises:
            SourceError: When the folder has none of the layouts, or an option does not go with its layout.
        """
        root, choice = arguments.root, Choice.from_arguments(arguments)
        mosh = {} if arguments.mosh is None else {"mosh": True}
        if OfficialFiles.found_in(root):
            return cls(OfficialFiles(root, choice, arguments.mosh), mosh)
        if arguments.mosh is not None:
            raise SourceError(f"--mosh: expected the official files in {root}, found none: only they go with MoSh's")
        if VideoPoseFiles.found_in(root):
            return cls(VideoPoseFiles(root, choice, arguments.joints2d), {"keypoints": arguments.joints2d})
        if SpinFiles.found_in(root):
            return cls(SpinFiles(root, choice))
        raise SourceError(
            f"{root}: expected S*/MyPoseFeatures/D2_Positions, data_3d_h36m.npz or h36m_*.npz, found none of them"
        )
