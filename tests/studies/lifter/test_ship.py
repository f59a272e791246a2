"""Making what ships from a run: nothing of the machine is left, and the weights are the run's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from s2m import artifact as artifacts
from s2m.artifact import Artifact
from s2m.body import load_body
from s2m.cli import main as s2m
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter import Lifter, shipped, shipped_doubt, shipped_head
from s2m.lifter.doubt import DoubtHead
from s2m.lifter.temporal_head import TemporalHead
from s2m.skeletons import H36M17
from studies.lifter.conditions import read_frames
from studies.lifter.head_figures import METHODS
from studies.lifter.ship import main, relative, slim
from studies.lifter.ship_doubt import main as ship_doubt
from studies.lifter.ship_head import main as ship_heads
from tests.lifter.scenes import n_mpjpe_mm

ROOT = Path(__file__).parents[3]
SPEC = {"joint_set": "h36m17", "rest_bone_length": 0.25, "width": 16, "blocks": 1}


def config(store: str) -> dict:
    data = {"class_path": "s2m.data.OpenData", "init_args": {"store": store, "joint_set": "h36m17"}}
    trainer = {"max_epochs": 3, "max_steps": -1, "devices": "auto"}
    return {
        "seed_everything": 0,
        "trainer": trainer,
        "model": {"width": 16},
        "data": data,
        "output": "/machine/runs",
        "project": "mine",
    }


def artifact(store: str) -> Artifact:
    torch.manual_seed(3)
    spec = {"class_path": "s2m.lifter.Lifter", "init_args": SPEC}
    return Artifact("lifter", "h36m17", load_body().hash, spec, Lifter(**SPEC).state_dict(), config=config(store))


def test_paths_of_the_repository_become_relative() -> None:
    root = Path("/machine/repo")
    given = {"a": ["/machine/repo/data/open", 3, None], "b": "/machine/repository", "c": "word"}
    assert relative(given, root) == {"a": ["data/open", 3, None], "b": "/machine/repository", "c": "word"}


def test_what_the_run_knew_of_the_machine_is_left_out() -> None:
    before = artifact("/machine/repo/data/open")
    after = slim(before, Path("/machine/repo"))
    assert after.config["data"]["init_args"]["store"] == "data/open"
    assert after.config["trainer"] == {"max_epochs": 3, "max_steps": -1}
    assert set(after.config) == {"seed_everything", "trainer", "model", "data"}
    assert before.config["output"] == "/machine/runs"
    assert all(torch.equal(after.state[name], value) for name, value in before.state.items())


def test_a_view_of_a_large_tensor_does_not_take_it_along(tmp_path: Path) -> None:
    whole = torch.zeros(1000, 1000)
    given = Artifact("lifter", "h36m17", "b", {}, {"w": whole[:2, :2]}, config=config("data"))
    artifacts.save(tmp_path / "a.pt", slim(given, tmp_path))
    assert (tmp_path / "a.pt").stat().st_size < 10_000


def test_a_path_elsewhere_is_refused() -> None:
    with pytest.raises(UserError, match="/elsewhere/data"):
        slim(artifact("/elsewhere/data"), Path("/machine/repo"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repo") / "data" / "open"
    assert s2m(["data", "open", "--output", str(path), "--config", str(ROOT / "configs/preset/smoke/data.yaml")]) == 0
    return path


def run_in(store: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Path:
    """A finished run of the table, shipped; returns the folder of assets."""
    root = store.parents[1]
    monkeypatch.chdir(root)
    run = root / "runs" / "ours-s0" / "lifter"
    artifacts.save(run / "lifter.pt", artifact(str(store)))
    (run / "study.json").write_text(json.dumps({"command": ["python", "-m", "stages", "--output", str(run)]}))
    main(["--runs", "runs", "--store", "data/open", "--output", "assets", "--table", "docs/t.md", *more])
    return root / "assets"


def test_a_finished_run_is_shipped(store: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    folder = run_in(store, monkeypatch)
    said = capsys.readouterr().out
    assert "lifter_h36m17.pt" in said
    assert "left out, not trained yet" in said
    [record] = json.loads((folder / "shipped.json").read_text())["lifters"]
    assert record["command"] == "python -m stages --output runs/ours-s0/lifter"
    assert record["data"] == {"store": "data/open", "hash": FrameStore(store).hash}
    assert all(
        torch.equal(value, artifact("x").state[name]) for name, value in shipped("h36m17", folder).state_dict().items()
    )
    frames = read_frames(FrameStore(store), "test").select(H36M17)
    with torch.no_grad():
        found = shipped("h36m17", folder)(frames.joints2d, frames.confidence).joints3d
    expected = n_mpjpe_mm(found.numpy(), frames.joints3d.numpy())
    assert record["metrics"]["clean"]["lifter"]["n_mpjpe_mm"] == pytest.approx(expected, rel=1e-3)
    shown = (folder.parent / "docs/t.md").read_text().splitlines()
    assert len(shown) == 4
    assert f"| {record['metrics']['clean']['lifter']['n_mpjpe_mm']:.1f} |" in shown[2]
    assert {path.name for path in folder.iterdir()} == {"lifter_h36m17.pt", "shipped.json"}


def test_shipping_twice_gives_the_same_file(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = (run_in(store, monkeypatch) / "shipped.json").read_text()
    assert (run_in(store, monkeypatch) / "shipped.json").read_text() == first


def test_what_is_not_trained_is_asked_for(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="make table-lifter"):
        run_in(store, monkeypatch, "--joint-sets", "s2m27")


HEAD = {"joint_set": "h36m17", "rest_bone_length": 0.25, "radius": 3, "width": 8}


def head_of(lifter: Path, store: Path) -> Artifact:
    spec = {"class_path": "s2m.lifter.temporal_head.TemporalHead", "init_args": HEAD}
    torch.manual_seed(4)
    state, parents = TemporalHead(**HEAD).state_dict(), {"lifter": sha256(lifter)}
    return Artifact("temporal", "h36m17", load_body().hash, spec, state, parents, config(str(store)))


def test_a_head_is_shipped_with_its_lifter(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_in(store, monkeypatch)
    run = store.parents[1] / "runs" / "head"
    given = head_of(folder / "lifter_h36m17.pt", store)
    artifacts.save(run / "temporal.pt", given)
    arguments = [str(run), "--store", "data/open", "--output", str(folder), "--table", "docs/h.md"]
    ship_heads(arguments)
    assert all(torch.equal(v, given.state[name]) for name, v in shipped_head("h36m17", folder).state_dict().items())
    [record] = json.loads((folder / "shipped.json").read_text())["lifters"]
    methods = record["video"]["metrics"]["test"]["clean"]
    alone = record["metrics"]["clean"]["lifter"]["n_mpjpe_mm"]
    assert methods["frame by frame"]["n_mpjpe_mm"] == pytest.approx(alone, rel=1e-5)
    assert methods["with the head"]["n_mpjpe_mm"] != methods["frame by frame"]["n_mpjpe_mm"]
    text = (folder.parent / "docs/h.md").read_text()
    assert text.startswith("frame by frame / Savitzky-Golay / with the head")
    rows = [line for line in text.splitlines() if line.startswith("| `h36m17` ")]
    assert len(rows) == 2 * 4
    assert " / ".join(f"{figures['n_mpjpe_mm']:.1f}" for figures in map(methods.get, METHODS)) in rows[0]
    # The same lifter, shipped again, keeps its head; another one loses it.
    run_in(store, monkeypatch)
    assert shipped_head("h36m17", folder).radius == 3
    listed = json.loads((folder / "shipped.json").read_text())
    listed["lifters"][0]["sha256"] = "0" * 64
    (folder / "shipped.json").write_text(json.dumps(listed))
    run_in(store, monkeypatch)
    with pytest.raises(UserError, match="no temporal head for joint set 'h36m17'"):
        shipped_head("h36m17", folder)


def test_doubt_is_shipped_with_its_lifter(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_in(store, monkeypatch)
    run, arguments = store.parents[1] / "runs" / "doubt", {"joint_set": "h36m17", "rest_bone_length": 0.25, "width": 8}
    spec = {"class_path": "s2m.lifter.doubt.DoubtHead", "init_args": arguments}
    state, parents = DoubtHead(**arguments).state_dict(), {"lifter": sha256(folder / "lifter_h36m17.pt")}
    given = Artifact("doubt", "h36m17", load_body().hash, spec, state, parents, config(str(store)))
    artifacts.save(run / "doubt.pt", given)
    ship_doubt([str(run), "--store", "data/open", "--output", str(folder), "--table", "docs/d.md"])
    assert all(torch.equal(v, state[name]) for name, v in shipped_doubt("h36m17", folder).state_dict().items())
    [record] = json.loads((folder / "shipped.json").read_text())["lifters"]
    shares = record["doubt"]["metrics"]["test"]["camera known"]["coverage90"]
    assert set(shares) == set(H36M17.joints) - {"pelvis"}
    assert f"| {100 * min(shares.values()):.1f} % (" in (folder.parent / "docs/d.md").read_text()
    run_in(store, monkeypatch)  # the same lifter, shipped again, keeps its head
    assert shipped_doubt("h36m17", folder).joint_set is H36M17


def test_a_head_of_another_lifter_is_not_shipped(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_in(store, monkeypatch)
    (folder / "temporal_h36m17.pt").unlink(missing_ok=True)
    before = (folder / "shipped.json").read_text()
    run = store.parents[1] / "runs" / "stray"
    artifacts.save(run / "temporal.pt", head_of(store / "store.json", store))
    with pytest.raises(SystemExit, match="field parents: trained on a lifter with sha256"):
        ship_heads([str(run), "--store", "data/open", "--output", str(folder)])
    assert (folder / "shipped.json").read_text() == before
    assert not (folder / "temporal_h36m17.pt").exists()


def test_a_store_that_cannot_be_measured_leaves_what_ships_as_it_is(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = run_in(store, monkeypatch)
    run = store.parents[1] / "runs" / "unmeasured"
    artifacts.save(run / "temporal.pt", head_of(folder / "lifter_h36m17.pt", store))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    blind = Path(shutil.copytree(store, tmp_path / "store"))
    shutil.rmtree(blind / "acrobatic" / "truth")
    with pytest.raises(SystemExit, match="truth"):
        ship_heads([str(run), "--store", str(blind), "--output", str(folder)])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
