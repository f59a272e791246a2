"""The typed hand-off between stages: one file that holds weights and what is needed to refuse a wrong match.

Lightning checkpoints are for resuming; an artifact is what a finished stage gives to the next one and to users. It
is a plain dictionary of tensors, strings and numbers, written whole or not at all, and read with
``weights_only=True``, so that a downloaded file cannot run code.
"""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2m.errors import UserError
from s2m.files import write_torch
from s2m.torch_files import damage

# Raised when modules or their weights are renamed: what was written before cannot be rebuilt.
SCHEMA = 2
# Limits of what describes a stage.
_DEPTH, _ITEMS = 32, 100_000


class ArtifactError(UserError):
    """An artifact cannot be used; the message names the file, the field, what was expected and what was found."""


@dataclass(frozen=True)
class Artifact:
    """A finished stage.

    Attributes:
        stage: Name of the stage, such as lifter, regressor or mesh.
        joint_set: Name of the joint set that the stage was trained for.
        body: Hash of the body that it was trained with.
        spec: How to rebuild the module (see :mod:`s2m.spec`).
        state: The module's weights by name, finite.
        parents: sha256 of the artifacts that it was trained from, by their stage.
        config: The resolved configuration, for the record.
        schema: Version of this format; :func:`load` takes ``SCHEMA`` alone.
    """

    stage: str
    joint_set: str
    body: str
    spec: dict[str, Any]
    state: dict[str, Tensor] = field(repr=False)
    parents: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


def save(path: Path, artifact: Artifact) -> None:
    """Write an artifact; an interrupted write leaves the old file, or none.

    Args:
        path: The file to write; its folder is made where it is missing.
        artifact: What to write.

    Raises:
        WriteError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_torch(path, {f: getattr(artifact, f) for f in artifact.__dataclass_fields__})


def load(path: Path, stage: str, *, joint_set: str | None = None, body: str | None = None) -> Artifact:
    """Read an artifact of a stage, refusing one of another stage, joint set or body.

    Args:
        path: The file.
        stage: The stage that it must be of.
        joint_set: Name of the joint set that it must have; ``None``: any.
        body: Hash of the body that it must have been trained with; ``None``: any.

    Returns:
        The artifact, its weights on the CPU.

    Raises:
        ArtifactError: It is not there, damaged, of another schema, or not what was expected.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file; it is what the {stage} stage exports when it has finished")
    content = _read(path)
    fields = set(Artifact.__dataclass_fields__)
    if not isinstance(content, dict) or set(content) != fields:
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise ArtifactError(f"{path}: expected the fields {sorted(fields)}, found {found}")
    artifact = Artifact(**content)
    if artifact.schema != SCHEMA:
        raise ArtifactError(
            f"{path}: field schema: expected {SCHEMA}, found {artifact.schema}; another version of s2m wrote this "
            f"artifact. Train it again, or use that version"
        )
    for name, expected in (("stage", stage), ("joint_set", joint_set), ("body", body)):
        found = getattr(artifact, name)
        if expected is not None and found != expected:
            raise ArtifactError(f"{path}: field {name}: expected {expected}, found {found}")
    _check_fields(path, artifact)
    return artifact


def _read(path: Path) -> Any:
    """What is in the file, once its checksums have been compared: torch itself reads flipped bits without a word."""
    try:
        if found := damage(path):
            raise ArtifactError(f"{path}: not a readable artifact ({found}); copy, download or train it again")
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError,
        MemoryError,
    ) as error:  # fmt: skip
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ArtifactError(f"{path}: not a readable artifact ({said[:160]})") from error


def _check_fields(path: Path, artifact: Artifact) -> None:
    """Refuse fields of other types than documented, and weights that are no numbers. Raises ArtifactError."""
    for name, kind in (("stage", str), ("joint_set", str), ("body", str), ("spec", dict), ("parents", dict),
                       ("config", dict), ("state", dict)):  # fmt: skip
        if not isinstance(getattr(artifact, name), kind):
            raise ArtifactError(
                f"{path}: field {name}: expected {kind.__name__}, found {type(getattr(artifact, name)).__name__}"
            )
    for name in ("spec", "config", "parents"):
        if not _is_plain(getattr(artifact, name)):
            raise ArtifactError(
                f"{path}: field {name}: expected text, numbers, lists and mappings, nested at most {_DEPTH} deep and "
                f"at most {_ITEMS} in all, found more than these"
            )
    for name, value in artifact.state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ArtifactError(f"{path}: field state: expected tensors by name, found {type(value).__name__}")
        if value.layout != torch.strided or not bool(torch.isfinite(value).all()):
            raise ArtifactError(f"{path}: field state: expected finite numbers, found others in {name[:80]}")


def _is_plain(value: Any) -> bool:
    """Whether a value is what yaml and JSON can hold, and small: one that holds itself never ends."""
    left, level = _ITEMS, [value]
    for _ in range(_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if not all(isinstance(key, str | int | float | bool | None) for key in item):
                    return False
                below += item.values()
            elif isinstance(item, list | tuple):
                below += item
            elif not isinstance(item, str | int | float | bool | None):
                return False
            left -= 1
            if left < len(below):
                return False
        if not below:
            return True
        level = below
    return False


def restore(path: Path, module: torch.nn.Module, artifact: Artifact) -> None:
    """Load an artifact's weights into a module of the same shape; every weight must match.

    Args:
        path: The artifact's file, for messages.
        module: Takes the weights.
        artifact: Has them.

    Raises:
        ArtifactError: The weights do not fit the module.
    """
    try:
        module.load_state_dict(artifact.state, strict=True)
    except RuntimeError as error:
        raise ArtifactError(f"{path}: field state: {' '.join(str(error).split())[:300]}") from error


def describe(artifact: Artifact) -> dict[str, Any]:
    """The metadata of an artifact without its weights.

    Args:
        artifact: The artifact.

    Returns:
        Its fields by name, all but ``state``.
    """
    return {name: value for name, value in asdict(artifact).items() if name != "state"}
