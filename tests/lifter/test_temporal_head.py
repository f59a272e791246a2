"""The temporal head: what a mean over time must be, ends, frame rates, independence of videos, artifacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.artifact import Artifact, ArtifactError, save
from s2m.body import load_body
from s2m.files import sha256
from s2m.lifter import Lifter
from s2m.lifter.lineage import lineage
from s2m.lifter.temporal_head import TemporalHead, TemporalLifter, load_temporal, neighbours
from s2m.skeletons import H36M17


def video(frames: int, joints: int = 17, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(frames, joints, 2, generator=generator), torch.ones(frames, joints)


def random_head(joint_set: str = "h36m17", radius: int = 2) -> TemporalHead:
    torch.manual_seed(0)
    head = TemporalHead(joint_set, 0.25, radius=radius, width=16)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return head.eval().requires_grad_(False)


def skeletons(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.3 * torch.randn(*shape, 17, 3, generator=torch.Generator().manual_seed(seed))


def test_neighbours_stop_at_the_ends() -> None:
    around = neighbours(4, torch.arange(-2, 3))
    assert around.tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]
    assert neighbours(1, torch.arange(-3, 4)).tolist() == [[0] * 7]


@pytest.mark.parametrize(("fps", "step"), [(60.0, 2), (90.0, 3)])
def test_a_faster_camera_is_seen_at_the_rate_of_the_training(fps: float, step: int) -> None:
    """Every frame of the fast video is smoothed as in the slow video that it is a frame of."""
    head = random_head()
    given, seen = skeletons(1, 12 * step), torch.ones(1, 12 * step, 17)
    fast, inner = head(given, seen, fps), slice(head.radius, -head.radius)
    for first in range(step):
        slow = head(given[:, first::step], seen[:, first::step])
        torch.testing.assert_close(fast[:, first::step][:, inner], slow[:, inner])
    assert head.reach(fps) == step * head.radius


def test_a_camera_as_slow_as_those_of_the_training_shows_all_its_frames() -> None:
    head, given, seen = random_head(), skeletons(1, 9), torch.ones(1, 9, 17)
    for fps in (15.0, 24.0, 25.0, 30.0):
        assert torch.equal(head(given, seen, fps), head(given, seen))
        assert head.reach(fps) == head.radius


def test_a_slower_camera_shows_fewer_frames_in_the_same_time() -> None:
    """At half the lowest rate the frames of the radius lie within half of it: those further away play no part."""
    head = random_head(radius=4)
    given, seen = skeletons(1, 9), torch.ones(1, 9, 17)
    before = head(given, seen, 7.5)[0, 4]
    for frame, counts in ((0, False), (1, False), (2, True), (6, True), (7, False)):
        changed = given.clone()
        changed[0, frame] += 1
        assert bool((head(changed, seen, 7.5)[0, 4] != before).any()) == counts
    assert head.reach(7.5) == 2


def test_a_still_video_stays_as_it_is() -> None:
    still = skeletons(1, 1).expand(2, 9, 17, 3)
    torch.testing.assert_close(random_head()(still, torch.ones(2, 9, 17)), still)


def test_without_network_and_outliers_it_is_a_convolution_with_replicated_ends() -> None:
    """Independent oracle: torch's own 1D convolution of a padded signal."""
    head = random_head(radius=3)
    torch.nn.init.zeros_(head.network[-1].weight)
    torch.nn.init.zeros_(head.network[-1].bias)
    torch.nn.init.constant_(head.tolerance, 20.0)
    given = skeletons(1, 20)
    padded = torch.nn.functional.pad(given[0].permute(2, 1, 0), (3, 3), mode="replicate")
    kernel = head.kernel.softmax(0).T[:, None]
    smooth = torch.nn.functional.conv1d(padded, kernel, groups=17).permute(2, 1, 0)
    torch.testing.assert_close(head(given, torch.ones(1, 20, 17))[0], smooth, atol=1e-5, rtol=1e-4)


def test_where_the_camera_stands_does_not_matter() -> None:
    """Turned and moved paths are smoothed alike: the weights look at neither place nor direction."""
    head, given, seen = random_head(), skeletons(1, 10), torch.ones(1, 10, 17)
    turn = torch.from_numpy(Rotation.random(rng=np.random.default_rng(0)).as_matrix()).float()
    moved = given @ turn.T + torch.tensor([0.3, -0.2, 0.5])
    expected = head(given, seen) @ turn.T + torch.tensor([0.3, -0.2, 0.5])
    torch.testing.assert_close(head(moved, seen), expected, atol=1e-5, rtol=1e-4)


def test_nothing_leaves_the_box_of_the_frames_around() -> None:
    head, given = random_head(radius=2), skeletons(1, 15)
    near = given[0][neighbours(15, torch.arange(-2, 3))]
    smooth = head(given, torch.ones(1, 15, 17))[0]
    assert bool((smooth <= near.amax(1) + 1e-6).all())
    assert bool((smooth >= near.amin(1) - 1e-6).all())


def test_an_outlier_counts_for_nothing() -> None:
    """A joint that is metres off in one frame hardly moves its neighbours, which a plain mean would move by metres."""
    head = TemporalHead("h36m17", 0.25, radius=3)
    torch.nn.init.zeros_(head.network[-1].weight)
    torch.nn.init.zeros_(head.kernel)
    still = skeletons(1, 1).expand(1, 11, 17, 3).clone()
    off = still.clone()
    off[0, 5, 3] += 5.0
    with torch.no_grad():
        moved = (head(off, torch.ones(1, 11, 17)) - still)[0, :, 3].norm(dim=-1)
    plain = (5.0 * 3**0.5) / 7
    assert float(moved[2:9].max()) < 0.05 * plain


def test_a_missing_joint_counts_for_as_little_as_the_head_has_learned() -> None:
    head = random_head(radius=2)
    torch.nn.init.zeros_(head.network[-1].weight)
    torch.nn.init.constant_(head.confidence, 30.0)
    given, seen = skeletons(1, 9), torch.ones(1, 9, 17)
    seen[0, 4, 2] = 0
    before = head(given, seen)
    given[0, 4, 2] += 0.5
    torch.testing.assert_close(head(given, seen), before)


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


def test_weights_learn_through_the_reweighting() -> None:
    """Gradients of every parameter against finite differences."""
    head = TemporalHead("h36m17", 0.25, radius=2, width=4).double()
    given, seen = skeletons(1, 6).double(), torch.ones(1, 6, 17, dtype=torch.float64)
    aim = skeletons(1, 6, seed=1).double()

    def loss() -> torch.Tensor:
        return (head(given, seen) * aim).sum()

    loss().backward()
    for name, parameter in head.named_parameters():
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            ends = []
            for step in (1e-6, -2e-6):
                parameter += step * direction
                ends.append(float(loss()))
            parameter += 1e-6 * direction
        expected = (ends[0] - ends[1]) / 2e-6
        assert float((parameter.grad * direction).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_videos(frames: int) -> None:
    model = TemporalLifter(Lifter("h36m17", 0.25, width=16, blocks=1), random_head()).eval()
    assert model(*video(frames)).joints3d.shape == (frames, 17, 3)


def test_bad_input_is_refused() -> None:
    head = random_head()
    with pytest.raises(ValueError, match=r"expected skeletons \(S, T, 17, 3\)"):
        head(torch.zeros(1, 4, 27, 3), torch.zeros(1, 4, 27))
    with pytest.raises(ValueError, match=r"visible \(S, T, 17\), found .* and \(1, 5, 17\)"):
        head(torch.zeros(1, 4, 17, 3), torch.zeros(1, 5, 17))
    with pytest.raises(ValueError, match="joint sets differ: lifter s2m27, head h36m17"):
        TemporalLifter(Lifter("s2m27", 0.25, width=8, blocks=1), head)
    with pytest.raises(ValueError, match="expected 5 frames in all, found 4"):
        TemporalLifter(Lifter("h36m17", 0.25, width=8, blocks=1), head)(*video(5), lengths=[4])
    with pytest.raises(ValueError, match="radius"):
        TemporalHead("h36m17", 0.25, radius=0)
    with pytest.raises(ValueError, match="rest_bone_length"):
        TemporalHead("h36m17", 0.0)
    for slowest, fps in ((0.0, 30.0), (60.0, 30.0)):
        with pytest.raises(ValueError, match="expected 0 < slowest <= fps"):
            TemporalHead("h36m17", 0.25, slowest=slowest, fps=fps)


def test_an_artifact_belongs_to_its_lifter(tmp_path: Path) -> None:
    body, lifter = load_body(None), Lifter("h36m17", 0.25, width=8, blocks=1)
    arguments = {"joint_set": "h36m17", "rest_bone_length": 0.25, "radius": 2, "width": 16}
    spec = {"class_path": "s2m.lifter.temporal_head.TemporalHead", "init_args": arguments}
    head, lifter_path, other = random_head(), tmp_path / "lifter.pt", tmp_path / "other.pt"
    own = Artifact("lifter", "h36m17", body.hash, {"class_path": "s2m.lifter.Lifter"}, lifter.state_dict())
    save(lifter_path, own)
    save(other, replace(own, config={"seed": 1}))
    parents = {"lifter": sha256(lifter_path)}
    save(tmp_path / "temporal.pt", Artifact("temporal", "h36m17", body.hash, spec, head.state_dict(), parents))
    model = load_temporal(tmp_path / "temporal.pt", lifter, lifter_path)
    inputs = video(5)
    torch.testing.assert_close(model(*inputs).joints3d, TemporalLifter(lifter, head).eval()(*inputs).joints3d)
    with pytest.raises(ArtifactError, match="field parents: trained on a lifter with sha256"):
        load_temporal(tmp_path / "temporal.pt", lifter, other)
    # Lifters that went on learning keep it, also those that did so twice.
    once, twice = tmp_path / "once.pt", tmp_path / "twice.pt"
    save(once, replace(own, parents=parents, config={"adapted": {"steps": 1}}))
    save(twice, replace(own, config={"adapted": {"of": lineage(once)}}))
    assert lineage(twice) == [sha256(twice), sha256(once), sha256(lifter_path)]
    for path in (once, twice):
        assert load_temporal(tmp_path / "temporal.pt", lifter, path).lifter is lifter
    with pytest.raises(ArtifactError, match="field joint_set"):
        load_temporal(tmp_path / "temporal.pt", Lifter("s2m27", 0.25, width=8, blocks=1), lifter_path)
