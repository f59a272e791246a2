"""Other ways from joints to rotations, with DIK's interface, to compare with.

:class:`LevenbergIK` is the paper's kind of iterative solver, :class:`DampedIK` a modern one, :class:`SwingIK` an
analytic one without twist, :class:`AdamIK` gradient descent; the learned one is :class:`s2m.ik.LearnedIK`.
"""

from s2m.ik.baselines.adam import AdamIK
from s2m.ik.baselines.damped import DampedIK
from s2m.ik.baselines.levenberg import LevenbergIK
from s2m.ik.baselines.swing import SwingIK

__all__ = ["AdamIK", "DampedIK", "LevenbergIK", "SwingIK"]
