"""The page that shows motion: one HTML file with everything in it, three.js too (s2m/view/assets/three.js)."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template


@dataclass(frozen=True)
class Shown:
    """A motion on the page.

    Attributes:
        name: What it is called there.
        content: The GLB itself, which becomes part of the page.
        url: Where the page's server has the GLB; used without ``content``.
    """

    name: str
    content: bytes | None = None
    url: str = ""


def viewer_page(motions: bytes | Sequence[Shown], title: str = "Motion", *, beside: bool = True) -> str:
    """A page that plays motion, offline where the GLB files are given.

    Args:
        motions: A GLB, or several of those between which the page lets one choose; the first is shown.
        title: Of the page.
        beside: Whether the second motion is shown beside the first from the start.

    Returns:
        HTML.

    Example:
        >>> page = viewer_page([Shown("walk", b"glTF...")], "A walk")
        >>> page.startswith("<!DOCTYPE html>"), "<title>A walk</title>" in page
        (True, True)
    """
    shown = [Shown("motion", motions)] if isinstance(motions, bytes) else motions
    listed = [{"id": str(number), "name": one.name, "url": one.url} for number, one in enumerate(shown)]
    data = [f'<script type="application/json" id="motions">{_json(listed)}</script>']
    data += [
        f'<script type="text/plain" id="motion-{number}">{base64.b64encode(one.content).decode()}</script>'
        for number, one in enumerate(shown)
        if one.content is not None
    ]
    return Template(_asset("view.html")).substitute(
        title=html.escape(title),
        beside="yes" if beside else "no",
        style=_asset("view.css"),
        data="\n".join(data),
        library=library(),
        program=_asset("view.js"),
    )


def library() -> str:
    """three.js as a script for a page of one's own: it defines ``THREE``, with ``OrbitControls`` and ``GLTFLoader``."""
    return _asset("three.js")


def _asset(name: str) -> str:
    return (resources.files("s2m.view") / "assets" / name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    """JSON that cannot end the script that it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
