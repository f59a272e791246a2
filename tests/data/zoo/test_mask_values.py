"""Every way in which programs write a mask gives the person's pixels, or a refusal; the oracle is the mask itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from s2m.cli import main
from s2m.data.store import FrameStore
from s2m.data.zoo.image_masks import ImageMasks
from s2m.data.zoo.mask_values import ALL_LABELS, MaskError, person
from s2m.data.zoo.picture_files import picture_size
from s2m.data.zoo.source import SourceError
from tests.data.zoo.fabricate import images as fabricate

TRUTH = np.zeros((40, 30), bool)
TRUTH[8:34, 9:20] = True
EDGE = np.zeros_like(TRUTH)
EDGE[7:35, 8:21] = True
EDGE &= ~TRUTH
RNG = np.random.default_rng(0)
BYTES = np.where(TRUTH, 255, 0).astype(np.uint8)


def voc_palette() -> list[int]:
    """VOC's colours, by its own rule: the bits of a label go to the highest bits of red, green and blue in turn."""
    table = []
    for label in range(256):
        colour, rest = [0, 0, 0], label
        for shift in range(7, -1, -1):
            for channel in range(3):
                colour[channel] |= (rest >> channel & 1) << shift
            rest >>= 3
        table += colour
    return table


def palette(labels: Any, colours: list[int] | None = None) -> Image.Image:
    picture = Image.fromarray(np.asarray(labels, np.uint8), "P")
    picture.putpalette(voc_palette() if colours is None else colours)
    return picture


def cut_out(alpha: Any, dark: bool = False) -> Image.Image:
    colour = RNG.integers(0, 60 if dark else 255, (*TRUTH.shape, 3))
    return Image.fromarray(np.dstack([colour * TRUTH[..., None], alpha]).astype(np.uint8), "RGBA")


def white(alpha: Any) -> Image.Image:
    return Image.fromarray(np.dstack([np.full((*TRUTH.shape, 3), 255), alpha]).astype(np.uint8), "RGBA")


# Undecided: a pixel to either side of the edge (VOC leaves more).
THIN, WIDE = np.zeros_like(TRUTH), np.zeros_like(TRUTH)
THIN[9:33, 10:19], WIDE[7:35, 8:21] = True, True
OUTLINED = np.where(THIN, 15, np.where(WIDE, 255, 0))
GREYS = [level for level in range(256) for _ in range(3)]
PICTURES = {
    "bits": Image.fromarray(TRUTH),
    "grey": Image.fromarray(BYTES),
    "labels 0 and 1": Image.fromarray(TRUTH.astype(np.uint8)),
    "outline": Image.fromarray(np.where(EDGE, 90, BYTES).astype(np.uint8)),
    "cut-out": cut_out(BYTES),
    "dark cut-out": cut_out(BYTES, dark=True),
    "soft cut-out": cut_out(np.where(EDGE, 70, BYTES)),
    "white with alpha": white(BYTES),
    "grey with alpha": white(BYTES).convert("LA"),
    "opaque": Image.merge("RGBA", [Image.fromarray(BYTES)] * 3 + [Image.new("L", TRUTH.shape[::-1], 255)]),
    "colour channels": Image.merge("RGB", [Image.fromarray(BYTES)] * 3),
    "red on black": Image.fromarray(np.dstack([BYTES, BYTES * 0, BYTES * 0])),
    "ink": Image.merge("RGB", [Image.fromarray(BYTES)] * 3).convert("CMYK"),
    "VOC": palette(OUTLINED),
    "VOC as numbers": Image.fromarray(OUTLINED.astype(np.uint8)),
    "VOC as colours": palette(OUTLINED).convert("RGB"),
    "DAVIS": palette(TRUTH * 1),
    "two-colour palette": palette(TRUTH * 1, [0, 0, 0, 255, 255, 255]),
    "grey palette": palette(BYTES, GREYS),
    "white is 0 in the palette": palette(~TRUTH * 1, [255, 255, 255, 0, 0, 0]),
    "16 bit": Image.fromarray(TRUTH.astype(np.uint16) * 65535),
    "16 bit of bytes": Image.fromarray(BYTES.astype(np.uint16)),
    "16 bit labels": Image.fromarray(TRUTH.astype(np.uint16)),
    "32 bit": Image.fromarray(BYTES.astype(np.int32)),
    "float": Image.fromarray(TRUTH.astype(np.float32)),
    "float of bytes": Image.fromarray(BYTES.astype(np.float32)),
}  # fmt: skip


@pytest.mark.parametrize("kind", PICTURES)
def test_the_person_is_found(kind: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(person(PICTURES[kind]), TRUTH)
    file = tmp_path / ("mask.tif" if PICTURES[kind].mode in ("CMYK", "F", "I") else "mask.png")
    PICTURES[kind].save(file)
    (found,) = ImageMasks([file], TRUTH.shape[::-1]).read(np.array([0]))
    np.testing.assert_array_equal(found, TRUTH)


PHOTO = RNG.integers(60, 200, (*TRUTH.shape, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image.fromarray(PHOTO), "in colour without alpha"),
        (Image.fromarray(PHOTO * TRUTH[..., None]), "in colour without alpha"),
        (Image.fromarray(PHOTO[..., 0]), "a picture in grey"),
        (Image.fromarray(BYTES // 3), "at most 85 of 255"),
        (Image.fromarray(BYTES.astype(np.uint16) * 100), "up to 1, 255 or 65535, found 25500"),
        (Image.fromarray(np.full((4, 4), np.nan, np.float32)), "values of 0 and more, found nan"),
        (white(BYTES // 3), "alpha up to 255, found at most 85"),
        (palette(TRUTH * 15 + EDGE * 9), "expected one label beside 0 and 255, found 9, 15"),
        (palette(EDGE * 255), "expected a label beside 0 and 255"),
        (palette(TRUTH * 15 + EDGE * 9).convert("RGB"), "found 2 colours beside black"),
        (Image.fromarray((TRUTH * 255 + EDGE * 15).astype(np.uint8)), "--mask-labels says which labels count"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(picture: Image.Image, message: str) -> None:
    with pytest.raises(MaskError, match=message):
        person(picture)


def test_an_outline_that_nobody_decided_about_is_halved() -> None:
    """Along a person of any form, and no more of anything else that is marked so: crowds, other people."""
    rows, columns = np.mgrid[:200, :150]
    person_there = ((rows - 100) / 70) ** 2 + ((columns - 60) / 25) ** 2 < 1
    near = np.hypot((rows - 100) / 70, (columns - 60) / 25)
    labels = np.where(person_there, 15, 0)
    labels[(near > 0.9) & (near < 1.1)] = 255
    labels[20:180, 110:] = 255  # a crowd
    found = person(palette(labels))
    overlap = (found & person_there).sum() / (found | person_there).sum()
    only_labels = (labels == 15).sum() / person_there.sum()
    assert only_labels < 0.83
    assert overlap > 0.97
    assert not found[:, 110:].any()
    np.testing.assert_array_equal(person(palette(labels), (15,)), found)


def test_labels_are_chosen() -> None:
    parts = palette(TRUTH * 15 + EDGE * 9)
    np.testing.assert_array_equal(person(parts, (15,)), TRUTH)
    np.testing.assert_array_equal(person(parts, ALL_LABELS), TRUTH | EDGE)


@pytest.mark.parametrize("how", range(1, 9))
@pytest.mark.parametrize("mask_says_so", [True, False])
def test_masks_are_turned_as_exif_says(how: int, mask_says_so: bool, tmp_path: Path) -> None:
    """The inverse of EXIF's turns, by NumPy: what a camera stores of an upright picture."""
    stored = {1: TRUTH, 2: TRUTH[:, ::-1], 3: TRUTH[::-1, ::-1], 4: TRUTH[::-1], 5: TRUTH.T, 6: np.rot90(TRUTH),
              7: TRUTH[::-1, ::-1].T, 8: np.rot90(TRUTH, -1)}[how]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = how
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "m.png", **({"exif": exif} if mask_says_so else {}))
    Image.new("RGB", stored.shape[::-1]).save(tmp_path / "photo.jpg", exif=exif)
    assert picture_size(tmp_path / "photo.jpg") == TRUTH.shape[::-1]
    if mask_says_so or how >= 5:
        masks = ImageMasks([tmp_path / "m.png"], TRUTH.shape[::-1], orientations=[how])
        np.testing.assert_array_equal(masks.read(np.array([0]))[0], TRUTH)


def test_a_picture_as_large_as_a_bomb_is_refused_unread(tmp_path: Path) -> None:
    Image.new("1", (9_000, 9_000)).save(tmp_path / "bomb.png")
    with pytest.raises(SourceError, match=r"bomb.png: expected at most \d+ pixels, found 9000 x 9000"):
        picture_size(tmp_path / "bomb.png")


def test_a_program_in_a_picture_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(SourceError, match="a.png: not a readable picture"):
        picture_size(tmp_path / "a.png")


def test_masks_beside_the_joints_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab, scene = tmp_path / "lab", fabricate.scene(4)
    fabricate.write_pictures(lab, 4, lab / "masks")
    fabricate.write_json(lab / "keypoints.json", fabricate.results([f"{t:06d}.jpg" for t in range(4)], scene.keypoints))
    command = ["data", "images", "--root", str(lab), "--output", str(tmp_path / "store"), "--workers", "1"]
    for t in range(4):
        Image.fromarray(~scene.masks[t]).save(lab / "masks" / f"{t:06d}.png")
    assert main([*command, "-q"]) == 2
    assert "mask: expected the joints of its picture on it, found 0%" in capsys.readouterr().err
    for t in range(4):
        white_alpha = np.dstack([np.full((*scene.masks[t].shape, 3), 255), scene.masks[t] * 255]).astype(np.uint8)
        Image.fromarray(white_alpha, "RGBA").save(lab / "masks" / f"{t:06d}.png")
    assert main([*command, "-q"]) == 0
    assert FrameStore(tmp_path / "store").open("test").rows == 4
