"""A comparison as one self-contained HTML page: no network, no library, works from a file."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from s2m.compare.comparison import Comparison
from s2m.compare.curves import MAX_LINES, drawn_groups, group_band, thinned
from s2m.compare.metrics import metric_text
from s2m.compare.table import group_table, run_table
from s2m.report.html import render

_POINTS = 80
# Classes of a difference to the baseline, by whether it improves.
_VERDICTS = {True: "better", False: "worse", None: "same"}


def comparison_page(comparison: Comparison, curves_png: bytes | None) -> str:
    """The text of a comparison's ``index.html``.

    Args:
        comparison: everything that the page shows.
        curves_png: the learning curves as PNG, shown where scripts are off; without it there are none on the page.

    Returns:
        One HTML page, its style, pictures and script inside.
    """
    return render(
        "s2m.compare",
        "compare.html.jinja",
        comparison=comparison,
        groups=group_table(comparison),
        runs=run_table(comparison),
        metrics={metric: metric_text(metric) for metric in comparison.metrics},
        verdicts=_VERDICTS,
        curves_png=curves_png or None,
        data=_json(_data(comparison)),
    )


def _json(value: Any) -> Markup:
    """JSON that cannot end the script element that holds it, where HTML's escapes would not be read."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return Markup(text)


def _data(comparison: Comparison) -> dict[str, Any]:
    """Curves by configuration, thinned and rounded to what a screen shows."""
    groups = []
    for group in comparison.groups:
        curves = {}
        for metric in comparison.curves:
            if (curve := group_band(group, metric)) is not None:
                few = thinned(curve, _POINTS)
                curves[metric] = [_rounded(few.steps), _rounded(few.mean), _rounded(few.std)]
        groups.append({"name": group.name, "n": len(group.runs), "curves": curves})
    shown = [comparison.groups.index(group) for group in drawn_groups(comparison)]
    headings = {metric: metric_text(metric).heading for metric in comparison.curves}
    return {"groups": groups, "metrics": headings, "shown": shown, "lines": MAX_LINES}


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.4g}") if value < 1e4 else float(f"{value:.7g}") for value in values]
