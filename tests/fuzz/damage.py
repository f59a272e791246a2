"""Damage to bytes, to arrays, and to nested dictionaries and lists.

Every function takes a random generator and what is to be damaged, and returns a word for the kind of damage and the
result.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Damaged = tuple[str, bytes]

_HUGE_INTEGER = 10**400
_WORDS = ("", "text", "../../x", "/x", "nan", "\x00", "ü" * 300, "1e999", "-", "pelvis")
_NUMBERS = (0, -1, 1, 2, 0.5, 1e-300, 1e38, 1e308, -1e308, 2**31, 2**63, 2**64, float("nan"), float("inf"))


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
