from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from s2m.batch import Observation
from s2m.heads import BlindEncoder, ComparingEncoder, InitialEstimate, SilhouetteEncoder
from s2m.heads.render_compare import along_bones, around_extremities
from s2m.skeletons import H36M17, S2M27


def no_draft() -> InitialEstimate:
    raise AssertionError("this encoder compares with nothing")


def observation(frames: int, side: int = 48, joints: int = 17) -> Observation:
    generator = torch.Generator().manual_seed(frames)
    masks = (torch.rand(frames, side, side, generator=generator) > 0.5).float()
    return Observation(torch.rand(frames, joints, 2), torch.ones(frames, joints), masks)


def initial(frames: int, side: int = 48, joints: int = 17) -> InitialEstimate:
    generator = torch.Generator().manual_seed(100 + frames)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(frames, *shape, generator=generator) - 0.5

    turned = torch.eye(3).expand(frames, 5, 3, 3)
    points = random(joints, 3), random(joints, 2), random(joints, 2)
    return InitialEstimate(*points, turned, (random(side, side) > 0).float())


@pytest.mark.parametrize("side", [32, 48])
def test_the_papers_encoder_accepts_any_mask_size_and_needs_no_draft(side: int) -> None:
    features = SilhouetteEncoder(H36M17, size=32)(observation(2, side), no_draft)
    assert features.shape == (2, SilhouetteEncoder.features)


def test_a_blind_encoder_needs_nothing() -> None:
    assert BlindEncoder(H36M17)(Observation(torch.rand(2, 17, 2), torch.ones(2, 17)), no_draft).shape == (2, 1)


def test_comparing_depends_on_everything_that_it_is_shown_and_on_no_other_frame() -> None:
    torch.manual_seed(0)
    encoder = ComparingEncoder(H36M17, window=16)
    seen, first = observation(3), initial(3)
    features = encoder(seen, lambda: first)
    assert features.shape == (3, ComparingEncoder.features)
    # Not a batch norm: each frame by itself, in training mode, too.
    torch.testing.assert_close(encoder(seen[1:2], lambda: first[1:2]), features[1:2])
    changes = {"silhouette": 1 - first.silhouette, "lifted3d": -first.lifted3d, "lifted2d": -first.lifted2d}
    changes |= {"joints2d": first.joints2d + 0.1, "orientations": -first.orientations}
    for name, value in changes.items():
        other = replace(first, **{name: value})
        assert (encoder(seen, lambda other=other: other) - features).abs().max() > 1e-4, name
    turned_over = replace(seen, silhouette=1 - seen.silhouette)
    assert (encoder(turned_over, lambda: first) - features).abs().max() > 1e-3


def test_comparing_sees_how_far_detections_are_off_but_not_how_sure_they_say_they_are() -> None:
    torch.manual_seed(0)
    encoder, seen, first = ComparingEncoder(H36M17, window=16), observation(2), initial(2)

    def features(**changes: torch.Tensor) -> torch.Tensor:
        return encoder(replace(seen, **changes), lambda: first)

    off = seen.joints2d.clone()
    off[:, 5] += 0.03
    assert (features(joints2d=off) - features()).abs().max() > 1e-4
    torch.testing.assert_close(features(confidence=0.6 * seen.confidence), features())
    lost = seen.confidence.clone()
    lost[:, 5] = 0
    assert (features(confidence=lost) - features()).abs().max() > 1e-4
    torch.testing.assert_close(features(confidence=lost, joints2d=off), features(confidence=lost))


def test_comparing_takes_any_joint_set_and_wants_a_silhouette() -> None:
    assert ComparingEncoder(S2M27)(observation(1, joints=27), lambda: initial(1, joints=27)).shape == (1, 256)
    with pytest.raises(ValueError, match=r"Observation\.silhouette"):
        ComparingEncoder(H36M17)(Observation(torch.rand(1, 17, 2), torch.ones(1, 17)), lambda: initial(1))


def test_a_strip_shows_how_far_the_body_reaches_beside_a_bone() -> None:
    """A bar of known width around a bone that points anywhere: the columns within half its width are full."""
    across, half = 30, 0.08
    for degrees in (0.0, 35.0, 90.0, -140.0):
        angle = torch.deg2rad(torch.tensor(degrees))
        way = torch.stack([angle.cos(), angle.sin()])
        mask = stick(way, half, side=200)
        strips = along_bones(mask[None, None], -0.3 * way[None, None], 0.6 * way[None, None], 6, across)[0, 0, 0]
        columns = 0.15 * ((torch.arange(across) + 0.5) * 2 / across - 1)
        inside = (columns.abs() < half).float()[None].expand(6, across)
        clear = ((columns.abs() - half).abs() > 0.01)[None].expand(6, across)  # not within a pixel of the edge
        torch.testing.assert_close(strips[clear], inside[clear], atol=1e-4, rtol=0)


def stick(way: torch.Tensor, half: float, side: int) -> torch.Tensor:
    """(S, S): 1 within ``half`` of the line through the middle that points ``way``, 0 elsewhere."""
    steps = (torch.arange(side) + 0.5) * 2 / side - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return ((x * way[1] - y * way[0]).abs() < half).float()


def test_what_an_end_shows_turns_with_its_bone() -> None:
    """A hand's window is the same when the picture, with arm and all, is turned by a right angle."""
    picture = torch.rand(1, 2, 64, 64, generator=torch.Generator().manual_seed(3))
    end, bone = torch.tensor([[[0.2, -0.1]]]), torch.tensor([[[0.3, 0.12]]])
    turned = torch.rot90(picture, -1, (2, 3))  # clockwise: (x, y) goes to (-y, x), y down

    def clockwise(points: torch.Tensor) -> torch.Tensor:
        return torch.stack([-points[..., 1], points[..., 0]], -1)

    first = around_extremities(picture, end, bone, 16, 0.3)
    second = around_extremities(turned, clockwise(end), clockwise(bone), 16, 0.3)
    torch.testing.assert_close(first, second, atol=1e-4, rtol=0)
    assert (first - around_extremities(picture, end, -bone, 16, 0.3)).abs().max() > 0.1


def test_a_bone_without_length_is_no_error() -> None:
    encoder, first = ComparingEncoder(H36M17), initial(2)
    flat = replace(first, lifted2d=torch.zeros_like(first.lifted2d))
    assert encoder(observation(2), lambda: flat).isfinite().all()
