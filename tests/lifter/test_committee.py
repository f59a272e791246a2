"""Two lifters' mean: by hand, for people of whom little is seen, and what ships."""

from __future__ import annotations

import pytest
import torch

from s2m.lifter import Lifter, lift, mean_bone_length
from s2m.lifter.committee import Committee, carrier
from s2m.lifter.shipped_lifters import shipped, shipped_committee
from s2m.skeletons import H36M17, S2M27

SHARED = S2M27.indices(H36M17.joints)


def untrained(joint_set: str, seed: int) -> Lifter:
    torch.manual_seed(seed)
    lifter = Lifter(joint_set, 0.25, width=16, blocks=1)
    torch.nn.init.normal_(lifter.network[-1].weight, std=0.3)
    return lifter.eval().requires_grad_(False)


@pytest.fixture
def committee() -> Committee:
    return Committee(untrained("s2m27", 0), untrained("h36m17", 1))


def people(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, 27, 2, generator=torch.Generator().manual_seed(2)), torch.ones(count, 27)


def test_shared_joints_are_the_mean_and_the_others_hang_on_them(committee: Committee) -> None:
    points, sure = people()
    camera = torch.tensor([[3.0, 3.0, 0.5, 0.5]]).expand(4, 4)
    found = committee(points, sure, camera)
    first = committee.lifter(points, sure, camera)
    second = committee.core(points[:, SHARED], sure[:, SHARED], camera)
    mean = (first.joints3d[:, SHARED] + second.joints3d) / 2
    scale = torch.tensor([0.25 / mean_bone_length(skeleton, H36M17) for skeleton in mean])[:, None, None]
    torch.testing.assert_close(found.joints3d[:, SHARED], scale * mean)
    toe, ankle = S2M27.index("left_toe"), S2M27.index("left_ankle")
    foot = scale[:, 0] * (first.joints3d[:, toe] - first.joints3d[:, ankle])
    torch.testing.assert_close(found.joints3d[:, toe] - found.joints3d[:, ankle], foot)
    torch.testing.assert_close(found.joints2d[:, SHARED], (first.joints2d[:, SHARED] + second.joints2d) / 2)


def test_who_shows_too_few_of_the_shared_joints_is_left_to_the_first(committee: Committee) -> None:
    points, sure = people()
    sure[1, [j for j in SHARED if j not in SHARED[:5]]] = 0
    found, first = committee(points, sure), committee.lifter(points, sure)
    torch.testing.assert_close(found.joints3d[1], first.joints3d[1])
    assert (found.joints3d[0] - first.joints3d[0]).abs().max() > 1e-3


def test_joints_that_only_one_knows(committee: Committee) -> None:
    assert [carrier(joint, S2M27, H36M17) for joint in ("left_toe", "right_pinky", "head")] == [
        "left_ankle",
        "right_wrist",
        "head",
    ]
    with pytest.raises(ValueError, match=r"core: expected joints of h36m17, found .*left_toe"):
        Committee(committee.core, committee.lifter)


def test_what_ships_for_27_joints_are_two() -> None:
    both = shipped_committee("s2m27")
    assert isinstance(both, Committee)
    assert isinstance(shipped_committee("h36m17"), Lifter)
    points, sure = people()
    expected = both(points, sure).joints3d
    torch.testing.assert_close(lift(points, "s2m27").joints3d, expected, atol=1e-5, rtol=1e-4)
    alone = lift(points, "s2m27", lifter=shipped("s2m27")).joints3d
    assert (alone - expected).abs().max() > 1e-3
