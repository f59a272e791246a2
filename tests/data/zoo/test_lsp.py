"""LSP's and LSPET's readers against files in their official layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.lsp import HIDDEN_CONFIDENCE, Lsp, LspExtended
from s2m.data.zoo.source import Recording, Source, SourceError
from s2m.skeletons import H36M17, LSP14
from tests.data.zoo.fabricate.lsp import ORDER, places, size_of, write_lsp, write_lspet, write_mask

# What this project calls LSP's neck and head top.
NAMES = [{"neck": "thorax", "head_top": "head"}.get(name, name) for name in ORDER]


def read(source: Source, name: str) -> Recording:
    return source.read(next(ref for ref in source.recordings() if ref.name == name))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lsp")
    write_lsp(folder, hidden={2: {"left_hip", "head_top"}})
    return folder


def test_joints_by_name(root: Path) -> None:
    assert tuple(NAMES) == LSP14.joints
    for number in (1, 4, 1001):
        recording = read(Lsp(root, "lsp14"), f"im{number:04d}")
        for joint, name in zip(NAMES, ORDER, strict=True):
            found = recording.joints2d[0, LSP14.index(joint)]
            assert found == pytest.approx(places(2000)[name][number - 1], abs=1e-9)
        assert recording.image_size == size_of(number)
        assert recording.frame.tolist() == [number]
        assert (recording.joints3d, recording.camera, recording.masks) == (None, None, None)


def test_first_thousand_train_the_rest_test(root: Path) -> None:
    splits = [ref.split for ref in Lsp(root).recordings()]
    assert splits == ["train"] * 1000 + ["test"] * 1000


def test_flag_one_means_hidden_in_lsp_but_placed_all_the_same(root: Path) -> None:
    recording = read(Lsp(root, "lsp14"), "im0002")
    hidden = {"left_hip", "head"}
    expected = [HIDDEN_CONFIDENCE if joint in hidden else 1.0 for joint in LSP14.joints]
    assert recording.confidence[0].tolist() == expected
    assert recording.joints2d[0, LSP14.index("left_hip")] == pytest.approx(places(2000)["left_hip"][1], abs=1e-9)


def test_flag_one_means_visible_in_lspet(tmp_path: Path) -> None:
    joints = write_lspet(tmp_path, hidden={3: {"right_wrist"}})
    source = LspExtended(tmp_path, "lsp14")
    assert {ref.split for ref in source.recordings()} == {"train"}
    for number in (1, 3):
        recording = read(source, f"im{number:05d}")
        visible = [not (number == 3 and joint == "right_wrist") for joint in LSP14.joints]
        assert recording.confidence[0].tolist() == [float(flag) for flag in visible]
        assert np.abs(recording.joints2d[0] - joints[number - 1])[visible].max() < 1e-9


def test_hidden_joints_of_lspet_may_lie_anywhere(tmp_path: Path) -> None:
    write_lspet(tmp_path, hidden={3: {"right_wrist"}})

    def lose(joints: np.ndarray) -> np.ndarray:
        joints[ORDER.index("right_wrist"), :2, 2] = np.nan
        return joints

    change(tmp_path, lose)
    recording = read(LspExtended(tmp_path, "lsp14"), "im00003")
    assert np.isfinite(recording.joints2d).all()
    assert recording.confidence[0, LSP14.index("right_wrist")] == 0


def test_all_of_lspet_trains(tmp_path: Path) -> None:
    write_lspet(tmp_path, photos=1002)
    assert {ref.split for ref in LspExtended(tmp_path).recordings()} == {"train"}


def test_improved_lspet(tmp_path: Path) -> None:
    write_lspet(tmp_path, improved=True)
    assert read(LspExtended(tmp_path), "im00004").image_size == size_of(4)


def test_as_the_seventeen_joints_of_the_models(root: Path) -> None:
    recording = read(Lsp(root), "im0002")
    joint = {name: recording.joints2d[0, H36M17.index(name)] for name in H36M17.joints}
    sure = {name: recording.confidence[0, H36M17.index(name)] for name in H36M17.joints}
    truth = {name: points[1] for name, points in places(2000).items()}
    assert recording.joint_set == "h36m17"
    assert joint["left_knee"] == pytest.approx(truth["left_knee"], abs=1e-9)
    assert joint["thorax"] == pytest.approx(truth["neck"], abs=1e-9)
    pelvis = (truth["left_hip"] + truth["right_hip"]) / 2
    assert joint["pelvis"] == pytest.approx(pelvis, abs=1e-9)
    assert joint["spine"] == pytest.approx((pelvis + truth["neck"]) / 2, abs=1e-9)
    assert (sure["pelvis"], sure["spine"], sure["neck_nose"], sure["right_hip"]) == (0.5, 0.5, 0.5, 1.0)


@pytest.mark.parametrize("labels", [False, True])
def test_masks_where_the_user_has_them(tmp_path: Path, labels: bool) -> None:
    write_lsp(tmp_path)
    names = ("im{:04d}.png", "im{:04d}_segmentation.png")
    expected = {n: write_mask(tmp_path, n, labels, name) for n, name in zip((1, 2), names, strict=True)}
    source = Lsp(tmp_path)
    for number, mask in expected.items():
        reader = read(source, f"im{number:04d}").masks
        assert reader is not None
        assert np.array_equal(reader.read(np.array([0])), mask[None])
    assert read(source, "im0003").masks is None


# Damaged files.


def change(root: Path, function: Callable[[np.ndarray], np.ndarray]) -> None:
    savemat(root / "joints.mat", {"joints": function(loadmat(root / "joints.mat")["joints"])})


def with_nan(joints: np.ndarray) -> np.ndarray:
    joints[0, 3, 8] = np.nan
    return joints


def inverted(joints: np.ndarray) -> np.ndarray:
    joints[2] = 1 - joints[2]
    return joints


def half(joints: np.ndarray) -> np.ndarray:
    joints[2, 4, 4] = 0.5
    return joints


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (with_nan, r"not finite in 1 photos \(first: \[9\]\)"),
        (inverted, "expected 1 for hidden joints, so more 0 than 1; found 1 in 100%"),
        (half, "expected 0 or 1 as the third number"),
        (lambda joints: joints.transpose(1, 0, 2), r"expected the shape \(3, 14, N\), found \(14, 3, 20\)"),
        (lambda joints: joints[:2], r"expected the shape \(3, 14, N\), found \(2, 14, 20\)"),
    ],
)
def test_damaged_lsp(tmp_path: Path, function: Any, message: str) -> None:
    write_lsp(tmp_path, photos=20)
    change(tmp_path, function)
    with pytest.raises(SourceError, match=rf"joints\.mat: field joints: {message}"):
        Lsp(tmp_path).recordings()


def test_lsp_given_as_lspet(tmp_path: Path) -> None:
    write_lsp(tmp_path, photos=20)
    with pytest.raises(SourceError, match=r"expected the shape \(14, 3, N\), found \(3, 14, 20\)"):
        LspExtended(tmp_path).recordings()
    write_lspet(tmp_path / "extended")
    change(tmp_path / "extended", lambda joints: joints * np.array([1, 1, 0])[:, None])
    with pytest.raises(SourceError, match="expected 1 for visible joints, so more 1 than 0; found 0 in 100%"):
        LspExtended(tmp_path / "extended").recordings()


@pytest.mark.parametrize("cut", [0, 60, 400])
def test_truncated_joints(tmp_path: Path, cut: int) -> None:
    write_lsp(tmp_path, photos=20)
    file = tmp_path / "joints.mat"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"joints\.mat: field joints: (not a readable MATLAB v5 file|missing)"):
        Lsp(tmp_path).recordings()


def test_missing_and_broken_pictures(tmp_path: Path) -> None:
    write_lsp(tmp_path, photos=20)
    source = Lsp(tmp_path)
    with pytest.raises(SourceError, match=r"im0009\.jpg: missing"):
        read(source, "im0009")
    (tmp_path / "images/im0002.jpg").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"im0002\.jpg: not a readable picture"):
        read(source, "im0002")


def test_broken_masks(tmp_path: Path) -> None:
    write_lsp(tmp_path, photos=20)
    write_mask(tmp_path, 1)
    reader = read(Lsp(tmp_path), "im0001").masks
    assert reader is not None
    write_mask(tmp_path, 2, name="im0001.png")
    with pytest.raises(SourceError, match=r"im0001\.png: expected a mask of \(121, 161\) pixels, found \(122, 162\)"):
        reader.read(np.array([0]))
    (tmp_path / "masks/im0001.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"im0001\.png: not a readable picture"):
        reader.read(np.array([0]))


def test_wrong_folder_and_options(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"joints\.mat: missing; expected the folder of lspet"):
        LspExtended(tmp_path)
    write_lsp(tmp_path, photos=20)
    with pytest.raises(SourceError, match="joints: expected h36m17 or lsp14, found 'smpl24'"):
        Lsp(tmp_path, "smpl24")


# Through the converter.


def test_a_store_of_photos_of_all_sizes(tmp_path: Path) -> None:
    joints = write_lsp(tmp_path / "lsp", photos=6, pictures=6)
    for number in (1, 3, 4):
        write_mask(tmp_path / "lsp", number)
    convert(Lsp(tmp_path / "lsp", "lsp14"), tmp_path / "store", Options(mask_size=32), workers=0, progress=False)
    arrays = FrameStore(tmp_path / "store").open("train")
    assert arrays.observation["frame"].tolist() == [1, 3, 4]  # photos without a mask cannot be recovered
    assert np.abs(arrays.observation["joints2d"] - joints[[0, 2, 3]]).max() < 1e-4
    assert arrays.observation["image_size"].tolist() == [list(size_of(number)) for number in (1, 3, 4)]
    assert not FrameStore(tmp_path / "store").has_truth("train")


def test_what_cannot_be_converted_leaves_nothing_behind(tmp_path: Path) -> None:
    write_lsp(tmp_path / "lsp", photos=6, pictures=6)
    (tmp_path / "lsp/images/im0001.jpg").unlink()
    with pytest.raises(SourceError, match=r"im0001\.jpg: missing"):
        convert(Lsp(tmp_path / "lsp"), tmp_path / "store", workers=0, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["lsp"]
