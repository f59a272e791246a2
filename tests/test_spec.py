from __future__ import annotations

import pytest

from s2m.heads import MeanShape
from s2m.spec import SpecError, build


def test_builds_with_runtime_arguments_first() -> None:
    head = build({"class_path": "s2m.heads.MeanShape"}, 8, 10)
    assert isinstance(head, MeanShape)
    assert head.num_betas == 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"class_path": "os.system", "init_args": {"command": "true"}}, "expected a class of s2m"),
        ({"class_path": "s2m.heads.Nothing"}, "does not exist"),
        ({"class_path": "s2m.nowhere.Thing"}, "does not exist"),
        ({"class_path": "s2m.spec.build"}, "is not a class"),
        ({"class_path": "s2m.heads.MeanShape", "init_args": {"sise": 3}}, "sise"),
        ({}, "found None"),
    ],
)
def test_refuses(spec: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build(spec, 8, 10)
