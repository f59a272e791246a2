"""Motions of other skeletons in BVH files, of which the truth is known."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from s2m.body import load_body
from s2m.cli import main
from s2m.data.motion.amass import read_folder
from s2m.errors import UserError
from s2m.formats.bvh import read_bvh
from s2m.ik.retarget import Retargeted, retarget
from s2m.ik.rig import rig_of, side_of
from s2m.skeletons import SMPL24

from .bvh_files import BLENDER, MIXAMO, SOMA, XSENS, a_pose, bone_frames, named, truth, write
from .kinematics import angle

BODY = load_body()
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
CASES = {
    "mixamo": (named(MIXAMO, "mixamorig:"), {"every_joint_moves": True, "order": "XYZ"}),
    "xsens": (named(XSENS), {"order": "YXZ"}),
    "legs-are-hips": (named(SOMA), {}),
    "z-up": (named(MIXAMO), {"axes": Z_UP}),
    "a-pose": (named(MIXAMO), {"frames": a_pose()}),
    "metres": (named(XSENS), {"scale": 1.0}),
}


def read(path: Path, **options: object) -> Retargeted:
    return retarget(read_bvh(path), BODY, str(path), **options)


@pytest.mark.parametrize(("case", "clip"), [*((case, "walk") for case in CASES), ("z-up", "cartwheel")])
def test_a_rest_pose_of_a_person_gives_the_rotations_exactly(tmp_path: Path, case: str, clip: str) -> None:
    names, options = CASES[case]
    rotations, places = truth(clip)
    write(tmp_path / "a.bvh", rotations, places, names, **options)
    found = read(tmp_path / "a.bvh")
    shared = [i for i, joint in enumerate(SMPL24.joints) if not joint.endswith("_hand")]
    assert angle(found.rotations, rotations)[:, shared].max() < 2e-3
    np.testing.assert_allclose(found.places, places, atol=1e-3)
    assert "from its rest pose" in found.notes[0]


def test_bones_along_one_axis_at_rest_are_told_by_the_clip(tmp_path: Path) -> None:
    rotations, places = truth("walk")
    write(tmp_path / "a.bvh", rotations, places, named(MIXAMO), frames=bone_frames(), order="ZYX")
    found = read(tmp_path / "a.bvh")
    assert "its rest pose is no person's" in found.notes[0]
    turned = angle(found.rotations, rotations)
    legs = SMPL24.indices(["pelvis", "left_hip", "right_hip", "left_knee", "right_knee"])
    assert turned[:, legs].mean() < 0.05
    assert turned[:, :22].mean() < 0.1
    np.testing.assert_allclose(found.places, places, atol=5e-3)


def test_another_persons_size(tmp_path: Path) -> None:
    rotations, places = truth("walk")
    write(tmp_path / "a.bvh", rotations, places, named(MIXAMO), scale=85.0)
    assert np.abs(read(tmp_path / "a.bvh").places - places).max() < 1e-3
    kept = read(tmp_path / "a.bvh", keep_scale=True)
    assert np.abs(kept.places - places * 0.85).max() < 0.02  # by the hips, which lie closer to the pelvis
    assert any("0.85 times as long as the body's" in note for note in kept.notes)


@pytest.mark.parametrize("style", [MIXAMO, {**BLENDER, "elbow": "Forearm"}, BLENDER])
def test_hands_and_feet_that_are_the_ends_of_bones(tmp_path: Path, style: dict[str, str | None]) -> None:
    """Rigs may stop at the forearm and the shin: a collar is no upper arm for that."""
    rotations, places = truth("walk")
    names = named({**style, "wrist": None, "hand": None, "ankle": None, "foot": None})
    write(tmp_path / "a.bvh", rotations, places, names)
    found = read(tmp_path / "a.bvh")
    shared = [i for i, joint in enumerate(SMPL24.joints) if names[joint] is not None]
    assert angle(found.rotations, rotations)[:, shared].max() < 2e-3


def test_an_elbow_that_nothing_hangs_on_is_refused(tmp_path: Path) -> None:
    rotations, places = truth("walk")
    write(tmp_path / "a.bvh", rotations, places, named({**MIXAMO, "wrist": None, "hand": None}))
    text = re.sub(
        r"(JOINT LeftForeArm.*?End Site\s*{\s*OFFSET) [-0-9. ]+",
        r"\1 0 0 0",
        (tmp_path / "a.bvh").read_text(),
        flags=re.S,
    )
    (tmp_path / "a.bvh").write_text(text)
    with pytest.raises(UserError, match="shoulder, elbow, wrist.*found LeftShoulder, LeftArm, LeftForeArm"):
        read(tmp_path / "a.bvh")


def test_six_numbers_in_an_offset(tmp_path: Path) -> None:
    """As SOMA's files have it: angles at rest behind the three of the offset."""
    write(tmp_path / "a.bvh", *truth("walk"), named(SOMA))
    plain = read(tmp_path / "a.bvh")
    text = re.sub(r"(\n\s*OFFSET \S+ \S+ \S+)(?=\n\s*CHANNELS)", r"\1 10 20 30", (tmp_path / "a.bvh").read_text())
    (tmp_path / "a.bvh").write_text(text)
    np.testing.assert_array_equal(read(tmp_path / "a.bvh").rotations, plain.rotations)


@pytest.mark.parametrize("told", [0, 15, 1000000])
def test_a_head_that_tells_other_frames_than_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], told: int
) -> None:
    """Recorders write the head first, and know only then how long it takes."""
    write(tmp_path / "a.bvh", *truth("walk"), named(XSENS))
    (tmp_path / "a.bvh").write_text((tmp_path / "a.bvh").read_text().replace("Frames: 16", f"Frames: {told}"))
    assert main(["ik", str(tmp_path / "a.bvh"), "-o", str(tmp_path / "a.npz")]) == 0
    assert f"its head tells {told} frames, 16 are there" in capsys.readouterr().err
    with np.load(tmp_path / "a.npz") as file:
        assert len(file["poses"]) == 16


def test_a_folder_of_bvh_files_is_a_source_of_motion(tmp_path: Path) -> None:
    rotations, places = truth("walk")
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "a.BVH", rotations, places, named(XSENS), fps=60)  # as shops spell it
    (clip,) = read_folder(tmp_path, 30)
    assert (clip.name, clip.fps, len(clip)) == ("deep/a", 30, 8)
    np.testing.assert_allclose(clip.trans[0], places[0], atol=1e-4)


def test_sides_by_name() -> None:
    known = {"LeftUpLeg": "left", "thigh_r": "right", "Bip01 L Thigh": "left", "lShldr": "left", "RFoot": "right",
             "mixamorig:RightArm": "right", "Spine": None, "LowerBack": None, "rthigh": "right", "Collar": None,
             "upperarm_l": "left", "Root": None}  # fmt: skip
    assert {name: side_of(name) for name in known} == known


def test_cmus_tree_has_joints_at_one_place_and_fingers() -> None:
    tree = {
        "Hips": None, "LHipJoint": "Hips", "LeftUpLeg": "LHipJoint", "LeftLeg": "LeftUpLeg", "LeftFoot": "LeftLeg",
        "LeftToeBase": "LeftFoot", "RHipJoint": "Hips", "RightUpLeg": "RHipJoint", "RightLeg": "RightUpLeg",
        "RightFoot": "RightLeg", "RightToeBase": "RightFoot", "LowerBack": "Hips", "Spine": "LowerBack",
        "Spine1": "Spine", "Neck": "Spine1", "Neck1": "Neck", "Head": "Neck1", "LeftShoulder": "Spine1",
        "LeftArm": "LeftShoulder", "LeftForeArm": "LeftArm", "LeftHand": "LeftForeArm",
        "LeftFingerBase": "LeftHand", "LeftHandIndex1": "LeftFingerBase", "LThumb": "LeftHand",
        "RightShoulder": "Spine1", "RightArm": "RightShoulder", "RightForeArm": "RightArm",
        "RightHand": "RightForeArm", "RightFingerBase": "RightHand", "RightHandIndex1": "RightFingerBase",
        "RThumb": "RightHand",
    }  # fmt: skip
    # Inches times 0.45, as in CMU's files; what is not named lies at its parent.
    offsets = {
        "LeftUpLeg": (1.4, -1.8, 0.8), "LeftLeg": (2.4, -6.7, 0), "LeftFoot": (2.6, -7.1, 0),
        "LeftToeBase": (0.2, -0.5, 2.1), "RightUpLeg": (-1.3, -1.8, 0.8), "RightLeg": (-2.5, -6.8, 0),
        "RightFoot": (-2.6, -7.1, 0), "RightToeBase": (-0.2, -0.6, 2.1), "Spine": (0, 2, -0.2),
        "Spine1": (0, 2.1, 0), "Neck": (0, 0, 0), "Neck1": (0, 1.7, 0.3), "Head": (0, 1.8, 0),
        "LeftArm": (3.4, 1.2, 0), "LeftForeArm": (5.0, 0, 0), "LeftHand": (3.5, 0, 0), "LeftHandIndex1": (0.7, 0, 0),
        "LThumb": (0.6, 0, 0.6), "RightArm": (-3.1, 1.4, 0), "RightForeArm": (-5.2, 0, 0),
        "RightHand": (-3.6, 0, 0), "RightHandIndex1": (-0.7, 0, 0), "RThumb": (-0.6, 0, 0.6),
    }  # fmt: skip
    names = list(tree)
    parents = [-1 if parent is None else names.index(parent) for parent in tree.values()]
    places = np.array([offsets.get(name, (0, 0, 0)) for name in names], np.float64)
    for joint, parent in enumerate(parents):
        places[joint] += places[parent] if parent >= 0 else 0
    rig = rig_of(names, parents, places, "a.bvh")
    found = {part: names[joint] for part, joint in rig.parts.items()}
    assert found == {
        "pelvis": "Hips", "left_hip": "LeftUpLeg", "left_knee": "LeftLeg", "left_ankle": "LeftFoot",
        "left_foot": "LeftToeBase", "right_hip": "RightUpLeg", "right_knee": "RightLeg", "right_ankle": "RightFoot",
        "right_foot": "RightToeBase", "left_collar": "LeftShoulder", "left_shoulder": "LeftArm",
        "left_elbow": "LeftForeArm", "left_wrist": "LeftHand", "right_collar": "RightShoulder",
        "right_shoulder": "RightArm", "right_elbow": "RightForeArm", "right_wrist": "RightHand", "neck": "Neck",
        "head": "Head",
    }  # fmt: skip
    assert [names[joint] for joint in rig.spine] == ["LowerBack", "Spine", "Spine1"]


def test_trees_that_are_no_persons() -> None:
    chain = [f"tail{number}" for number in range(8)]
    places = np.arange(24.0).reshape(8, 3)
    with pytest.raises(UserError, match="a.bvh: expected a person's skeleton, a pelvis with two legs and a trunk"):
        rig_of(chain, [-1, *range(7)], places, "a.bvh")
    names = [joint.replace("_", " ") for joint in SMPL24.joints]
    rig = rig_of(names, SMPL24.parents, BODY.rest().joints[0].numpy(), "a.bvh")
    assert {part: SMPL24.joints[joint] for part, joint in rig.parts.items()} == {part: part for part in rig.parts}
    assert [SMPL24.joints[joint] for joint in rig.spine] == ["spine1", "spine2", "spine3"]


def test_props_beside_a_person_hide_nobody() -> None:
    names = ["sword", *(named(MIXAMO)[joint] for joint in SMPL24.joints)]
    parents = [-1, *(-1 if parent < 0 else parent + 1 for parent in SMPL24.parents)]
    at_rest = np.concatenate([[[1.0, 1, 0]], BODY.rest().joints[0].double().numpy()])
    rig = rig_of([str(name) for name in names], parents, at_rest, "a.glb")
    assert rig.parts["pelvis"] == 1 + SMPL24.root_index


def test_handles_of_animators_and_ears_are_no_limbs() -> None:
    """As Unreal's mannequin has the former below its root, and reaches farther with them than with the body."""
    body = named(MIXAMO)
    names = ["root", "ik_hand_root", "ik_hand_gun", "ik_hand_l", "ik_hand_r"]
    parents, at_rest = [-1, 0, 1, 2, 2], [[0.0, 0, 0], [0, 0, 0], [-0.8, 1.4, 0], [0.8, 1.4, 0], [-0.8, 1.4, 0]]
    places = BODY.rest().joints[0].double().numpy() + np.array([0, 0.9, 0])
    for joint, parent in zip(SMPL24.joints, SMPL24.parents, strict=True):
        names.append(str(body[joint]))
        parents.append(0 if parent < 0 else parent + 5)
        at_rest.append(places[SMPL24.index(joint)])
    for side, sign in (("l", 1), ("r", -1)):
        for number, joint in enumerate((f"breast_{side}", f"breast_{side}_01")):
            parents.append(5 + SMPL24.index("spine1") if number == 0 else len(names) - 1)
            names.append(joint)
            at_rest.append(places[SMPL24.index("spine1")] + np.array([sign * 0.1, 0, 0.1 * (1 + number)]))
    rig = rig_of(names, parents, np.array(at_rest), "a.glb")
    assert {part: names[joint] for part, joint in rig.parts.items()} == {
        part: body[part] for part in SMPL24.joints if part in rig.parts
    }
    assert len(rig.parts) == 19
