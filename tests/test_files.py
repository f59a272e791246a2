"""Files are whole or as they were: after an error, a full disk, a kill; and what a kill leaves is cleared away."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s2m import files
from s2m.errors import UserError
from s2m.files import WriteError, clean_leftovers, path_part, replacing, sha256


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_writer_replaces_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    numbers, pixels = np.arange(6.0).reshape(2, 3), np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for _ in range(2):
        files.write_bytes(tmp_path / "a.bin", b"\0\r\n\1")
        files.write_text(tmp_path / "b.txt", "Größe\n")
        files.write_npz(tmp_path / "c.npz", {"numbers": numbers})
        files.write_npz(tmp_path / "d", {"numbers": numbers}, compressed=False)
        files.write_png(tmp_path / "e.png", pixels)
        files.write_torch(tmp_path / "f.pt", {"weights": torch.arange(3)})
    assert names(tmp_path) == ["a.bin", "b.txt", "c.npz", "d", "e.png", "f.pt"]
    assert (tmp_path / "a.bin").read_bytes() == b"\0\r\n\1"
    assert (tmp_path / "b.txt").read_bytes() == "Größe\n".encode()
    for name in ("c.npz", "d"):
        np.testing.assert_array_equal(np.load(tmp_path / name, allow_pickle=False)["numbers"], numbers)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "e.png")), pixels)
    assert torch.load(tmp_path / "f.pt", weights_only=True)["weights"].tolist() == [0, 1, 2]


def test_python_objects_are_not_written_as_npz(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        files.write_npz(tmp_path / "a.npz", {"objects": np.array([{}], object)})
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt(), UserError("bad input")])
def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "lift.npz"
    target.write_text("old")

    def interrupted() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)) as raised:
        interrupted()
    assert raised.value is error
    assert names(tmp_path) == ["lift.npz"]
    assert target.read_text() == "old"


def test_the_error_of_another_file_is_not_called_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="input.npz"), replacing(tmp_path / "out.npz"):
        (tmp_path / "input.npz").read_bytes()
    assert names(tmp_path) == []


def test_the_temporary_file_lies_beside_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    with replacing(tmp_path / "a.json") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".partial"
        assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("step", ["write", "sync", "replace"])
def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "lift.npz"
    target.write_text("old")
    if step == "write":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(os, {"sync": "fsync", "replace": "replace"}[step], full)
    with pytest.raises(UserError) as raised:
        files.write_text(target, "new")
    assert str(target) in str(raised.value)
    assert os.strerror(errno.ENOSPC) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == ["lift.npz"]
    assert target.read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize("write", [files.write_npz, files.write_torch], ids=["npz", "torch"])
def test_a_full_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object) -> None:
    """The writers' own handling of an error of the system, not of a patched function."""
    monkeypatch.setattr(files, "_temporary", lambda _: tmp_path / "partial")
    real = os.open

    def into_full(path: Path, *arguments: int) -> int:
        Path(path).symlink_to("/dev/full")
        return real(path, os.O_WRONLY)

    monkeypatch.setattr(os, "open", into_full)
    target = tmp_path / "new"
    with pytest.raises(WriteError, match=f"{target.name}.*{os.strerror(errno.ENOSPC)}"):
        write(target, {"zeros": np.zeros(100_000)})  # type: ignore[operator]
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, *_: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", denied)  # permissions do not hold root back
    with pytest.raises(WriteError, match=f"out.txt.*{os.strerror(errno.EACCES)}"):
        files.write_text(tmp_path / "out.txt", "text")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not hold this user back")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(WriteError, match=os.strerror(errno.EACCES)):
            files.write_text(tmp_path / "out.txt", "text")
    finally:
        tmp_path.chmod(0o755)


def test_what_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="found a folder"):
        files.write_text(tmp_path, "text")
    with pytest.raises(WriteError, match=f"missing.*{os.strerror(errno.ENOENT)}"):
        files.write_text(tmp_path / "missing" / "out.txt", "text")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="out.txt"):
        files.write_text(tmp_path / "file" / "out.txt", "text")
    with pytest.raises(WriteError, match="found a device"):
        files.write_text(os.devnull, "text")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    files.write_text(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "new").chmod(0o640)
    files.write_text(tmp_path / "new", "again")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    files.write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "real").read_text() == "text"


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    files.write_text(tmp_path / ("ä" * 120), "text")
    assert names(tmp_path) == ["ä" * 120]


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    contents = [letter * 200_000 for letter in "abcd"]
    threads = [threading.Thread(target=files.write_text, args=(tmp_path / "file", text)) for text in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() in contents


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_killed_in_the_middle(tmp_path: Path) -> None:
    target = tmp_path / "clip.npz"
    target.write_text("old")
    code = (
        "import sys\nfrom s2m.files import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n    print(flush=True)\n    sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert clean_leftovers(tmp_path) == []  # its writer still runs
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert target.read_text() == "old"
    (leftover,) = (path for path in tmp_path.iterdir() if path != target)
    assert clean_leftovers(tmp_path) == [leftover]
    assert names(tmp_path) == ["clip.npz"]


def test_cleaning_takes_nothing_of_the_users(tmp_path: Path) -> None:
    own = ["clip.partial", ".clip.npz.partial", ".clip.npz.12.partial", ".a.0123abcd-12-89abcdef.partial.npz"]
    for name in own:
        (tmp_path / name).write_text("mine")
    assert clean_leftovers(tmp_path) == []
    assert names(tmp_path) == sorted(own)
    assert clean_leftovers(tmp_path / "missing") == []


def test_files_of_another_machine_stay_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_host", lambda: "0123abcd")
    path = files._temporary(tmp_path / "clip.npz")
    monkeypatch.undo()
    path.write_text("half")
    assert clean_leftovers(tmp_path) == []
    os.utime(path, (time.time() - 90_000,) * 2)
    assert clean_leftovers(tmp_path) == [path]


@pytest.mark.parametrize("size", [0, 5, 3 * (1 << 20) + 7])
def test_sha256(tmp_path: Path, size: int) -> None:
    content = np.random.default_rng(0).bytes(size)
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/x", "a/b", "a\\b", "C:", "C:x", "a\0b", "a\nb", "con", "NUL.txt", "x.", " x", "x" * 121,
     "\u202egpj", "a*b", 3, None, ["x"], b"x"],
)  # fmt: skip
def test_names_of_files_lead_nowhere_else(name: object) -> None:
    with pytest.raises(UserError, match=r"^a.npz: subject: expected a name without slashes .{10,120}$"):
        path_part(name, "a.npz: subject")


@pytest.mark.parametrize("name", ["S1", "Walking 1", "Photo", "walk.54138969", "Tänzerin", "console", "a..b"])
def test_other_names_are_kept(name: str) -> None:
    assert path_part(name, "a.npz") == name
