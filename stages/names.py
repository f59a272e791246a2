"""The stages by name, where each lives, and what it does, for people; importing this is quick."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.base import Stage


@dataclass(frozen=True)
class Entry:
    """A stage: ``module`` and ``name`` of its class, and what it does, in a line.

    Attributes:
        module: Where the stage's class is.
        name: Name of the class.
        does: What it does, in words.
    """

    module: str
    name: str
    does: str

    def load(self) -> type[Stage]:
        """The class. Takes the seconds that torch and Lightning take to import."""
        stage: type[Stage] = getattr(import_module(self.module), self.name)
        return stage


# The pipeline in its order, and after it what is optional or what only studies use.
STAGES = {
    "lifter": Entry(
        "stages.lifter", "LifterStage", "stage 1: a network that lifts 2D joints to 3D, learned from 2D joints alone"
    ),
    "regressor": Entry(
        "stages.regressor", "RegressorStage", "stage 2: the joint regressor W, fitted to the skeletons of stage 1"
    ),
    "mesh": Entry(
        "stages.mesh", "MeshStage", "stage 3: shape, extremities, root and camera from silhouettes; the whole model"
    ),
    "temporal": Entry(
        "stages.temporal", "TemporalStage", "optional, for video: a head that smooths what the lifter of stage 1 says"
    ),
    "doubt": Entry(
        "stages.doubt", "DoubtStage", "optional: a head that says how far off the lifter of stage 1 may be, by joint"
    ),
    "lifter_supervised": Entry(
        "stages.lifter_supervised", "SupervisedLifterStage", "upper bound of stage 1: the same, trained with 3D truth"
    ),
    "mesh_supervised": Entry(
        "stages.mesh_supervised",
        "SupervisedMeshStage",
        "upper bound of stage 3: the same, trained with 3D truth",
    ),
}
