"""Damage to arrays, archives, pickles and pictures that stay readable as such."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat, savemat

from tests.fuzz.damage import Damaged, array, bytewise, tree


def of_npy(rng: random.Random, content: bytes) -> Damaged:
    """An array of another kind, or a header that lies."""
    if rng.random() < 0.15:
        kind, shape = rng.choice(
            [("huge header", "(9999999999, 17, 3)"), ("overflow", f"({2**62}, {2**62})"), ("negative", "(-1, 17, 3)")]
        )
        return kind, _npy_header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}") + bytes(800)
    if b"'|O'" in content[:128]:  # pickled
        return bytewise(rng, content)
    kind, changed = array(rng, np.load(io.BytesIO(content), allow_pickle=False))
    return kind, _saved(changed)


def _npy_header(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


def _saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(value), allow_pickle=True)
    return buffer.getvalue()


def of_npz(rng: random.Random, content: bytes) -> Damaged:
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
        damage = bytewise if action == "field" or plain else of_npy
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


def of_pickle(rng: random.Random, content: bytes) -> Damaged:
    """Pickles that share, nest or call, or flipped bytes."""
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


def of_torch(rng: random.Random, content: bytes) -> Damaged:
    """Another tree, saved as it is loaded: with weights only."""
    kind, changed = tree(rng, torch.load(io.BytesIO(content), weights_only=True))
    buffer = io.BytesIO()
    torch.save(changed, buffer)
    return kind, buffer.getvalue()


def of_mat(rng: random.Random, content: bytes) -> Damaged:
    """MATLAB: a field of another kind, or none."""
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


def of_picture(rng: random.Random, content: bytes) -> Damaged:
    """A picture of another size or mode."""
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
