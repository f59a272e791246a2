"""The picture of ``docs/recover.md``, out of freely licensed photos: ``python -m studies.recover.gallery``."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from s2m.cli import main as s2m
from s2m.errors import UserError
from studies.command import run_command
from studies.real.wheel import SEVERAL, download, fetched

_REQUIREMENT = "scikit-image==0.26.0"
# Of scikit-image's wheels, which differ from platform to platform: NASA, public domain; L. Varshney, CC0.
_PHOTOS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
}
_MIDDLE = 50  # frame of the videos
_UPPER = 0.62  # share of a frame's height that is kept, where legs are to be cut off
_ROW = 260  # pixels
_WIDTH = 1600


def photos(wheels: Path) -> dict[str, Image.Image]:
    """The photos, by name.

    Args:
        wheels: Where wheels are kept.

    Raises:
        UserError: One cannot be fetched, or is another than the docs show.
    """
    found = {name: _of_scikit_image(wheels, name, digest) for name, digest in _PHOTOS.items()}
    found["lab.png"] = Image.fromarray(fetched(wheels, SEVERAL).video("cam01")[_MIDDLE])
    upper = Image.fromarray(fetched(wheels).video("cam04")[_MIDDLE])
    found["upper.png"] = upper.crop((0, 0, upper.width, round(_UPPER * upper.height)))
    return found


def _of_scikit_image(wheels: Path, name: str, digest: str) -> Image.Image:
    pattern = f"{_REQUIREMENT.replace('-', '_').replace('==', '-')}-*.whl"
    if not list(wheels.glob(pattern)):
        download(_REQUIREMENT, wheels)
    if not (there := sorted(wheels.glob(pattern))):
        raise UserError(f"{wheels}: expected pip to fetch {_REQUIREMENT}, and it did not")
    with zipfile.ZipFile(there[0]) as wheel:
        content = wheel.read(f"skimage/data/{name}")
    if (found := hashlib.sha256(content).hexdigest()) != digest:
        raise UserError(f"{there[0]}: {name}: expected sha256 {digest[:16]}..., found {found[:16]}...")
    return Image.open(BytesIO(content))


def composed(overlays: list[Image.Image]) -> Image.Image:
    """Overlays beside and below each other, in rows of one height.

    Args:
        overlays: In order.
    """
    small = [one.convert("RGB").resize((round(one.width * _ROW / one.height), _ROW)) for one in overlays]
    places, x, y = [], 0, 0
    for one in small:
        if x and x + one.width > _WIDTH:
            x, y = 0, y + _ROW
        places.append((x, y))
        x += one.width
    width = max(x + one.width for (x, _), one in zip(places, small, strict=True))
    page = Image.new("RGB", (width, y + _ROW), "white")
    for place, one in zip(places, small, strict=True):
        page.paste(one, place)
    return page


def gallery(options: argparse.Namespace) -> None:
    """Recover the photos, and save what came out of it in one picture.

    Args:
        options: The parsed command line.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, files = Path(name), []
        for file, photo in photos(options.cache).items():
            photo.save(folder / file)
            files.append(folder / file)
        out = folder / "people"
        if s2m(["recover", *map(str, files), "-o", str(out), "--write", "overlay"]):
            raise UserError("s2m recover: expected every photo to be recovered")
        page = composed([Image.open(out / file.stem / "overlay.png") for file in files])
    options.output.parent.mkdir(parents=True, exist_ok=True)
    page.quantize(256).save(options.output, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m studies.recover.gallery", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--cache", type=Path, default=Path("data/real"), help="for the wheels")
    parser.add_argument("--output", type=Path, default=Path("docs/images/recover.png"), help="the picture")
    run_command(gallery, parser.parse_args())
