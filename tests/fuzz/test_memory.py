"""Small files that unpack to gigabytes, or nest without end: refused in one line, before memory is taken for them."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.samples import keypoints, skeletons

_GIGABYTE = 1 << 30
_UNPACKED = 3 * _GIGABYTE // 2
_ANY_FIELD = "joints3d"
_ROOT = Path(__file__).parents[2]
# Every case runs in one process that reports its peak before the cases and after each.
_PROGRAM = """
import json, resource, sys
import s2m.cli, s2m.lifter.commands, s2m.ik.commands, s2m.formats, s2m.formats.safe_pickle, torch
from s2m.body import load_body
from pathlib import Path
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
found = []
for words in json.load(sys.stdin):
    before = peak()
    print(f"case {len(found)}", file=sys.stderr, flush=True)
    try:
        code = s2m.cli.main(words)
    except BaseException as error:
        code = f"{type(error).__name__}: {error}"
    found.append((code, before, peak()))
print(json.dumps(found))
"""


def _header(shape: str, dtype: str = "<f8") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@cache
def _zeros(field: str) -> bytes:
    """An npz with so many gigabytes of zeros in a field whose name has eight letters; packed once, renamed after."""
    assert len(field) == len(_ANY_FIELD)
    if field != _ANY_FIELD:
        return _zeros(_ANY_FIELD).replace(_ANY_FIELD.encode(), field.encode())
    buffer = io.BytesIO()
    packed = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with packed as archive, archive.open(f"{field}.npy", "w", force_zip64=True) as file:
        file.write(_header(f"({_UNPACKED // (8 * 51)}, 17, 3)"))
        for _ in range(_UNPACKED >> 24):
            file.write(bytes(1 << 24))
    return buffer.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _laughs(levels: int) -> str:
    return "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, levels))


def _png(side: int) -> bytes:
    """One bit a pixel, black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    size = side.to_bytes(4, "big") * 2
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size + b"\x01\x00\x00\x00\x00")
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def _shared() -> bytes:
    """Two to the fortieth entries, by sharing."""
    value: object = [0.0]
    for _ in range(40):
        value = [value, value]
    return pickle.dumps({"v_template": value, "f": value}, protocol=2)


_BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npy header of 4 TB": ("ik:a.npy", lambda: _header("(9999999999, 17, 3)") + bytes(800)),
    "npy header of 3 GB": ("ik:a.npy", lambda: _header("(7500000, 17, 3)") + bytes(800)),
    "npy header of negative size": ("lift:a.npy", lambda: _header("(-5, 17, 2)") + bytes(800)),
    "npy header that overflows": ("ik:a.npy", lambda: _header(f"({2**62}, {2**62})") + bytes(800)),
    "npy of long text": ("ik:a.npy", lambda: _header("(1, 17, 3)", f"<U{2**28}") + bytes(800)),
    "npz of zeros": ("ik:a.npz", lambda: _zeros("joints3d")),
    "npz of zeros, 2D": ("lift:a.npz", lambda: _zeros("joints2d")),
    "npz header of 3 GB": ("ik:a.npz", lambda: _zip("joints3d.npy", _header("(7500000, 17, 3)") + bytes(800))),
    "body of zeros": ("body:b.npz", lambda: _zeros("posedirs")),
    "body of shared lists": ("body:b.pkl", _shared),
    "json, deep": ("ik:a.json", lambda: b"[" * 10**6),
    "json, deep objects": ("lift:a.json", lambda: b'{"a":' * 10**6),
    "json, long integer": ("ik:a.json", lambda: b"[" + b"9" * 10**6 + b"]"),
    "csv, one long field": ("ik:a.csv", lambda: b"x" * 10**7),
    "csv, many columns": ("lift:a.csv", lambda: b"1," * 10**6),
    "yaml, laughs": ("set:s.yaml", lambda: _laughs(60).encode()),
    "yaml, laughs as joints": ("set:s.yaml", lambda: (_laughs(60) + "name: x\njoints: [*a59]\n").encode()),
    "yaml, deep": ("set:s.yaml", lambda: b"[" * 5000),
    "yaml, itself": ("set:s.yaml", lambda: b"name: x\njoints: &a [*a]\n"),
    "settings, laughs": ("data:d.yaml", lambda: _laughs(60).encode()),
    "settings, laughs for a number": ("data:d.yaml", lambda: (_laughs(60) + "seed: *a59\n").encode()),
    "settings, deep": ("data:d.yaml", lambda: b"[" * 5000),
    "settings, itself": ("data:d.yaml", lambda: b"seed: &a [*a]\n"),
    "mask of 400 million pixels": ("images:0.png", lambda: _png(20_000)),
}  # fmt: skip


def _words(folder: Path, kind: str, file: Path) -> list[str]:
    output = ["-o", str(folder / "out" / "out.npz"), "-q"]
    if kind in ("ik", "lift"):
        return [kind, str(file), *output]
    if kind == "data":
        return ["data", "open", "-o", str(folder / "out" / "s"), "--config", str(file), "--motions", str(folder / "x")]
    if kind == "images":
        return _pictures(folder, file)
    np.save(folder / "a.npy", skeletons())
    return ["ik", str(folder / "a.npy"), *output, "--body" if kind == "body" else "--joint-set", str(file)]


def _pictures(folder: Path, mask: Path) -> list[str]:
    from PIL import Image

    lab = folder / "lab"
    (lab / "masks").mkdir(parents=True)
    Image.new("RGB", (160, 120)).save(lab / "0.jpg")
    mask.rename(lab / "masks" / "0.png")
    people = [{"image_id": "0.jpg", "category_id": 1, "keypoints": keypoints("coco17")[0].ravel().tolist(), "score": 1}]
    (lab / "keypoints.json").write_text(json.dumps(people))
    return ["data", "images", "--root", str(lab), "-o", str(folder / "out" / "s"), "--workers", "1", "-q"]


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_bombs_are_refused_and_cheap(tmp_path: Path) -> None:
    commands = []
    for number, (place, content) in enumerate(_BOMBS.values()):
        folder = tmp_path / str(number)
        (folder / "out").mkdir(parents=True)
        kind, _, name = place.partition(":")
        (folder / name).write_bytes(content())
        commands.append(_words(folder, kind, folder / name))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    messages = dict(enumerate(done.stderr.split("case ")[1:]))
    wrong = []
    for number, (name, (code, before, after)) in enumerate(zip(_BOMBS, json.loads(done.stdout), strict=True)):
        said = [line for line in messages[number].splitlines()[1:] if not line.startswith("warning: ")]
        if code != 2 or len(said) != 1 or not said[0].startswith("error: ") or len(said[0]) > 3000:
            wrong.append(f"{name}: exit {code}, {said!r:.300}")
        if after - before > _GIGABYTE:
            wrong.append(f"{name}: {(after - before) >> 20} MB")
    assert not wrong, "\n".join(wrong)
    assert not [path for path in tmp_path.glob("*/out/*") if not path.name.startswith(".")]
