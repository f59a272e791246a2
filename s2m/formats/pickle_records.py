"""What stands for the objects of a pickle: records that do nothing."""

from __future__ import annotations

from typing import Any


class Record:
    """Stands for an object of the file: keeps constructor arguments and state, does nothing."""

    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> Record:
        """Keep what the file gives.

        Args:
            arguments: Of the constructor.
        """
        record = super().__new__(cls)
        record.arguments, record.state = arguments, None
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def get(self, name: str) -> Any:
        """An attribute of the original object, or ``None``.

        Args:
            name: Of the attribute.
        """
        return self.state.get(name) if isinstance(self.state, dict) else None


class Chumpy(Record):
    """chumpy.Ch and its kin."""


class Select(Chumpy):
    """chumpy.reordering.Select: some entries of another array."""


class Array(Record):
    """A numpy array: shape, dtype and bytes are its state."""


class ArrayType(Record):
    """The class numpy.ndarray itself, as an argument of ``_reconstruct``."""


class DType(Record):
    """numpy.dtype."""


class Csc(Record):
    """scipy.sparse.csc_matrix."""


class Csr(Record):
    """scipy.sparse.csr_matrix."""


class Scalar(Record):
    """numpy scalar: dtype and bytes."""


class FromBuffer(Record):
    """Array of pickle protocol 5: bytes, dtype, shape, order."""


class Object(Record):
    """Python's ``object``, the base that old-style reconstruction names."""


class Bag(Record):
    """set and frozenset: bookkeeping of chumpy that no array needs (kept unhashed)."""
