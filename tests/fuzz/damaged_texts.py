"""Damage to files of text that stay readable as such."""

from __future__ import annotations

import csv
import io
import json
import random

import yaml

from tests.fuzz.damage import Damaged, tree

_DEEP = 3000


def of_json(rng: random.Random, content: bytes) -> Damaged:
    """JSON: another tree, or text that no reader expects."""
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


def of_yaml(rng: random.Random, content: bytes) -> Damaged:
    """YAML, likewise."""
    if rng.random() < 0.4:
        kind, text = rng.choice(_YAML_TEXTS)
        return kind, text.encode()
    kind, changed = tree(rng, yaml.safe_load(content))
    return kind, yaml.safe_dump(changed).encode()


def of_csv(rng: random.Random, content: bytes) -> Damaged:
    """A table: cells, rows and headers."""
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
