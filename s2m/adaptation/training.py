"""The short training on a user's recordings."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from s2m.adaptation.recordings import Frames
from s2m.adaptation.shapes import RecordingShapes, bone_ratios
from s2m.adaptation.sides import ENOUGH, sides_seen
from s2m.body import load_body
from s2m.body.regressors import defined_regressor
from s2m.errors import UserError
from s2m.lifter.network import Lifter
from s2m.lifter.objective.adversarial import Adversarial, Discriminator
from s2m.lifter.objective.augmentation import light_and_heavy
from s2m.lifter.objective.bones import rigid_pairs
from s2m.lifter.objective.gan_rules import NonSaturating
from s2m.lifter.objective.rotations import LearnedTurn, RandomTurn, Turn
from s2m.lifter.objective.self_supervision import SelfSupervision, SelfSupervisionOutput, Weights
from s2m.lifter.sign import SignWatch
from s2m.skeletons import JointSet
from s2m.spec import build

_NOISE = ("noise", "missing", "outlier", "swap", "hidden")
_CLIP = 5.0
_BETAS = (0.5, 0.99)


@dataclass(frozen=True)
class Settings:
    """How a lifter is adapted.

    Attributes:
        steps: Of lifter and discriminator together.
        head_start: Steps of the discriminator alone, as a share of ``steps``: a new one has nothing to tell yet.
        batch: Frames of the recordings per step, and as many synthetic ones.
        learning_rate: Peak of Adam's for the lifter, a fifteenth of that of its training.
        judge_rate: That of the discriminator and of the shapes.
        adversarial: Weight of the discriminator, a tenth of that in training: what it says of few recordings is mostly
            how people lean there, which is wrong where the cameras' height is not known well.
        shape: Weight of the shapes.
        memory: Share of the past in the mean of the lifter's weights that is kept.
        seed: Of everything that is drawn.
    """

    steps: int = 400
    head_start: float = 0.2
    batch: int = 128
    learning_rate: float = 1e-4
    judge_rate: float = 1.5e-3
    adversarial: float = 0.1
    shape: float = 20.0
    memory: float = 0.99
    seed: int = 0


def turn_of(lifter: Lifter, trained: Mapping[str, Any]) -> Turn:
    """Viewpoints as a lifter was trained with.

    Args:
        lifter: The lifter.
        trained: Settings of its own training, by the names of :class:`stages.lifter.LifterStage`; where they do not
            tell, it is by the lifter's own word on elevations, or around the open data's mean.
    """
    kind = RandomTurn if lifter.elevation_network is None else LearnedTurn
    told = trained.get("turn")
    if not isinstance(told, Mapping) or str(told.get("class_path")).rpartition(".")[2] != kind.__name__:
        return kind()
    found: Turn = build({"class_path": f"{kind.__module__}.{kind.__name__}", "init_args": told.get("init_args", {})})
    return found


@torch.no_grad()
def turn_of_recordings(lifter: Lifter, frames: Frames) -> Turn:
    """Viewpoints around the height that recordings are seen from, at which people stand upright on average.

    A lifter's own word on elevations says little about cameras that it has not been trained on, and what is turned
    about a wrong upright is no person any more.

    Args:
        lifter: Where it starts; has an idea of upright, if no good one.
        frames: Of the recordings.
    """
    skeletons = lifter(frames.joints2d, frames.confidence).joints3d
    names = lifter.joint_set
    ankles = skeletons[:, names.indices(("left_ankle", "right_ankle"))].mean(1)
    up = nn.functional.normalize(skeletons[:, names.index("thorax")] - ankles, dim=1).mean(0)
    return RandomTurn(math.degrees(math.atan2(-float(up[2]), -float(up[1]))))


class Adaptation:
    """Lets a copy of a lifter go on learning.

    The objective is that of its training (:class:`~s2m.lifter.objective.self_supervision.SelfSupervision`) on batches
    of the recordings and of synthetic poses alike, judged by one discriminator: it cannot learn a few recordings by
    heart, and the lifter does not forget what they do not show. Bones have one shape per recording.

    Where recordings show people from few sides, the discriminator sees synthetic poses alone: whoever is turned to
    another side would be told from the recordings by that alone, and the lifter would learn that people have no other.

    Args:
        lifter: Where it starts.
        learned: Frames of the recordings.
        replay: Synthetic frames, all of one recording.
        settings: Of the training.
        trained: Settings of the lifter's own training, by the names of :class:`stages.lifter.LifterStage`, for what
            disturbs 2D joints and where skeletons are turned to.

    Attributes:
        sides: See :func:`s2m.adaptation.sides.sides_seen`.

    Raises:
        UserError: For a lifter whose joints the open body does not have.
    """

    def __init__(
        self, lifter: Lifter, learned: Frames, replay: Frames, settings: Settings, trained: Mapping[str, Any]
    ) -> None:
        torch.manual_seed(settings.seed)
        self.lifter = copy.deepcopy(lifter).train().requires_grad_(True)
        self._learned, self._replay, self._settings = learned, replay, settings
        self._dice = torch.Generator().manual_seed(settings.seed)
        told = (trained.get(name) for name in _NOISE)
        light, heavy = light_and_heavy(
            lifter.joint_set, *(float(value) if isinstance(value, int | float) else 0.0 for value in told)
        )
        judge = Adversarial([Discriminator(lifter.joint_set, width=64, blocks=1, bones=False)], NonSaturating())

        def objective(turn: Turn, judged: bool) -> SelfSupervision:
            return SelfSupervision(
                learned={"adversarial": judge} if judged else {},
                template=_template(lifter.joint_set),
                lifter=self.lifter,
                weights=Weights(adversarial=settings.adversarial if judged else 0.0, bone_ratios=0.0),
                turn=turn,
                noise=light,
                occlusion=heavy,
            )

        self.sides = sides_seen(lifter, learned)
        self._of_recordings = objective(turn_of_recordings(lifter, learned), self.sides >= ENOUGH)
        self._of_replay = objective(turn_of(lifter, trained), True)
        self._shapes = _shapes(lifter, learned, replay)
        self._average = copy.deepcopy(lifter)
        self._sign = SignWatch(patience=settings.steps // 3)

    def run(self, progress: bool | None = None) -> Lifter:
        """Learn.

        Args:
            progress: Whether a bar is shown; ``None``: on a terminal.

        Returns:
            The mean of the latest lifters, frozen, in evaluation mode.

        Raises:
            MirroredError: The lifter learns depth with the wrong sign.
            UserError: The loss is no longer a number.
        """
        settings, hidden = self._settings, None if progress is None else not progress
        judges = [*self._of_replay.parameters(), *self._shapes.parameters()]
        optimiser = torch.optim.Adam(
            [{"params": list(self.lifter.parameters()), "lr": 0.0}, {"params": judges, "lr": settings.judge_rate}],
            betas=_BETAS,
        )
        first = -round(settings.head_start * settings.steps)
        for step in tqdm(range(first, settings.steps), desc="adapting", unit="step", disable=hidden):
            held = step < 0
            self.lifter.requires_grad_(not held)
            optimiser.param_groups[0]["lr"] = 0.0 if held else settings.learning_rate * _share(step / settings.steps)
            optimiser.zero_grad(set_to_none=True)
            loss = self._loss(held, step)
            if not bool(torch.isfinite(loss)):
                raise UserError(f"step {step}: the loss is {float(loss)}; the lifter cannot learn from these")
            loss.backward()
            if not held:
                nn.utils.clip_grad_norm_(self.lifter.parameters(), _CLIP)
            optimiser.step()
            self._remember(held)
        return self._average.eval().requires_grad_(False)

    def _loss(self, held: bool, step: int) -> Tensor:
        learned, replayed = self._drawn(self._learned), self._drawn(self._replay)
        own = self._of_recordings(learned.joints2d, learned.confidence)
        other = self._of_replay(replayed.joints2d, replayed.confidence)
        if held:  # the judges alone
            return torch.stack([*own.learned.values(), *other.learned.values()]).sum()
        self._watch(own, step)
        skeletons = own.cycle.skeleton, other.cycle.skeleton
        people = learned.recording, replayed.recording + int(self._learned.recording.max()) + 1
        shapes = [self._shapes(*pair) for pair in zip(skeletons, people, strict=True)]
        return own.total + other.total + self._settings.shape * torch.stack(shapes).sum()

    def _drawn(self, frames: Frames) -> Frames:
        return self._flipped(frames.some(self._settings.batch, self._dice))

    def _watch(self, output: SelfSupervisionOutput, step: int) -> None:
        mirrored = self._of_recordings.chirality.suspicious(output.cycle.skeleton.detach())
        self._sign.update(float(mirrored.float().mean()), step)

    def _flipped(self, frames: Frames) -> Frames:
        """Half of the frames as a mirror shows them."""
        flip = torch.rand(len(frames), generator=self._dice) < 0.5
        points = torch.where(flip[:, None, None], self.lifter.mirrored(frames.joints2d), frames.joints2d)
        sure = torch.where(flip[:, None], frames.confidence[:, self.lifter.mirror], frames.confidence)
        return Frames(points, sure, frames.recording)

    @torch.no_grad()
    def _remember(self, held: bool) -> None:
        if held:
            return
        for mean, now in zip(self._average.parameters(), self.lifter.parameters(), strict=True):
            mean.lerp_(now, 1 - self._settings.memory)


def _share(done: float) -> float:
    """Of the peak of the learning rate: up over the first tenth, then down a cosine."""
    return min(1.0, done / 0.1) * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def _shapes(lifter: Lifter, learned: Frames, replay: Frames) -> RecordingShapes:
    """Every recording's shape as the lifter has it on average; the synthetic people share one."""
    pairs = rigid_pairs(lifter.joint_set)
    rows = []
    for frames in (learned, replay):
        ratios = bone_ratios(lifter(frames.joints2d, frames.confidence).joints3d, torch.tensor(pairs).T)
        rows += [ratios[frames.recording == number].mean(0) for number in range(int(frames.recording.max()) + 1)]
    return RecordingShapes(pairs, lifter.joint_set.mirror, torch.stack(rows))


def _template(joint_set: JointSet) -> Tensor:
    """The mean body's joints (J, 3), metres."""
    body = load_body()
    try:
        return defined_regressor(body, joint_set) @ body.v_template
    except (KeyError, ValueError) as error:
        raise UserError(f"lifter: expected joints that the open body has, found {joint_set.name} ({error})") from error
