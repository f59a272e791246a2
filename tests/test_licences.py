"""Everything that the default install brings is free for commercial use."""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# What a package's licence may say, as SPDX expression, classifier or short text; anything else fails.
FREE = re.compile(
    r"\b(apache|mit|bsd|isc|psf|python software foundation|mpl|mozilla public|zlib|unlicense|hpnd|cmu|0bsd|cc0)\b", re.I
)
BARRED = re.compile(r"non-?commercial|research|proprietary|\bA?GPL|affero|general public license|\bCC-BY-NC", re.I)
GPL_LIBRARY = re.compile(r"(lib(?:x264|x265|xvid|rubberband|vidstab|postproc))\b")
# Nvidia's libraries come with torch on Linux: redistributed under Nvidia's own terms, which allow commercial use.
NVIDIA = re.compile(r"^(nvidia-|cuda-)")


def required(name: str, extras: frozenset[str] = frozenset()) -> list[Requirement]:
    found = [Requirement(text) for text in metadata.requires(name) or []]
    return [r for r in found if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras or {""})]


def core() -> list[str]:
    """Names of all packages that the default install brings, of which one may lack where the platform needs none."""
    return brought("options", "install_requires")


def brought(section: str, field: str) -> list[str]:
    """The same of any list of requirements in setup.cfg."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup[section][field].split("\n")
    waiting = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        waiting += required(requirement.name, frozenset(requirement.extras))
    return sorted(seen)


def licence(name: str) -> str:
    """What a package says of its licence: the expression, or the first line of the text and the classifiers."""
    fields = metadata.metadata(name)
    if expression := fields.get("License-Expression"):
        return expression
    classifiers = [c for c in fields.get_all("Classifier") or [] if c.startswith("License ::")]
    text = (fields.get("License") or "").strip().split("\n")[0]
    return "; ".join([text, *classifiers])


def free(text: str) -> bool:
    return bool(FREE.search(text)) and not BARRED.search(text)


@pytest.mark.parametrize("name", core())
def test_a_core_dependency_is_free_for_commercial_use(name: str) -> None:
    text = licence(name)
    assert free(text) or NVIDIA.match(name), f"{name}: licence {text!r} is unknown, or not free for commercial use"


@pytest.mark.parametrize("name", brought("options.extras_require", "photo"))
def test_what_photos_bring_is_free_and_gpl_inside_a_wheel_is_told(name: str) -> None:
    """A wheel may hold more than its own licence says: libraries under the GPL are in NOTICE, by name."""
    assert free(licence(name)) or NVIDIA.match(name)
    inside = {found[1] for file in metadata.files(name) or [] if (found := GPL_LIBRARY.match(file.name))}
    notice = (ROOT / "NOTICE").read_text()
    assert not inside or f'("{name}"' in notice
    assert all(library in notice for library in inside)
    if name == "av" and sys.platform == "linux":
        assert inside  # or NOTICE says what is true no more


def test_the_core_lacks_what_is_not_free() -> None:
    names = core()
    assert {"torch", "numpy", "scipy", "filelock"} <= set(names)
    assert "smplx" not in names


@pytest.mark.parametrize(
    "text", ["", "UNKNOWN", "Other/Proprietary License", "CC-BY-NC-4.0", "GPL-3.0-only", "MIT for non-commercial use"]
)
def test_a_licence_that_is_barred_or_unknown_fails(text: str) -> None:
    assert not free(text)


@pytest.mark.parametrize("name", ["smplx"])
def test_smplx_would_fail(name: str) -> None:
    assert not free(licence(name))
