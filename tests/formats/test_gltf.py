"""GLB files read back: ours, and what other programs write otherwise."""

from __future__ import annotations

import base64
import copy
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.errors import FormatError
from s2m.export.glb import write_glb
from s2m.export.names import NAMES
from s2m.export.npz import write_amass_npz
from s2m.formats.gltf import GltfPerson, read_gltf
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
    ann, bob = read_gltf(tmp_path / "two.glb")
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
    (plain,) = read_gltf(tmp_path / "a.glb")

    def armature(document: dict[str, Any]) -> None:
        document["nodes"].append({"children": [0], "rotation": [0.5**0.5, 0, 0, 0.5**0.5], "scale": [0.01] * 3})

    (turned,) = read_gltf(changed(tmp_path / "a.glb", armature))
    turn = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    np.testing.assert_allclose(turned.places, plain.places @ turn.T * 0.01, atol=1e-7)
    np.testing.assert_allclose(turned.turns, turn @ plain.turns, atol=1e-6)


def same(one: GltfPerson, other: GltfPerson, atol: float = 1e-6) -> None:
    """Whether two people move alike, whatever the order of their joints."""
    order = [other.names.index(name) for name in one.names]
    assert len(one.names) == len(other.names)
    np.testing.assert_allclose(one.places, other.places[:, order], atol=atol)
    np.testing.assert_allclose(one.turns, other.turns[:, order], atol=atol)


def test_motion_without_skin(tmp_path: Path) -> None:
    """As libraries of animations have it: nodes alone, which stand in a T-pose."""
    write_glb(tmp_path / "a.glb", [person(4)])
    (plain,) = read_gltf(tmp_path / "a.glb")

    def bare(document: dict[str, Any]) -> None:
        del document["skins"], document["meshes"]
        document["nodes"] = [{k: v for k, v in n.items() if k not in ("mesh", "skin")} for n in document["nodes"]]

    (found,) = read_gltf(changed(tmp_path / "a.glb", bare))
    same(plain, found)
    assert main(["ik", str(tmp_path / "a.glb"), "-o", str(tmp_path / "b.npz"), "-q"]) == 0
    assert main(["view", str(tmp_path / "a.glb"), "--static", str(tmp_path / "a.html"), "-q"]) == 0
    (shown,) = re.findall(r'id="motion-0">([^<]+)<', (tmp_path / "a.html").read_text())
    assert b"JOINTS_0" in base64.b64decode(shown)  # a body to look at, not the bare nodes


def test_a_skin_of_a_head_is_no_second_person(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", [person(4)])
    (plain,) = read_gltf(tmp_path / "a.glb")

    def hair(document: dict[str, Any]) -> None:
        head = next(i for i, node in enumerate(document["nodes"]) if node["name"] == "head")
        document["skins"].append({"joints": [head]})

    (found,) = read_gltf(changed(tmp_path / "a.glb", hair))
    same(plain, found)


def test_two_people_in_one_skin(tmp_path: Path) -> None:
    """As Blender has them that come from an FBX."""
    write_glb(tmp_path / "two.glb", [person(5), person(5, 1, "bob")])
    before = read_gltf(tmp_path / "two.glb")

    def one(document: dict[str, Any]) -> None:
        first, second = document["skins"]
        document["skins"] = [{"joints": first["joints"] + second["joints"]}]

    found = read_gltf(changed(tmp_path / "two.glb", one))
    assert [person.names for person in found] == [person.names for person in before]
    for mine, other in zip(before, found, strict=True):
        same(mine, other)


def test_a_joint_of_another_skin_rests_where_its_parent_has_it(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", [person(4)])
    (plain,) = read_gltf(tmp_path / "a.glb")

    def eye(document: dict[str, Any]) -> None:
        head = next(i for i, node in enumerate(document["nodes"]) if node["name"] == "head")
        document["nodes"].append({"name": "eye", "translation": [0, 0.1, 0.05]})
        document["nodes"][head].setdefault("children", []).append(len(document["nodes"]) - 1)
        document["skins"].append({"joints": [len(document["nodes"]) - 1]})

    (found,) = read_gltf(changed(tmp_path / "a.glb", eye))
    head, new = found.names.index("head"), found.names.index("eye")
    assert len(found.names) == len(plain.names) + 1
    np.testing.assert_allclose(found.rest[new] - found.rest[head], [0, 0.1, 0.05], atol=1e-6)
    assert found.parents[new] == head


def test_gltf_with_its_data_inside_or_beside_it(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", [person(4)])
    (plain,) = read_gltf(tmp_path / "a.glb")
    content = (tmp_path / "a.glb").read_bytes()
    (size,) = struct.unpack_from("<I", content, 12)
    document, data = json.loads(content[20 : 20 + size]), content[20 + size + 8 :]
    (tmp_path / "my data.bin").write_bytes(data)
    inside = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    for name, address in (("beside.gltf", "my%20data.bin"), ("inside.gltf", inside)):
        document["buffers"][0]["uri"] = address
        (tmp_path / name).write_text(json.dumps(document))
        same(plain, read_gltf(tmp_path / name)[0], atol=0)
    assert main(["ik", str(tmp_path / "beside.gltf"), "-o", str(tmp_path / "b.npz"), "-q"]) == 0


def test_rotations_as_normalised_shorts(tmp_path: Path) -> None:
    """As programs that make files small write them."""
    write_glb(tmp_path / "a.glb", [person(4)])
    (plain,) = read_gltf(tmp_path / "a.glb")
    content = (tmp_path / "a.glb").read_bytes()
    (size,) = struct.unpack_from("<I", content, 12)
    document, data = json.loads(content[20 : 20 + size]), content[20 + size + 8 :]
    for channel in document["animations"][0]["channels"]:
        if channel["target"]["path"] != "rotation":
            continue
        sampler = document["animations"][0]["samplers"][channel["sampler"]]
        accessor = document["accessors"][sampler["output"]]
        view = document["bufferViews"][accessor["bufferView"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        values = np.frombuffer(data, "<f4", accessor["count"] * 4, start)
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": 8 * accessor["count"]})
        new = {"bufferView": len(document["bufferViews"]) - 1, "componentType": 5122, "normalized": True}
        document["accessors"].append({**new, "count": accessor["count"], "type": "VEC4"})
        sampler["output"] = len(document["accessors"]) - 1
        data += np.round(values * 32767).astype("<i2").tobytes()
    document["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(data).decode()
    (tmp_path / "small.gltf").write_text(json.dumps(document))
    same(plain, read_gltf(tmp_path / "small.gltf")[0], atol=5e-4)


def with_rotations(path: Path, times: np.ndarray, rows: np.ndarray, between: str) -> Path:
    """A .gltf whose left elbow alone moves, by these keys."""
    content = path.read_bytes()
    (size,) = struct.unpack_from("<I", content, 12)
    document, data = json.loads(content[20 : 20 + size]), content[20 + size + 8 :]
    for values, kind in ((times, "SCALAR"), (rows, "VEC4")):
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": 4 * values.size})
        view = {"bufferView": len(document["bufferViews"]) - 1, "componentType": 5126, "count": len(values)}
        document["accessors"].append({**view, "type": kind})
        data += values.astype("<f4").tobytes()
    new = len(document["accessors"]) - 2
    elbow = next(i for i, node in enumerate(document["nodes"]) if node["name"] == "left_elbow")
    channel = {"sampler": 0, "target": {"node": elbow, "path": "rotation"}}
    sampler = {"input": new, "output": new + 1, "interpolation": between}
    document["animations"] = [{"channels": [channel], "samplers": [sampler]}]
    document["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(data).decode()
    found = path.with_suffix(".gltf")
    found.write_text(json.dumps(document))
    return found


def test_keys_set_by_hand_are_splines_between_which_frames_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_glb(tmp_path / "a.glb", [person(2)])
    times = np.array([0.25, 0.75, 1.75])
    values = Rotation.from_rotvec([[0, 0, 0], [0, 1.2, 0], [0.5, 0.2, 0]]).as_quat()
    tangents = np.array([[0, 1.0, 0, 0], [0.3, 0, 0.2, -0.4], [0, -0.5, 0, 0.1]])
    path = with_rotations(
        tmp_path / "a.glb", times, np.stack([tangents, values, tangents], 1).reshape(-1, 4), "CUBICSPLINE"
    )
    (found,) = read_gltf(path)
    assert (len(found.turns), found.frame_time) == (46, pytest.approx(1 / 30))
    spline = CubicHermiteSpline(times, values, tangents)(0.25 + np.arange(46) / 30)
    elbow, upper = found.names.index("left_elbow"), found.names.index("left_shoulder")
    own = found.turns[:, upper].transpose(0, 2, 1) @ found.turns[:, elbow]
    np.testing.assert_allclose(own, Rotation.from_quat(spline).as_matrix(), atol=1e-6)
    assert main(["ik", str(path), "-o", str(tmp_path / "b.npz")]) == 0
    assert "keys 0.75 s apart are no frames: 30 a second" in capsys.readouterr().out


def test_many_keys_alike_are_frames_however_slow(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", [person(2)])
    turns = Rotation.from_rotvec(np.linspace([0, 0, 0], [0, 1, 0], 12)).as_quat()
    (found,) = read_gltf(with_rotations(tmp_path / "a.glb", np.arange(12) / 5, turns, "LINEAR"))
    assert (len(found.turns), found.frame_time, found.between_keys) == (12, pytest.approx(0.2), 0)


def test_every_person_has_an_animation_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As Blender writes two armatures."""
    write_glb(tmp_path / "two.glb", [person(5), person(5, 1, "bob")])
    before = read_gltf(tmp_path / "two.glb")

    def split(document: dict[str, Any]) -> None:
        (animation,) = document["animations"]
        own = set(document["skins"][0]["joints"])
        channels = {who: [c for c in animation["channels"] if (c["target"]["node"] in own) == who] for who in (1, 0)}
        document["animations"] = [{**animation, "channels": channels[who]} for who in (1, 0)]

    for one, other in zip(before, read_gltf(changed(tmp_path / "two.glb", split)), strict=True):
        same(one, other)
        assert other.animations == 1
    assert main(["ik", str(tmp_path / "two.glb"), "-o", str(tmp_path / "b.npz"), "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_another_animation_by_its_name_or_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_glb(tmp_path / "a.glb", [person(4)])

    def second(document: dict[str, Any]) -> None:
        (walk,) = document["animations"]
        stand = copy.deepcopy(walk)
        for channel in stand["channels"]:  # rotations by their first key alone
            stand["samplers"][channel["sampler"]]["interpolation"] = "STEP"
        del stand["channels"][1:]
        document["animations"] = [{**walk, "name": "Walk"}, {**stand, "name": "Still"}]

    changed(tmp_path / "a.glb", second)
    walk, still = (read_gltf(tmp_path / "a.glb", take)[0] for take in ("Walk", "Still"))
    assert walk.takes == still.takes == ("Walk", "Still")
    same(walk, read_gltf(tmp_path / "a.glb")[0], atol=0)
    same(still, read_gltf(tmp_path / "a.glb", "1")[0], atol=0)
    assert np.abs(walk.turns - still.turns).max() > 0.01
    words = ["ik", str(tmp_path / "a.glb"), "-o", str(tmp_path / "b.npz"), "--overwrite"]
    assert main(words) == 0
    assert "the first was taken; --key NAME takes another: Walk, Still" in capsys.readouterr().err
    assert main([*words, "--key", "Still"]) == 0
    assert "animations" not in capsys.readouterr().err
    assert main([*words, "--key", "Run"]) == 2
    assert "a.glb: animations: expected 'Run', found Walk, Still" in capsys.readouterr().err


def test_further_animations_of_a_person_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_glb(tmp_path / "a.glb", [person(3)])
    changed(tmp_path / "a.glb", lambda document: document["animations"].append(document["animations"][0]))
    assert main(["ik", str(tmp_path / "a.glb"), "-o", str(tmp_path / "b.npz"), "-q"]) == 0
    assert "a.glb: 2 animations of a person: the first was taken" in capsys.readouterr().err


def test_vrm_says_what_joints_are(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", [person(3)], NAMES["vrm"])
    (plain,) = read_gltf(tmp_path / "a.glb")

    def nameless(document: dict[str, Any]) -> None:
        bones = {node["name"]: {"node": i} for i, node in enumerate(document["nodes"]) if node["name"] in plain.names}
        for i, node in enumerate(document["nodes"]):
            node["name"] = f"\u30dc\u30fc\u30f3{i}"
        document["extensions"] = {"VRMC_vrm_animation": {"humanoid": {"humanBones": bones}}}

    changed(tmp_path / "a.glb", nameless).rename(tmp_path / "a.vrma")
    same(plain, read_gltf(tmp_path / "a.vrma")[0])
    assert main(["ik", str(tmp_path / "a.vrma"), "-o", str(tmp_path / "b.npz"), "-q"]) == 0


def test_either_quaternion_of_a_key_is_the_same_rotation(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", [person(2)])
    times, flat = np.array([0.0, 0.5, 1.0, 1.5]), np.zeros((4, 4))
    values = Rotation.from_rotvec(np.linspace([2.6, 0, 0], [3.4, 0, 0], 4)).as_quat()
    values *= np.sign(values[:, :1])  # (x >= 0): all on one side
    rows = [np.stack([flat, values * np.array(signs)[:, None], flat], 1).reshape(-1, 4)
            for signs in ([1, 1, 1, 1], [1, -1, -1, 1])]  # fmt: skip
    one, other = (read_gltf(with_rotations(tmp_path / "a.glb", times, keys, "CUBICSPLINE"))[0] for keys in rows)
    same(one, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("animations"), "expected an animated skeleton, found a skeleton without animation"),
        (lambda d: [d.pop("animations"), d.pop("skins")], "expected an animated skeleton, found none"),
        (lambda d: d["buffers"][0].update(uri="../a.bin"), "expected a file beside it"),
        (lambda d: d["buffers"][0].update(uri="file:///etc/hostname"), "expected a file beside it"),
        (lambda d: d["buffers"][0].update(uri="gone.bin"), "gone.bin: cannot be read"),
        (lambda d: [v.update(extensions={"EXT_meshopt_compression": {}}) for v in d["bufferViews"]], "packed by EXT_"),
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
        read_gltf(path)
    assert str(path) in str(caught.value)
