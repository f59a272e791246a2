"""The page of a result: the overlay, and the bodies to turn around in, without a server or a network."""

from __future__ import annotations

import html
from importlib import resources
from pathlib import Path
from string import Template

from s2m.export.glb import write_glb
from s2m.files import write_text
from s2m.formats.amass import BodyLabel
from s2m.recover.result import Result
from s2m.recover.writing import world_motion
from s2m.view.page import viewer_page

BODIES, SCENE = "bodies.html", "bodies.glb"


def write_page(folder: Path, overlay: str | None, result: Result, label: BodyLabel) -> None:
    """Write ``index.html``, and ``bodies.html`` and ``bodies.glb`` that it shows.

    Args:
        folder: Where to.
        overlay: Name of the overlay in the folder; ``None`` without one.
        result: What was recovered.
        label: Which body it is.

    Raises:
        WriteError: They cannot be written.
    """
    people = [world_motion(person, result, label) for person in result.people]
    write_glb(folder / SCENE, people)
    write_text(folder / BODIES, viewer_page((folder / SCENE).read_bytes(), result.name))
    source = (resources.files("s2m.recover") / "assets" / "page.html").read_text(encoding="utf-8")
    camera = result.camera
    facts = [
        f"{len(result.people)} {'person' if len(result.people) == 1 else 'people'}",
        f"{camera.width} x {camera.height} pixels",
        f"focal length {camera.focal:.0f} pixels, {camera.source}",
        str(result.tilt),
    ]
    facts += [f"{len(result.times)} frames, {result.fps:.3g} per second"] if result.video else []
    page = Template(source).substitute(
        title=html.escape(result.name),
        facts=html.escape("; ".join([*facts, *result.notes])),
        overlay=_shown(overlay, result.video),
        bodies=BODIES,
    )
    write_text(folder / "index.html", page)


def _shown(overlay: str | None, video: bool) -> str:
    if overlay is None:
        return ""
    name = html.escape(overlay)
    if video:
        return f'<video src="{name}" controls loop muted playsinline></video>'
    return f'<img src="{name}" alt="The picture, the bodies over it, and the bodies from another side">'
