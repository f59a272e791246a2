from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from s2m.compare.html import comparison_page as page
from s2m.compare.output import write_comparison
from s2m.compare.runs import CompareError
from tests.compare.test_comparison import comparison_of, many

VOID = {"meta", "input", "img", "br", "link", "hr"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = "</script><script>alert(1)</script>&\"'"


class Checker(HTMLParser):
    """Notes what a page loads, its tags that do not match, and its text by element."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.loads: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def parsed(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    return checker


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    text = page(comparison_of(many(3, seeds=2), ["a note"], baseline="run01"), b"png")
    checker = parsed(text)
    assert checker.wrong == []
    assert checker.open == []
    assert all(load.startswith("data:") for load in checker.loads)
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)
    names = [attributes["id"] for _, attributes in checker.tags if "id" in attributes]
    assert len(names) == len(set(names))
    for _, attributes in checker.tags:
        if "aria-describedby" in attributes:
            assert attributes["aria-describedby"] in names


def test_sorting_and_choosing_are_reachable_by_keyboard() -> None:
    checker = parsed(page(comparison_of(many(3), baseline="run01"), b"png"))
    headings = [attributes for tag, attributes in checker.tags if tag == "th" and "data-first" in attributes]
    buttons = [tag for tag, attributes in checker.tags if tag == "button" and attributes.get("type") == "button"]
    assert len(headings) == len(buttons)
    assert [attributes["aria-sort"] for attributes in headings if "aria-sort" in attributes] == ["ascending"] * 2
    boxes = [attributes for tag, attributes in checker.tags if tag == "input" and attributes.get("type") == "checkbox"]
    assert len(boxes) == 3
    assert all(attributes["aria-label"] for attributes in boxes)


def test_names_cannot_leave_their_place() -> None:
    runs = many(2)
    odd = [type(runs[0])(**{**vars(runs[0]), "name": EVIL, "identifier": "odd"}), runs[1]]
    checker = parsed(page(comparison_of(odd, [EVIL]), b"png"))
    assert checker.wrong == []
    assert len(checker.scripts) == 2
    assert json.loads(checker.scripts[0])["groups"][0]["name"] == EVIL


def test_the_data_of_the_curves_is_what_was_recorded() -> None:
    data = json.loads(parsed(page(comparison_of(many(2, seeds=2)), b"png")).scripts[0])
    steps, mean, std = data["groups"][1]["curves"]["val/pve_mm"]
    assert steps == [0, 10, 20, 30]
    assert mean == pytest.approx([131.05, 121.05, 111.05, 101.05], abs=0.1)
    assert std == pytest.approx([0.1 / 2**0.5] * 4, rel=1e-3)
    assert data["shown"] == [0, 1]


def test_three_hundred_runs_are_one_page() -> None:
    long = {"train/loss": [(float(i), 1 / (1 + i)) for i in range(2000)]}
    text = page(comparison_of(many(75, seeds=4, curves=long), baseline="run30"), b"png")
    assert len(text) < 2_000_000
    checker = parsed(text)
    assert checker.wrong == []
    assert sum(tag == "tr" for tag, _ in checker.tags) == 1 + 75 + 1 + 300


def test_files_are_written_whole_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    write_comparison(comparison_of(many(2)), tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"mine.txt", "compare.md", "configurations.csv", "runs.csv", "index.html", "curves.png"}
    # Without curves there is no picture, and none of an older comparison is left.
    write_comparison(comparison_of(many(2, curves={}, summary={"test/pve_mm": 1.0})), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == written - {"curves.png"}


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CompareError, match="file: expected a folder that can be written"):
        write_comparison(comparison_of(many(1)), tmp_path / "file")


SCRIPT = """
<script>
const out = {};
const name = (row) => row.querySelector("th").dataset.v;
const rows = () => [...document.querySelectorAll("#groups tbody tr")].filter((r) => !r.hidden).map(name);
const lines = () => document.querySelectorAll("#plots .line").length;
const heading = (i) => document.querySelectorAll("#groups thead button")[i];
out.start = rows(); out.lines = lines(); out.bands = document.querySelectorAll("#plots .band").length;
heading(3).click(); out.iou = rows();
heading(0).click(); heading(0).click(); out.names = rows();
const input = document.getElementById("groups-filter");
input.value = "run02"; input.dispatchEvent(new Event("input"));
out.filtered = rows(); out.count = document.getElementById("groups-count").textContent;
document.querySelector("input[data-group='0']").click(); out.fewer = lines();
document.querySelector("#legend button").click(); out.fewest = lines();
out.checked = [...document.querySelectorAll("input[data-group]")].map((b) => b.checked);
out.outside = [...document.querySelectorAll("#plots .line")].some((l) => /NaN|Infinity/.test(l.getAttribute("points")));
document.title = JSON.stringify(out);
</script>
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[list[str]]:
    profile = tmp_path / "profile"
    yield [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]
    shutil.rmtree(profile, ignore_errors=True)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_sorts_filters_and_draws(browser: list[str], tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(
        page(comparison_of(many(3, seeds=2), baseline="run01"), b"png").replace("</body>", SCRIPT + "</body>")
    )
    dom = subprocess.run([*browser, file.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search("<title>(.*?)</title>", dom, re.DOTALL)
    assert title is not None
    out = json.loads(title[1])
    assert out["start"] == ["run00", "run01", "run02"]
    assert (out["lines"], out["bands"]) == (6, 3)  # train/loss is the same for all seeds
    assert out["iou"] == ["run00", "run01", "run02"]  # a higher IoU is better, and comes first
    assert out["names"] == ["run02", "run01", "run00"]
    assert out["filtered"] == ["run02"]
    assert out["count"] == "1 of 3 configurations"
    assert (out["fewer"], out["fewest"]) == (4, 2)
    assert out["checked"].count(True) == 1
    assert out["outside"] is False
