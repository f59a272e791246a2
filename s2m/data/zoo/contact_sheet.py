"""A picture of some frames of a store: crops with silhouettes, 2D joints and the projected 3D truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from s2m.data.store import Field, unpack_masks
from s2m.data.store_writer import open_for_writing
from s2m.data.zoo.parts import Part, SplitPlan
from s2m.data.zoo.source import Camera
from s2m.skeletons import JointSet

FILE = "contact_sheet.png"
_TILE, _CAPTION = 256, 30
_COLUMNS, _ROWS_PER_SPLIT = 6, 2
_BACKGROUND, _MASK, _TEXT = (24, 24, 28), (92, 104, 120), (230, 230, 230)
_TINT = (40, 110, 255)
_LEFT, _RIGHT, _MIDDLE, _TRUTH = (86, 180, 233), (230, 120, 60), (240, 228, 66), (0, 220, 130)


@dataclass(frozen=True)
class Tile:
    """One frame.

    Args:
        caption: What is written below.
        picture: The crop, as large as a tile, or ``None``.
        mask: (S, S) or ``None``.
        joints: (J, 2) crop units.
        found: (J,) bool.
        truth: (J, 2) crop units.
    """

    caption: str
    picture: Image.Image | None
    mask: NDArray[Any] | None
    joints: NDArray[Any]
    found: NDArray[np.bool_]
    truth: NDArray[Any] | None


# The picture of a frame of a recording; ``None`` where there is none.
Pictures = Callable[[Part, int], "Image.Image | None"]


def write_contact_sheet(folder: Path, plans: Sequence[SplitPlan], joint_set: JointSet, pictures: Pictures) -> None:
    """Draw evenly spaced frames of every split into ``folder``/contact_sheet.png.

    Args:
        folder: Store that is being written.
        plans: What each split will hold.
        joint_set: Joint set of the tiles.
        pictures: Readers of the pictures by recording.
    """
    tiles = [tile for plan in plans for tile in _tiles(folder, plan, pictures)]
    draw_tiles(tiles, joint_set).save(folder / FILE)


def draw_tiles(tiles: Sequence[Tile], joint_set: JointSet) -> Image.Image:
    """One picture: masks grey, 2D joints as dots with bones (left blue, right orange), projected truth as crosses.

    Over a picture masks are a tint.

    Args:
        tiles: The frames.
        joint_set: Joint set of the tiles.
    """
    rows = -(-len(tiles) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, rows * (_TILE + _CAPTION)), _BACKGROUND)
    for number, tile in enumerate(tiles):
        corner = (number % _COLUMNS * _TILE, number // _COLUMNS * (_TILE + _CAPTION))
        sheet.paste(_draw(tile, joint_set), corner)
    return sheet


def _tiles(folder: Path, plan: SplitPlan, pictures: Pictures) -> list[Tile]:
    count = min(_COLUMNS * _ROWS_PER_SPLIT, plan.rows)
    rows = np.unique(np.linspace(0, plan.rows - 1, count).astype(np.int64))
    arrays = {spec.name: _rows(folder, plan.name, spec, rows) for spec in plan.fields}
    centre, half = arrays["crop"][:, None, :2], arrays["crop"][:, None, 2:]
    masks = _masks(arrays.get("silhouette"))
    tiles = []
    for i in range(len(rows)):
        part = plan.parts[int(arrays["sequence"][i])]
        frame = int(arrays["frame"][i])
        truth = _projected(arrays, i, part.info["camera"])
        picture = pictures(part, frame)
        tiles.append(
            Tile(
                caption=f"{plan.name} row {rows[i]}: {part.name}\nframe {frame}",
                picture=None if picture is None else _cut(picture, arrays["crop"][i], part.info["image_size"]),
                mask=None if masks is None else masks[i],
                joints=(arrays["joints2d"][i] - centre[i]) / half[i],
                found=arrays["confidence"][i] > 0,
                truth=None if truth is None else (truth - centre[i]) / half[i],
            )
        )
    return tiles


def _rows(folder: Path, split: str, spec: Field, rows: NDArray[np.int64]) -> NDArray[Any]:
    return np.asarray(open_for_writing(folder, split, spec)[rows])


def _masks(packed: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if packed is None else unpack_masks(packed, int(np.sqrt(packed.shape[1] * 8)))


def _projected(arrays: dict[str, NDArray[Any]], row: int, camera: dict[str, Any] | None) -> NDArray[Any] | None:
    if camera is None or "joints3d" not in arrays:
        return None
    lens = camera["distortion"]
    return Camera(**{**camera, "distortion": None if lens is None else tuple(lens)}).project(arrays["joints3d"][row])


def _cut(picture: Image.Image, crop: NDArray[Any], image_size: Sequence[int]) -> Image.Image:
    """A crop out of a picture that may have another resolution than the annotation; black outside of it."""
    x, y, half = crop * picture.width / image_size[0]
    return picture.transform((_TILE, _TILE), Image.Transform.EXTENT, (x - half, y - half, x + half, y + half))


def _draw(tile: Tile, joint_set: JointSet) -> Image.Image:
    picture = Image.new("RGB", (_TILE, _TILE + _CAPTION), _BACKGROUND)
    if tile.picture is not None:
        picture.paste(tile.picture, (0, 0))
    if tile.mask is not None:
        colour, strength = (_MASK, 1.0) if tile.picture is None else (_TINT, 0.4)
        shape = Image.fromarray((tile.mask > 0).astype(np.uint8) * round(255 * strength))
        picture.paste(colour, (0, 0), shape.resize((_TILE, _TILE), Image.Resampling.NEAREST))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, _TILE - 1, _TILE - 1), outline=(60, 60, 66))
    points = (tile.joints + 1) / 2 * _TILE
    for parent, child in joint_set.bones:
        if tile.found[parent] and tile.found[child]:
            ends = [tuple(points[parent]), tuple(points[child])]
            pen.line(ends, fill=_colour(joint_set.joints[child]), width=2)
    for joint, (x, y) in enumerate(points):
        if tile.found[joint]:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_colour(joint_set.joints[joint]))
    for x, y in [] if tile.truth is None else (tile.truth + 1) / 2 * _TILE:
        if np.isfinite((x, y)).all():
            pen.line((x - 4, y, x + 4, y), fill=_TRUTH)
            pen.line((x, y - 4, x, y + 4), fill=_TRUTH)
    pen.multiline_text((4, _TILE + 2), tile.caption, fill=_TEXT, spacing=1)
    return picture


def _colour(joint: str) -> tuple[int, int, int]:
    if joint.startswith("left_"):
        return _LEFT
    return _RIGHT if joint.startswith("right_") else _MIDDLE
