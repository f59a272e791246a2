"""GLB files read back: ours, and what other programs write otherwise."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.errors import FormatError
from s2m.export.glb import write_glb
from s2m.export.names import NAMES
from s2m.export.npz import write_amass_npz
from s2m.formats.gltf import read_glb
from s2m.skeletons import SMPL24
from tests.export.motions import FPS, person, truth, y_up


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same file with another document."""
    content = path.read_bytes()
    (size,) = struct.unpack_from("<I", content, 12)
    document = json.loads(content[20 : 20 + size])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + size :]
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    path.write_bytes(head + struct.pack("<I4s", len(text), b"JSON") + text + rest)
    return path


def test_joints_and_rotations_are_what_was_written(tmp_path: Path) -> None:
    write_glb(tmp_path / "two.glb", [person(12, 0, "ann"), person(7, 3, "bob")], NAMES["mixamo"])
    ann, bob = read_glb(tmp_path / "two.glb")
    assert set(ann.names) == set(NAMES["mixamo"])
    order = [NAMES["mixamo"].index(name) for name in ann.names]
    assert [ann.parents[i] < i for i in range(24)] == [True] * 24
    np.testing.assert_allclose(ann.places, y_up(truth(12, 0).joints)[:, order], atol=1e-5)
    assert ann.frame_time == pytest.approx(1 / FPS, rel=1e-5)
    assert len(bob.turns) == 7
    world = truth(12, 0).rotations.copy()
    for joint, parent in enumerate(SMPL24.parents):
        world[:, joint] = world[:, joint] if parent < 0 else world[:, parent] @ world[:, joint]
    turn = Rotation.from_euler("x", -90, degrees=True).as_matrix()
    np.testing.assert_allclose(ann.turns, (turn @ world)[:, order], atol=1e-5)


def test_a_glb_becomes_a_motion_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = person(12)
    given.betas[:] = 0
    write_amass_npz(Path("a.npz"), given)
    assert main(["convert", "a.npz", "a.glb", "--names", "unreal", "-q"]) == 0
    assert main(["convert", "a.glb", "b.npz", "-q"]) == 0
    with np.load("a.npz") as one, np.load("b.npz") as other:
        turns = [Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3)) for file in (one, other)]
        np.testing.assert_allclose((turns[0].inv() * turns[1]).magnitude(), 0, atol=2e-3)
        np.testing.assert_allclose(one["trans"], other["trans"], atol=2e-3)
        assert other["mocap_framerate"] == FPS
    write_glb("two.glb", [person(3), person(3, 1, "bob")])
    assert main(["ik", "two.glb", "-o", "c.npz", "-q"]) == 0
    assert sorted(path.name for path in Path().glob("c*")) == ["c-0.npz", "c-1.npz"]
    assert main(["ik", "two.glb", "--smooth", "-o", "d.npz"]) == 2


def test_an_armature_that_turns_and_scales(tmp_path: Path) -> None:
    """As files have it that came from FBX: centimetres with +z up, below a node that makes metres of them."""
    write_glb(tmp_path / "a.glb", [person(4)])
    (plain,) = read_glb(tmp_path / "a.glb")

    def armature(document: dict[str, Any]) -> None:
        document["nodes"].append({"children": [0], "rotation": [0.5**0.5, 0, 0, 0.5**0.5], "scale": [0.01] * 3})

    (turned,) = read_glb(changed(tmp_path / "a.glb", armature))
    turn = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    np.testing.assert_allclose(turned.places, plain.places @ turn.T * 0.01, atol=1e-7)
    np.testing.assert_allclose(turned.turns, turn @ plain.turns, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("skins"), "expected a skinned, animated skeleton"),
        (lambda d: d["nodes"][3].update(children=[0]), "expected a tree, found a circle"),
        (lambda d: d["accessors"][0].update(componentType=5122), "expected plain 32-bit numbers"),
        (lambda d: [a.update(count=10**9) for a in d["accessors"]], "expected numbers, found"),
        (lambda d: d["skins"][0].pop("joints"), "expected glTF 2.0"),
        (lambda d: d["animations"][0].update(channels=[]), "expected one that moves the skeleton"),
    ],
)
def test_damaged_documents_are_named(tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    write_glb(tmp_path / "a.glb", [person(2)])
    path = changed(tmp_path / "a.glb", change)
    with pytest.raises(FormatError, match=message) as caught:
        read_glb(path)
    assert str(path) in str(caught.value)
