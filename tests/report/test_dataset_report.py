"""The report of runs on other data than the open data: protocols, pictures, and what is left out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from s2m.body import Body
from s2m.cli import main
from s2m.data import OpenData
from s2m.data.store import FrameStore
from s2m.pretrained import load_mesh_model
from s2m.report import Examples, load_examples, save_examples
from s2m.report.build import build_report
from s2m.report.datasets import run_data, split_text
from s2m.report.gallery import PANEL, example_picture
from s2m.report.results import ReportError
from s2m.report.showing import best_median_worst
from tests.report.conftest import fabricate_curves, fabricate_metrics
from tests.report.dataset_runs import FOURTEEN, aligned_errors, predictions

Run = Callable[..., Path]


@pytest.fixture
def dataset_run(workplace: Path, tmp_path: Path) -> Run:
    """A finished run on a copy of the converted test set."""

    def make(**data: object) -> Path:
        shutil.copytree(workplace / "data/mpi_inf_3dhp", tmp_path / "store")
        run = tmp_path / "mine"
        for stage in ("lifter", "regressor", "mesh"):
            (run / stage).mkdir(parents=True)
            metrics = {k: v for k, v in fabricate_metrics(stage).items() if not k.startswith("acrobatic")}
            (run / stage / "metrics.json").write_text(json.dumps(metrics))
            (run / stage / "metrics.csv").write_text(fabricate_curves())
        shutil.copy(workplace / "runs/own/mesh/mesh.pt", run / "mesh")
        arguments = {"store": str(tmp_path / "store"), "joint_set": "h36m17", "test_splits": ["test"], **data}
        config = {"data": {"class_path": "s2m.data.FrameDataModule", "init_args": arguments}}
        (run / "mesh/config.yaml").write_text(yaml.safe_dump(config))
        return run

    return make


def rooted_errors(pred: np.ndarray, true: np.ndarray, joints: list[int]) -> np.ndarray:
    """(T, J) mm, the pelvis (first in both) at the origin."""
    return 1000 * np.linalg.norm((pred - pred[:, :1] - true + true[:, :1])[:, joints], axis=-1)


def test_numbers_by_the_datasets_protocols(
    dataset_run: Run, workplace: Path, body: Body, capsys: pytest.CaptureFixture[str]
) -> None:
    run = dataset_run()
    assert main(["report", str(run)]) == 0
    printed, text = capsys.readouterr().out, (run / "report/report.md").read_text()
    pred, true, _ = predictions(workplace, body)
    everything = aligned_errors(pred, true, list(range(17)))
    expected = {
        "official script (14 joints)": rooted_errors(pred, true, FOURTEEN),
        "official script (14 joints), PA": aligned_errors(pred, true, FOURTEEN),
        "17 joints": rooted_errors(pred, true, list(range(17))),
        "17 joints, PA": everything,
    }
    for name, errors in expected.items():
        row = [f"{errors.mean():.1f}", f"{100 * (errors < 150).mean():.1f}"]
        assert f"| {name} | {row[0]} | {row[1]} |" in text
        assert re.search(rf"^{re.escape(name)} +{row[0]} +{row[1]} ", printed, re.MULTILINE)
    assert (
        "14 frames of 6 recordings, every frame, 2D joints of the dataset, silhouettes from a folder of masks" in text
    )
    assert "universal 3D truth" in text
    for name, meaning in (("official script (14 joints)", "strict thresholds"), ("17 joints, PA", "Procrustes")):
        assert re.search(rf"^- \*\*{re.escape(name)}\*\*: .*{meaning}", text, re.MULTILINE)
    captions = re.findall(r"\*\*(best|median|worst): PA-MPJPE ([\d.]+) mm \((TS[13]/\d, frame \d)\)\*\*", text)
    errors = np.sort(everything.mean(1))
    assert [float(c[1]) for c in captions if c[0] == "best"] == pytest.approx(errors[:3].tolist(), abs=0.051)
    assert [float(c[1]) for c in captions if c[0] == "worst"] == pytest.approx(errors[-3:].tolist(), abs=0.051)


def test_the_model_is_loaded_once_for_all_splits(
    dataset_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dataset_run(test_splits=["test", "again"])
    header_file = tmp_path / "store/store.json"
    header = json.loads(header_file.read_text())
    header["splits"]["again"], header["recordings"]["again"] = header["splits"]["test"], header["recordings"]["test"]
    header_file.write_text(json.dumps(header))
    shutil.copytree(tmp_path / "store/test", tmp_path / "store/again")
    loads: list[Path] = []

    def counted(path: Path, body: Body) -> Any:
        loads.append(path)
        return load_mesh_model(path, body)

    monkeypatch.setattr("s2m.report.dataset_evaluation.load_mesh_model", counted)
    text = (build_report(run) / "report.md").read_text()
    assert "split test:" in text
    assert "split again:" in text
    assert loads == [run / "mesh/mesh.pt"]


def test_nothing_of_the_open_data_and_no_surface_of_a_foreign_body(dataset_run: Run) -> None:
    folder = build_report(dataset_run())
    for file in ("report.md", "index.html"):
        text = (folder / file).read_text()
        assert "MPI-INF-3DHP" in text
        for word in ("open data", "Checks", "PVE [mm]", "area PVE", "unseen bodies", "Pearson"):
            assert word not in text
    assert "| full model |" in (folder / "report.md").read_text()
    assert len(list(folder.glob("gallery_*.png"))) == 9


def test_without_truth_there_are_pictures_alone(dataset_run: Run, tmp_path: Path) -> None:
    run = dataset_run()
    shutil.rmtree(tmp_path / "store/test/truth")
    for stage in ("lifter", "regressor", "mesh"):
        (run / stage / "metrics.json").write_text('{"train/loss": 0.1}')
    text = (build_report(run) / "report.md").read_text()
    assert "pictures alone, no 3D truth" in text
    assert "protocols" not in text
    assert "MPJPE" not in text
    assert len(re.findall(r"\*\*TS[13]/\d, frame \d\*\*", text)) == 9


def test_the_store_is_gone(dataset_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = dataset_run()
    shutil.rmtree(tmp_path / "store")
    assert main(["report", str(run)]) != 0
    assert "mesh/config.yaml: field data.init_args.store: expected the store of the run" in capsys.readouterr().err
    assert not (run / "report").exists()


def test_checks_are_refused(dataset_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(dataset_run()), "--checks-only"]) != 0
    assert "checks are of the open data, the run is on MPI-INF-3DHP" in capsys.readouterr().err


def test_what_a_run_was_made_on(dataset_run: Run, tmp_path: Path) -> None:
    run = dataset_run(test_splits=["val", "test"])
    assert run_data(run).splits == ("test",)  # as the loaders: those that the store has
    config = run / "mesh/config.yaml"
    for name in ("s2m.data.OpenData", f"{OpenData.__module__}.{OpenData.__qualname__}"):
        config.write_text(f"data: {{class_path: {name}, init_args: {{store: gone}}}}")
        assert run_data(run).store is None
    config.write_text("data: {class_path: mine.OpenData, init_args: {store: gone}}")  # a name alone says nothing
    with pytest.raises(ReportError, match="expected the store of the run"):
        run_data(run)
    for text, message in (("data: [", "expected yaml"), ("model: {}", "field data: expected the settings")):
        config.write_text(text)
        with pytest.raises(ReportError, match=message):
            run_data(run)
    config.unlink()
    assert run_data(run).store is None


def test_which_frames_in_words(dataset_run: Run, tmp_path: Path) -> None:
    dataset_run()
    store = FrameStore(tmp_path / "store")
    store.header["options"].update(every=5, test_every=25)
    assert split_text(store, "test").startswith("14 frames of 6 recordings, every 25th frame, 2D joints of the dataset")
    store.header["kind"] = "human36m"
    for number, recording in enumerate(store.header["recordings"]["test"]):
        recording.update(name=f"S9/Walking.{(54138969, 60457274)[number % 2]}", detected=True)
    text = split_text(store, "test")
    assert "cameras 54138969 60457274, 2D joints of a detector" in text


def test_ranked_frames() -> None:
    noted = [(float(error), 100 + error) for error in (5, 1, 9, 3, 7, 2, 8, 4, 6, 0)]
    chosen = best_median_worst(noted)
    assert chosen == [(label, 100 + e) for label, e in zip(
        ["best"] * 3 + ["median"] * 3 + ["worst"] * 3, [0, 1, 2, 3, 4, 5, 7, 8, 9], strict=True)]  # fmt: skip
    assert best_median_worst([]) == []
    assert len(best_median_worst(noted[:4])) == 3


def skeletons(examples: Examples) -> Examples:
    """The same frames, an upright skeleton in the place of the true body: 2 units high, 1 wide, flat."""
    rng = np.random.default_rng(1)
    true = rng.uniform(-1, 1, (len(examples), 17, 3)) * [0.5, 1, 0]
    return replace(examples, true_vertices=None, true_joints=true + 5, lifted_joints=0.25 * true - 3)


def test_skeleton_panels(examples: Examples) -> None:
    picture = example_picture(skeletons(examples), 0).astype(int)

    def panel(column: int) -> np.ndarray:
        return picture[PANEL + 30 :, column * PANEL : (column + 1) * PANEL]

    def width(mask: np.ndarray) -> int:
        columns = np.flatnonzero(mask.any(0))
        return int(np.ptp(columns))

    coloured = [np.ptp(panel(column), axis=2) > 60 for column in (1, 2)]
    assert width(coloured[0]) > 60
    assert width(coloured[1]) < 25  # a flat skeleton from the side
    # The lifter's skeleton is the truth at another scale and place: drawn, it covers the middle of every true bone.
    grey = (np.abs(panel(1) - [196, 199, 205]).sum(-1) == 0).sum()
    assert 0 < grey < 4 * coloured[0].sum()
    apart = skeletons(examples)
    assert apart.lifted_joints is not None
    turned = replace(apart, lifted_joints=apart.lifted_joints[..., [1, 0, 2]])
    other = example_picture(turned, 0).astype(int)[PANEL + 30 :, PANEL : 2 * PANEL]
    assert (np.abs(other - [196, 199, 205]).sum(-1) == 0).sum() > 1.3 * grey


def test_examples_without_a_true_body_come_back(examples: Examples, tmp_path: Path) -> None:
    path = tmp_path / "examples.npz"
    kept = replace(skeletons(examples), true_joints=None, pa_mpjpe_mm=np.full(3, np.nan))
    save_examples(path, replace(kept, label=np.array(["frame"] * 3)))
    found = load_examples(path)
    assert found.true_vertices is None
    assert found.true_joints is None
    np.testing.assert_array_equal(found.lifted_joints, kept.lifted_joints)
    with pytest.raises(ReportError, match=r"lifted_joints: expected shape \(3, 17, 3\)"):
        replace(kept, lifted_joints=np.zeros((3, 16, 3)))
