"""USD: a skinned, animated body for Omniverse, Houdini, Maya and the rest (UsdSkel; the extra ``usd`` brings usd-core).

Metres, +y up. Every person is a ``SkelRoot`` with a skeleton of 24 joints, a mesh with all of its skinning weights and
one animation. Time codes are frames. The file is built on the disk, some thousand frames at a time; usd-core keeps the
index of its values in memory, half a kB for every frame and person, and as much again while it writes text.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import ArgumentError
from s2m.export.glb import influences, normals
from s2m.export.motion import BodyMotion, Continuous, Rest
from s2m.files import replacing
from s2m.optional import require
from s2m.skeletons import SMPL24

_BINARY, _TEXT = ".usdc", ".usda"


def write_usd(path: str | Path, people: Sequence[BodyMotion], names: tuple[str, ...] = SMPL24.joints) -> None:
    """Write people as one USD file, whole or not at all: text for ``.usda``, binary else.

    Args:
        path: The file to write.
        people: Their motions, of one rate.
        names: Of SMPL's 24 joints, in their order; signs that USD does not allow in names become ``_``.

    Raises:
        MissingPackageError: usd-core is not installed.
        WriteError: It cannot be written.
        ArgumentError: People of several rates.
    """
    require("pxr")
    from pxr import Usd, UsdGeom

    rates = {motion.fps for motion in people}
    if len(rates) > 1:
        raise ArgumentError(
            f"people: expected one frame rate, found {', '.join(f'{rate:g}' for rate in sorted(rates))}"
        )
    with replacing(path) as temporary, tempfile.TemporaryDirectory(dir=temporary.parent, prefix=".s2m-") as folder:
        built = Path(folder) / f"motion{_BINARY}"
        stage = Usd.Stage.CreateNew(str(built))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        stage.SetTimeCodesPerSecond(rates.pop())
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode(max(len(motion) for motion in people) - 1)
        stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
        for number, motion in enumerate(people):
            _add(stage, motion, f"/World/{_word(motion.name)}_{number}", _paths(names))
        stage.GetRootLayer().Save()
        if Path(path).suffix.lower() == _TEXT:
            stage.GetRootLayer().Export(str(built.with_suffix(_TEXT)))
            built = built.with_suffix(_TEXT)
        del stage
        with built.open("rb") as source, temporary.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)


def _word(name: str) -> str:
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if not word[:1].isdigit() else f"_{word}"


def _paths(names: tuple[str, ...]) -> list[str]:
    """The joints as USD names them: with all joints above."""
    found: list[str] = []
    for joint, parent in enumerate(SMPL24.parents):
        own = _word(names[joint])
        found.append(own if parent < 0 else f"{found[parent]}/{own}")
    return found


def _add(stage: Any, motion: BodyMotion, place: str, joints: list[str]) -> None:
    from pxr import Gf, UsdSkel, Vt

    rest = motion.rest
    UsdSkel.Root.Define(stage, place)
    skeleton = UsdSkel.Skeleton.Define(stage, f"{place}/skeleton")
    skeleton.CreateJointsAttr(joints)
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray([_moved(Gf, joint) for joint in rest.joints]))
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray([_moved(Gf, offset) for offset in rest.offsets]))
    mesh = _mesh(stage, rest, f"{place}/mesh")
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    animation = UsdSkel.Animation.Define(stage, f"{place}/skeleton/motion")
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    _animate(animation, motion, joints)


def _moved(gf: Any, place: Any) -> Any:
    return gf.Matrix4d().SetTranslate(gf.Vec3d(*map(float, place)))


def _mesh(stage: Any, rest: Rest, place: str) -> Any:
    from pxr import Gf, UsdGeom, UsdSkel, Vt

    mesh = UsdGeom.Mesh.Define(stage, place)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(rest.vertices.astype(np.float32)))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(rest.faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(rest.faces.reshape(-1).astype(np.int32)))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(normals(rest)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(mesh.GetPointsAttr().Get()))
    sets = influences(rest.weights)
    joints = np.concatenate([pair[0] for pair in sets], axis=1).astype(np.int32)
    weights = np.concatenate([pair[1] for pair in sets], axis=1)
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    width = joints.shape[1]
    binding.CreateJointIndicesPrimvar(False, width).Set(Vt.IntArray.FromNumpy(np.ascontiguousarray(joints.reshape(-1))))
    binding.CreateJointWeightsPrimvar(False, width).Set(
        Vt.FloatArray.FromNumpy(np.ascontiguousarray(weights.reshape(-1), np.float32))
    )
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1))
    return mesh


def _animate(animation: Any, motion: BodyMotion, joints: list[str]) -> None:
    from pxr import Vt

    layer = animation.GetPrim().GetStage().GetRootLayer()
    animation.CreateJointsAttr(joints)
    places, turns = animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
    count = len(joints)
    animation.CreateScalesAttr(Vt.Vec3hArray.FromNumpy(np.ones((count, 3), np.float16)))
    offsets = motion.rest.offsets.astype(np.float32)
    continuous = Continuous()
    for start, stop in motion.pieces():
        frames = motion.y_up(start, stop)
        rotations = continuous(frames.rotations).astype(np.float32)  # x, y, z, w, as usd-core takes them from arrays
        for row, frame in enumerate(range(start, stop)):
            offsets[SMPL24.root_index] = frames.pelvis[row]
            places.Set(Vt.Vec3fArray.FromNumpy(offsets), frame)
            turns.Set(Vt.QuatfArray.FromNumpy(rotations[row]), frame)
        layer.Save()  # what was saved waits on the disk
