"""What a package index shows of the README: no link that leads nowhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
URL = "https://host.example/owner/name/blob/v1"
README = """[docs](docs/ik.md#use), [here](#start) and [there](https://a.example/x.md)
![a `picture` of
two lines](docs/images/ik.png)
```
[code](docs/ik.md)
```
"""


@pytest.fixture(scope="module")
def setup_py() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_of_s2m", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_an_address_relative_links_become_text(setup_py: ModuleType) -> None:
    assert setup_py.long_description(README) == (
        "docs, here and [there](https://a.example/x.md)\na `picture` of\ntwo lines\n```\n[code](docs/ik.md)\n```\n"
    )


@pytest.mark.parametrize("url", [URL, URL + "/"])
def test_with_an_address_they_become_absolute(setup_py: ModuleType, url: str) -> None:
    assert setup_py.long_description(README, url) == (
        f"[docs]({URL}/docs/ik.md#use), [here]({URL}/README.md#start) and [there](https://a.example/x.md)\n"
        "![a `picture` of\ntwo lines](https://host.example/owner/name/raw/v1/docs/images/ik.png)\n"
        "```\n[code](docs/ik.md)\n```\n"
    )


@pytest.mark.parametrize("url", ["", URL])
def test_the_readme_keeps_no_relative_link(setup_py: ModuleType, url: str) -> None:
    readme = (ROOT / "README.md").read_text()
    relative = re.compile(r"\]\((?!https://)")
    assert relative.search(readme)
    shown = setup_py.long_description(readme, url)
    assert not relative.search(shown)
    assert re.findall(r"```.*?```", shown, re.DOTALL) == re.findall(r"```.*?```", readme, re.DOTALL)
