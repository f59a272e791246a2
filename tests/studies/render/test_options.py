from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s2m.render import PyTorch3DSilhouette, hard_silhouette
from studies.render.options import main, measure, picture, table


def test_effects_against_pytorch3d_and_what_the_options_promise(people) -> None:
    points, faces = people
    effects = {effect.name: effect for effect in measure(points, faces, 40, repeats=1)}
    reference = PyTorch3DSilhouette(faces_per_pixel=150)(points, faces, 40)
    torch.testing.assert_close(effects["exact"].alpha, reference, atol=1e-3, rtol=0)
    assert effects["exact"].change == 0
    assert effects["exact"].cosine == pytest.approx(1, abs=1e-5)
    for effect in effects.values():
        by_hand = float((effect.alpha - effects["exact"].alpha).abs().mean())
        assert effect.change == pytest.approx(by_hand)
        assert effect.inside == pytest.approx(float(effect.alpha[hard_silhouette(points, faces, 40)].mean()))
    # Filling only adds, culling only takes away.
    assert (effects["fill"].alpha >= effects["exact"].alpha - 1e-6).all()
    assert (effects["cull"].alpha <= effects["exact"].alpha + 1e-6).all()
    assert effects["fill"].cosine > effects["cull"].cosine


def test_the_picture_shows_more_in_red_and_less_in_blue(people) -> None:
    points, faces = people
    image = picture(measure(points, faces, 24, repeats=1))
    assert image.shape == (2 * 336, 4 * 336, 3)
    filled, culled = (image[336 + 40 :, k * 336 : (k + 1) * 336].astype(int) for k in (1, 2))
    assert (filled[..., 0] >= filled[..., 2]).all()
    assert (culled[..., 2] >= culled[..., 0]).all()
    assert (culled[..., 2] - culled[..., 0]).max() > 50


def test_the_command_writes_table_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--size", "16", "--faces", "600", "--bodies", "2", "--picture", str(tmp_path / "a/b.png")])
    assert "| fill + cull |" in capsys.readouterr().out
    assert np.asarray(Image.open(tmp_path / "a/b.png")).shape[2] == 3
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.png"]


def test_table_gives_ratios_to_the_exact_one(people) -> None:
    points, faces = people
    lines = table(measure(points, faces, 16, repeats=1)).splitlines()
    assert lines[2].endswith("| 1.0x |")
