"""The example commands of docs/formats_out.md, run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import pytest

from s2m.cli import main
from s2m.export.npz import write_amass_npz
from tests.export.motions import person
from tests.formats.fabricated import FILES

PAGE = Path(__file__).parents[2] / "docs" / "formats_out.md"


def examples() -> list[str]:
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.partition("#")[0].strip() for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    for number, name in enumerate(("walk", "ann", "bob")):
        write_amass_npz(folder / f"{name}.npz", person(3, number))
    FILES["kinect.json"](folder / "kinect.json")
    return folder


@pytest.mark.parametrize("line", examples())
def test_an_example_runs(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *words = shlex.split(line)
    if any(word.endswith(".fbx") for word in words) and shutil.which("blender") is None:
        pytest.skip("Blender is not there")
    if any(word.endswith(".usdc") for word in words) and importlib.util.find_spec("pxr") is None:
        pytest.skip("usd-core is not there")
    if "anny" in words and importlib.util.find_spec("anny") is None:
        pytest.skip("anny is not there")
    monkeypatch.chdir(folder)
    assert program == "s2m"
    before = set(folder.iterdir())
    assert main([*words, "-q"]) == 0
    (made,) = set(folder.iterdir()) - before
    assert made.name in words
    assert made.stat().st_size > 500
