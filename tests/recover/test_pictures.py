"""Photos as cameras, scanners and programs store them: right side up, and as they look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from s2m.data.zoo.picture_files import picture_size
from s2m.data.zoo.source import SourceError
from s2m.recover.pictures import read_photo

_ORIENTATION, _IN_35MM, _IFD = 0x0112, 0xA405, 0x8769


def scene() -> np.ndarray:
    """Each corner has a colour of its own, and no two sides are alike."""
    picture = np.full((48, 80, 3), 128, np.uint8)
    picture[:24, :40], picture[:24, 40:], picture[24:, :40] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    return picture


def near(found: np.ndarray, expected: np.ndarray, most: int = 6) -> bool:
    """Alike but for what a codec does."""
    same = found.shape == expected.shape
    return same and float(np.abs(found.astype(int) - expected).mean()) < most


# EXIF's orientation and what a camera that stores it so had done to the upright picture, by EXIF's own table.
STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_sets_a_photo_upright(tmp_path: Path, orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](scene())))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    exif.get_ifd(_IFD)[_IN_35MM] = 28
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    photo = read_photo(tmp_path / "a.jpg")
    assert near(photo.pixels, scene())
    assert photo.focal_35mm == 28


@pytest.mark.parametrize("packed", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_tiff_is_turned_once(tmp_path: Path, orientation: int, packed: str) -> None:
    """Pillow turns TIFFs as it loads them, and no other pictures."""
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](scene())))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stored.save(tmp_path / "a.tif", exif=exif, compression=packed)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").pixels, scene())
    assert picture_size(tmp_path / "a.tif") == scene().shape[1::-1]


def test_further_pages_and_moments_are_counted(tmp_path: Path) -> None:
    first, other = Image.fromarray(scene()), Image.fromarray(scene()[::-1].copy())
    first.save(tmp_path / "a.tif", save_all=True, append_images=[other, other])
    first.save(tmp_path / "a.webp", save_all=True, append_images=[other], lossless=True)
    first.save(tmp_path / "a.png", save_all=True, append_images=[other])
    first.save(tmp_path / "camera.jpg", format="MPO", save_all=True, append_images=[other], quality=95, subsampling=0)
    photos = {name: read_photo(tmp_path / name) for name in ("a.tif", "a.webp", "a.png", "camera.jpg")}
    assert [photo.count for photo in photos.values()] == [3, 2, 2, 1]
    assert all(near(photo.pixels, scene()) for photo in photos.values())


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_avif_is_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    Image.fromarray(np.ascontiguousarray(STORED[6](scene()))).save(tmp_path / "a.avif", exif=exif, quality=95)
    assert near(read_photo(tmp_path / "a.avif").pixels, scene(), 12)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    alpha = np.full((48, 80, 1), 255, np.uint8)
    alpha[:, 60:] = 0
    Image.fromarray(np.concatenate([scene(), alpha], -1)).save(tmp_path / "a.png")
    found = read_photo(tmp_path / "a.png").pixels
    np.testing.assert_array_equal(found[:, :60], scene()[:, :60])
    assert (found[:, 60:] == 255).all()


def test_sixteen_bits_grey_and_floats(tmp_path: Path) -> None:
    ramp = np.linspace(1000, 9000, 48 * 80).reshape(48, 80)
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(ramp.astype(np.float32)).save(tmp_path / "b.tif")
    for name in ("a.png", "b.tif"):
        found = read_photo(tmp_path / name).pixels
        assert found.shape == (48, 80, 3)
        assert near(found[..., 0], np.linspace(0, 255, 48 * 80).reshape(48, 80), 2)
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "c.tif")
    assert not read_photo(tmp_path / "c.tif").pixels.any()


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "a.jpg"), ("P", "a.png"), ("YCbCr", "a.jpg"), ("RGB", "a.webp")])
def test_other_ways_to_store_colours(tmp_path: Path, mode: str, name: str) -> None:
    picture = Image.fromarray(scene())
    (picture.quantize(16) if mode == "P" else picture.convert(mode)).save(tmp_path / name)
    assert near(read_photo(tmp_path / name).pixels, scene(), 12)


def test_a_photo_that_ends_early_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    for share in (0.05, 0.5, 0.95):
        (tmp_path / "a.jpg").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SourceError, match=r"a\.jpg: not a readable picture"):
            read_photo(tmp_path / "a.jpg")
