"""How bodies are recovered: what the command's options and the arguments in Python come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from s2m.body import Body, load_body
from s2m.ik.gaps import LONGEST_FILL
from s2m.recover.own_lifter import OwnLifter
from s2m.recover.trained import TrainedModel


@dataclass(frozen=True)
class RecoverOptions:
    """How bodies are recovered.

    Attributes:
        height: Of the people, metres; ``None`` where it is not known.
        refine: Steps with silhouettes; 0: none.
        fill: Longest gap of a video, in seconds, that is filled from both sides.
        body: The body to pose; the open one by default.
        pitch: How far the camera looks down, radians; ``None``: told by the people who stand, where they can.
        roll: How far upright people lean to the right in the picture, radians; ``None``: likewise.
        lifter: In the place of those that ship.
        model: The stage 3 whose heads read silhouettes, for the same body; ``None``: the shape is told by bones alone.
    """

    height: float | None = None
    refine: int = 0
    fill: float = LONGEST_FILL
    pitch: float | None = None
    roll: float | None = None
    body: Body = field(default_factory=load_body)
    lifter: OwnLifter | None = None
    model: TrainedModel | None = None
