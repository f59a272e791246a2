"""The fast path: DIK's own code traced to scalar expressions and compiled to one vectorised kernel.

No second implementation to keep in step, and seconds instead of minutes to compile.
"""

from s2m.ik.fused.compiler import CompilerMissing
from s2m.ik.fused.solver import FusedDIK

__all__ = ["CompilerMissing", "FusedDIK"]
