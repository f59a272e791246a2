"""Runs compared: which settings differ, what they change in every metric, and the learning curves.

Runs come from W&B's server when somebody is logged in, else from the files that W&B wrote offline
(:mod:`s2m.compare.online`, :mod:`s2m.compare.local`). Runs that differ by their seed alone are one configuration.
"""

from s2m.compare.runs import CompareError, Run

__all__ = ["CompareError", "Run"]
