"""From recordings to a lifter of one's own, or to the word that the old one is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s2m.adaptation.measures import Measures, forgotten, measured, objections
from s2m.adaptation.recordings import Frames, Recording
from s2m.adaptation.replay import synthetic
from s2m.adaptation.training import Adaptation, Settings, turn_of, turn_of_recordings
from s2m.lifter.network import Lifter
from s2m.lifter.sign import MirroredError

REPLAY, REPLAY_HELD = 12_000, 1_000
_HELD_SEED = 1_000_003


@dataclass(frozen=True)
class Adapted:
    """What came of it.

    Attributes:
        lifter: The lifter that went on learning; ``None`` where it was given up.
        before: The old one on what was held out.
        after: The new one there; ``None`` where it was given up.
        objections: Why the old one should be kept; empty where the new one is better.
        sides: From how many of eight sides the recordings show people, see :func:`s2m.adaptation.sides.sides_seen`.
    """

    lifter: Lifter | None
    before: Measures
    after: Measures | None
    objections: tuple[str, ...]
    sides: float


def adapt(
    lifter: Lifter,
    learned: Sequence[Recording],
    held: Sequence[Recording],
    settings: Settings | None = None,
    trained: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Adapted:
    """Let a copy of a lifter learn on recordings, and measure both on others. No 3D is used, nor needed.

    Args:
        lifter: Where it starts; stays as it is.
        learned: What is learned from.
        held: What is measured on.
        settings: Of the training.
        trained: Settings of the lifter's own training, see :class:`~s2m.adaptation.training.Adaptation`.
        progress: Whether bars are shown; ``None``: on a terminal.

    Returns:
        The new lifter with what speaks for and against it.

    Raises:
        UserError: For a lifter whose joints the open body does not have, and for a loss that is no number.
    """
    settings, trained = settings or Settings(), trained or {}
    joint_set = lifter.joint_set
    poses = synthetic(joint_set, REPLAY, settings.seed, progress)
    unseen = synthetic(joint_set, REPLAY_HELD, settings.seed + _HELD_SEED, False)
    usable = [recording for recording in learned if bool(recording.usable.any())]
    training = Adaptation(lifter, Frames.of(usable), Frames.of([poses]), settings, trained)
    around, turn = turn_of_recordings(lifter, Frames.of(usable)), turn_of(lifter, trained)
    before = measured(lifter, held, around)
    try:
        new = training.run(progress)
    except MirroredError:
        return Adapted(None, before, None, ("it learned depth with the wrong sign",), training.sides)
    after = measured(new, held, around)
    lost = forgotten(measured(lifter, [unseen], turn), measured(new, [unseen], turn))
    return Adapted(new, before, after, (*objections(before, after), *lost), training.sides)
