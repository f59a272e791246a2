"""Recordings, their shapes, and what is told of a lifter from 2D alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from s2m.adaptation.measures import Measures, forgotten, measured, objections
from s2m.adaptation.recordings import Frames, Recording, check_enough, divided
from s2m.adaptation.replay import synthetic
from s2m.adaptation.shapes import RecordingShapes
from s2m.adaptation.sides import sides_seen
from s2m.adaptation.training import Adaptation, Settings, turn_of, turn_of_recordings
from s2m.batch import Lifted
from s2m.errors import UserError
from s2m.formats.tracks import Track
from s2m.lifter.network import Lifter
from s2m.lifter.objective.bones import rigid_pairs
from s2m.lifter.objective.rotations import LearnedTurn, RandomTurn
from s2m.skeletons import H36M17
from tests.lifter.people import person, seen_from

PAIRS = rigid_pairs(H36M17)


def ratios(skeletons: Tensor) -> np.ndarray:
    bones = np.stack([(skeletons[:, b] - skeletons[:, a]).numpy() for a, b in PAIRS], 1)
    lengths = np.linalg.norm(bones, axis=-1)
    return lengths / lengths.mean(1, keepdims=True)


def recording(frames: int = 20, name: str = "walk") -> Recording:
    skeletons = seen_from(person(H36M17), torch.linspace(0, 1, frames))
    return Recording(name, skeletons[..., :2] * 100, torch.ones(frames, 17))


def test_the_end_of_each_recording_is_held_out() -> None:
    first, second = recording(20), recording(10)
    learned, held = divided([first, second])
    assert [len(part.joints2d) for part in (*learned, *held)] == [16, 8, 4, 2]
    torch.testing.assert_close(held[0].joints2d, first.joints2d[16:])
    with pytest.raises(UserError, match="expected 50 or more frames with 6 or more joints to learn from, found 24"):
        check_enough(learned, held)


def test_frames_with_too_few_joints_are_left_out() -> None:
    points, sure = recording(4).joints2d.numpy(), np.ones((4, 17), np.float32)
    sure[1, :12] = 0
    found = Recording.of_track("x", Track(points, sure, H36M17), H36M17)
    assert found.usable.tolist() == [True, False, True, True]
    frames = Frames.of([found, recording(2)])
    assert frames.recording.tolist() == [0, 0, 0, 1, 1]


def test_a_shape_per_recording() -> None:
    """By numpy: deviations from each recording's own ratios; sides of the body are alike."""
    skeletons = seen_from(person(H36M17), torch.tensor([0.0, 1.0, 2.0]))
    skeletons[2, H36M17.index("left_knee"), 1] += 0.1
    own = torch.from_numpy(ratios(skeletons))
    shapes = RecordingShapes(PAIRS, H36M17.mirror, own[:2].float())
    assert float(shapes(skeletons[:2], torch.tensor([0, 1])).detach()) == pytest.approx(0, abs=1e-10)
    expected = float((own[2] - own[1]).square().mean())
    assert float(shapes(skeletons[2:], torch.tensor([1])).detach()) == pytest.approx(expected, rel=1e-4)
    shapes(skeletons[2:], torch.tensor([1])).backward()
    assert shapes.ratios.grad is not None
    assert float(shapes.ratios.grad[0].abs().max()) == 0
    assert float(shapes.ratios.grad[1].abs().max()) > 0


class Perfect(Lifter):
    """Knows the skeletons."""

    def __init__(self, skeletons: Tensor) -> None:
        super().__init__("h36m17", 0.25, width=8, blocks=1)
        self.skeletons = skeletons

    def forward(self, joints2d: Tensor, confidence: Tensor, camera: Tensor | None = None) -> Lifted:
        return Lifted(self.skeletons, joints2d)


def test_measures_by_another_way() -> None:
    given = recording(12)
    skeletons = seen_from(person(H36M17), torch.linspace(0, 1, 12))
    skeletons += 0.01 * torch.randn(skeletons.shape, generator=torch.Generator().manual_seed(0))
    found = measured(Perfect(skeletons), [given], RandomTurn())
    relative = ratios(skeletons) / ratios(skeletons).mean(0) - 1
    assert found.bones == pytest.approx(np.sqrt((relative**2).mean(0)).mean(), rel=1e-4)
    second = np.diff(skeletons.numpy(), 2, axis=0)
    assert found.jitter == pytest.approx(1000 * np.linalg.norm(second, axis=-1).mean(), rel=1e-4)
    assert found.mirrored == 0
    assert 0 < found.cycle < 2
    mirrored = measured(Perfect(skeletons * torch.tensor([1.0, 1.0, -1.0])), [given], RandomTurn())
    assert mirrored.mirrored == 1


BEFORE = Measures(cycle=0.1, bones=0.05, jitter=20.0, mirrored=0.01)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (Measures(0.08, 0.04, 18.0, 0.01), []),
        (Measures(0.1, 0.05, 20.0, 0.01), ["nothing is better by more than chance"]),
        (Measures(0.08, 0.06, 18.0, 0.01), ["bones is worse by 20 %"]),
        (Measures(0.08, 0.04, 18.0, 0.03), ["mirrored depth rose from 1.0 to 3.0 %"]),
        (Measures(0.08, 0.04, math.nan, 0.01), ["jitter is not a number"]),
    ],
)
def test_what_speaks_against_a_lifter(after: Measures, said: list[str]) -> None:
    assert objections(BEFORE, after) == said


def test_what_was_forgotten() -> None:
    assert forgotten(BEFORE, Measures(0.105, 1.0, 99.0, 0.01)) == []
    assert forgotten(BEFORE, Measures(0.12, 0.05, 20.0, 0.1)) == [
        "cycle on synthetic poses is worse by 20 %",
        "mirrored depth rose on synthetic poses",
    ]


def test_skeletons_are_turned_as_in_the_lifters_own_training() -> None:
    free, assumed = (Lifter("h36m17", 0.25, width=8, blocks=1, elevation_width=width) for width in (8, 0))
    path = "s2m.lifter.objective."
    told = turn_of(free, {"turn": {"class_path": path + "LearnedTurn", "init_args": {"spread": 11.0}}})
    assert isinstance(told, LearnedTurn)
    assert told.spread == pytest.approx(math.radians(11.0))
    told = turn_of(assumed, {"turn": {"class_path": path + "RandomTurn", "init_args": {"mean_elevation": 10.0}}})
    assert isinstance(told, RandomTurn)
    assert told.mean == pytest.approx(math.radians(10.0))
    assert isinstance(turn_of(assumed, {"turn": {"class_path": "os.system"}}), RandomTurn)
    assert isinstance(turn_of(free, {}), LearnedTurn)


def test_synthetic_people_are_seen_as_in_training() -> None:
    """By cameras turned to them: their pelvis lies at the picture's middle, however far from it they stand."""
    poses = synthetic(H36M17, 6, seed=0, progress=False)
    pelvis = poses.joints2d[:, H36M17.root_index][poses.confidence[:, H36M17.root_index] > 0]
    torch.testing.assert_close(pelvis, torch.zeros_like(pelvis), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("turns", "sides"),
    [
        ([0.0] * 6, 1.0),  # always from the front
        ([math.pi / 2] * 6, 2.0),  # always from one side: the mirror shows the other
        ([0.0, math.pi], 2.0),
        (list(np.arange(8) * math.pi / 4), 8.0),
        ([0.0, 0.0, math.pi / 2], 1.0 / ((2 / 3) ** (2 / 3) * (1 / 6) ** (1 / 3))),
    ],
)
def test_sides_are_those_that_people_show(turns: list[float], sides: float) -> None:
    skeletons = seen_from(person(H36M17), torch.tensor(turns))
    assert sides_seen(*knowing(skeletons)) == pytest.approx(sides, abs=1e-4)


@pytest.mark.parametrize(("turns", "judged"), [(torch.full((8,), 0.3), False), (torch.arange(8) * math.pi / 4, True)])
def test_people_seen_from_one_side_are_not_judged(turns: Tensor, judged: bool) -> None:
    lifter, frames = knowing(seen_from(person(H36M17), turns.float()))
    adaptation = Adaptation(lifter, frames, frames, Settings(steps=1, batch=4), {})
    assert (adaptation._of_recordings.adversarial is not None) == judged
    assert adaptation._of_replay.adversarial is not None


def knowing(skeletons: Tensor) -> tuple[Lifter, Frames]:
    """A stand-in for a lifter that knows how the people of some frames stand, and the frames."""

    class Knows(Lifter):
        def forward(self, joints2d: Tensor, confidence: Tensor, camera: Tensor | None = None) -> Lifted:
            return Lifted(skeletons, joints2d)

    count = len(skeletons)
    frames = Frames(skeletons[..., :2], torch.ones(count, 17), torch.zeros(count, dtype=torch.long))
    return Knows("h36m17", 0.25, width=8, blocks=1), frames


@pytest.mark.parametrize("elevation", [-10.0, 25.0])
def test_recordings_are_turned_about_upright(elevation: float) -> None:
    """A stand-in for a lifter that says how the person stands, seen by a camera that looks down."""
    angle = math.radians(elevation)
    about_x = torch.tensor(
        [[1.0, 0.0, 0.0], [0.0, math.cos(angle), -math.sin(angle)], [0.0, math.sin(angle), math.cos(angle)]]
    )
    upright = seen_from(person(H36M17), torch.linspace(0, 2 * math.pi, 9)[:-1])
    # Ankles below the thorax, so that nobody leans.
    ankles, thorax = H36M17.indices(("left_ankle", "right_ankle")), H36M17.index("thorax")
    upright[:, ankles, 2] += (upright[:, thorax, 2] - upright[:, ankles, 2].mean(1))[:, None]

    found = turn_of_recordings(*knowing(upright @ about_x.T))
    assert isinstance(found, RandomTurn)
    assert math.degrees(found.mean) == pytest.approx(elevation, abs=0.5)
