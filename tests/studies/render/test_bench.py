from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from s2m.render import RaggedSilhouette, SilhouetteRenderer, default_sigma, hard_silhouette
from studies.render import bench, bench_case
from studies.render.bench import Meshes, main, parse, plan, posed_bodies
from studies.render.bench_case import (
    DEFAULT,
    EXACT,
    PYTORCH3D,
    RENDERERS,
    BenchError,
    Figures,
    Job,
    Setting,
    in_own_process,
    measure,
    median_seconds,
    watch_memory,
)
from studies.render.bench_report import Axis, Result, as_json, checks, markdown

CPU = torch.device("cpu")
SETTING = Setting("cpu", 112, 2000, 2, 3e-5)
SOFTER = replace(SETTING, sigma=1e-4)
# Seconds forward and with backward, MiB likewise.
FOUND = {
    (SETTING, PYTORCH3D): Figures(0.3, 1.4, 20.0, 40.0),
    (SETTING, EXACT): Figures(0.01, 0.02, 10.0, 16.0),
    (SETTING, DEFAULT): Figures(0.005, 0.0112, 1.5, 4.0),
    (SOFTER, PYTORCH3D): Figures(0.3, 1.5, 20.0, 40.0),
    (SOFTER, EXACT): Figures(0.02, 0.03, 10.0, 16.0),
    (SOFTER, DEFAULT): Figures(0.01, 0.01251, 1.5, 4.0),
}
RESULTS = [Result(setting, renderer, 1992, figures) for (setting, renderer), figures in FOUND.items()]
INFO: dict[str, Any] = {
    "command": "python -m studies.render.bench --repeats 1",
    "date": "2024-02-29",
    "faces_per_pixel": 25,
    "machine": {
        **{"cpu": "Some CPU", "cores": 4, "devices": {"cpu": "CPU"}, "load_after": 0.2, "load_before": 0.1},
        **{"threads": 1, "torch": "2.12"},
    },
    "pytorch3d_batch": 8,
    "repeats": 1,
    "seed": 7,
    "whole_body": 13752,
}


def cells(page: str, start: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith(start)]


def test_bodies_lie_in_the_crop() -> None:
    points, faces = posed_bodies(3, 600)
    assert points.shape[0] == 3
    assert points[..., :2].abs().max() <= 0.9
    assert 300 < len(faces) <= 700
    assert bool((hard_silhouette(points, faces, 32).flatten(1).sum(1) > 50).all())
    assert torch.equal(points, posed_bodies(3, 600)[0])


def test_a_batch_begins_with_the_people_of_a_smaller_one(tmp_path: Path) -> None:
    meshes = Meshes(tmp_path, 3, 5)
    setting = replace(SETTING, faces=300)
    drawn = {}
    for batch in (1, 3):
        file, triangles = meshes.file(replace(setting, batch=batch))
        drawn[batch], faces = torch.load(file, weights_only=True)
        assert len(faces) == triangles
    assert drawn[3].shape[0] == 3
    assert torch.equal(drawn[1], drawn[3][:1])
    assert torch.equal(drawn[3], posed_bodies(3, 300, seed=5)[0])


# --- the whole command -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches of small pictures, of which PyTorch3D gets one."""
    folder = tmp_path_factory.mktemp("bench") / "results"
    options = ["--sizes", "16", "--faces", "300", "--batches", "1", "64", "--sigmas", repr(default_sigma(16))]
    options += ["--repeats", "1", "--faces-per-pixel", "2", "--pytorch3d-batch", "1", "--device", "cpu", "--seed", "3"]
    main([*options, "--output", str(folder)])
    return folder


def test_the_command_writes_page_figures_and_picture(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["bench_render.json", "bench_render.md", "bench_render.png"]
    page = (run / "bench_render.md").read_text()
    assert "`python -m studies.render.bench --sizes 16 --faces 300 --batches 1 64 --sigmas" in page
    assert str(run) not in page
    assert [row[1] for row in cells(page, "| 16 px")] == list(RENDERERS)
    assert [row[1] for row in cells(page, "| 64 |")] == list(RENDERERS)
    assert cells(page, "| 64 | PyTorch3D")[0][2] == "left out"
    assert page.count("not measured") == 4
    assert np.asarray(Image.open(run / "bench_render.png")).std() > 5


def test_the_figures_are_complete(run: Path) -> None:
    found = json.loads((run / "bench_render.json").read_text())
    assert found["axes"][2] == {"device": "cpu", "name": "batch", "values": [1, 64]}
    assert (found["seed"], found["machine"]["threads"], found["machine"]["torch"]) == (3, 1, torch.__version__)
    cases = {(case["renderer"], case["batch"]): case for case in found["cases"]}
    assert list(cases) == [(name, batch) for batch in (1, 64) for name in RENDERERS]
    left_out = cases.pop((PYTORCH3D, 64))
    assert (left_out["note"], left_out["both_s"]) == ("left out", None)
    for case in cases.values():
        assert (case["size"], case["sigma"], case["note"]) == (16, default_sigma(16), "")
        assert case["forward_s"] > 0
        assert case["both_s"] > 0
        assert case["both_mib"] >= case["forward_mib"] >= 0


def test_more_images_take_more_memory_whichever_came_first(run: Path) -> None:
    cases = {(c["renderer"], c["batch"]): c for c in json.loads((run / "bench_render.json").read_text())["cases"]}
    for renderer in (EXACT, DEFAULT):
        # Some pages are the process's already, by chance of what ran before: 4.7 MiB more have been seen.
        assert cases[renderer, 64]["both_mib"] > cases[renderer, 1]["both_mib"] + 1


# --- a measurement -----------------------------------------------------------------------------------------------


class Fake(SilhouetteRenderer):
    """Holds some memory, or fails, where pictures are larger than the first small one."""

    def __init__(self, mib: int = 0, forward: Exception | None = None, backward: Exception | None = None) -> None:
        super().__init__()
        self.mib, self.errors, self.calls = mib, (forward, backward), 0

    def forward(self, points: Tensor, faces: Tensor, size: int) -> Tensor:
        error = self.errors[points.requires_grad]
        if size > 4:
            self.calls += 1
            if error is not None:
                raise error
            torch.ones(self.mib, 2**18)
        return points.sum().expand(len(points), size, size)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_case, "ENOUGH_SECONDS", 0.0)


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the kernel does not forget a peak")
@pytest.mark.usefixtures("short")
def test_memory_is_what_a_renderer_adds_at_its_peak(people: tuple[Tensor, Tensor]) -> None:
    held = torch.ones(50, 2**18)  # there before: does not count
    figures = measure(Fake(200), *people, 8, repeats=2)
    assert figures.forward_mib == pytest.approx(200, abs=10)
    assert figures.both_mib == pytest.approx(200, abs=10)
    less = measure(Fake(100), *people, 8, repeats=2)  # an earlier peak does not stay in
    assert less.both_mib == pytest.approx(100, abs=10)
    assert held.sum() > 0


def test_without_proc_there_is_no_figure_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_case, "_resident", lambda field: None)
    assert watch_memory(CPU)() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_the_memory_is_the_allocators() -> None:
    device = torch.device("cuda")
    peak = watch_memory(device)
    torch.ones(200, 2**18, device=device)
    assert peak() == pytest.approx(200, abs=1)


def test_the_median_leaves_the_first_call_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def clock(seconds: list[float]) -> Iterator[float]:
        now = 0.0
        for taken in seconds:
            yield now
            now += taken
            yield now

    def median(seconds: list[float], repeats: int) -> tuple[float, int]:
        ticks, calls = clock(seconds), []
        monkeypatch.setattr(bench_case, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
        return median_seconds(lambda: calls.append(1), CPU, repeats), len(calls)

    assert median([100.0, 3.0, 1.0, 50.0], repeats=3) == (3.0, 4)
    # Short work: on until half a second is full.
    assert median([9.0, 0.125, 0.125, 0.25, 0.25], repeats=1) == (0.125, 4)
    assert median([0.0] * 60, repeats=1)[1] == bench_case.MOST_REPEATS + 1


def allocation_failure() -> Exception:
    """What PyTorch really raises on a CPU: more than can be addressed."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    return caught.value


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), MemoryError(), allocation_failure()])
def test_running_out_of_memory_is_a_result(error: Exception, people: tuple[Tensor, Tensor]) -> None:
    assert measure(Fake(forward=error), *people, 8, repeats=1) == Figures(note="out of memory")
    figures = measure(Fake(backward=error), *people, 8, repeats=1)
    assert figures.note == "out of memory"
    assert figures.forward_s is not None
    assert figures.both_s is None


@pytest.mark.usefixtures("short")
def test_another_failure_is_none(people: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(RuntimeError, match="lens cap"):
        measure(Fake(forward=RuntimeError("lens cap")), *people, 8, repeats=1)


@pytest.mark.usefixtures("short")
def test_both_ways_are_called_as_often_as_asked(people: tuple[Tensor, Tensor]) -> None:
    renderer = Fake()
    measure(renderer, *people, 8, repeats=3)
    assert renderer.calls == 2 * (1 + 3)


def test_each_name_makes_its_renderer() -> None:
    made = {name: bench_case.make(Job(name, SOFTER, "", 7, 1, 1)) for name in RENDERERS}
    assert {name: type(renderer).__name__ for name, renderer in made.items()} == {
        **{PYTORCH3D: "PyTorch3DSilhouette", EXACT: "RaggedSilhouette", DEFAULT: "RaggedSilhouette"}
    }
    assert made[PYTORCH3D].faces_per_pixel == 7
    assert {renderer.sigma for renderer in made.values()} == {1e-4}
    assert (made[EXACT].fill, made[EXACT].cull) == (False, False)
    assert (
        (made[DEFAULT].fill, made[DEFAULT].cull) == (RaggedSilhouette().fill, RaggedSilhouette().cull) == (True, True)
    )


def child(monkeypatch: pytest.MonkeyPatch, code: str) -> Job:
    monkeypatch.setattr(bench_case, "_CHILD", [sys.executable, "-c", code])
    return Job(EXACT, SETTING, "", 25, 1, 1)


def test_a_killed_process_ran_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    job = child(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    assert in_own_process(job) == Figures(note="out of memory (killed by the system)")


def test_a_broken_process_is_an_error_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match="ragged, exact at .*size=112.* failed: lens cap"):
        in_own_process(child(monkeypatch, "import sys; sys.exit('lens cap')"))


# --- the report --------------------------------------------------------------------------------------------------


def test_the_checks_are_judged() -> None:
    found = [
        (check.sigma, check.renderer, check.wanted, check.measured, check.verdict) for check in checks(RESULTS, 25)
    ]
    assert found == [
        (3e-5, EXACT, 50, "70.0x", "pass"),  # 1.4 / 0.02
        (3e-5, DEFAULT, 120, "125.0x", "pass"),  # 1.4 / 0.0112
        (1e-4, EXACT, 50, "50.0x", "pass"),  # 1.5 / 0.03
        (1e-4, DEFAULT, 120, "119.9x", "miss"),  # 1.5 / 0.01251
    ]


@pytest.mark.parametrize("change", [{"device": "cuda"}, {"size": 64}, {"faces": 4000}, {"sigma": 7e-5}])
def test_the_checks_are_about_one_setting(change: dict[str, Any]) -> None:
    others = [replace(result, setting=replace(result.setting, **change)) for result in RESULTS]
    assert {check.verdict for check in checks(others, 25)} == {"not measured"}
    assert {check.verdict for check in checks(RESULTS, 5)} == {"not measured"}


def test_ratios_are_to_pytorch3d_at_the_same_setting() -> None:
    page = markdown(INFO, [Axis("sigma", [SETTING, SOFTER])], RESULTS)
    assert cells(page, "| 3e-05 | ragged") == [
        ["3e-05", EXACT, "10", "30x", "20", "70x", "10", "2.00x", "16", "2.50x"],
        ["3e-05", DEFAULT, "5", "60x", "11.2", "125x", "1.5", "–", "4.0", "10x"],  # 1.5 MiB is too little for a ratio
    ]
    assert cells(page, "| 0.0001 | ragged, exact")[0][2:6] == ["20", "15x", "30", "50x"]
    assert cells(page, "| 3e-05 | PyTorch3D")[0][2:6] == ["300", "1.00x", "1,400", "1.00x"]
    assert "112 px, about 2,000 faces, batch 2." in page
    for told in ("2024-02-29", "--repeats 1`", "1 thread of 4 cores", "Some CPU", "torch 2.12", "seed 7", "K = 25"):
        assert told in page


def test_what_did_not_fit_is_a_row_without_ratios() -> None:
    figures = {
        PYTORCH3D: Figures(0.3, None, 20.0, None, "out of memory"),
        EXACT: Figures(note="out of memory"),
        DEFAULT: Figures(0.01, 0.01, 4.0, 4.0),
    }
    results = [Result(SETTING, name, 1992, found) for name, found in figures.items()]
    page = markdown(INFO, [Axis("batch", [SETTING])], results)
    assert [row[2:] for row in cells(page, "| 2 |")] == [
        ["300", "1.00x", "out of memory", "–", "20", "1.00x", "–", "–"],
        ["out of memory", "–", "out of memory", "–", "–", "–", "–", "–"],
        ["10", "30x", "10", "–", "4.0", "5.00x", "4.0", "–"],
    ]
    cases = as_json(INFO, [Axis("batch", [SETTING])], results)["cases"]
    assert [(case["note"], case["both_s"]) for case in cases] == [("out of memory", None)] * 2 + [("", 0.01)]


def test_memory_that_runs_out_does_not_end_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "in_own_process", lambda job: FOUND.get((SETTING, job.renderer), Figures()))
    monkeypatch.setitem(FOUND, (SETTING, PYTORCH3D), Figures(note="out of memory"))
    main(["--sizes", "16", "--faces", "300", "--batches", "1", "--device", "cpu", "--output", str(tmp_path)])
    assert "PyTorch3D: out of memory\n" in capsys.readouterr().out
    assert cells((tmp_path / "bench_render.md").read_text(), "| 16 px | PyTorch3D")[0][2] == "out of memory"
    assert (tmp_path / "bench_render.png").exists()


def test_a_failure_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(job: Job) -> Figures:
        raise BenchError("lens cap")

    monkeypatch.setattr(bench, "in_own_process", broken)
    with pytest.raises(SystemExit, match="error: lens cap"):
        main(["--faces", "300", "--batches", "1", "--device", "cpu", "--output", str(tmp_path)])
    assert not list(tmp_path.iterdir())


# --- options -----------------------------------------------------------------------------------------------------


def test_one_thing_is_varied_at_a_time(tmp_path: Path) -> None:
    axes = {axis.name: axis.settings for axis in plan(parse(["--output", str(tmp_path)]), "cpu")}
    assert [(s.size, f"{s.sigma:.1e}") for s in axes["size"]] == [(64, "7.3e-05"), (112, "3.0e-05"), (224, "1.0e-05")]
    assert [s.faces for s in axes["faces"]] == [2000, 4000, 6000, 13776]
    assert [s.batch for s in axes["batch"]] == [1, 2, 8, 32, 128, 512]
    assert axes["sigma"] == [SETTING, SOFTER]
    assert all(SETTING in settings for settings in axes.values())
    for name, settings in axes.items():
        kept = [replace(s, **{name: getattr(SETTING, name)}) for s in settings]
        assert {replace(s, sigma=3e-5) if name == "size" else s for s in kept} == {SETTING}


def test_the_centre_is_among_what_was_asked_for(tmp_path: Path) -> None:
    given = ["--sizes", "64", "32", "--faces", "500", "2000", "--batches", "4", "--sigmas", "1e-3", "1e-3"]
    size, faces, batch, sigma = plan(parse([*given, "--output", str(tmp_path)]), "cpu")
    assert [s.faces for s in size.settings] == [2000, 2000]
    assert {(s.size, s.batch) for s in faces.settings} == {(64, 4)}
    assert batch.settings == [Setting("cpu", 64, 2000, 4, default_sigma(64))]
    assert sigma.settings == [Setting("cpu", 64, 2000, 4, 1e-3)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--sizes", "64", "0"], "--sizes: expected at least 1, found [64, 0]"),
        (["--faces", "99"], "--faces: expected at least 100, found [99]"),
        (["--batches", "-1"], "--batches: expected at least 1"),
        (["--sigmas", "0"], "--sigmas: expected positive numbers, found [0.0]"),
        (["--sigmas", "nan"], "--sigmas: expected positive numbers"),
        (["--repeats", "0"], "--repeats: expected at least 1, found 0"),
        (["--threads", "0"], "--threads: expected at least 1"),
        (["--faces-per-pixel", "0"], "--faces-per-pixel: expected at least 1"),
        (["--pytorch3d-batch", "-1"], "--pytorch3d-batch: expected at least 0"),
        (["--device", "abacus"], "expected cpu or cuda, found 'abacus'"),
        (["--device", "meta"], "expected cpu or cuda, found 'meta'"),
        (["--output", __file__], f"--output: expected a folder, found {__file__}"),
    ],
)
def test_impossible_settings_are_refused(
    wrong: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--output", str(tmp_path), *wrong])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--device", "cpu", "cuda", "--output", str(tmp_path)])
    assert "cuda: PyTorch finds no GPU" in capsys.readouterr().err
    assert parse(["--output", str(tmp_path)]).device == ["cpu"]
