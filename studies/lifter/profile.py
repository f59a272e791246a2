"""How much of a training step its network passes take: everything else should cost little."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from s2m.lifter.objective.terms import weights_held


@dataclass(frozen=True)
class Pass:
    """One call of a network in a training step: its name, its inputs, and what gets a gradient."""

    network: str
    inputs: tuple[Tensor, ...]
    inputs_trained: tuple[bool, ...]
    weights_trained: bool


class PassRecorder:
    """Context manager that notes every call of some networks, by name, in :attr:`passes`."""

    def __init__(self, networks: dict[str, nn.Module]) -> None:
        self.networks = networks
        self.passes: list[Pass] = []
        self._handles: list[Any] = []

    def __enter__(self) -> PassRecorder:
        for name, module in self.networks.items():
            self._handles.append(module.register_forward_pre_hook(self._note(name)))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _note(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            tensors = tuple(value for value in inputs if isinstance(value, Tensor))
            trained = any(weight.requires_grad for weight in module.parameters())
            copies = tuple(value.detach().clone() for value in tensors)
            self.passes.append(Pass(name, copies, tuple(value.requires_grad for value in tensors), trained))

        return hook


def outermost_networks(module: nn.Module) -> dict[str, nn.Module]:
    """The perceptrons of a module by name: every ``nn.Sequential`` that is not inside another one.

    Args:
        module: Name of the module.
    """
    found: dict[str, nn.Module] = {}
    for name, child in module.named_modules():
        inside = any(name.startswith(f"{other}.") for other in found)
        if isinstance(child, nn.Sequential) and not inside:
            found[name] = child
    return found


class PassesAlone:
    """The noted passes of one step and nothing else: forward, backward from a sum, Adam's step; on copied networks."""

    def __init__(self, recorder: PassRecorder) -> None:
        self._passes = recorder.passes
        self._networks = {name: copy.deepcopy(module) for name, module in recorder.networks.items()}
        used = {entry.network for entry in self._passes}
        weights = [weight for name in sorted(used) for weight in self._networks[name].parameters()]
        for weight in weights:
            weight.grad = None
        self._optimiser = torch.optim.Adam(weights, fused=True)

    def __call__(self) -> None:
        """One step."""
        self._optimiser.zero_grad()
        outputs = []
        for entry in self._passes:
            module = self._networks[entry.network]
            fed = tuple(
                value.requires_grad_(trained) for value, trained in zip(entry.inputs, entry.inputs_trained, strict=True)
            )
            with nullcontext() if entry.weights_trained else weights_held(module):
                outputs.append(module(*fed).sum())
        torch.stack(outputs).sum().backward()  # type: ignore[no-untyped-call]
        for entry in self._passes:
            for value in entry.inputs:
                value.grad = None
        self._optimiser.step()


def read_ratio(path: Path) -> float | None:
    """The measured share in a profile's JSON; None without a readable one."""
    try:
        found: Any = json.loads(path.read_text())["ratio"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if isinstance(found, int | float) else None
