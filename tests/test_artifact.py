from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from s2m.artifact import Artifact, ArtifactError, load, restore, save
from s2m.files import sha256


def artifact(**changes: object) -> Artifact:
    fields = {
        "stage": "lifter",
        "joint_set": "h36m17",
        "body": "abc",
        "spec": {"class_path": "s2m.x.Y", "init_args": {"width": 3}},
        "state": nn.Linear(2, 3).state_dict(),
        "parents": {"data": "123"},
    }
    return Artifact(**{**fields, **changes})  # type: ignore[arg-type]


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lifter.pt"
    saved = artifact()
    save(path, saved)
    loaded = load(path, "lifter", joint_set="h36m17", body="abc")
    assert loaded.spec == saved.spec
    assert loaded.parents == saved.parents
    module = nn.Linear(2, 3)
    restore(path, module, loaded)
    torch.testing.assert_close(module.weight, saved.state["weight"])
    assert len(sha256(path)) == 64
    assert os.listdir(path.parent) == ["lifter.pt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "mesh"}, "field stage: expected lifter, found mesh"),
        ({"joint_set": "s2m27"}, "field joint_set: expected h36m17, found s2m27"),
        ({"body": "other"}, "field body: expected abc, found other"),
        ({"schema": 99}, "field schema: expected 2, found 99"),
    ],
)
def test_a_wrong_match_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = tmp_path / "lifter.pt"
    save(path, artifact(**changes))
    with pytest.raises(ArtifactError, match=message) as error:
        load(path, "lifter", joint_set="h36m17", body="abc")
    assert str(path) in str(error.value)


def test_missing_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lifter.pt"
    with pytest.raises(ArtifactError, match="no such file"):
        load(path, "lifter")
    save(path, artifact())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArtifactError, match="not a readable artifact"):
        load(path, "lifter")
    torch.save({"a": 1}, path)
    with pytest.raises(ArtifactError, match="expected the fields"):
        load(path, "lifter")


def test_code_in_an_artifact_does_not_run(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / "lifter.pt"
    torch.save(Malicious(), path)
    with pytest.raises(ArtifactError, match="not a readable artifact"):
        load(path, "lifter")
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ArtifactError, match="not a readable artifact"):
        load(path, "lifter")
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="field state"):
        restore(tmp_path / "x.pt", nn.Linear(4, 4), artifact())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "lifter.pt"
    save(path, artifact())
    before = path.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        save(path, artifact(config={"not picklable": lambda: None}))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["lifter.pt"]


@pytest.mark.parametrize("place", [0.3, 0.5, 0.6, 0.7])
def test_a_flipped_bit_is_found(tmp_path: Path, place: float) -> None:
    path = tmp_path / "lifter.pt"
    save(path, artifact(state=nn.Linear(100, 100).state_dict()))
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 4
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a readable artifact .damaged"):
        load(path, "lifter")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x02."])
def test_a_file_that_is_no_artifact(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lifter.pt"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"lifter\.pt: not a readable artifact \("):
        load(path, "lifter")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(tmp_path: Path, number: float) -> None:
    save(tmp_path / "lifter.pt", artifact(state={"weight": torch.tensor([1.0, number])}))
    with pytest.raises(ArtifactError, match="field state: expected finite numbers, found others in weight"):
        load(tmp_path / "lifter.pt", "lifter")


def _holding_itself() -> dict[str, object]:
    content: dict[str, object] = {}
    content["again"] = content
    return content


def _doubling() -> dict[str, object]:
    content: dict[str, object] = {}
    for _ in range(30):
        content = {"a": content, "b": content}
    return content


@pytest.mark.parametrize("field", ["spec", "config", "parents"])
@pytest.mark.parametrize("value", [_holding_itself(), _doubling(), {"a": torch.ones(1)}, [1], "text", None])
def test_malformed_fields(tmp_path: Path, field: str, value: object) -> None:
    save(tmp_path / "lifter.pt", artifact(**{field: value}))
    with pytest.raises(ArtifactError, match=f"field {field}: expected"):
        load(tmp_path / "lifter.pt", "lifter")
