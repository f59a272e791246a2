"""USD read and skinned by Pixar's own library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from s2m.export.names import NAMES
from s2m.export.usd import write_usd
from s2m.skeletons import SMPL24

from .motions import FPS, person, truth, y_up

pytest.importorskip("pxr")


def test_usd_skel_poses_our_vertices_and_joints(tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom, UsdSkel

    path = tmp_path / "a.usdc"
    write_usd(path, [person(12, 0, "ann"), person(7, 3, "bob 2")])
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (FPS, 11)
    cache = UsdSkel.Cache()
    root = UsdSkel.Root.Get(stage, "/World/ann_0")
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(UsdSkel.Skeleton.Get(stage, "/World/ann_0/skeleton"))
    joints = np.array(query.ComputeJointSkelTransforms(11))[:, 3, :3]
    np.testing.assert_allclose(joints, y_up(truth(12, 0).joints[11]), atol=1e-5)
    assert [path.split("/")[-1] for path in query.GetJointOrder()] == list(SMPL24.joints)
    assert stage.GetPrimAtPath("/World/bob_2_1/mesh").IsValid()
    UsdSkel.BakeSkinning(root)
    mesh = UsdGeom.Mesh.Get(stage, "/World/ann_0/mesh")
    vertices = np.array(mesh.GetPointsAttr().Get(11))
    assert np.linalg.norm(vertices - y_up(truth(12, 0).vertices[11]), axis=-1).max() < 1e-4


def test_text_and_other_names(tmp_path: Path) -> None:
    write_usd(tmp_path / "a.usda", [person(2)], NAMES["mixamo"])
    text = (tmp_path / "a.usda").read_text()
    assert text.startswith("#usda")
    assert '"mixamorig_Hips/mixamorig_LeftUpLeg/mixamorig_LeftLeg"' in text
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.usda"]


def test_people_of_two_rates_are_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="expected one frame rate, found 25, 30"):
        write_usd(tmp_path / "a.usda", [person(2), replace(person(2), fps=30.0)])
    assert list(tmp_path.iterdir()) == []
