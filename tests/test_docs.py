"""What README, CONTRIBUTING and docs name is there: commands, options, make targets, joint sets, files, links."""

from __future__ import annotations

import argparse
import ast
import configparser
import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from s2m.cli import build_parser
from s2m.options import LateParser
from s2m.skeletons import JOINT_SETS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOLDERS = ("s2m", "stages", "studies", "configs", "docs", "tests", "scripts", "notebooks")
JOINT_SET = re.compile(r"(?:h36m|s2m|smpl|mpi|coco|lsp|blazepose|kinect)[a-z_0-9]*?\d\d?")


# Other people's commands whose options the pages show.
FOREIGN = {"--nnodes", "--nproc-per-node", "--rdzv-backend", "--rdzv-endpoint", "--num_nodes", "--json", "--nodes"}
FOREIGN |= {"--ntasks-per-node"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return FENCE.sub("", text_of(page))


def spans(page: Path) -> list[str]:
    """Code within lines; a line break in it is a space."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(text_of(page)) if language in languages]


def commands(page: Path) -> Iterator[str]:
    """Every line of shell blocks, continued lines joined and comments dropped, and code within lines."""
    for body in blocks(page, "", "sh"):
        for line in body.replace("\\\n", " ").splitlines():
            yield from re.split(r"[|;]", re.sub(r"(^|\s)#.*", "", line))
    yield from spans(page)


def named(pattern: str) -> list[tuple[str, str]]:
    """(page, first group) of every match in the pages' commands."""
    found = [(page.name, m[1]) for page in PAGES for c in commands(page) for m in re.finditer(pattern, c)]
    assert found, f"nothing matches {pattern}"
    return sorted(set(found))


def wrong(names: list[tuple[str, str]], known: set[str]) -> list[tuple[str, str]]:
    return [(page, name) for page, name in names if name not in known]


@cache
def options() -> dict[str, set[str]]:
    """Options of every command, ``ik`` or ``data human36m``, those of its subcommands apart."""
    found: dict[str, set[str]] = {}

    def walk(parser: argparse.ArgumentParser, name: str) -> None:
        if isinstance(parser, LateParser):
            parser.complete(["--help"])
        found[name] = {option for action in parser._actions for option in action.option_strings}
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for child, below in action.choices.items():
                    walk(below, f"{name} {child}".strip())

    walk(build_parser(), "")
    return found


def taken(name: str) -> set[str]:
    """Options of a command; of every dataset's where it is left open which."""
    if name in ("data", "data other"):
        return set().union(*(known for command, known in options().items() if command.startswith("data")))
    return options()[name]


def test_commands_and_their_options_exist() -> None:
    seen, missing = 0, []
    for page in PAGES:
        for command in commands(page):
            match = re.match(r"(?:.*\s|.*/|\$\(|.*\"\$\()?s2m ((?:data )?[a-z0-9_]+)(?![\w.])(.*)", command)
            if match is None:
                continue
            name, rest = match[1], match[2]
            if name not in options():
                missing.append((page.name, f"s2m {name}"))
                continue
            seen += 1
            given = re.findall(r"(?<=\s)(--?[a-z][\w-]*)", rest)
            missing += [(page.name, f"s2m {name} {option}") for option in given if option not in taken(name)]
    assert missing == []
    assert seen > 15


def test_options_that_stand_alone_are_options_of_ours() -> None:
    """An option without its command must be one of some command of ours: s2m's, a stage's or a study's."""
    sources = [path.read_text() for folder in FOLDERS[:3] for path in (ROOT / folder).rglob("*.py")]
    code = "\n".join(sources)
    known = set().union(*options().values()) | set(re.findall(r"\"(--[\w-]+)\"", code)) | FOREIGN
    plain = named(r"(?:^|\s)(--[a-z][\w-]*)(?![\w.-])")
    assert wrong(plain, known) == []
    dotted = named(r"(?:^|\s)--([a-z]\w*)\.")
    assert wrong(dotted, {"model", "data", "trainer"}) == []


def test_modules_that_are_run_exist() -> None:
    names = [(page, name) for page, name in named(r"-m ([a-z_]+(?:\.\w+)*)") if name.split(".")[0] in FOLDERS[:3]]
    assert [(page, name) for page, name in names if importlib.util.find_spec(name) is None] == []
    stages = importlib.import_module("stages.names")
    assert wrong(named(r"-m stages ([a-z_]+)"), set(stages.STAGES)) == []


def test_make_targets_and_settings_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {t for line in re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE) for t in line.split()}
    assert wrong(named(r"(?:^|\s)make ([a-z][\w-]*)"), targets) == []
    settings = set(re.findall(r"\$\((?:origin )?([A-Z][A-Z0-9_]+)[):]", makefile)) | set(
        re.findall(r"^([A-Z_0-9]+) [?:]=", makefile, re.MULTILINE)
    )
    environment = {"WANDB_MODE", "CXX", "BASE"}
    assert wrong(named(r"(?:^|\s)([A-Z][A-Z0-9_]+)="), settings | environment) == []


@pytest.mark.parametrize(
    ("setting", "places"),
    [("ABLATION", ["ablation"]), ("VARIANT", ["lifter"]), ("DATA", ["data"]), ("PRESET", ["preset"])],
)
def test_values_of_make_settings_are_configs(setting: str, places: list[str]) -> None:
    known = {path.stem for place in places for path in (ROOT / "configs" / place).glob("*")}
    quoted = named(rf"(?:^|\s){setting}=(\"[^\"]+\"|[a-z]\w*)")
    assert wrong([(page, value) for page, text in quoted for value in text.strip('"').split()], known) == []


def test_joint_sets_exist() -> None:
    given = named(r"(?:--joint-set|--data\.init_args\.joint_set|JOINTS)[= ]([a-z]\w*)(?!\.yaml)\b")
    assert wrong(given, {*JOINT_SETS, "auto"}) == []
    alone = [(page.name, span) for page in PAGES for span in spans(page) if JOINT_SET.fullmatch(span)]
    assert len(alone) > 10
    assert wrong(alone, set(JOINT_SETS)) == []


def test_every_joint_set_of_the_solver_is_described() -> None:
    table = text_of(ROOT / "docs" / "ik.md").partition("## Joint sets")[2]
    assert {name for name in JOINT_SETS if f"`{name}`" not in table} == set()


def test_files_exist() -> None:
    missing, seen = [], 0
    for page in PAGES:
        for path in spans(page):
            if path.partition("/")[0] not in FOLDERS or not re.fullmatch(r"[\w./*-]+", path) or "/" not in path:
                continue
            if re.search(r"[A-Z]{3,}|tableN", path):  # a place to be filled in
                continue
            seen += 1
            if not any(ROOT.glob(path.rstrip("/"))):
                missing.append((page.name, path))
    assert missing == []
    assert seen > 20


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        module = ".".join(parts[:cut])
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_names_in_python_exist() -> None:
    dotted = [
        (p.name, m) for p in PAGES for s in spans(p) for m in re.findall(r"\b((?:s2m|stages|studies)\.[\w.]+)", s)
    ]
    assert len(dotted) > 5
    assert [(page, name) for page, name in dotted if name.split(".")[-1] not in ("md", "py") and not exists(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_import_what_there_is(page: Path) -> None:
    for body in blocks(page, "python"):
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FOLDERS[:3]:
                assert [a.name for a in node.names if not exists(f"{node.module}.{a.name}")] == []


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.*)", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\(.*?\)", "]", h)).strip().lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_contributing_shows_the_layers_that_are_checked() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    layers = config["importlinter:contract:house"]["layers"].split("\n")
    assert blocks(ROOT / "CONTRIBUTING.md", "")[0].splitlines() == [layer for layer in layers if layer]


def test_extras_of_the_install_exist() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = set(config["options.extras_require"])
    assert wrong(named(r"(?:skeleton2mesh|\.)\[([a-z0-9,]+)\]"), extras) == []
