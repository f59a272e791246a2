"""Small valid inputs of ``s2m data``: settings, motions, stores, and the official layouts of the datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from s2m.config_files import FOLDER
from tests.data.zoo.fabricate import human36m, images, lsp, mpi_inf_3dhp, surreal, threedpw
from tests.fuzz.asking import Sample

# Few frames, so that a conversion whose damage does no harm is quick as well.
_QUICK = ["--workers", "1", "--no-progress", "-q", "--mask-size", "16"]
_TINY = (
    "frames: {train: 6, train_pose: 6, val: 2, test: 4, acrobatic: 2, train_video: 4, above: 2, half_body: 2, "
    "sitting: 2, detector: 2}\nsubjects: {train: 2}\nchunk: 6\n"
)


def settings_sample() -> Sample:
    """Settings of the open data. Nothing is made of them: many small changes ask for billions of frames."""

    def words(given: Path, out: Path) -> list[str]:
        (file,) = given.iterdir()
        return ["data", "open", "-o", str(out / "s"), "--config", str(file), "--motions", str(out / "none"), "-q"]

    def write(to: Path) -> None:
        (to / "data.yaml").write_text((FOLDER / "preset" / "smoke" / "data.yaml").read_text())

    return Sample("data-settings", write, words, ends=2)


def motion_sample() -> Sample:
    """AMASS-style motions for the open data."""

    def write(to: Path) -> None:
        (to / "tiny.yaml").write_text(_TINY)
        (to / "motions").mkdir()
        fields = {
            "poses": np.random.default_rng(0).normal(scale=0.2, size=(90, 72)),
            "trans": np.zeros((90, 3)),
            "betas": np.zeros(10),
            "mocap_framerate": np.array(30.0),
        }
        np.savez(to / "motions" / "mine.npz", **fields)

    def words(given: Path, out: Path) -> list[str]:
        made = ["data", "open", "-o", str(out / "store"), "--config", str(given / "tiny.yaml"), "--workers", "1"]
        return [*made, "--motions", str(given / "motions"), "--no-progress", "-q"]

    return Sample("data-motions", write, words, "mine.npz")


def store_sample() -> Sample:
    """A frame store, as ``s2m data check`` reads it."""

    def write(to: Path) -> None:
        from s2m.data.open.config import Frames, OpenConfig, Subjects
        from s2m.data.open.generate import generate

        frames = Frames(6, 6, 2, 4, 2, 4, above=2, half_body=2, sitting=2, detector=2)
        generate(to / "store", OpenConfig(frames=frames, subjects=Subjects(2), chunk=6), progress=False)

    return Sample("data-store", write, lambda given, out: ["data", "check", str(given / "store"), "-q"])


def _zoo(name: str, *more: str, root: str = ".") -> Callable[[Path, Path], Sequence[str]]:
    def words(given: Path, out: Path) -> Sequence[str]:
        return ["data", name, "--root", str(given / root), "-o", str(out / "store"), *_QUICK, *more]

    return words


def zoo_samples() -> list[Sample]:
    """One of each dataset."""

    def pictures(to: Path) -> None:
        scene = images.scene(4)
        images.write_pictures(to / "lab", 4, to / "lab" / "masks")
        names = [f"{t:06d}.jpg" for t in range(4)]
        images.write_json(to / "lab" / "keypoints.json", images.results(names, scene.keypoints))

    def leeds(to: Path) -> None:
        lsp.write_lspet(to, 3)
        for number in (1, 2, 3):
            lsp.write_mask(to, number, name="im{:05d}.png")

    def sports(to: Path) -> None:
        lsp.write_lsp(to, 3, pictures=3)
        for number in (1, 2, 3):
            lsp.write_mask(to, number)

    def wild(to: Path) -> None:
        threedpw.write_sequence(to)

    def wild_words(given: Path, out: Path) -> list[str]:
        return ["data", "3dpw", "--root", str(given), "-o", str(out / "store"), *_QUICK, "--no-masks"]

    def official(to: Path) -> None:
        human36m.write_official(to, 3)

    def masks_of(to: Path) -> None:
        mpi_inf_3dhp.write_test(to, frames=3)

    def clips(to: Path) -> None:
        surreal.write_clip(to)

    def videopose(to: Path) -> None:
        human36m.write_videopose(to, frames=3, longer=0)

    def spin(to: Path) -> None:
        human36m.write_spin(to, frames=3)

    def mosh(to: Path) -> None:
        known = human36m.write_official(to / "official", 6)
        for name in (name for name in known if name.startswith("S1/")):
            action, _, camera = name.removeprefix("S1/").rpartition(".")
            human36m.write_mosh(to / "mosh", "S1", action, camera, known[name])

    def mosh_words(given: Path, out: Path) -> list[str]:
        words = ["data", "human36m", "--root", str(given / "official"), "-o", str(out / "store"), *_QUICK]
        return [*words, "--mosh", str(given / "mosh"), "--splits", "train"]

    kept = (".store.converting",)
    return [
        Sample("data-images", pictures, _zoo("images", root="lab"), kept=kept),
        Sample("data-lsp", sports, _zoo("lsp"), kept=kept),
        Sample("data-lspet", leeds, _zoo("lspet"), kept=kept),
        Sample("data-videopose", videopose, _zoo("human36m", "--splits", "test", "--no-masks"), kept=kept),
        Sample("data-spin", spin, _zoo("human36m", "--splits", "test", "--no-masks"), "*.npz", kept=kept),
        Sample("data-mosh", mosh, mosh_words, "*.pkl", kept=kept),
        Sample("data-3dpw", wild, wild_words, "*.pkl", kept=kept),
        Sample("data-human36m", official, _zoo("human36m", "--splits", "test", "--every", "2"), kept=kept),
        Sample("data-3dhp", masks_of, _zoo("mpi_inf_3dhp", "--splits", "test", "--no-masks"), kept=kept),
        Sample("data-surreal", clips, _zoo("surreal", "--joint-set", "smpl24"), kept=kept),
    ]
