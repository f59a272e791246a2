"""3D files of other programs beyond their happy case, which the page of formats runs: details, and broken files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.errors import UserError
from s2m.formats.body_motion import read_body_motion
from s2m.formats.bvh import read_bvh
from s2m.formats.joints3d import read_all_joints, read_joints
from s2m.formats.layouts import ANY_SIZE, PRESETS
from s2m.formats.markers import read_label_map
from s2m.skeletons import JOINT_SETS, SMPL22
from tests.formats import fabricated
from tests.formats.fabricated import FILES, FRAMES, joints


def made(folder: Path, name: str) -> Path:
    FILES[name](folder / name)
    return folder / name


def test_kinects_bodies_are_numbered_and_inferred_joints_are_half_sure(tmp_path: Path) -> None:
    path = made(tmp_path, "S001C001P001R001A001.skeleton")
    lines = path.read_text().splitlines()
    lines[4] = lines[4].rsplit(" ", 1)[0] + " 1"
    lines[5] = lines[5].rsplit(" ", 1)[0] + " 0"
    path.write_text("\n".join(lines))
    first, second = sorted(read_all_joints(path), key=lambda track: track.person)
    assert [first.person, second.person] == [72057594037931101, 72057594037931102]
    assert first.confidence[0, :3].tolist() == [0.5, 0, 1]
    np.testing.assert_allclose(second.points[1], joints("ntu25")[1] + [3, 0, 3], atol=1e-5)
    assert (first.layout.unit, first.layout.up, first.layout.fps) == ("m", "y", 30)


def test_places_of_sam3d_body_and_of_its_rig(tmp_path: Path) -> None:
    folder = made(tmp_path, "sam3d_body")
    down, place = fabricated.DOWN, [0.1, 0.2, 4]
    np.testing.assert_allclose(read_joints(folder).points, joints("mhr70") @ down + place, atol=1e-5)
    found = read_joints(folder, JOINT_SETS["mhr127"])
    np.testing.assert_allclose(found.points, joints("mhr127") @ down + place, atol=1e-5)
    person = {"pred_keypoints_3d": joints("mhr70")[0], "pred_cam_t": np.zeros(3)}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([person, {**person, "pred_cam_t": np.ones(3)}]))
    assert len(read_all_joints(tmp_path / "a.pkl")) == 2
    with pytest.raises(UserError, match="expected the joints of h36m17, found mhr70"):
        read_joints(tmp_path / "a.pkl", JOINT_SETS["h36m17"])
    np.savez(tmp_path / "b.npz", pred_keypoints_3d=np.zeros((70, 2)))
    with pytest.raises(UserError, match=r"b.npz: pred_keypoints_3d: expected \(70, 3\), found"):
        read_joints(tmp_path / "b.npz")


def aligned(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Points of a clip turned about y and moved, once for all frames, onto the truth."""
    a, b = points[0] - points[0].mean(0), truth[0] - truth[0].mean(0)
    angle = np.arctan2((a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]).sum(), (a[:, 0] * b[:, 0] + a[:, 2] * b[:, 2]).sum())
    c, s = np.cos(angle), np.sin(angle)
    return (points - points[0].mean(0)) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T + truth[0].mean(0)


@pytest.mark.parametrize("name", ["humanml3d_263.npy", "motion_272.npy"])
def test_numbers_of_humanml3d_give_the_positions_back(tmp_path: Path, name: str) -> None:
    found = read_joints(made(tmp_path, name))
    assert found.joint_set is SMPL22
    truth = joints("smpl22")[: len(found.points)]
    np.testing.assert_allclose(aligned(found.points, truth), truth, atol=2e-5)


def test_normalised_numbers_are_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 1, (20, 263))
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(UserError, match=r"a.npy: expected 263 numbers a frame in metres.*Multiply by Std.npy"):
        read_joints(tmp_path / "a.npy")


def test_presets_name_joint_sets_and_axes() -> None:
    for preset in PRESETS.values():
        assert preset.joint_set is None or preset.joint_set in JOINT_SETS
        assert preset.layout.unit in ("m", "cm", "mm", ANY_SIZE)


def test_labels_and_maps_of_markers(tmp_path: Path) -> None:
    labels, points = fabricated.markers()
    fabricated.trc(tmp_path / "a.trc", labels, points * 1000, "mm", 100)
    with pytest.raises(UserError, match=r"a.trc: expected labels of joints, found LHJC, .*--markers FILE"):
        read_joints(tmp_path / "a.trc")
    fabricated.label_map(tmp_path / "map.yaml")
    found = read_joints(tmp_path / "a.trc", labels=read_label_map(tmp_path / "map.yaml"))
    knee = found.points[:, found.joint_set.index("left_knee")] / 1000
    np.testing.assert_allclose(knee, joints("s2m27")[:, JOINT_SETS["s2m27"].index("left_knee")], atol=1e-5)
    assert (found.layout.unit, found.layout.fps) == ("mm", 100)
    (tmp_path / "map.yaml").write_text("left_knee: NOWHERE\n")
    with pytest.raises(UserError, match="--markers: has no marker NOWHERE; it has: LHJC"):
        read_joints(tmp_path / "a.trc", labels=read_label_map(tmp_path / "map.yaml"))
    for text, message in (
        ("tail: LKNE", "tail: expected the name of a joint, as"),
        ("left_knee: 3", "left_knee: expected a label"),
    ):
        (tmp_path / "map.yaml").write_text(text)
        with pytest.raises(UserError, match=message):
            read_label_map(tmp_path / "map.yaml")


def test_a_landmark_twice_in_a_frame(tmp_path: Path) -> None:
    path = made(tmp_path, "mediapipe_long.csv")
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(UserError, match="frame 0: expected each landmark once, found NOSE twice"):
        read_joints(path)


BROKEN = {
    "S001C001P001R001A001.skeleton": [
        (lambda t: t[:3000], r"line \d+: expected a joint of frame \d+ \(12 numbers\), found"),
        (lambda t: t.replace("\n25\n", "\n24\n"), "expected 25 joints, found 24"),
        (lambda t: "twelve\n" + t, "line 1: expected the number of frames, found 'twelve'"),
        (lambda t: "\n".join(t.splitlines()[:100]), "found the end of the file: it is cut short"),
    ],
    "opencap.trc": [
        (lambda t: t.replace("PathFileType", "Path"), "line 1: expected TRC's PathFileType"),
        (lambda t: t.replace("\tm\t", "\tfeet\t"), "line 3: Units: expected one of mm, m, cm"),
        (lambda t: t.replace("\n1\t0.000000\t", "\n1\t0.000000\tx"), "line 6: expected numbers"),
    ],
    "walk.bvh": [
        (lambda t: "x" + t, "line 1: expected HIERARCHY"),
        (lambda t: t.replace("OFFSET", "OFFSET a", 1), "line 4: expected 3 numbers"),
        (lambda t: t.replace("Zrotation", "Wrotation", 1), "line 5: expected CHANNELS"),
        (lambda t: t.rstrip().rsplit(" ", 1)[0], "MOTION: expected 12 frames of 75 channels"),
        (lambda t: t.split("Frame Time")[0] + "Frame Time: 0.03\n", "MOTION: expected 12 frames of 75 channels"),
        (lambda t: t.split("MOTION")[0], "expected MOTION, found the end of the file"),
        (lambda t: t.replace("Frame Time: 0.03", "Frame Time: -0.03"), "expected a frame time"),
        (lambda t: t.replace("}", "", 1), "expected a complete tree of joints"),
    ],
    "kinect.json": [
        (lambda t: t.replace("[[", "[[1, 2, 3], [", 1), r"frames\[0\].bodies\[0\]: joint_positions: expected")
    ],
}


@pytest.mark.parametrize(("name", "change"), [(name, i) for name, listed in BROKEN.items() for i in range(len(listed))])
def test_broken_files_are_refused_by_line(
    tmp_path: Path, name: str, change: int, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, message = BROKEN[name][change]
    path = made(tmp_path, name)
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=message) as caught:
        read_bvh(path) if name == "walk.bvh" else read_joints(path)
    assert str(path) in str(caught.value)
    assert main(["ik", str(path), "-o", str(tmp_path / "out.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()


def test_damaged_c3d(tmp_path: Path) -> None:
    path = made(tmp_path, "gait.c3d")
    content = path.read_bytes()
    for wrong, message in ((b"xx" + content[2:], "whose second byte is 80"), (content[:700], "expected C3D")):
        path.write_bytes(wrong)
        with pytest.raises(UserError, match=message):
            read_joints(path)


def test_bodies_in_smplxs_own_words(tmp_path: Path) -> None:
    rotations, places = fabricated.motion()
    np.savez(
        tmp_path / "a.npz",
        global_orient=rotations[:, :1],
        body_pose=rotations[:, 1:22],
        transl=places,
        betas=np.ones((FRAMES, 10)),
    )
    found = read_body_motion(tmp_path / "a.npz", tmp_path)
    again = np.asarray(found.poses.read(0, FRAMES)[:, :66], np.float64).reshape(-1, 3)
    np.testing.assert_allclose(
        Rotation.from_rotvec(again).as_matrix().reshape(FRAMES, 22, 3, 3), rotations[:, :22], atol=1e-6
    )
    assert (found.up, found.fps, found.model) == ("y", None, "smplx")  # told by the posture
    np.savez(tmp_path / "b.npz", poses=np.zeros((4, 99)), trans=np.zeros((4, 3)))
    assert main(["ik", str(tmp_path / "b.npz"), "-o", str(tmp_path / "out.npz")]) == 2
    with pytest.raises(UserError, match=r"b.npz: poses: expected numbers, one of \(frames, 72\), .* \(4, 99\)"):
        read_body_motion(tmp_path / "b.npz", tmp_path)


@pytest.mark.parametrize(("turn", "said"), [("zyx", ""), ("y", "lying"), ("down", "upside down")])
def test_bodies_that_lie_in_amasss_world_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], turn: str, said: str
) -> None:
    """AMASS's fields promise that +z is up; files of a +y-up world have them, too."""
    rotations, places = fabricated.motion()
    turns = {"zyx": (90, 0), "y": (0, 0), "down": (-90, 0)}
    world = Rotation.from_euler("xy", turns[turn], degrees=True).as_matrix()
    poses = Rotation.from_matrix(
        np.concatenate([world @ rotations[:, :1], rotations[:, 1:]], 1).reshape(-1, 3, 3)
    ).as_rotvec()
    np.savez(tmp_path / "a.npz", poses=poses.reshape(FRAMES, 72), trans=places @ world.T, mocap_framerate=30.0)
    assert main(["ik", str(tmp_path / "a.npz"), "-o", str(tmp_path / "b.npz")]) == 0
    told = capsys.readouterr().err
    assert (f"with z up this person is {said} in most frames" in told) if said else not told


def test_smplxs_betas_mean_nothing_to_smpl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(tmp_path, "amass_stageii.npz")
    given = np.load(path)
    for kind, kept in (("amass", False), ("smplx", True)):
        out = tmp_path / f"{kind}.npz"
        assert main(["ik", str(path), "-o", str(out), "--format", kind]) == 0
        assert ("betas are SMPL-X's" in capsys.readouterr().out) is not kept
        with np.load(out) as file:
            assert np.array_equal(file["betas"], given["betas"].astype(np.float32)) is kept
            assert file["betas"].any() == kept
            hands = given["poses"][:, 75:].astype(np.float32)
            np.testing.assert_array_equal(file["poses"][:, -90:], hands)  # fingers stay


def test_options_that_mean_nothing_for_rotations_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, option in (("walk.bvh", "--fit-shape"), ("amass_stageii.npz", "--smooth")):
        assert main(["ik", str(made(tmp_path, name)), option, "-o", str(tmp_path / "out.npz")]) == 2
        assert option in capsys.readouterr().err


def test_json_of_azure_kinect_tells_its_rate(tmp_path: Path) -> None:
    path = made(tmp_path, "kinect.json")
    assert read_joints(path).layout.fps == pytest.approx(15, rel=1e-3)
    content = json.loads(path.read_text())
    for frame in content["frames"]:
        frame["bodies"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="expected people with keypoints, found none"):
        read_joints(path)
