"""DIK as one fused kernel on the CPU, forward and backward."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.fused import Kernel
from s2m.fused.tracing import trace
from s2m.ik.interface import IKSolver
from s2m.ik.solver import DIK


class FusedDIK(IKSolver):
    """The same formulas as a :class:`DIK`, compiled for its calibration.

    Compiling takes seconds, once for each calibration and machine (the code is cached); the backward kernel is made
    when the first gradient is asked for. Batches with missing joints, confidences, a given root, another device or
    precision go to the solver that it was made from, so the interface is whole.

    Args:
        solver: The calibrated solver.

    Raises:
        CompilerMissing: When there is no C++ compiler.
    """

    def __init__(self, solver: DIK) -> None:
        super().__init__(solver.rest)
        self.eager = solver.float()
        example = self.rest_joints.detach().cpu().float()[None]
        with torch.no_grad():
            graph, rotations = trace(lambda x: solver.solve_complete(x).rotations, example)
            self._solved = solver(example).solved
        outputs = rotations.flatten().tolist()
        self._kernel = Kernel(graph, outputs, [tuple(example.shape[1:])], [tuple(rotations.shape[1:])])

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`."""
        plain = root is None and confidence is None and joints.device.type == "cpu" and joints.dtype == torch.float32
        shaped = joints.ndim == 3 and joints.shape[1:] == self.rest_joints.shape
        # One sum tells whether all are finite: NaN and infinity survive it.
        if not plain or not shaped or not bool(torch.isfinite(joints.detach().sum())):
            return self.eager(joints, root, confidence)  # type: ignore[no-any-return]
        (rotations,) = self._kernel(joints)
        return IKOutput(rotations, self._solved.expand(len(joints), -1))
