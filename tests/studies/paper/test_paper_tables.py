"""Tables 2 to 4 from the command line: a run on a converted dataset, against numbers made another way."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from s2m.batch import BodyParams, Truth
from s2m.body import Body, load_body
from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.mpi_inf_3dhp import MpiInf3DHP
from s2m.metrics.protocols import H36M_MESH
from s2m.report.dataset_evaluation import RunScores, Score, _Rows, _Surface, evaluate_run, load_run
from s2m.report.results import ReportError
from studies.paper import paper_tables
from studies.paper.paper_layout import as_text, lines_of, protocols_of
from studies.paper.published import TABLES
from tests.report.dataset_runs import FOURTEEN, aligned_errors, expected_row, predictions, write_run

Main = Callable[..., int]


@pytest.fixture
def run_main(workplace: Path, tmp_path: Path) -> Main:
    def call(table: str, *extra: str, run: str = "own") -> int:
        folders = ["--stores", str(workplace / "data"), "--output", str(tmp_path / "out")]
        return paper_tables.main([table, "--run", str(workplace / "runs" / run), *folders, *extra])

    return call


def test_table3_equals_a_slow_computation(
    run_main: Main, workplace: Path, body: Body, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main("table3", "--h36m-run", str(workplace / "runs/transferred")) == 0
    printed = capsys.readouterr().out
    with (tmp_path / "out/table3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    published = [row for row in rows if row["kind"] == "published"]
    for row, wanted in zip(published, TABLES["table3"].rows, strict=True):
        assert [row[c] for c in ("PCK", "AUC", "PMPJPE")] == list(wanted.values)
        assert (row["3D data"], row["training set"]) == (wanted.supervision, wanted.training)
    measured = [row for row in rows if row["kind"] == "measured"]
    assert [row["training set"] for row in measured] == ["H3.6M"] * 3 + ["3DHP"] * 3
    found = {}
    for run, shown in (("transferred", measured[:3]), ("own", measured[3:])):  # each by its own weights
        pred, true, activities = predictions(workplace, body, run)
        assert len(pred) == 14
        everything = aligned_errors(pred, true, list(range(17)))
        fourteen = aligned_errors(pred, true, FOURTEEN)
        expected = [expected_row(everything), expected_row(everything, 15), expected_row(fourteen)]
        assert [[row[c] for c in ("PCK", "AUC", "PMPJPE")] for row in shown] == expected
        found[run] = expected
    assert found["own"] != found["transferred"]
    assert all("Procrustes" in row["protocol"] and "universal height" in row["protocol"] for row in measured)
    assert "Protocols of the measured rows:" in printed
    assert "transferred: its joints, where human36m has them" in printed
    for figure in (*expected[0], "83.9", "100.8", "own: 17 joints", "14 frames of", "set has 2929"):
        assert figure in printed
    data = json.loads((tmp_path / "out/table3.json").read_text())
    score = next(s for s in data[1]["scores"] if s["protocol"].startswith("17 joints"))
    assert set(score["by_activity"]) == {"Standing/Walking", "Sitting", "Miscellaneous"}
    for activity, values in score["by_activity"].items():
        part = everything[[name == activity for name in activities]]
        assert values["mpjpe_mm"] == pytest.approx(part.mean(), abs=1e-3)
        assert values["pck150"] == pytest.approx((part < 150).mean(), abs=1e-6)
    page = (tmp_path / "out/table3.md").read_text()
    assert r"| \*PoseNet [48] | None | H3.6M | 81.9 | 43.2 | 102.4 |" in page
    assert "| Ours | None | 3DHP | **87.0** | **50.8** | **87.4** |" in page
    assert "| Sitting |" in page
    assert "rigidly aligned with scale (Procrustes, no reflection)" in page


def test_a_run_with_more_joints_than_the_dataset(
    run_main: Main, workplace: Path, body: Body, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(workplace / "runs/more", workplace / "data/other", body, joint_set="s2m27")
    assert run_main("table3", "--h36m-run", str(workplace / "runs/more")) == 2
    message = capsys.readouterr().err
    assert "joint set s2m27 needs joints that the store (mpi3dhp17) lacks" in message
    assert "left_heel" in message


def test_only_the_frames_of_a_list(
    run_main: Main, workplace: Path, body: Body, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "frames.txt"
    listed.write_text("# recording, frame\nTS3/3 2\n/data/TS1/7.mp4\n\nTS3/3 2\n")
    assert run_main("table3", "--frames", str(listed)) == 0
    printed = capsys.readouterr().out
    store = FrameStore(workplace / "data/mpi_inf_3dhp")
    arrays, names = store.open("test").observation, [r["name"] for r in store.recordings("test")]
    places = [(names[s], int(f)) for s, f in zip(arrays["sequence"], arrays["frame"], strict=True)]
    rows = [i for i, (name, frame) in enumerate(places) if name == "TS1/7" or (name, frame) == ("TS3/3", 2)]
    assert len(rows) == 3
    pred, true, _ = predictions(workplace, body)
    expected = expected_row(aligned_errors(pred[rows], true[rows], list(range(17))))
    assert "own: 17 joints, AUC over 31 thresholds" in printed
    row = next(line for line in printed.splitlines() if line.startswith("own: 17 joints, AUC over 31"))
    assert row.split()[-3:] == expected
    assert "3 frames of mpi_inf_3dhp (test)" in printed
    assert "only the 3 entries of frames.txt" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TS1/1\nTS9/1\n", "found 1 of 2 entries that it lacks: TS9/1"),
        ("TS1/1 77\n", "entries that it lacks: TS1/1 77"),
        ("3\n", "'3': expected one recording, found TS1/3, TS3/3"),
        ("TS1/1 two\n", "line 1: expected a recording and at most a frame number"),
        ("TS1/1 2 3\n", "line 1: expected a recording and at most a frame number"),
        ("# nothing\n", "expected a recording per line, found none"),
        (None, "expected a list of frames, found none"),
    ],
)
def test_a_bad_list_of_frames(
    run_main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    listed = tmp_path / "frames.txt"
    if text is not None:
        listed.write_text(text)
    assert run_main("table3", "--frames", str(listed)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_the_run_on_human36m_its_row_is_left_out(run_main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("table3", "--h36m-run", "runs/none") == 0
    printed = capsys.readouterr().out
    assert "left out: runs/none/mesh/mesh.pt: no such file" in printed
    assert "transferred" not in printed


@pytest.mark.parametrize("table", paper_tables.MEASURED)
def test_without_data_one_screen(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [table, "--run", str(tmp_path / "runs/x"), "--stores", str(tmp_path / "data"), "--check"]
    assert paper_tables.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 110
    for text in ("https://" if table != "table2" else "http://", "DATA_ROOT=DIR", f"make {table}", "store made by"):
        assert text in captured.err
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f"root/{TABLES[table].dataset}").mkdir(parents=True)
    assert paper_tables.main([*arguments, "--data-root", str(tmp_path / "root")]) == 0
    assert paper_tables.main([a for a in arguments if a != "--check"] + ["--data-root", str(tmp_path / "root")]) == 2
    assert "the converted dataset: s2m data" in capsys.readouterr().err


def test_a_run_on_other_data_has_no_place_here(run_main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("table3", run="transferred") == 2
    assert "expected a run trained on mpi_inf_3dhp, found one on human36m" in capsys.readouterr().err


def test_a_run_on_open_data_has_no_place_here(
    run_main: Main, workplace: Path, body: Body, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = json.loads((workplace / "data/mpi_inf_3dhp/store.json").read_text())
    del header["converter_version"]
    (tmp_path / "open").mkdir()
    (tmp_path / "open/store.json").write_text(json.dumps(header))
    write_run(workplace / "runs/open", tmp_path / "open", body)
    assert run_main("table3", run="open") == 2
    assert "expected a run trained on mpi_inf_3dhp, found one on open" in capsys.readouterr().err


def test_a_run_whose_training_data_is_gone(
    run_main: Main, workplace: Path, body: Body, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(workplace / "runs/lost", tmp_path / "gone", body)
    assert run_main("table3", run="lost") == 2
    assert "cannot tell what the run was trained on" in capsys.readouterr().err


def test_a_store_without_silhouettes_or_truth(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = MpiInf3DHP(workplace / "official/mpi_inf_3dhp", cameras=(0,))
    store = tmp_path / "data/mpi_inf_3dhp"
    convert(source, store, Options(mask_size=32), workers=0, progress=False)
    arguments = ["table3", "--run", str(workplace / "runs/own"), "--stores", str(tmp_path / "data")]
    assert paper_tables.main([*arguments, "--check"]) == 2
    assert "silhouettes of the split test" in capsys.readouterr().err
    assert paper_tables.main([*arguments, "--split", "dev"]) == 2
    assert "holds train, test only" in capsys.readouterr().err
    header = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**header, "joint_set": "smpl24"}))
    assert paper_tables.main([*arguments, "--check"]) == 2
    assert "whose joint set smpl24 lacks spine, thorax, neck_nose" in " ".join(capsys.readouterr().err.split())
    (store / "store.json").write_text(json.dumps(header))
    own = load_run(workplace / "runs/own/mesh/mesh.pt", load_body())
    with pytest.raises(ReportError, match="the run needs silhouettes, the split has none"):
        evaluate_run(own, store, [], progress=False)
    with pytest.raises(ReportError, match=r"expected data for the protocol 14 joints \(LSP's.*; universal truth"):
        evaluate_run(own, store, [H36M_MESH], progress=False)
    for file in (store / "test/truth").iterdir():
        file.unlink()
    (store / "test/truth").rmdir()
    assert paper_tables.main([*arguments, "--check"]) == 2
    assert "the truth of the split test" in capsys.readouterr().err


def test_frontal_camera_and_activities_decide_what_can_be_measured(workplace: Path) -> None:
    from s2m.metrics import protocols

    store = FrameStore(workplace / "data/mpi_inf_3dhp")
    rows = _Rows(store, "test")
    assert rows.serves(protocols.MPI3DHP_OFFICIAL_PA)
    assert not rows.serves(protocols.H36M_MESH)  # the truth is universal
    store.header["source"]["truth"] = "metric"
    rows = _Rows(store, "test")
    assert not rows.serves(protocols.MPI3DHP_OFFICIAL_PA)
    assert rows.serves(protocols.H36M_LIFTING)
    assert not rows.serves(protocols.H36M_MESH_PA_FRONTAL)
    for recording in store.header["recordings"]["test"]:
        recording["name"] = recording["name"].replace("TS1/", "S9/Walking.60457274.")
    store.header["kind"] = "human36m"
    rows = _Rows(store, "test")
    assert rows.serves(protocols.H36M_MESH_PA_FRONTAL)
    everything = np.arange(14)
    assert rows.chosen(protocols.H36M_MESH_PA_FRONTAL, everything).tolist() == [True] * 7 + [False] * 7
    assert rows.chosen(protocols.H36M_MESH, everything).all()
    for recording in store.header["recordings"]["test"]:
        recording["name"] += ".60457274"
    only = _Rows(store, "test")
    assert only.serves(protocols.H36M_MESH_PA_FRONTAL)
    assert not only.serves(protocols.H36M_MESH)
    store.header["recordings"]["test"][0]["activity"] = ""
    assert not _Rows(store, "test").serves(protocols.H36M_LIFTING)


def test_other_dataset_in_the_place_of_the_store(
    run_main: Main, workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = tmp_path / "data"
    stores.mkdir()
    (stores / "human36m").symlink_to(workplace / "data/mpi_inf_3dhp")
    arguments = ["table2", "--run", str(workplace / "runs/transferred"), "--stores", str(stores)]
    assert paper_tables.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    assert "expected human36m, found mpi_inf_3dhp" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def posed(body: Body, seed: int) -> tuple[BodyParams, torch.Tensor]:
    """Parameters and their vertices relative to the pelvis joint."""
    generator = torch.Generator().manual_seed(seed)
    skew = 0.2 * torch.randn(3, 24, 3, 3, generator=generator)
    rotations = torch.matrix_exp(skew - skew.transpose(-1, -2))
    params = BodyParams.from_rotations(rotations, torch.randn(3, 10, generator=generator), torch.ones(3, 3))
    output = body(params)
    return params, output.vertices - output.joints[:, :1]


def test_surface_errors_pose_the_truth_on_its_own_body(body: Body) -> None:
    taller = load_body()
    taller.v_template = 1.1 * taller.v_template
    pred_params, pred = posed(body, 1)
    recovery = SimpleNamespace(body=body(pred_params))
    true_params, neutral = posed(body, 2)
    _, tall = posed(taller, 2)
    gender = torch.tensor([1, 2, 1])
    true = torch.stack([tall[0], neutral[1], tall[2]])
    surface = _Surface({"female": taller, "male": body})
    surface.update(recovery, Truth(torch.zeros(3, 17, 3), true_params, gender))  # type: ignore[arg-type]
    expected = [np.linalg.norm(p - t, axis=-1).mean() for p, t in zip(pred.numpy(), true.numpy(), strict=True)]
    assert surface.compute()["pve_mm"] == pytest.approx(1000 * np.mean(expected), rel=1e-5)
    assert surface.compute()["pa_pve_mm"] < surface.compute()["pve_mm"]


def test_no_surface_error_without_the_bodies_of_all_frames(body: Body) -> None:
    params, _ = posed(body, 1)
    recovery: Any = SimpleNamespace(body=body(params))
    joints = torch.zeros(3, 17, 3)
    for bodies, truth in (
        ({}, Truth(joints, params)),
        ({"male": body}, Truth(joints, params, torch.tensor([2, 1, 2]))),
        ({"neutral": body}, Truth(joints)),
    ):
        surface = _Surface(bodies)
        surface.update(recovery, truth)
        assert surface.compute() == {}
    surface = _Surface({"neutral": body})
    surface.update(recovery, Truth(joints, params))
    assert surface.compute()["pve_mm"] == pytest.approx(0, abs=1e-2)


def test_table4_shows_surface_errors_once(body: Body) -> None:
    values = {"mpjpe_mm": 61.24, "pck150": 0.9, "auc31": 0.5, "auc11": 0.5}
    scores = tuple(Score(protocol, 5, values) for protocol in protocols_of("table4"))
    run = RunScores("mine", "surreal", "surreal", "val", scores, {"pve_mm": 90.04, "pa_pve_mm": 70.06})
    measured = [line for line in lines_of(TABLES["table4"], [run]) if line.kind == "measured"]
    assert [line.values for line in measured] == [("61.2", "61.2", "90.0", "70.1"), ("61.2", "61.2", "-", "-")]
    text = as_text(TABLES["table4"], lines_of(TABLES["table4"], [run]), [run])
    assert "Ours(w/o SR)" in text
    assert "validation set of Surreal" in text
