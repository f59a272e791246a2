"""Damage for files: what disks, editors, other programs and ill will do to them. Seeded: a case can be repeated.

Every function takes a random generator and what is to be damaged, and returns a word for the kind of damage and the
result.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from scipy.io import loadmat, savemat

Damaged = tuple[str, bytes]

_DEEP = 3000
SUFFIXES = (".npy", ".npz", ".json", ".csv", ".yaml", ".pkl", ".pt", ".png", ".txt", "")
_HUGE_INTEGER = 10**400
_WORDS = ("", "text", "../../x", "/x", "nan", "\x00", "ü" * 300, "1e999", "-", "pelvis")
_NUMBERS = (0, -1, 1, 2, 0.5, 1e-300, 1e38, 1e308, -1e308, 2**31, 2**63, 2**64, float("nan"), float("inf"))


def file(rng: random.Random, path: Path) -> tuple[str, Path]:
    """Damage a file in place, by its format or byte by byte; or rename it, or put a folder in its place.

    Returns the kind of damage, and where the file is now.
    """
    suffix = path.suffix.lower()
    chance = rng.random()
    if chance < 0.03:
        other = path.with_suffix(rng.choice(SUFFIXES))
        path.rename(other)
        return f"renamed to {other.name}", other
    if chance < 0.05:
        path.unlink()
        path.mkdir()
        return "a folder of this name", path
    structured = _STRUCTURED.get(suffix)
    if structured is None or chance < 0.4:
        kind, content = bytewise(rng, path.read_bytes())
    else:
        kind, content = structured(rng, path.read_bytes())
    path.write_bytes(content)
    return kind, path


def bytewise(rng: random.Random, content: bytes) -> Damaged:
    """Damage that knows nothing of the format."""
    at = rng.randrange(len(content) + 1)
    size = rng.choice([1, 4, 64, 1024])
    kinds: dict[str, Callable[[], bytes]] = {
        "cut": lambda: content[:at],
        "cut by little": lambda: content[: len(content) - rng.randrange(1, 9)],
        "head missing": lambda: content[rng.randrange(1, 9) :],
        "empty": lambda: b"",
        "flipped bits": lambda: _flipped(rng, content, size),
        "flipped bits of the head": lambda: _flipped(rng, content[:128], rng.choice([1, 3])) + content[128:],
        "zeros": lambda: content[:at] + bytes(size) + content[at + size :],
        "inserted noise": lambda: content[:at] + rng.randbytes(size) + content[at:],
        "lost block": lambda: content[:at] + content[at + size :],
        "twice": lambda: content + content,
        "noise": lambda: rng.randbytes(size),
        "byte order mark": lambda: b"\xef\xbb\xbf" + content,
        "utf-16": lambda: content.decode("latin1").encode("utf-16"),
    }
    kind = rng.choice(list(kinds))
    return kind, kinds[kind]()


def _flipped(rng: random.Random, content: bytes, count: int) -> bytes:
    changed = bytearray(content)
    for _ in range(count if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def array(rng: random.Random, given: np.ndarray) -> tuple[str, Any]:
    """An array of another type, another shape, or with other values."""
    kinds: dict[str, Callable[[], Any]] = {
        "no rows": lambda: given[:0],
        "one row": lambda: given[:1],
        "a scalar": lambda: np.array(given.ravel()[0] if given.size else 0),
        "another axis": lambda: given[None],
        "transposed": lambda: given.T,
        "flat": lambda: given.ravel(),
        "shorter": lambda: given[..., :-1],
        "longer": lambda: np.concatenate([given, given[..., :1]], axis=-1),
        "thirty-two axes": lambda: given.reshape(*[1] * (32 - given.ndim), *given.shape),
        "text": lambda: given.astype(str),
        "bytes": lambda: given.astype(str).astype("S8"),
        "objects": lambda: given.astype(object),
        "flags": lambda: given.astype(bool),
        "dates": lambda: np.zeros(given.shape, "datetime64[s]"),
        "records": lambda: np.zeros(given.shape, [("a", "f4"), ("b", "i4")]),
        "complex": lambda: np.ones(given.shape) * (1 + 1j),
        "whole numbers": lambda: np.full(given.shape, -(2**63)),
        "unsigned": lambda: np.full(given.shape, 2**64 - 1, np.uint64),
        "half": lambda: np.full(given.shape, 6e4, np.float16),
        "long double": lambda: np.full(given.shape, 1e300, np.longdouble) * 1e300,
        "big-endian": lambda: np.zeros(given.shape, ">f8"),
        "a number": lambda: np.full(given.shape, rng.choice(_NUMBERS), np.float64),
        "some numbers": lambda: _spoiled(rng, given),
    }
    kind = rng.choice(list(kinds))
    try:
        return kind, kinds[kind]()
    except (ValueError, TypeError, IndexError, OverflowError):
        return "a number", np.array(rng.choice(_NUMBERS))


def _spoiled(rng: random.Random, given: np.ndarray) -> np.ndarray:
    spoiled = np.array(given, dtype=np.float64)
    flat = spoiled.reshape(-1)
    for _ in range(min(flat.size, 5)):
        flat[rng.randrange(flat.size)] = rng.choice(_NUMBERS)
    return spoiled


def tree(rng: random.Random, given: Any) -> tuple[str, Any]:
    """One node of nested dicts and lists, anywhere in it, replaced, removed, renamed or repeated."""
    places = list(_places(given))
    if not places or rng.random() < 0.1:
        return _replaced(rng, given)
    # The upper nodes are few and matter most.
    path = rng.choice(places if rng.random() < 0.5 else [place for place in places if len(place) <= 2] or places)
    copied = _copied(given)
    parent: Any = copied
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    action = rng.choice(["replace", "replace", "replace", "remove", "rename", "repeat"])
    where = "/".join(map(str, path))
    if action == "remove":
        del parent[key]
    elif action == "rename" and isinstance(parent, dict):
        parent[rng.choice(_WORDS)] = parent.pop(key)
    elif action == "repeat" and isinstance(parent, list):
        parent.insert(key, parent[key])
    else:
        action, parent[key] = _replaced(rng, parent[key])
    return f"{where}: {action}", copied


def _places(node: Any, above: tuple[Any, ...] = ()) -> Any:
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield (*above, key)
        yield from _places(node[key], (*above, key))


def _copied(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copied(value) for key, value in node.items()}
    return [_copied(value) for value in node] if isinstance(node, list) else node


def _replaced(rng: random.Random, node: Any) -> tuple[str, Any]:
    if isinstance(node, np.ndarray) and rng.random() < 0.8:
        return array(rng, node)
    if isinstance(node, torch.Tensor) and rng.random() < 0.8:
        kind, values = array(rng, node.numpy())
        try:
            return kind, torch.from_numpy(np.ascontiguousarray(values))
        except (TypeError, ValueError):
            return "no tensor", values.tolist()
    kinds: dict[str, Callable[[], Any]] = {
        "null": lambda: None,
        "true": lambda: True,
        "a word": lambda: rng.choice(_WORDS),
        "a number": lambda: rng.choice(_NUMBERS),
        "a huge integer": lambda: _HUGE_INTEGER,
        "an empty list": list,
        "an empty object": dict,
        "a list of lists": lambda: [[], [[]], {}],
        "in a list": lambda: [node],
        "in an object": lambda: {"value": node},
        "ragged": lambda: [[1, 2], [3]],
        "its text": lambda: str(node)[:200],
    }
    kind = rng.choice(list(kinds))
    return kind, kinds[kind]()


def _json(rng: random.Random, content: bytes) -> Damaged:
    if rng.random() < 0.1:
        kind, text = rng.choice(
            [
                ("deep lists", "[" * _DEEP * 30),
                ("deep objects", '{"a":' * _DEEP * 30),
                ("deep and closed", "[" * _DEEP + "]" * _DEEP),
                ("digits", "[" + "9" * 5000 + "]"),
                ("a key twice", '{"joints": 1, "joints": [[1, 2]]}'),
            ]
        )
        return kind, text.encode()
    kind, changed = tree(rng, json.loads(content))
    return kind, json.dumps(changed).encode()


_YAML_TEXTS = (
    ("deep lists", "[" * _DEEP),
    ("deep mappings", "\n".join(" " * i + "a:" for i in range(900))),
    ("laughs", "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))),
    (
        "laughs for a list",
        "name: x\njoints:\n- &a0 [x, x]\n" + "".join(f"- &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
    ),
    ("laughs at the top", "- &a0 [x, x]\n" + "".join(f"- &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))),
    ("itself", "&a [*a]"),
    ("itself in a field", "name: x\njoints: &a [*a]"),
    ("an object of Python", "!!python/object/apply:os.system ['touch x']"),
    ("a bad date", "seed: 2020-99-99"),
    ("a bad boolean", "seed: !!bool perhaps"),
    ("a bad integer", "seed: !!int perhaps"),
    ("a list as a key", "? [a, b]\n: c"),
    ("two documents", "a: 1\n---\nb: 2\n"),
    ("tabs", "a:\n\tb: 1\n"),
    ("digits", "seed: " + "9" * 5000),
)


def _yaml(rng: random.Random, content: bytes) -> Damaged:
    if rng.random() < 0.4:
        kind, text = rng.choice(_YAML_TEXTS)
        return kind, text.encode()
    kind, changed = tree(rng, yaml.safe_load(content))
    return kind, yaml.safe_dump(changed).encode()


def _csv(rng: random.Random, content: bytes) -> Damaged:
    rows = list(csv.reader(io.StringIO(content.decode())))
    row, column = rng.randrange(len(rows)), rng.randrange(len(rows[0]))
    words = (
        "",
        " ",
        "NA",
        "text",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1,5",
        "0x10",
        "\x00",
        '"',
        "9" * 5000,
        "x" * 140_000,
    )
    action = rng.choice(["cell", "cell", "column", "ragged", "header", "no rows", "semicolons", "repeated", "quote"])
    if action == "cell":
        rows[row][column] = rng.choice(words)
    elif action == "column":
        word = rng.choice(words[:-1])
        for line in rows:
            line[column] = word
    elif action == "ragged":
        rows[row] = rows[row][: column + rng.choice([0, 1])]
    elif action == "header":
        rows.insert(rng.choice([0, row]), [rng.choice(["x", "frame", "", "pelvis_x"]) for _ in rows[0]])
    elif action == "no rows":
        rows = rows[: rng.choice([0, 1])]
    elif action == "repeated":
        rows.insert(0, rows[0])
    text = "\n".join((";" if action == "semicolons" else ",").join(line) for line in rows)
    return action, (text + ('"' if action == "quote" else "")).encode("utf-8", "surrogatepass")


def _npy(rng: random.Random, content: bytes) -> Damaged:
    if rng.random() < 0.15:
        kind, shape = rng.choice(
            [("huge header", "(9999999999, 17, 3)"), ("overflow", f"({2**62}, {2**62})"), ("negative", "(-1, 17, 3)")]
        )
        return kind, _npy_header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}") + bytes(800)
    kind, changed = array(rng, np.load(io.BytesIO(content), allow_pickle=False))
    return kind, _saved(changed)


def _npy_header(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


def _saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(value), allow_pickle=True)
    return buffer.getvalue()


def _npz(rng: random.Random, content: bytes) -> Damaged:
    """Fields as files of the archive, so that some can be damaged in ways that NumPy does not write."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        fields = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(fields))
    action = rng.choice(
        ["array", "array", "array", "field", "remove", "rename", "twice", "no array", "empty", "method"]
    )
    names = list(fields)
    if action in ("array", "field"):
        plain = not fields[name].startswith(b"\x93NUMPY") or b"O'" in fields[name][:128]
        damage = bytewise if action == "field" or plain else _npy
        action, fields[name] = damage(rng, fields[name])
    elif action == "remove":
        names.remove(name)
    elif action == "rename":
        other = rng.choice(["../../x.npy", "/x.npy", "x.npy", ".npy", "x"])
        fields[other] = fields.pop(name)
        names = list(fields)
    elif action == "twice":
        names.append(name)
    elif action == "no array":
        fields[name] = b"text"
    elif action == "empty":
        names = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in names:
            _write_entry(archive, entry, fields[entry])
    written = buffer.getvalue()
    # Compression 99 is what encrypting archivers write; nobody reads it.
    return f"{name}: {action}", written.replace(b"\x08\x00", b"\x63\x00") if action == "method" else written


def _write_entry(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    import warnings

    with warnings.catch_warnings():  # zipfile warns of a name that is there twice
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr(name, content)


def _pickle(rng: random.Random, content: bytes) -> Damaged:
    if rng.random() < 0.2:
        shared: Any = []
        for _ in range(40):
            shared = [shared, shared]
        own: dict[str, Any] = {}
        own["v_template"] = own["poses"] = own
        deep: Any = []
        for _ in range(300):
            deep = [deep]
        choices = [("shared", shared), ("itself", own), ("deep", deep), ("a class", Path("x")), ("a function", print)]
        kind, value = rng.choice(choices)
        return kind, pickle.dumps({"v_template": value, "poses": value, "f": value} if kind == "shared" else value)
    return bytewise(rng, content)


def plain_pickle(rng: random.Random, content: bytes) -> Damaged:
    """Of a pickle that this test wrote itself, with NumPy arrays: damage by its structure."""
    kind, changed = tree(rng, pickle.loads(content))
    return kind, pickle.dumps(changed, protocol=2)


def _torch(rng: random.Random, content: bytes) -> Damaged:
    kind, changed = tree(rng, torch.load(io.BytesIO(content), weights_only=True))
    buffer = io.BytesIO()
    torch.save(changed, buffer)
    return kind, buffer.getvalue()


def _mat(rng: random.Random, content: bytes) -> Damaged:
    try:
        fields = {k: v for k, v in loadmat(io.BytesIO(content)).items() if not k.startswith("__")}
    except (NotImplementedError, ValueError):  # HDF5
        return bytewise(rng, content)
    name = rng.choice(list(fields))
    if rng.random() < 0.2:
        del fields[name]
        return f"{name}: remove", _saved_mat(fields)
    kind, fields[name] = array(rng, fields[name]) if fields[name].dtype.kind in "fiub" else ("text", "text")
    return f"{name}: {kind}", _saved_mat(fields)


def _saved_mat(fields: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        savemat(buffer, fields, do_compression=True)
    except (TypeError, ValueError, NotImplementedError, KeyError):
        return b"MATLAB 5.0 MAT-file".ljust(128)
    return buffer.getvalue()


def _picture(rng: random.Random, content: bytes) -> Damaged:
    picture = Image.open(io.BytesIO(content))
    kinds: dict[str, Callable[[], Image.Image]] = {
        "tiny": lambda: picture.resize((1, 1)),
        "other size": lambda: picture.resize((17, 500)),
        "colours": lambda: picture.convert("RGB"),
        "alpha": lambda: picture.convert("RGBA"),
        "palette": lambda: picture.convert("P"),
        "sixteen bits": lambda: Image.fromarray(np.full((60, 80), 60000, np.uint16)),
        "all black": lambda: Image.new("L", picture.size, 0),
        "all white": lambda: Image.new("L", picture.size, 255),
    }
    kind = rng.choice(list(kinds))
    buffer = io.BytesIO()
    kinds[kind]().save(buffer, format="PNG")
    return kind, buffer.getvalue()


_STRUCTURED: dict[str, Callable[[random.Random, bytes], Damaged]] = {
    ".json": _json,
    ".yaml": _yaml,
    ".csv": _csv,
    ".npy": _npy,
    ".npz": _npz,
    ".pkl": _pickle,
    ".pt": _torch,
    ".mat": _mat,
    ".png": _picture,
}
