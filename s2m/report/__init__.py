"""The report of a run: tables beside baselines, checks, pictures and curves, from the files that the stages leave.

``build_report`` lives in :mod:`s2m.report.build`, since it needs a renderer; what stages and the command line need to
start is light.
"""

from s2m.report.checks import Check, checks_text, compute_checks
from s2m.report.examples import Examples, load_examples, save_examples
from s2m.report.results import ReportError, read_run

__all__ = [
    "Check",
    "Examples",
    "ReportError",
    "checks_text",
    "compute_checks",
    "load_examples",
    "read_run",
    "save_examples",
]
