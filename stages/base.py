"""What the three stages share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from s2m.batch import FrameBatch, Observation, TensorRecord
from s2m.body import Body, load_body
from s2m.data import FrameDataModule
from s2m.errors import UserError
from s2m.skeletons import JointSet, get_joint_set
from stages.evaluation import Evaluation, in_any_process

T = TypeVar("T", bound=TensorRecord)


class DivergedError(UserError, RuntimeError):
    """The loss is no longer a number."""


class Stage(pl.LightningModule, ABC):
    """A LightningModule that knows its joint set and body, evaluates by split, and exports what it has trained.

    ``name`` is the stage's name in artifacts and folders; ``parents`` holds the sha256 of the artifacts that it builds
    on, by stage.

    Args:
        joint_set: Name of the joint set, such as h36m17; it follows from the data.
        body: Path of a body in SMPL's format; the open body, which is shipped, if not given.
    """

    name: ClassVar[str]

    def __init__(self, joint_set: str, body: str | None = None) -> None:
        super().__init__()
        self.joint_set: JointSet = get_joint_set(joint_set)
        self.body: Body = load_body(body).requires_grad_(False)
        self.parents: dict[str, str] = {}
        self.evaluation: Evaluation | None = None

    # What a stage defines.

    @abstractmethod
    def export(self) -> nn.Module:
        """The module whose weights the next stage needs."""

    @abstractmethod
    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """How to rebuild that module (see :mod:`s2m.spec`), given this stage's resolved configuration.

        Args:
            model_config: The resolved section ``model`` of the configuration.
        """

    @abstractmethod
    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """What the evaluation compares, and the metrics that apply to each."""

    @abstractmethod
    def evaluate(self, frame: FrameBatch, split: str) -> None:
        """Record the metrics of one batch that has a truth.

        Args:
            frame: A training batch.
            split: Name of the split.
        """

    # What every stage does.

    def exported_state(self) -> dict[str, Tensor]:
        """Weights for the artifact, on the CPU; without the body's arrays, since a licence may keep them at home."""
        state = self.export().state_dict()
        return {name: value.detach().cpu().clone() for name, value in state.items() if not name.startswith("body.")}

    @property
    def test_names(self) -> list[str]:
        """Names of the test splits, in the order of their loaders."""
        return list(self.trainer.datamodule.test_names)  # type: ignore[attr-defined]

    def setup(self, stage: str) -> None:
        """Prepare the metrics; the splits are known once the data is there.

        Args:
            stage: Lightning's word for what begins, such as ``fit``.

        Raises:
            UserError: For a foreign body.
        """
        self._check_body()
        if self.evaluation is None:
            self.evaluation = Evaluation(["val", *self.test_names], self.methods()).to(self.device)

    def validation_step(self, frame: FrameBatch, batch_idx: int) -> None:
        """Monitor the validation split; nothing is selected by it."""
        self._evaluate(frame, "val")

    def on_validation_epoch_end(self) -> None:
        """Log the validation split."""
        self._log_results(["val"])

    def test_step(self, frame: FrameBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Evaluate one batch of one test split."""
        self._evaluate(frame, self.test_names[dataloader_idx])

    def on_test_epoch_end(self) -> None:
        """Log every test split."""
        self._log_results(self.test_names)

    def as_handed_over(self, record: T) -> T:
        """A record that was fetched aside, on the device and in the precision of those that the trainer hands over.

        Args:
            record: Any record of tensors.
        """
        converted: T = self.trainer.precision_plugin.convert_input(record)
        return converted.to(self.device)

    def guard(self, loss: Tensor, observation: Observation) -> Tensor:
        """Return the loss, or raise DivergedError that names the frames of the batch.

        Args:
            loss: The training loss, a scalar.
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        if not bool(torch.isfinite(loss)):
            rows = "unknown" if observation.index is None else observation.index.tolist()[:16]
            raise DivergedError(
                f"stage {self.name}, step {self.global_step}: the loss is {loss.item()}; frames of the batch: {rows}"
            )
        return loss

    def log_terms(self, terms: dict[str, Tensor], batch_size: int) -> None:
        """Log the terms of the training loss under ``train/``.

        Args:
            terms: Scalars by name.
            batch_size: Number of frames they were computed on.
        """
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()}, batch_size=batch_size)

    def _check_body(self) -> None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, FrameDataModule):
            return
        store = data.frame_store
        made_with = store.header.get("body_hash")
        if made_with not in (None, self.body.hash):
            # The store's betas and rotations, posed on another body, would be a truth that never was.
            raise UserError(
                f"{store.path / 'store.json'}: field body_hash: expected {self.body.hash} "
                f"(model.body, {self.body.name}), found {made_with}"
            )

    def _evaluate(self, frame: FrameBatch, split: str) -> None:
        if frame.truth is not None:
            self.evaluate(frame, split)

    def _log_results(self, splits: list[str]) -> None:
        assert self.evaluation is not None
        results = self.evaluation.results(splits, lambda flag: in_any_process(flag, self.device))
        self.log_dict(results, sync_dist=True)  # equal in all processes; this only tells Lightning so


def training_observation(frame: FrameBatch) -> Observation:
    """The observation of a training batch.

    Args:
        frame: A training batch.

    Raises:
        ValueError: If the loader let the truth through.
    """
    if frame.truth is not None:
        raise ValueError("FrameBatch.truth: expected None in training, found a truth; training must be unsupervised")
    return frame.observation
