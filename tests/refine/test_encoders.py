from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from s2m.batch import Observation
from s2m.refine import BlindEncoder, ComparingEncoder, Draft, SilhouetteEncoder
from s2m.refine.comparing import cut_windows


def no_draft() -> Draft:
    raise AssertionError("this encoder compares with nothing")


def observation(frames: int, side: int = 48) -> Observation:
    generator = torch.Generator().manual_seed(frames)
    masks = (torch.rand(frames, side, side, generator=generator) > 0.5).float()
    return Observation(torch.rand(frames, 17, 2), torch.ones(frames, 17), masks)


def draft(frames: int, side: int = 48, joints: int = 17) -> Draft:
    generator = torch.Generator().manual_seed(100 + frames)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(frames, *shape, generator=generator) - 0.5

    turned = torch.eye(3).expand(frames, 5, 3, 3)
    points = random(joints, 3), random(joints, 2), random(joints, 2), random(5, 2)
    return Draft(*points, turned, (random(side, side) > 0).float())


@pytest.mark.parametrize("side", [32, 48])
def test_the_papers_encoder_accepts_any_mask_size_and_needs_no_draft(side: int) -> None:
    features = SilhouetteEncoder(17, size=32)(observation(2, side), no_draft)
    assert features.shape == (2, SilhouetteEncoder.features)


def test_a_blind_encoder_needs_nothing() -> None:
    assert BlindEncoder(17)(Observation(torch.rand(2, 17, 2), torch.ones(2, 17)), no_draft).shape == (2, 1)


def test_comparing_depends_on_everything_that_it_is_shown_and_on_no_other_frame() -> None:
    torch.manual_seed(0)
    encoder = ComparingEncoder(17, size=32, window=16)
    seen, first = observation(3), draft(3)
    features = encoder(seen, lambda: first)
    assert features.shape == (3, ComparingEncoder.features)
    # Not a batch norm: each frame by itself, in training mode, too.
    torch.testing.assert_close(encoder(seen[1:2], lambda: first[1:2]), features[1:2])
    changes = {"silhouette": 1 - first.silhouette, "lifted3d": -first.lifted3d, "lifted2d": -first.lifted2d}
    changes |= {"joints2d": first.joints2d + 0.1, "ends": first.ends + 0.2, "orientations": -first.orientations}
    for name, value in changes.items():
        other = replace(first, **{name: value})
        assert (encoder(seen, lambda other=other: other) - features).abs().max() > 1e-4, name
    turned_over = replace(seen, silhouette=1 - seen.silhouette)
    assert (encoder(turned_over, lambda: first) - features).abs().max() > 1e-3


def test_comparing_takes_any_joint_set_and_wants_a_silhouette() -> None:
    assert ComparingEncoder(27, size=32)(observation(1), lambda: draft(1, joints=27)).shape == (1, 256)
    with pytest.raises(ValueError, match=r"Observation\.silhouette"):
        ComparingEncoder(17)(Observation(torch.rand(1, 17, 2), torch.ones(1, 17)), lambda: draft(1))


def test_windows_are_what_lies_around_their_centres() -> None:
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    centres = torch.tensor([[[0.0, 0.0], [0.25, -0.5]], [[-0.5, 0.0], [1.0, 1.0]]])
    windows = cut_windows(images, centres, size=8, reach=0.5)  # as many pixels as the image has there
    assert windows.shape == (2, 2, 3, 8, 8)
    for frame in range(2):
        padded = torch.nn.functional.pad(images[frame], (8, 8, 8, 8))
        for end in range(2):
            column, row = (round(float(c + 1) * 8) - 4 + 8 for c in centres[frame, end])
            expected = padded[:, row : row + 8, column : column + 8]
            torch.testing.assert_close(windows[frame, end], expected, atol=1e-5, rtol=0)
