"""Functions of small tensors as one vectorised kernel each, forward and backward, on the CPU.

Geometry of a few joints is hundreds of operations on tensors so small that calling them costs more than doing them.
The function itself is traced to scalar expressions, which are differentiated and compiled: its code is the only source
of its formulas, and compiling takes seconds, once.
"""

from s2m.fused.compiler import CompilerMissing
from s2m.fused.function import Fused, differentiable_twice
from s2m.fused.kernel import Kernel

__all__ = ["CompilerMissing", "Fused", "Kernel", "differentiable_twice"]
