"""Compiled code is loaded only when it is ours and whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from s2m.fused import CompilerMissing, compiler
from s2m.fused.cache import is_ours, private_folder

CODE = 'extern "C" int run() { return 7; }\n'
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a compiler")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of an empty cache; temporary files go below ``tmp_path``, too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path / "cache/s2m/kernels"


def kept(cache: Path) -> Path:
    assert compiler.build(CODE).run() == 7
    (library,) = cache.glob("*.so")
    return library


def nothing_left(cache: Path) -> bool:
    return list((cache.parents[2] / "temporary").iterdir()) == []


def test_what_was_compiled_is_loaded_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = kept(cache)
    assert is_ours(library)
    assert nothing_left(cache)
    monkeypatch.setattr(compiler, "_compiled", lambda *_: pytest.fail("compiled again"))
    assert compiler.build(CODE).run() == 7


@pytest.mark.parametrize("damage", ["cut", "flipped", "replaced", "empty", "no hash", "writable", "link"])
def test_a_library_that_is_not_what_was_kept_is_not_loaded(cache: Path, damage: str, tmp_path: Path) -> None:
    library = kept(cache)
    content = library.read_bytes()
    planted = b"\x7fELF" + bytes(100)
    if damage == "no hash":
        library.with_suffix(".sha256").unlink()
    elif damage == "writable":
        library.chmod(0o777)
    elif damage == "link":
        (tmp_path / "elsewhere.so").write_bytes(content)
        library.unlink()
        library.symlink_to(tmp_path / "elsewhere.so")
    else:
        library.unlink()  # another file: this process has mapped the old one
        cut = {"cut": content[:2000], "flipped": content[:-9] + b"?" + content[-8:], "empty": b""}
        library.write_bytes(cut.get(damage, planted))
        library.chmod(0o700)
    assert not is_ours(library)
    assert compiler.build(CODE).run() == 7
    assert is_ours(library)
    assert not library.is_symlink()


@pytest.mark.parametrize("place", ["kernels", "parent"])
def test_a_folder_that_others_can_write_is_left_alone(cache: Path, place: str) -> None:
    library = kept(cache)
    (cache if place == "kernels" else cache.parent).chmod(0o777)
    assert private_folder() is None
    library.write_bytes(b"planted") if place == "kernels" else None
    assert compiler.build(CODE).run() == 7
    assert nothing_left(cache)


def test_a_folder_of_another_user_is_left_alone(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(cache)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert private_folder() is None


def test_no_cache_folder_is_survived(cache: Path) -> None:
    cache.parents[1].write_text("a file")
    assert private_folder() is None
    assert compiler.build(CODE).run() == 7
    assert nothing_left(cache)


def test_a_compiler_of_two_words(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "env g++")
    assert compiler.build(CODE).run() == 7


@pytest.mark.parametrize("command", ["no-such-compiler", "'", "true", "false", "ccache-that-is-missing g++"])
def test_a_compiler_that_does_not_work_is_said_in_a_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CXX", command)
    with pytest.raises(CompilerMissing) as error:
        compiler.build(CODE)
    assert "\n" not in str(error.value)
    assert nothing_left(cache)


def test_a_folder_that_runs_no_code_and_a_full_disk_are_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiler, "_compiled", full)
    with pytest.raises(CompilerMissing, match="No space left on device"):
        compiler.build(CODE)
    monkeypatch.setattr(compiler, "_compiled", lambda _, __, folder: (folder / "x.so", (folder / "x.so").touch())[0])
    with pytest.raises(CompilerMissing, match="cannot be loaded"):
        compiler.build(CODE)
    assert nothing_left(cache)
