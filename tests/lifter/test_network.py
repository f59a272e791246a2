from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.lifter import Lifter, mean_bone_length, shared_bones
from s2m.lifter.normalise import normalise, turned_to
from s2m.skeletons import H36M17, S2M27, SMPL24, get_joint_set

from .people import person

SETS = ["h36m17", "s2m27"]


def lifter(joint_set: str = "h36m17", strength: float = 1.0) -> Lifter:
    """A small lifter whose last layer is not near zero, so that its depth matters."""
    torch.manual_seed(0)
    network = Lifter(joint_set, rest_bone_length=0.25, width=32, blocks=1)
    torch.nn.init.normal_(network.network[-1].weight, std=strength)
    return network


def observation(joint_set: str, count: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    joints = len(get_joint_set(joint_set))
    return torch.randn(count, joints, 2, generator=torch.Generator().manual_seed(1)), torch.ones(count, joints)


@pytest.mark.parametrize("joint_set", SETS)
def test_mean_length_of_the_shared_bones_is_the_given_one(joint_set):
    lifted = lifter(joint_set)(*observation(joint_set))
    names = H36M17.parent_of.items()
    tree = get_joint_set(joint_set)
    for skeleton in lifted.joints3d:
        lengths = [torch.dist(skeleton[tree.index(child)], skeleton[tree.index(parent)]) for child, parent in names]
        assert float(torch.stack(lengths).mean()) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("joint_set", SETS)
def test_skeleton_is_relative_to_the_root(joint_set):
    skeleton = lifter(joint_set)(*observation(joint_set)).joints3d
    assert torch.equal(skeleton[:, get_joint_set(joint_set).root_index], torch.zeros(5, 3))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 20), st.floats(-5, 5), st.floats(-5, 5))
def test_moving_and_scaling_the_input_moves_and_scales_the_2d_output_only(scale, x, y):
    joints, confidence = observation("h36m17")
    network = lifter(strength=0.1)
    shift = torch.tensor([x, y])
    before, after = network(joints, confidence), network(scale * joints + shift, confidence)
    torch.testing.assert_close(after.joints3d, before.joints3d, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(after.joints2d, scale * before.joints2d + shift, atol=1e-3, rtol=1e-3)


def test_missing_joints_do_not_influence_the_output_but_are_filled_in():
    joints, confidence = observation("h36m17")
    confidence[:, H36M17.indices(["pelvis", "left_wrist"])] = 0
    spoilt = torch.where(confidence[..., None] > 0, joints, torch.tensor(1e6))
    network = lifter()
    one, two = network(joints, confidence), network(spoilt, confidence)
    assert torch.equal(one.joints3d, two.joints3d)
    assert torch.equal(one.joints2d, two.joints2d)
    assert torch.isfinite(one.joints2d).all()


def test_untrained_lifter_is_nearly_planar_and_keeps_the_2d_joints():
    joints, confidence = observation("h36m17")
    network = Lifter("h36m17", 0.25, width=32, blocks=1)
    torch.nn.init.zeros_(network.network[-1].weight)
    lifted = network(joints, confidence)
    torch.testing.assert_close(lifted.joints2d, joints, atol=1e-5, rtol=1e-5)
    assert lifted.joints3d[..., 2].abs().max() < 1e-5


def test_gradients_agree_with_finite_differences():
    network = lifter(strength=0.3).double()
    joints, confidence = (t[:2].double() for t in observation("h36m17"))
    joints.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda j: network(j, confidence).joints3d, joints, atol=1e-5)


def test_degenerate_input_gives_finite_output_and_gradient():
    network = lifter()
    joints = torch.zeros(2, 17, 2, requires_grad=True)
    lifted = network(joints, torch.tensor([[1.0] * 17, [0.0] * 17]))
    lifted.joints3d.sum().backward()
    assert torch.isfinite(lifted.joints3d).all()
    assert torch.isfinite(joints.grad).all()


@pytest.mark.parametrize("joint_set", SETS)
def test_mirrored_person_is_lifted_to_the_mirrored_skeleton(joint_set):
    joints, confidence = observation(joint_set)
    mirror = list(get_joint_set(joint_set).mirror)
    confidence[:, get_joint_set(joint_set).index("left_wrist")] = 0
    network = lifter(joint_set, strength=0.1)
    direct = network(joints, confidence)
    other = network(joints[:, mirror] * torch.tensor([-1.0, 1.0]), confidence[:, mirror])
    flipped = other.joints3d[:, mirror] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(flipped, direct.joints3d, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        other.joints2d[:, mirror] * torch.tensor([-1.0, 1.0]), direct.joints2d, atol=1e-5, rtol=1e-4
    )


def test_elevation_head_is_optional():
    joints, confidence = observation("h36m17")
    assert lifter().elevation(joints, confidence) is None
    torch.manual_seed(0)
    network = Lifter("h36m17", 0.25, width=32, blocks=1, elevation_width=8)
    angle = network.elevation(joints, confidence)
    assert angle is not None
    assert angle.shape == (5,)
    moved = network.elevation(3.0 * joints + 1.0, confidence)
    torch.testing.assert_close(moved, angle, atol=1e-5, rtol=1e-4)
    mirror = list(H36M17.mirror)
    mirrored = network.elevation(joints[:, mirror] * torch.tensor([-1.0, 1.0]), confidence[:, mirror])
    torch.testing.assert_close(mirrored, angle, atol=1e-6, rtol=1e-4)
    with pytest.raises(ValueError, match="no elevation head"):
        lifter().tell_elevation(joints, confidence)


def test_state_dict_holds_weights_only_and_restores():
    network, other = lifter(), Lifter("h36m17", 0.25, width=32, blocks=1)
    assert all(name.startswith(("network.", "partial_network.")) for name in network.state_dict())
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(*observation("h36m17")).joints3d, other(*observation("h36m17")).joints3d)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("h36m17", 0.0), "rest_bone_length"),
        (("h36m17", 0.25, 32, 1, 0.5), "camera_distance"),
        (("nobody", 0.25), "unknown joint set"),
        (("smpl24", 0.25), "needs the joints"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Lifter(*arguments)


@pytest.mark.parametrize(
    ("joints", "confidence"), [((2, 27, 2), (2, 27)), ((2, 17, 3), (2, 17)), ((2, 17, 2), (3, 17))]
)
def test_wrong_shapes_are_refused(joints, confidence):
    with pytest.raises(ValueError, match="expected joints2d"):
        lifter()(torch.zeros(joints), torch.ones(confidence))


def test_shared_bones_connect_the_same_names_in_every_set():
    def names(joint_set):
        return {(joint_set.joints[p], joint_set.joints[c]) for p, c in shared_bones(joint_set)}

    assert names(H36M17) == names(S2M27)
    with pytest.raises(ValueError, match="spine"):
        shared_bones(SMPL24)


def test_mean_bone_length_of_a_known_skeleton():
    line = torch.zeros(17, 3)
    line[H36M17.index("left_wrist"), 0] = 1.6  # one bone of 16 has a length
    assert mean_bone_length(line, H36M17) == pytest.approx(0.1)
    assert mean_bone_length(person(H36M17), H36M17) == pytest.approx(mean_bone_length(person(S2M27), S2M27))


def test_people_of_whom_joints_are_missing_have_a_network_of_their_own():
    network = lifter()
    joints, confidence = observation("h36m17")
    confidence[0, 3] = 0
    before = network(joints, confidence).joints3d
    with torch.no_grad():
        network.partial_network[-1].bias += torch.randn(51, generator=torch.Generator().manual_seed(3))
    after = network(joints, confidence).joints3d
    assert not torch.allclose(before[0], after[0], atol=1e-3)
    torch.testing.assert_close(before[1:], after[1:])


def test_who_is_completed_rightly_is_lifted_like_the_whole_person_but_for_the_other_networks_share():
    """One wrist, which lies on the root, is hidden; a network that moves nothing says that it lies there."""
    network = lifter()
    torch.nn.init.zeros_(network.partial_network[-1].weight)
    joints, confidence = observation("h36m17")
    wrist, root = H36M17.index("left_wrist"), H36M17.root_index
    joints[:, wrist] = joints[:, root]
    hidden = confidence.clone()
    hidden[:, wrist] = 0
    whole, part = (normalise(joints, sure, H36M17) for sure in (torch.ones_like(confidence), hidden))
    (_, expected), (_, found) = (network.lift(person.joints2d, person.visible) for person in (whole, part))
    flat = torch.cat([joints - joints[:, root, None], torch.zeros_like(joints[..., :1])], -1)
    torch.testing.assert_close(part.scale * found, 0.6 * whole.scale * expected + 0.4 * flat, atol=1e-5, rtol=1e-4)
    assert (part.scale * found - flat).abs().max() > 1e-3


def test_elevations_keep_within_their_range():
    network = Lifter("h36m17", 0.25, width=8, blocks=1, elevation_width=8, elevation_range=(-5.0, 30.0))
    with torch.no_grad():
        network.elevation_network[-1].weight.mul_(1e4)
    told = network.elevation(*observation("h36m17")).rad2deg()
    assert -5 - 1e-3 <= told.min() < told.max() <= 30 + 1e-3
    with pytest.raises(ValueError, match="elevation_range: expected -90 <= smallest < largest"):
        Lifter("h36m17", 0.25, elevation_range=(10.0, -10.0))


def test_a_known_camera_is_turned_to_the_person():
    """Whoever is seen by a turned camera gives the same skeleton, turned: whatever the lifter says."""
    network = lifter()
    joints, confidence = observation("h36m17")
    camera = torch.tensor([[2.0, 2.1, 0.1, -0.2]]).expand(len(joints), 4)
    joints = joints * 0.3 + torch.tensor([0.8, -0.4])
    turned = turned_to(joints, confidence, camera, network.joint_set)
    expected = turned.to_camera(network(turned.seen(joints), confidence).joints3d)
    torch.testing.assert_close(network(joints, confidence, camera).joints3d, expected, atol=1e-5, rtol=1e-4)
