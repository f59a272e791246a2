"""Metrics by split and method, with one name for every number: ``split/method/metric``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

MAIN = "full"


class Evaluation(nn.Module):
    """A metric collection for each split and method.

    Args:
        splits: Names such as ``val``, ``test``, ``test_noisy``.
        methods: What is compared, and the metrics that apply to it; the numbers of the method ``full``, what the stage
            itself makes, go without a method in their name.
    """

    def __init__(self, splits: Iterable[str], methods: dict[str, Callable[[], MetricCollection]]) -> None:
        super().__init__()
        self.methods = tuple(methods)
        self.collections = nn.ModuleDict(
            {split: nn.ModuleDict({method: build() for method, build in methods.items()}) for split in splits}
        )

    def record(self, split: str, method: str, **values: Tensor | None) -> None:
        """Update one collection; every metric takes from ``values`` what it needs.

        Args:
            split: Name of the split.
            method: Name of the method.
            **values: What the metrics take, by name.
        """
        collection = self._collection(split, method)
        collection.update(**values)

    def results(self, splits: Iterable[str], anywhere: Callable[[bool], bool]) -> dict[str, float]:
        """Compute and reset the collections of some splits.

        Args:
            splits: Names of the splits.
            anywhere: Tells whether a flag is set in any process; metrics are computed by all processes or by none.
        """
        values: dict[str, float] = {}
        for split in splits:
            for method in self.methods:
                collection = self._collection(split, method)
                if anywhere(any(metric.update_called for metric in collection.values())):
                    prefix = split if method == MAIN else f"{split}/{method}"
                    computed = {name: float(value) for name, value in collection.compute().items()}
                    values.update({f"{prefix}/{k}": v for k, v in computed.items() if not math.isnan(v)})
                collection.reset()
        return values

    def _collection(self, split: str, method: str) -> MetricCollection:
        collection = self.collections[split][method]  # type: ignore[index]
        assert isinstance(collection, MetricCollection)
        return collection


def in_any_process(flag: bool, device: torch.device) -> bool:
    """Logical or over all processes of a distributed run.

    Args:
        flag: This process's flag.
        device: Where the tensors are.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return flag
    value = torch.tensor(float(flag), device=device)
    torch.distributed.all_reduce(value)
    return bool(value > 0)
