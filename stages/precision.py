"""How exact a training computes."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins import DoublePrecision

from s2m.batch import TensorRecord


class TrainingPrecision(Callback):
    """Matrix products of another precision in training steps only; torch keeps it for the whole process.

    Validation, and whatever the process does after the training (even one that failed), has the precision that was set
    before it.

    Args:
        precision: See :func:`torch.set_float32_matmul_precision`.
    """

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self._before: str | None = None

    def on_train_start(self, *_: Any) -> None:
        """The first step follows."""
        self._before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(self.precision)

    def on_validation_start(self, *_: Any) -> None:
        """Figures are made as exactly as outside of training."""
        if self._before is not None:
            torch.set_float32_matmul_precision(self._before)

    def on_validation_end(self, *_: Any) -> None:
        """Back to training, unless this was a check before it."""
        if self._before is not None:
            torch.set_float32_matmul_precision(self.precision)

    def on_train_end(self, *_: Any) -> None:
        """The last step is done."""
        if self._before is not None:
            torch.set_float32_matmul_precision(self._before)
            self._before = None

    def on_exception(self, *_: Any) -> None:
        """Nor does a training that fails leave its precision behind."""
        self.on_train_end()


class DoubleFrames(DoublePrecision):
    """Trains in float64, for ``--trainer.precision 64-true``: Lightning's own cannot convert frozen records.

    Slow, and no better; it tells rounding from error where two trainings should be the same.
    """

    def convert_input(self, data: TensorRecord) -> TensorRecord:
        """A batch, or a part of one, in float64.

        Args:
            data: Tensors, or records of tensors.
        """
        return data.double()
