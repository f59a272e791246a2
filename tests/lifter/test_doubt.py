"""Doubt: what does not depend on what was learned, the artifact, and what ``lift`` and ``s2m lift`` make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.artifact import Artifact, ArtifactError, save
from s2m.batch import Lifted
from s2m.body import load_body
from s2m.cli import main
from s2m.errors import UserError
from s2m.files import sha256
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter import Lift, Lifter, lift, shipped_head
from s2m.lifter.doubt import DoubtHead, load_doubt
from s2m.lifter.drawing import draw_lift
from s2m.lifter.shipped_lifters import assets, read_lifter, shipped_doubt
from s2m.lifter.warnings import lift_warnings
from s2m.skeletons import COCO17, H36M17

LIFTER = assets() / "lifter_h36m17.pt"
ARGUMENTS = {"joint_set": "h36m17", "rest_bone_length": 0.25, "width": 16, "blocks": 1}


def random_head() -> DoubtHead:
    torch.manual_seed(0)
    head = DoubtHead(**ARGUMENTS)
    torch.nn.init.normal_(head.network[-1].weight, std=0.1)
    return head.eval().requires_grad_(False)


def people(count: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Lifted]:
    generator = torch.Generator().manual_seed(seed)
    skeletons, points = (torch.randn(count, 17, size, generator=generator) for size in (3, 2))
    moved = points + 0.05 * torch.randn(points.shape, generator=generator)
    return points, torch.ones(count, 17), Lifted(0.3 * skeletons, moved)


@pytest.fixture
def filed(tmp_path: Path) -> Path:
    """A head on the lifter that ships."""
    spec = {"class_path": "s2m.lifter.doubt.DoubtHead", "init_args": ARGUMENTS}
    parents = {"lifter": sha256(LIFTER)}
    save(
        tmp_path / "doubt.pt",
        Artifact("doubt", "h36m17", load_body().hash, spec, random_head().state_dict(), parents),
    )
    return tmp_path / "doubt.pt"


def test_a_mirror_image_is_doubted_alike() -> None:
    head, (points, sure, lifted) = random_head(), people()
    sure[1, H36M17.index("left_wrist")] = 0
    mirror, across = list(H36M17.mirror), torch.tensor([-1.0, 1.0, 1.0])
    flipped = (points * across[:2])[:, mirror], sure[:, mirror]
    answer = Lifted((lifted.joints3d * across)[:, mirror], (lifted.joints2d * across[:2])[:, mirror])
    camera = torch.tensor([3.0, 3.0, 0.7, 0.2]).expand(5, 4)
    for known, seen in ((None, None), (camera, camera * torch.tensor([1.0, 1.0, -1.0, 1.0]))):
        found, expected = head(*flipped, answer, seen), head(points, sure, lifted, known)
        torch.testing.assert_close(found.deviation, expected.deviation[:, mirror])
        torch.testing.assert_close(found.reversed_logit, expected.reversed_logit)
    assert not torch.allclose(head(points, sure, lifted, camera).deviation, head(points, sure, lifted).deviation)


def test_place_and_size_in_the_picture_and_missing_joints_do_not_matter() -> None:
    head, (points, sure, lifted) = random_head(), people()
    sure[0, 3] = 0
    camera = torch.tensor([3.0, 3.0, 0.7, 0.2]).expand(5, 4)
    expected = head(points, sure, lifted, camera)
    points[0, 3] = float("nan")
    pixels = Lifted(lifted.joints3d, 40 * lifted.joints2d + 300)
    found = head(40 * points + 300, sure, pixels, 40 * camera + torch.tensor([0.0, 0.0, 300.0, 300.0]))
    torch.testing.assert_close(found.deviation, expected.deviation, atol=1e-5, rtol=1e-3)
    assert bool((expected.deviation[:, 1:] > 0).all())
    assert expected.deviation[:, H36M17.root_index].abs().max() == 0


def test_bad_input_is_refused() -> None:
    lifted = Lifted(torch.zeros(3, 17, 3), torch.zeros(2, 17, 2))
    with pytest.raises(ValueError, match=r"DoubtHead for h36m17: expected .*\(B, 17, 3\), found .*\(3, 17, 3\)"):
        random_head()(torch.zeros(2, 17, 2), torch.zeros(2, 17), lifted)
    with pytest.raises(ValueError, match="rest_bone_length: expected a length > 0"):
        DoubtHead("h36m17", 0.0)


def test_an_artifact_belongs_to_its_lifter(filed: Path, tmp_path: Path) -> None:
    found, inputs = load_doubt(filed, read_lifter(LIFTER), LIFTER), people()
    assert torch.equal(found(*inputs).deviation, random_head()(*inputs).deviation)
    (tmp_path / "other.pt").write_bytes(b"another")
    with pytest.raises(ArtifactError, match=r"doubt\.pt: field parents: trained on a lifter with sha256"):
        load_doubt(filed, read_lifter(LIFTER), tmp_path / "other.pt")
    with pytest.raises(ArtifactError, match="field joint_set"):
        load_doubt(filed, Lifter("s2m27", 0.25, width=8, blocks=1), LIFTER)
    with pytest.raises(ArtifactError, match="field stage: expected doubt, found temporal"):
        load_doubt(assets() / "temporal_h36m17.pt", read_lifter(LIFTER), LIFTER)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_lift_tells_what_the_head_says_of_single_frames() -> None:
    head, lifter, (points, _, _) = random_head(), read_lifter(LIFTER), people(6)
    seen = points * 50 + 200
    seen[2, :12] = float("nan")
    sure = torch.isfinite(seen).all(-1).float()
    found = lift(seen, lifter=lifter, doubt=head)
    video = lift(seen, lifter=lifter, head=shipped_head(), doubt=head, video_fps=30)
    tall = lift(seen, lifter=lifter, doubt=head, height=2.2)
    with torch.no_grad():
        expected = head(seen, sure, lifter(seen, sure))
    whole = found.lifted
    assert whole.tolist() == [True, True, False, True, True, True]
    torch.testing.assert_close(found.deviation[whole], expected.deviation[whole])
    torch.testing.assert_close(found.reversed_probability[whole], expected.reversed_logit.sigmoid()[whole])
    assert found.deviation[~whole].isnan().all()
    assert torch.equal(found.reversed_suspected[whole], expected.reversed_logit[whole] > 0)
    torch.testing.assert_close(video.deviation[whole], found.deviation[whole])
    assert not torch.equal(video.joints3d[whole], found.joints3d[whole])
    factor = tall.joints3d[0].norm() / found.joints3d[0].norm()
    torch.testing.assert_close(tall.deviation[whole], factor * found.deviation[whole])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_a_head_nothing_is_known_and_joints_of_detectors_keep_their_names() -> None:
    lifter, seen = read_lifter(LIFTER), people()[0] * 50 + 200
    bare = lift(seen, lifter=lifter)
    assert bare.deviation is None
    assert bare.reversed_probability is None
    coco = lift(seen, COCO17, lifter=lifter, doubt=random_head())
    assert coco.joint_set.name == "h36m17_detected"
    assert coco.deviation.shape == (5, 17, 3)


def test_a_head_comes_with_its_lifter(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="doubt: it belongs to a lifter of your own"):
        lift(people()[0], doubt=random_head())
    with pytest.raises(UserError, match="doubt: expected a head for h36m17, found one for s2m27"):
        lift(people()[0], lifter=read_lifter(LIFTER), doubt=DoubtHead("s2m27", 0.25, 8, 1))
    (tmp_path / "shipped.json").write_text(
        '{"lifters": [{"joint_set": "h36m17", "file": "lifter_h36m17.pt", "sha256": "0"}]}'
    )
    with pytest.raises(UserError, match="no head that tells doubt for joint set 'h36m17'"):
        shipped_doubt("h36m17", tmp_path)


def known(reversed_probability: float, deviation: float = 0.05) -> Lift:
    """Four frames of one person."""
    joints = torch.randn(17, 3, generator=torch.Generator().manual_seed(1)).expand(4, 17, 3)
    return Lift(
        joint_set=H36M17,
        joints3d=joints - joints[:, :1],
        joints2d=joints[..., :2],
        confidence=torch.ones(4, 17),
        elevation=None,
        lifted=torch.ones(4, dtype=torch.bool),
        reversed_suspected=torch.full((4,), reversed_probability > 0.5),
        deviation=torch.full((4, 17, 3), deviation),
        reversed_probability=torch.full((4,), reversed_probability),
    )


def test_reversed_depth_is_warned_of_by_its_probability() -> None:
    upright = np.zeros((4, 17, 2), np.float32)
    upright[:, H36M17.index("thorax"), 1] = -1
    given = Keypoints(upright, np.ones((4, 17), np.float32), H36M17)
    assert lift_warnings(given, known(0.4)) == []
    [message] = lift_warnings(given, known(0.6))
    assert message.startswith("the depth is more likely reversed than not in 4 of 4 frames (0, 1, 2, 3)")


def test_what_is_doubtful_is_drawn_paler() -> None:
    pale, dark = (draw_lift(known(0.1, deviation)).astype(int) for deviation in (0.4, 0.01))
    plain = draw_lift(replace(known(0.1), deviation=None)).astype(int)
    assert pale.mean() > dark.mean() + 1
    assert abs(plain - dark).mean() < 0.1


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_command_writes_what_the_head_says(filed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = (people()[0] * 50 + 200).numpy()
    np.save(tmp_path / "a.npy", seen)
    words = ["lift", str(tmp_path / "a.npy"), "-o", str(tmp_path / "out.npz"), "--doubt", str(filed)]
    assert main(words) == 2
    assert "--doubt: it belongs to a --lifter of your own, which is missing" in capsys.readouterr().err
    picture = tmp_path / "p.png"
    assert main([*words, "--lifter", str(LIFTER), "--picture", str(picture)]) == 0
    expected = lift(seen, lifter=read_lifter(LIFTER), doubt=random_head())
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_allclose(found["deviation"], expected.deviation, rtol=1e-4)
        np.testing.assert_allclose(found["reversed_probability"], expected.reversed_probability, rtol=1e-4)
    assert picture.is_file()
    assert main(["lift", *words[1:4], "--lifter", str(LIFTER), "--overwrite"]) == 0
    with np.load(tmp_path / "out.npz") as found:
        assert not {"deviation", "reversed_probability"} & set(found)
