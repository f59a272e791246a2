"""From an exported artifact back to a working module."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from s2m import artifact as artifacts
from s2m.artifact import Artifact, ArtifactError
from s2m.body import Body
from s2m.body.regressors import JointRegressor
from s2m.lifter import Lifter
from s2m.model import PARTS, MeshRecovery
from s2m.skeletons import JointSet, get_joint_set
from s2m.spec import SpecError, build

Spec = dict[str, Any]


def load_lifter(path: str | Path, joint_set: str, body: Body) -> tuple[Lifter, Artifact]:
    """The lifter of a finished stage 1, frozen and in evaluation mode.

    Args:
        path: The artifact.
        joint_set: The joint set that it must be for.
        body: The body that it must be for.

    Raises:
        ArtifactError: The file is not a usable artifact of that stage; the message names the field.
    """
    artifact = artifacts.load(Path(path), "lifter", joint_set=joint_set, body=body.hash)
    lifter: Lifter = _build(path, artifact.spec)
    artifacts.restore(Path(path), lifter, artifact)
    return lifter.eval().requires_grad_(False), artifact


def load_regressor(path: str | Path, joint_set: str, body: Body) -> tuple[JointRegressor, Artifact]:
    """The joint regressor W of a finished stage 2.

    Args:
        path: The artifact.
        joint_set: The joint set that it must be for.
        body: The body that it must be for.

    Raises:
        ArtifactError: The file is not a usable artifact of that stage; the message names the field.
    """
    artifact = artifacts.load(Path(path), "regressor", joint_set=joint_set, body=body.hash)
    regressor: JointRegressor = _build(path, artifact.spec, body, get_joint_set(joint_set))
    artifacts.restore(Path(path), regressor, artifact)
    return regressor, artifact


def load_mesh_model(path: str | Path, body: Body) -> tuple[MeshRecovery, Artifact]:
    """The whole model of a finished stage 3, in evaluation mode.

    Args:
        path: The artifact.
        body: The body that it must be for.

    Raises:
        ArtifactError: The file is not a usable artifact of that stage; the message names the field.
    """
    artifact = artifacts.load(Path(path), "mesh", body=body.hash)
    try:
        model = build_mesh_model(artifact.spec, body, get_joint_set(artifact.joint_set))
    except (SpecError, KeyError, ValueError) as error:
        raise _unbuildable(path, error) from error
    artifacts.restore(Path(path), model, _with_body(artifact, model))
    return model.eval(), artifact


def build_mesh_model(spec: dict[str, Spec], body: Body, joint_set: JointSet) -> MeshRecovery:
    """Assemble the model from the specs of its parts, with fresh weights.

    Args:
        spec: Specs of the parts by name.
        body: The body that it must be for.
        joint_set: The joint set that it must be for.
    """
    regressor: JointRegressor = build(spec["regressor"], body, joint_set)
    parts = {part: partial(build, spec[part]) for part in PARTS}
    return MeshRecovery.of(body, joint_set, build(spec["lifter"]), regressor, parts)


def _build(path: str | Path, spec: Spec, *runtime: Any) -> Any:
    try:
        return build(spec, *runtime)
    except SpecError as error:
        raise _unbuildable(path, error) from error


def _unbuildable(path: str | Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path}: field spec: {error}; another version of s2m may have written it")


def _with_body(artifact: Artifact, model: MeshRecovery) -> Artifact:
    """Artifacts leave the body's arrays out (they are the user's, and licensed); put them back before loading."""
    body = {f"body.{name}": value for name, value in model.body.state_dict().items()}
    return Artifact(**{**artifact.__dict__, "state": {**artifact.state, **body}})
