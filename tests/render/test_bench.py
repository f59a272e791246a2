from __future__ import annotations

import torch

from s2m.render import hard_silhouette
from s2m.render.bench import Timing, main, posed_bodies, table


def test_bodies_lie_in_the_crop() -> None:
    points, faces = posed_bodies(3, 600)
    assert points.shape[0] == 3
    assert points[..., :2].abs().max() <= 0.9
    assert 300 < len(faces) <= 700
    assert bool((hard_silhouette(points, faces, 32).flatten(1).sum(1) > 50).all())
    assert torch.equal(points, posed_bodies(3, 600)[0])


def test_ratios_are_to_the_first_of_the_same_size() -> None:
    lines = table([Timing("a", 8, 1.0, 4.0), Timing("b", 8, 1.0, 2.0), Timing("a", 16, 1.0, 9.0)]).splitlines()
    assert [line.split("|")[-2].strip() for line in lines[2:]] == ["1.0x", "2.0x", "1.0x"]


def test_the_command_prints_every_renderer(capsys) -> None:
    threads = torch.get_num_threads()
    main(["--sizes", "16", "--faces", "300", "--batch", "1", "--repeats", "1", "--faces-per-pixel", "2"])
    torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert printed.count("| 16 |") == 3
    assert "peak memory" in printed
