"""The temporal head: identity at the start, ends, independence of videos, artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from s2m.artifact import Artifact, ArtifactError, save, sha256
from s2m.body import load_body
from s2m.lifter import Lifter
from s2m.lifter.temporal import TemporalHead, TemporalLifter, load_temporal, neighbours
from s2m.skeletons import H36M17


def video(frames: int, joints: int = 17, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(frames, joints, 2, generator=generator), torch.ones(frames, joints)


def random_head(joint_set: str = "h36m17", radius: int = 2) -> TemporalHead:
    torch.manual_seed(0)
    head = TemporalHead(joint_set, 0.25, radius=radius, width=16, blocks=1)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return head.eval().requires_grad_(False)


def test_neighbours_stop_at_the_ends() -> None:
    assert neighbours(4, 2).tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]
    assert neighbours(1, 3).tolist() == [[0] * 7]


def test_a_still_video_stays_as_it_is_at_the_start() -> None:
    head = TemporalHead("h36m17", 0.25, width=16, blocks=1)
    torch.nn.init.zeros_(head.network[-1].weight)
    skeleton = torch.randn(1, 1, 17, 3).expand(2, 9, 17, 3)
    skeleton = skeleton - skeleton[:, :, H36M17.root_index, None]
    out = head(skeleton, torch.zeros(2, 9, 17, 2), torch.ones(2, 9, 17))
    torch.testing.assert_close(out, skeleton, atol=1e-6, rtol=1e-5)


def test_the_filter_is_a_convolution_with_replicated_ends() -> None:
    """Independent oracle: torch's own 1D convolution of a padded signal."""
    head = random_head(radius=3)
    torch.nn.init.zeros_(head.network[-1].weight)
    torch.nn.init.zeros_(head.network[-1].bias)
    skeletons = torch.randn(1, 20, 17, 3)
    out = head(skeletons, torch.zeros(1, 20, 17, 2), torch.ones(1, 20, 17))
    padded = torch.nn.functional.pad(skeletons[0].permute(2, 1, 0), (3, 3), mode="replicate")
    kernel = head.filter.softmax(0).T[:, None]
    smooth = torch.nn.functional.conv1d(padded, kernel, groups=17).permute(2, 1, 0)
    torch.testing.assert_close(out[0], smooth - smooth[:, :1], atol=1e-5, rtol=1e-4)


def test_frames_beyond_the_radius_and_other_videos_have_no_influence() -> None:
    torch.manual_seed(0)
    model = TemporalLifter(Lifter("s2m27", 0.25, width=16, blocks=1), random_head("s2m27")).eval()
    (first, seen), (second, also) = video(9, 27), video(7, 27, seed=1)
    together = model(torch.cat([first, second]), torch.cat([seen, also]), lengths=[9, 7]).joints3d
    torch.testing.assert_close(together[:9], model(first, seen).joints3d)
    torch.testing.assert_close(together[9:], model(second, also).joints3d)
    changed = first.clone()
    changed[8] += 0.5 * torch.randn(27, 2)
    moved = (model(changed, seen).joints3d - model(first, seen).joints3d).norm(dim=-1).amax(1)
    assert (moved[:6] == 0).all()
    assert (moved[6:] > 0).all()


def test_missing_joints_are_ignored_whatever_their_value() -> None:
    model = TemporalLifter(Lifter("h36m17", 0.25, width=16, blocks=1), random_head()).eval()
    joints, confidence = video(6)
    confidence[2, 5] = 0
    outputs = []
    for value in (0.0, 1e5, float("nan")):
        joints[2, 5] = value
        outputs.append(model(joints, confidence).joints3d)
    assert torch.isfinite(outputs[2]).all()
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    assert torch.equal(outputs[0][:, H36M17.root_index], torch.zeros(6, 3))


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_videos(frames: int) -> None:
    model = TemporalLifter(Lifter("h36m17", 0.25, width=16, blocks=1), random_head()).eval()
    assert model(*video(frames)).joints3d.shape == (frames, 17, 3)


def test_bad_input_is_refused() -> None:
    head = random_head()
    with pytest.raises(ValueError, match=r"expected skeletons \(S, T, 17, 3\)"):
        head(torch.zeros(1, 4, 27, 3), torch.zeros(1, 4, 27, 2), torch.zeros(1, 4, 27))
    with pytest.raises(ValueError, match="joint sets differ: lifter s2m27, head h36m17"):
        TemporalLifter(Lifter("s2m27", 0.25, width=8, blocks=1), head)
    with pytest.raises(ValueError, match="expected 5 frames in all, found 4"):
        TemporalLifter(Lifter("h36m17", 0.25, width=8, blocks=1), head)(*video(5), lengths=[4])
    with pytest.raises(ValueError, match="radius"):
        TemporalHead("h36m17", 0.25, radius=0)
    with pytest.raises(ValueError, match="rest_bone_length"):
        TemporalHead("h36m17", 0.0)


def test_an_artifact_belongs_to_its_lifter(tmp_path: Path) -> None:
    body, lifter = load_body(None), Lifter("h36m17", 0.25, width=8, blocks=1)
    arguments = {"joint_set": "h36m17", "rest_bone_length": 0.25, "radius": 2, "width": 16, "blocks": 1}
    spec = {"class_path": "s2m.lifter.temporal.TemporalHead", "init_args": arguments}
    head, lifter_path, other = random_head(), tmp_path / "lifter.pt", tmp_path / "other.pt"
    lifter_path.write_bytes(b"a lifter")
    other.write_bytes(b"another")
    parents = {"lifter": sha256(lifter_path)}
    save(tmp_path / "temporal.pt", Artifact("temporal", "h36m17", body.hash, spec, head.state_dict(), parents))
    model = load_temporal(tmp_path / "temporal.pt", lifter, lifter_path, body)
    inputs = video(5)
    torch.testing.assert_close(model(*inputs).joints3d, TemporalLifter(lifter, head).eval()(*inputs).joints3d)
    with pytest.raises(ArtifactError, match="field parents: trained on a lifter with sha256"):
        load_temporal(tmp_path / "temporal.pt", lifter, other, body)
    with pytest.raises(ArtifactError, match="field joint_set"):
        load_temporal(tmp_path / "temporal.pt", Lifter("s2m27", 0.25, width=8, blocks=1), lifter_path, body)
