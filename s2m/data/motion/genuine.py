"""Rotations as people's joints turn, of poses that a sampler or another skeleton's motion gives.

The sampler and the shipped clips bend elbows about the axis that is handy, and spread a bend evenly over the spine.
Genuine motion does otherwise (:mod:`s2m.ik.body_motion` has measured it), and no two people alike. Here arms and legs
keep their directions and the rotations become usual: elbows turn about their genuine axis, with the upper arm twisted
to suit; spine and neck share their bends, which moves the chest by some centimetres; and every person differs a little,
in axes, in shares and in how far the forearm is turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import roma
import torch
from torch import Tensor

from s2m.ik.body_motion import BodyMotion, genuine
from s2m.skeletons import SMPL24

# Standard deviations: how far a person's elbow and knee axes are turned about the bone above (radians), how far a
# forearm is turned about itself (radians), and how much the shares of the spine differ (of themselves).
_ELBOW, _KNEE, _FOREARM, _SHARES = 0.12, 0.06, 0.30, 0.25
# The sine of a bend below which an arm is too straight to show which way it bends.
_STRAIGHT = 0.08
_UPPER_ARM, _THIGH = (1.0, 0.0, 0.0), (0.0, -1.0, 0.0)
_SPINE = ("spine1", "spine2", "spine3")


@dataclass(frozen=True)
class Person:
    """How the joints of N people differ from the usual.

    Args:
        elbow: (N, 2) turn of the elbows' axes about the upper arms, left and right, radians.
        knee: (N, 2) the same of the knees, about the thighs.
        forearm: (N, 2) turn of the forearms about themselves, radians.
        shares: (N, 3) factors on the shares of the spine's three joints.
    """

    elbow: Tensor
    knee: Tensor
    forearm: Tensor
    shares: Tensor

    @staticmethod
    def draw(rng: np.random.Generator, count: int) -> Person:
        """Draw people.

        Args:
            rng: Source of random numbers.
            count: How many.
        """
        pairs = [scale * rng.standard_normal((count, 2)) for scale in (_ELBOW, _KNEE, _FOREARM)]
        shares = np.exp(_SHARES * rng.standard_normal((count, 3)))
        return Person(*(torch.from_numpy(values).float() for values in (*pairs, shares)))

    def all_alike(self, count: int) -> Person:
        """The first of them, as often as a clip has frames.

        Args:
            count: How often.
        """
        return Person(*(value[:1].expand(count, -1) for value in vars(self).values()))


def as_people_move(poses: Tensor, people: Person, motion: BodyMotion | None = None) -> Tensor:
    """The same joints by the rotations of people.

    Args:
        poses: (N, 24, 4) unit quaternions x y z w.
        people: Who moves, N of them.
        motion: Axes and shares; the genuine ones if not given.

    Returns:
        (N, 24, 4).
    """
    motion = genuine() if motion is None else motion
    found = poses.clone()
    for number, side in enumerate(("left", "right")):
        _bend_arm(found, side, motion, people.elbow[:, number], people.forearm[:, number])
        _turn_axis(found, f"{side}_hip", f"{side}_knee", _THIGH, people.knee[:, number])
    spine = torch.tensor(motion.spine)[None] * people.shares[..., None]
    _share(found, _SPINE, spine / spine.sum(1, keepdim=True))
    neck = torch.tensor(motion.neck)
    _share(found, ("neck", "head"), torch.stack([neck, 1 - neck])[None].expand(len(poses), -1, -1))
    return found


def _bend_arm(poses: Tensor, side: str, motion: BodyMotion, turned: Tensor, forearm: Tensor) -> None:
    """Bend the elbow about its genuine axis; the twist of the upper arm puts the forearm where it was."""
    shoulder, elbow, wrist = (SMPL24.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
    along = torch.tensor(_UPPER_ARM) * (1.0 if side == "left" else -1.0)
    axis = torch.tensor(motion.axis(f"{side}_elbow"))
    hand = roma.quat_product(roma.quat_product(poses[:, shoulder], poses[:, elbow]), poses[:, wrist])
    wanted = roma.quat_action(poses[:, elbow], along.expand(len(poses), 3))
    slant = axis @ along
    cosine = ((wanted @ along - slant**2) / (1 - slant**2)).clamp(-1, 1)
    bend = roma.rotvec_to_unitquat(axis * torch.acos(cosine)[:, None])
    twist = _twist_between(roma.quat_action(bend, along.expand(len(poses), 3)), wanted, along, axis)
    poses[:, shoulder] = roma.quat_product(poses[:, shoulder], _about(along, twist + turned))
    bend = roma.quat_product(_about(along, -turned), bend)
    poses[:, elbow] = roma.quat_product(bend, _about(along, forearm))
    arm = roma.quat_product(poses[:, shoulder], poses[:, elbow])
    poses[:, wrist] = roma.quat_product(roma.quat_conjugation(arm), hand)


def _twist_between(bent: Tensor, wanted: Tensor, along: Tensor, axis: Tensor) -> Tensor:
    """(N,) radians about the upper arm that take a bent forearm to where it is wanted.

    A straight arm shows no direction: it takes the twist that a bend about the axis of the rest pose would have.
    """
    first = torch.linalg.cross(axis, along)
    usual = torch.linalg.cross(torch.tensor([0.0, -1.0, 0.0]) * along.sum(), along)
    angles = []
    for start, end in ((bent, wanted), (first.expand_as(bent), usual.expand_as(bent))):
        start, end = (value - (value @ along)[:, None] * along for value in (start, end))
        sine, cosine = (torch.linalg.cross(start, end) * along).sum(1), (start * end).sum(1)
        angles.append(torch.stack([cosine, sine], 1))
    shown = wanted - (wanted @ along)[:, None] * along
    sure = (shown.norm(dim=1, keepdim=True) / _STRAIGHT).clamp_max(1.0)
    mixed = sure * torch.nn.functional.normalize(angles[0], dim=1) + (1 - sure) * torch.nn.functional.normalize(
        angles[1], dim=1
    )
    return torch.atan2(mixed[:, 1], mixed[:, 0])


def _turn_axis(poses: Tensor, upper: str, lower: str, along: tuple[float, float, float], angle: Tensor) -> None:
    """Turn a bone about itself and the one below back: a hinge whose axis lies otherwise."""
    above, below = SMPL24.index(upper), SMPL24.index(lower)
    turn = _about(torch.tensor(along), angle)
    poses[:, above] = roma.quat_product(poses[:, above], turn)
    poses[:, below] = roma.quat_product(roma.quat_conjugation(turn), poses[:, below])


def _share(poses: Tensor, joints: tuple[str, ...], shares: Tensor) -> None:
    """Share the whole turn of a chain of joints: (N, K, 3) by joint and axis; the last one takes what is left."""
    places = SMPL24.indices(joints)
    whole = poses[:, places[0]]
    for place in places[1:]:
        whole = roma.quat_product(whole, poses[:, place])
    vector, left = roma.unitquat_to_rotvec(whole), whole
    for number, place in enumerate(places[:-1]):
        poses[:, place] = roma.rotvec_to_unitquat(shares[:, number] * vector)
        left = roma.quat_product(roma.quat_conjugation(poses[:, place]), left)
    poses[:, places[-1]] = left


def _about(axis: Tensor, angle: Tensor) -> Tensor:
    turn: Tensor = roma.rotvec_to_unitquat(axis * angle[:, None])
    return turn
