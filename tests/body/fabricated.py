"""Made-up body files in the layout of the official ones: no licensed data."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from s2m.skeletons import SMPL24


def arrays(vertices: int, seed: int = 0) -> dict[str, Any]:
    """Random fields of the right shapes; smplx needs no more than that."""
    rng = np.random.default_rng(seed)
    regressor = rng.random((24, vertices)) * (rng.random((24, vertices)) < 0.1)
    regressor[:, 0] += 1e-3
    weights = rng.random((vertices, 24))
    parents = np.array([2**32 - 1, *SMPL24.parents[1:]], dtype=np.uint32)
    return {
        "v_template": rng.normal(size=(vertices, 3)),
        "shapedirs": rng.normal(size=(vertices, 3, 12)) * 0.01,
        "posedirs": np.zeros((vertices, 3, 207)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(24, dtype=np.uint32)]),
        "f": rng.integers(0, vertices, size=(50, 3)).astype(np.uint32),
    }


class _Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes text and bytes alike as Python 2's ``str`` (opcode BINSTRING), which is what official files hold."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string


def _fake_class(monkeypatch: Any, module: str, name: str) -> type:
    made = type(name, (), {"__module__": module})
    holder = types.ModuleType(module)
    setattr(holder, name, made)
    monkeypatch.setitem(sys.modules, module, holder)
    package = module.rpartition(".")[0]
    if package not in sys.modules:
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    return made


def _instance(cls: type, **state: Any) -> Any:
    made = cls()
    made.__dict__.update(state)
    return made


def write_official(path: Path, fields: dict[str, Any], monkeypatch: Any) -> None:
    """A protocol-2 pickle as Python 2 wrote it: chumpy arrays, a scipy matrix under its old name, numpy's old name."""
    chumpy = _fake_class(monkeypatch, "chumpy.ch", "Ch")
    select = _fake_class(monkeypatch, "chumpy.reordering", "Select")
    csc = _fake_class(monkeypatch, "scipy.sparse.csc", "csc_matrix")
    matrix = sparse.csc_matrix(fields["J_regressor"])
    template = fields["v_template"]
    order = np.arange(template.size)[::-1].copy()
    content = {
        **fields,
        "v_template": _instance(
            select,
            a=_instance(chumpy, x=template.ravel()[::-1].copy(), _dirty_vars=set()),
            idxs=order,
            preferred_shape=template.shape,
        ),
        "shapedirs": _instance(chumpy, x=np.asfortranarray(fields["shapedirs"])),
        "J_regressor": _instance(
            csc, data=matrix.data, indices=matrix.indices, indptr=matrix.indptr, _shape=matrix.shape, format="csc"
        ),
        "bs_type": "lrotmin",
        "weights_prior": _instance(chumpy, something="that nobody needs"),
    }
    stream = io.BytesIO()
    _Python2Pickler(stream, protocol=2).dump(content)
    path.write_bytes(stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
