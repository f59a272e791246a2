from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from s2m.body import BodyFileError, load_body
from s2m.formats.safe_pickle import UnsafePickleError, load_pickle, load_plain


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def dump(path: Path, content: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("place", ["whole", "needed field", "other field"])
def test_malicious_pickle_is_refused_unexecuted(tmp_path: Path, protocol: int, place: str) -> None:
    proof = tmp_path / "executed"
    evil = Calls(os.system, f"touch {proof}")
    content = {"whole": evil, "needed field": {"v_template": evil}, "other field": {"comment": evil}}[place]
    path = dump(tmp_path / "SMPL_NEUTRAL.pkl", content, protocol)
    with pytest.raises(BodyFileError, match=r"SMPL_NEUTRAL\.pkl.*nothing in the file was executed.*forbidden global"):
        load_body(path)
    assert not proof.exists()
    # The same file does run its command when it is trusted: the test can fail.
    pickle.loads(path.read_bytes())
    assert proof.exists()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(eval, ("1+1",)), (getattr, ("", "join")), (np.load, ("x",)), (np.asarray, ([1],)), (open, ("x",))],
)
def test_only_named_globals_pass(tmp_path: Path, function: Any, arguments: tuple[Any, ...]) -> None:
    path = dump(tmp_path / "a.pkl", {"f": Calls(function, *arguments)})
    with pytest.raises(UnsafePickleError, match=r"forbidden global '.*\."):
        load_pickle(path, ["f"])


def test_chumpy_names_are_never_imported(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02}U\x01fcchumpy.os\nsystem\nU\x05falseq\x00\x85Rs.")
    with pytest.raises(UnsafePickleError, match="chumpy expression"):
        load_pickle(path, ["f"])


def test_object_of_a_real_class_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"ccopy_reg\n_reconstructor\n(c_codecs\nencode\nc__builtin__\nobject\nNtR.")
    with pytest.raises(UnsafePickleError, match="refused to make an object"):
        load_pickle(path, ["f"])


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i4", "u4", "?", "f2"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_come_back(tmp_path: Path, dtype: str, protocol: int) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    content = {"c": array, "fortran": np.asfortranarray(array), "scalar": array[1, 2, 3], "text": "lrotmin"}
    read = load_pickle(dump(tmp_path / "a.pkl", content, protocol), content)
    assert_array_equal(read["c"], array)
    assert_array_equal(read["fortran"], array)
    assert read["scalar"] == array[1, 2, 3]
    assert read["text"] == "lrotmin"


@pytest.mark.parametrize("make", [sparse.csc_matrix, sparse.csr_matrix])
def test_sparse_matrices_come_back_dense(tmp_path: Path, make: Any) -> None:
    matrix = sparse.random(7, 11, density=0.3, random_state=0)
    read = load_pickle(dump(tmp_path / "a.pkl", {"J_regressor": make(matrix)}), ["J_regressor"])
    assert_array_equal(read["J_regressor"], matrix.toarray())


def test_inconsistent_sparse_matrix_is_refused(tmp_path: Path) -> None:
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.indices = matrix.indices + 1_000_000
    with pytest.raises(UnsafePickleError, match="damaged array") as raised:
        load_pickle(dump(tmp_path / "a.pkl", {"J_regressor": matrix}), ["J_regressor"])
    assert raised.value.field == "J_regressor"


def test_huge_sparse_matrix_is_refused(tmp_path: Path) -> None:
    matrix = sparse.csc_matrix((10**9, 10))
    with pytest.raises(UnsafePickleError, match="1000000000, 10"):
        load_pickle(dump(tmp_path / "a.pkl", {"J_regressor": matrix}), ["J_regressor"])


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafePickleError, match="not a number") as raised:
        load_pickle(dump(tmp_path / "a.pkl", {"f": np.array([None, "x"], dtype=object)}), ["f"])
    assert raised.value.field == "f"


def test_damaged_bytes_name_the_field(tmp_path: Path) -> None:
    path = dump(tmp_path / "a.pkl", {"f": np.arange(1000)}, protocol=4)
    path.write_bytes(path.read_bytes().replace(b"K\x01M\xe8\x03\x85", b"K\x01M\xe9\x03\x85"))
    with pytest.raises(UnsafePickleError, match="damaged array") as raised:
        load_pickle(path, ["f"])
    assert raised.value.field == "f"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_pickle(tmp_path: Path, share: float) -> None:
    path = dump(tmp_path / "a.pkl", {"f": np.arange(500), "weights": np.ones(500)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BodyFileError, match=r"a\.pkl.*truncated or damaged"):
        load_body(path)


def test_not_a_dict(tmp_path: Path) -> None:
    with pytest.raises(BodyFileError, match="a list instead of a dict"):
        load_body(dump(tmp_path / "a.pkl", [1, 2]))


def shared_lists(deep: int) -> bytes:
    """{"f": ten times a list of ten times a list ...}: some bytes per level."""
    inner = b"]q\x00(" + b"K\x01" * 10 + b"e"
    for level in range(1, deep):
        inner += b"0]q" + bytes([level]) + b"(" + (b"h" + bytes([level - 1])) * 10 + b"e"
    return b"\x80\x02}U\x01f" + inner + b"s."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (shared_lists(30), "lists of more than"),
        (b"\x80\x02}U\x01f]q\x00(h\x00es.", "holds itself"),
        (b"\x80\x02}q\x00U\x01fh\x00s.", "holds itself"),
        (b"\x80\x02}U\x01f" + b"]" * 3000 + b"a" * 2999 + b"s.", "deep"),
        (b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 40 + b"K\x01s.", "tuple of tuples"),
        (b"\x80\x02}U\x01fK\x01r\xff\xff\xff\x7fs.", ""),  # remembered as number 2**31 - 1
    ],
)
def test_small_files_stay_small(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    if message:
        for read in (lambda: load_pickle(path, ["f"]), lambda: load_plain(path.open("rb"))):
            with pytest.raises(UnsafePickleError, match=message):
                read()
    else:
        assert load_pickle(path, ["f"])["f"] == 1


def test_what_is_shared_stays_shared(tmp_path: Path) -> None:
    array = np.arange(5.0)
    read = load_plain(dump(tmp_path / "a.pkl", {"a": [array, array], "b": array}).open("rb"))
    assert read["a"][0] is read["b"]
    assert_array_equal(read["b"], array)
