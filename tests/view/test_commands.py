"""``s2m view``: what is served, to whom, and what is refused."""

from __future__ import annotations

import argparse
import hashlib
import re
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import numpy as np
import pytest

from s2m.cli import main
from s2m.export.glb import write_glb
from s2m.export.npz import write_amass_npz
from s2m.ik.chosen_body import BodyChoice
from s2m.ik.source_options import add_sources
from s2m.view.collection import Collection, files_of
from s2m.view.page import Shown, viewer_page
from s2m.view.server import ViewServer
from tests.export.motions import person

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "takes"
    (folder / "deeper").mkdir(parents=True)
    write_glb(folder / "a.glb", [person(2)])
    write_amass_npz(folder / "deeper" / "b.npz", person(3))
    (folder / "shape.npz").write_bytes(b"no motion")
    (folder / "broken.glb").write_bytes(b"nonsense")
    (folder / "notes.json").write_text("{}")
    np.save(folder / "table.npy", np.zeros((3, 4)))
    np.save(folder / "z.npy", np.zeros((3, 22, 3)))
    np.savez(folder / "zz.npz", joints3d=np.zeros((3, 22, 3)))
    return folder


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[ViewServer]:
    files, root = files_of([folder])
    parser = argparse.ArgumentParser()
    add_sources(parser)
    collection = Collection(files, BodyChoice.of(None), tmp_path, parser.parse_args([], argparse.Namespace(quiet=True)))
    with ViewServer(collection, collection.names(root), "takes", beside=False) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked(server: ViewServer, path: str, host: str = "127.0.0.1") -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_address[1])
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_a_folder_is_served_file_by_file(server: ViewServer) -> None:
    answer, page = asked(server, "/")
    assert answer.status == 200
    assert b'"name": "a.glb", "url": "/motion/0.glb"' in page
    assert b'"name": "deeper/b.npz"' in page
    assert b'"z.npy"' in page
    assert b'"zz.npz"' in page
    assert not any(name in page for name in (b"shape.npz", b"notes.json", b"table.npy"))
    assert asked(server, "/motion/0.glb")[1][:4] == b"glTF"
    made = asked(server, "/motion/2.glb")[1]
    assert made[:4] == b"glTF"
    assert asked(server, "/motion/2.glb")[1] == made


def test_what_is_broken_is_named_and_nothing_else_is_given(server: ViewServer) -> None:
    answer, words = asked(server, "/motion/1.glb")
    assert answer.status == 500
    assert b"broken.glb: expected a GLB" in words
    for path in ("/motion/9.glb", "/../setup.cfg", "/motion/0.glb/..", "/takes/a.glb"):
        assert asked(server, path)[0].status == 404
    assert asked(server, "/", host="evil.example")[0].status == 403
    assert server.server_address[0] == "127.0.0.1"


def test_names_cannot_leave_their_place() -> None:
    page = viewer_page([Shown("</script><script>alert(1)</script>", b"glTF")], "<b>&")
    assert "<script>alert" not in page
    assert "<title>&lt;b&gt;&amp;</title>" in page


def test_three_js_is_what_notice_says() -> None:
    content = (ROOT / "s2m" / "view" / "assets" / "three.js").read_bytes()
    notice = (ROOT / "NOTICE").read_text()
    assert hashlib.sha256(content).hexdigest() in notice
    version = re.search(rb"three\.js ([\d.]+)", content)
    assert version is not None
    assert f'"three": "{version[1].decode()}"' in (ROOT / "scripts" / "viewer" / "package.json").read_text()
    assert b"Permission is hereby granted, free of charge" in content[:2000]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.npz",), "none.npz: expected a file of motion, found nothing"),
        (("empty",), "empty: expected 1 to 1000 files of motion below this folder, found 0"),
        (("a.txt", "--static", "p.html"), "a.txt: expected a file that ends in"),
        (("a.txt", "--person", "x"), "--person: expected a person's number"),
        (("a.txt", "--static", "p.txt"), "--static p.txt: expected a name that ends in .html"),
        (("a.txt", "--port", "70000"), "--port: expected a number from 0 to 65535, found 70000"),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path,
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("a.txt").write_text("no motion")
    assert main(["view", *words]) == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert not Path("p.html").exists()
