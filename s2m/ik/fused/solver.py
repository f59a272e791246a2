"""DIK as one fused kernel on the CPU, forward and backward."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik.fused.compiler import build, source
from s2m.ik.fused.tracing import trace
from s2m.ik.interface import IKSolver
from s2m.ik.solver import DIK
from s2m.skeletons import SMPL24

_OUTPUT = 9 * len(SMPL24)


class FusedDIK(IKSolver):
    """The same formulas as a :class:`DIK`, compiled for its calibration.

    Compiling takes seconds, once for each calibration and machine (the code is cached); the backward kernel is made
    when the first gradient is asked for. Batches with missing joints, confidences, a given root, another device or
    precision go to the solver that it was made from, so the interface is whole.
    Raises :class:`~s2m.ik.fused.compiler.CompilerMissing` when there is no C++ compiler.
    """

    def __init__(self, solver: DIK) -> None:
        super().__init__(solver.rest)
        self.eager = solver.float()
        example = self.rest_joints.detach().cpu().float()[None]
        with torch.no_grad():
            self._graph, self._outputs = trace(lambda x: solver.solve_complete(x).rotations, example)
            self._solved = solver(example).solved
        self._size = example.numel()
        self._forward = build(source(self._graph, self._outputs, [self._size]))
        self._backward: Any = None

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`."""
        plain = root is None and confidence is None and joints.device.type == "cpu" and joints.dtype == torch.float32
        shaped = joints.ndim == 3 and joints.shape[1:] == self.rest_joints.shape
        # One sum tells whether all are finite: NaN and infinity survive it.
        if not plain or not shaped or not bool(torch.isfinite(joints.detach().sum())):
            return self.eager(joints, root, confidence)  # type: ignore[no-any-return]
        rotations = _Kernel.apply(joints, self)  # type: ignore[no-untyped-call]
        return IKOutput(rotations, self._solved.expand(len(joints), -1))

    def run_forward(self, joints: Tensor) -> Tensor:
        """(B, J, 3) contiguous float32 to rotations (B, 24, 3, 3)."""
        result = joints.new_empty(len(joints), len(SMPL24), 3, 3)
        self._forward.run(_long(len(joints)), _pointer(joints), _pointer(result))
        return result

    def run_backward(self, joints: Tensor, gradient: Tensor) -> Tensor:
        """Gradient with respect to the joints, from joints and the rotations' gradient, both contiguous."""
        if self._backward is None:
            self._backward = build(self._backward_source())
        result = torch.empty_like(joints)
        self._backward.run(_long(len(joints)), _pointer(joints), _pointer(gradient), _pointer(result))
        return result

    def _backward_source(self) -> str:
        graph = self._graph
        inputs = [graph.input(i) for i in range(self._size)]
        seeds = [graph.input(self._size + i) for i in range(_OUTPUT)]
        return source(graph, graph.gradient(self._outputs, seeds, inputs), [self._size, _OUTPUT])


class _Kernel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, joints: Tensor, owner: FusedDIK) -> Tensor:
        joints = joints.contiguous()
        ctx.save_for_backward(joints)
        ctx.owner = owner
        return owner.run_forward(joints)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (joints,) = ctx.saved_tensors
        return ctx.owner.run_backward(joints, gradients[0].float().contiguous()), None


def _pointer(tensor: Tensor) -> Any:
    return ctypes.c_void_p(tensor.data_ptr())


def _long(value: int) -> Any:
    return ctypes.c_int64(value)
