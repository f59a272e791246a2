from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from s2m.report import Examples, ReportError, load_examples, save_examples


def test_round_trip(tmp_path: Path, examples: Examples) -> None:
    path = tmp_path / "deep" / "examples.npz"
    save_examples(path, examples)
    loaded = load_examples(path)
    for f in fields(Examples):
        assert np.array_equal(getattr(loaded, f.name), getattr(examples, f.name)), f.name
    assert [p.name for p in path.parent.iterdir()] == ["examples.npz"]
    assert len(loaded) == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("camera", np.zeros((3, 4)), r"camera: expected shape \(3, 3\), found \(3, 4\)"),
        ("joints2d", np.zeros((3, 16, 2)), r"joints2d: expected shape \(3, 17, 2\), found \(3, 16, 2\)"),
        ("true_vertices", np.zeros((3, 9, 3)), r"true_vertices: expected shape \(3, \d+, 3\), found \(3, 9, 3\)"),
        ("pred_mask", np.zeros((3, 8, 8)), r"pred_mask: expected shape \(3, 32, 32\)"),
        ("pa_mpjpe_mm", np.array([1.0, np.nan, 2.0]), "pa_mpjpe_mm: expected finite"),
        ("label", np.array(["best", "good", "worst"]), "label: expected best, median, worst, frame, found good"),
        ("joint_set", "h36m18", "joint_set: unknown joint set 'h36m18'"),
    ],
)
def test_bad_fields_are_named(examples: Examples, field: str, value: object, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        replace(examples, **{field: value})  # type: ignore[arg-type]


def test_files_that_cannot_be_read(tmp_path: Path, examples: Examples) -> None:
    path = tmp_path / "examples.npz"
    with pytest.raises(ReportError, match=r"examples\.npz: expected the examples of stage mesh"):
        load_examples(path)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ReportError, match=r"examples\.npz: expected an npz file"):
        load_examples(path)
    np.savez(path, label=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ReportError, match=r"examples\.npz: expected an npz file without pickles"):
        load_examples(path)
    np.savez(path, camera=np.zeros((3, 3)))
    with pytest.raises(ReportError, match="expected the fields joint_set, split, silhouette"):
        load_examples(path)


def test_a_truncated_file_is_refused(tmp_path: Path, examples: Examples) -> None:
    path = tmp_path / "examples.npz"
    save_examples(path, examples)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ReportError, match=r"examples\.npz"):
        load_examples(path)
