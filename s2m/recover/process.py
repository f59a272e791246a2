"""One input after the other: what is done is skipped, what fails is listed, the rest is whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from s2m.errors import UserError, one_line
from s2m.files import WriteError, clean_leftovers
from s2m.formats.amass import BodyLabel
from s2m.recover.gathering import Choice, Progress
from s2m.recover.inputs import Item
from s2m.recover.meshes import write_mesh
from s2m.recover.observing import Observer
from s2m.recover.options import RecoverOptions
from s2m.recover.recovery import recover_photo, recover_video
from s2m.recover.result import Result, RowReader
from s2m.recover.showing import draw_photo, draw_video
from s2m.recover.videos import Video
from s2m.recover.writing import write_people, write_person

RECORD = "people.json"  # written last: where it is, an input is done
KINDS = ("npz", "overlay", "page", "obj", "ply")
USUAL = ("npz", "overlay", "page")


@dataclass(frozen=True)
class Job:
    """What is done with every input.

    Attributes:
        output: The folder that takes a folder for each input.
        observe: Makes who finds people in a video; ``None`` for single pictures.
        options: How bodies are recovered.
        label: Which body it is.
        choice: Whom the user wants.
        kinds: What is written beside the record, of :data:`KINDS`.
        focal: Of the camera, pixels; ``None`` where it is not known.
        frame: Of a video, whose bodies are written as meshes.
        overwrite: Whether results that are there are made anew.
    """

    output: Path
    observe: Callable[[Video | None], Observer]
    options: RecoverOptions
    label: BodyLabel
    choice: Choice = field(default_factory=Choice)
    kinds: tuple[str, ...] = USUAL
    focal: float | None = None
    frame: int = 0
    overwrite: bool = False

    def is_done(self, item: Item) -> bool:
        """Whether there are whole results of an input, which stay.

        Args:
            item: The input.
        """
        return not self.overwrite and (self.output / item.name / RECORD).is_file()

    def run(self, item: Item, progress: Progress) -> Result:
        """Recover an input's people and write them.

        Args:
            item: The input.
            progress: Told how far it is.

        Returns:
            What was recovered; of a video the numbers on the disk are gone.

        Raises:
            UserError: The input cannot be used, or results cannot be written.
        """
        folder = made(self.output / item.name)
        try:
            clean_leftovers(folder)
            if item.is_video:
                with recover_video(
                    item.file, self.observe, self.options, self.choice, folder, self.focal, progress
                ) as found:
                    result = self._with_missing_meshes(found)
                    draw = lambda path: draw_video(path, item.file, result, self.options.body, progress)  # noqa: E731
                    self._write(folder, result, "overlay.mp4", draw)
                    return result
            result, picture = recover_photo(item.file, self.observe(None), self.options, self.choice, self.focal)
            draw = lambda path: draw_photo(path, picture, result, self.options.body)  # noqa: E731
            self._write(folder, result, "overlay.png", draw)
            return result
        except BaseException:
            if not any(folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def _write(self, folder: Path, result: Result, overlay: str, draw: Callable[[Path], None]) -> None:
        (folder / RECORD).unlink(missing_ok=True)
        if "npz" in self.kinds:
            for person in result.people:
                write_person(folder / f"person-{person.number}.npz", person, result, self.label)
        for kind in ("obj", "ply"):
            if kind in self.kinds:
                self._write_meshes(folder, result, kind)
        if "overlay" in self.kinds:
            draw(folder / overlay)
        if "page" in self.kinds:
            from s2m.recover.page import write_page  # a glTF writer, for which no others wait

            write_page(folder, overlay if "overlay" in self.kinds else None, result, self.label)
        write_people(folder / RECORD, result)

    def _with_missing_meshes(self, result: Result) -> Result:
        """The same; it says for whom no mesh is written because the chosen frame does not show them."""
        absent = [str(person.number) for person in result.people if RowReader(person).at(self.frame) is None]
        if not absent or not {"obj", "ply"} & set(self.kinds):
            return result
        frames = f"the video has frames 0 to {len(result.times) - 1}"
        note = (
            f"{result.name}: --frame {self.frame}: no mesh of person {', '.join(absent)}, not in that frame ({frames})"
        )
        return replace(result, notes=(*result.notes, note))

    def _write_meshes(self, folder: Path, result: Result, kind: str) -> None:
        for person in result.people:
            found = RowReader(person).at(self.frame if result.video else 0)
            if found is not None:
                body = self.options.body
                vertices = body(found[0].params).vertices[0]
                write_mesh(folder / f"person-{person.number}.{kind}", vertices.numpy(), body.faces.numpy())


def made(folder: Path) -> Path:
    """A folder that exists.

    Args:
        folder: Where.

    Returns:
        The same.

    Raises:
        WriteError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"{folder}: expected a folder that can be written, found: {error.strerror or error}"
        ) from error
    return folder


@dataclass
class Outcome:
    """What became of the inputs.

    Attributes:
        done: How many were recovered.
        skipped: How many were done before.
        failed: Message of each that failed.
        left: How many were not begun, because the user stopped it.
    """

    done: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    left: int = 0


def run_all(
    items: list[Item], job: Job, progress: Callable[[Item], Progress], said: Callable[[Item, Result], object]
) -> Outcome:
    """Recover every input; a bad one does not keep the others from being done.

    Args:
        items: The inputs.
        job: What is done with them.
        progress: Makes what is told how far one input is.
        said: Told of each that is done.

    Returns:
        What became of them.
    """
    outcome = Outcome()
    for number, item in enumerate(items):
        if job.is_done(item):
            outcome.skipped += 1
            continue
        try:
            said(item, job.run(item, progress(item)))
            outcome.done += 1
        except UserError as error:
            outcome.failed.append(one_line(error))
        except KeyboardInterrupt:
            outcome.left = len(items) - number
            return outcome
    return outcome
