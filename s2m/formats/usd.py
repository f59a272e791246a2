"""USD files: skinned skeletons and their animation (UsdSkel; the extra ``usd`` brings usd-core)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.formats.gltf import GltfPerson, rotation
from s2m.optional import require

Floats = NDArray[np.float64]

SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
_MOST = 10**8  # numbers of a motion


def read_usd(path: Path) -> list[GltfPerson]:
    """Read the skeletons of a USD file.

    Args:
        path: The file.

    Returns:
        One person for every skeleton with an animation: metres, the stage's axes.

    Raises:
        MissingPackageError: usd-core is not installed.
        FormatError: The message names the file, what was expected and what was found.
    """
    require("pxr")
    from pxr import Tf, Usd, UsdSkel

    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        words = " ".join(str(error).split())
        raise FormatError(f"{path}: expected USD ({words[-120:]})") from error
    cache = UsdSkel.Cache()
    found = []
    for prim in stage.Traverse():
        if not prim.IsA(UsdSkel.Root):
            continue
        root = UsdSkel.Root(prim)
        cache.Populate(root, Usd.PrimDefaultPredicate)
        for binding in cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate):
            query = cache.GetSkelQuery(binding.GetSkeleton())
            if query and query.GetAnimQuery():
                found.append(_person(stage, query, path))
    if not found:
        raise FormatError(f"{path}: expected a skinned, animated skeleton (UsdSkel), found none")
    return found


def _person(stage: Any, query: Any, path: Path) -> GltfPerson:
    from pxr import Usd, UsdGeom

    joints = [str(joint) for joint in query.GetJointOrder()]
    parents = tuple(int(parent) for parent in query.GetTopology().GetParentIndices())
    times = _frames(stage, query)
    if len(times) * len(joints) * 9 > _MOST:
        raise FormatError(f"{path}: expected at most {_MOST} numbers, found {len(times)} frames")
    size, prim = UsdGeom.GetStageMetersPerUnit(stage), UsdGeom.Xformable(query.GetPrim())
    worlds = np.empty((len(times), len(joints), 4, 4))
    for row, time in enumerate(times):
        code = Usd.TimeCode(time)
        above = np.array(prim.ComputeLocalToWorldTransform(code))
        # USD multiplies rows from the left.
        worlds[row] = (np.array(query.ComputeJointSkelTransforms(code)) @ above).transpose(0, 2, 1)
    bind = np.array(query.GetJointWorldBindTransforms()).transpose(0, 2, 1)
    if not (np.isfinite(worlds).all() and np.isfinite(bind).all()):
        raise FormatError(f"{path}: expected finite transforms of joints")
    turns = rotation(worlds[..., :3, :3]) @ rotation(bind[:, :3, :3]).transpose(0, 2, 1)
    names = tuple(joint.rsplit("/", 1)[-1] for joint in joints)
    step = 1 / stage.GetTimeCodesPerSecond()
    return GltfPerson(names, parents, bind[:, :3, 3] * size, turns, worlds[..., :3, 3] * size, step, 1)


def _frames(stage: Any, query: Any) -> list[float]:
    """Time codes of the frames: those that the animation has, filled up to one a code."""
    samples = query.GetAnimQuery().GetJointTransformTimeSamples()
    if not samples:
        return [stage.GetStartTimeCode()]
    count = int(min(round(samples[-1] - samples[0]), _MOST)) + 1
    return [samples[0] + number for number in range(count)]
