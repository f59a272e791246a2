"""A dataset added as CONTRIBUTING.md shows it: its blocks are taken from the page, put into a package, and run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s2m.artifact import load
from s2m.cli import main
from s2m.data.store import FrameStore
from s2m.data.zoo.other import load_source
from s2m.data.zoo.source import SourceError
from stages.cli import run
from tests.data.zoo.fabricate import images as fabricate

ROOT = Path(__file__).parents[3]
FRAMES = 6


def blocks() -> dict[str, str]:
    """Fenced blocks of the section, by language."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    section = page.split("## How to add a dataset")[1].split("\n## ")[0]
    found = dict(re.findall(r"```(\w+)\n(.*?)```", section, flags=re.DOTALL))
    assert list(found) == ["python", "yaml", "sh"]
    return found


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the newcomer's package, yaml and data, and the project's configs."""
    package = tmp_path / "my_lab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "walks.py").write_text(blocks()["python"])
    (tmp_path / "walks.yaml").write_text(blocks()["yaml"])
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    scene = fabricate.scene(FRAMES)
    for name in ("ann", "ben", "cem"):
        table = np.column_stack([np.arange(FRAMES), scene.keypoints.reshape(FRAMES, -1)])
        (tmp_path / "FOLDER" / name).mkdir(parents=True)
        np.savetxt(tmp_path / "FOLDER" / f"{name}.csv", table, delimiter=",")
        for t, mask in enumerate(scene.masks):
            Image.fromarray(mask).save(tmp_path / "FOLDER" / name / f"{t:04d}.png")
    return tmp_path


def test_the_page_works_as_written(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.syspath_prepend(str(workplace))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    convert, train = (shlex.split(line) for line in blocks()["sh"].replace("\\\n", " ").strip().splitlines())
    assert convert[:2] == ["s2m", "data"]
    assert train[:4] == ["python", "-m", "stages", "lifter"]
    assert main([*convert[1:], "--workers", "1"]) == 0
    store = FrameStore(workplace / "data" / "walks")
    assert {split: store.open(split).rows for split in store.splits} == {"train": 2 * FRAMES, "val": FRAMES}
    torch.set_num_threads(1)
    run("lifter", [*train[4:], "--trainer.accelerator", "cpu"])
    artifact = load(workplace / "runs/walks/lifter/lifter.pt", "lifter", joint_set="h36m17")
    assert all(tensor.isfinite().all() for tensor in artifact.state.values() if tensor.is_floating_point())


def test_a_source_that_is_none_is_refused(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(workplace))
    assert load_source("my_lab.walks:Walks").name == "walks"
    for name, message in (
        ("my_lab", "expected MODULE:CLASS"),
        ("my_lab.runs:Runs", "expected a module that Python finds"),
        ("my_lab.walks:Runs", "expected a subclass of s2m.data.zoo.source.Source, found None"),
        ("pathlib:Path", "expected a subclass"),
    ):
        with pytest.raises(SourceError, match=message):
            load_source(name)


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["data", "other", "--help"], 0), (["data", "other", "--root", "x"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
    printed = capsys.readouterr()
    assert "MODULE:CLASS" in printed.out
    assert "expected MODULE:CLASS first" in printed.err
