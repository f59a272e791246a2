"""Arrays of the caller's kind: NumPy or torch in, the same kind out; and short reprs of what holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "torch.Tensor | ArrayLike"


def as_tensor(values: Array) -> torch.Tensor:
    """A float32 tensor of an array of any kind and precision.

    Args:
        values: A tensor (it stays on its device and in its graph), a NumPy array or nested lists of numbers.

    Returns:
        The same numbers; memory is shared where that is possible.
    """
    import torch

    if isinstance(values, torch.Tensor):
        return values.to(torch.float32)
    array = np.asarray(values, np.float32)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def back_to(given: Array) -> Callable[[Any], Any]:
    """What turns tensors into the caller's kind of array.

    Args:
        given: What the caller gave: decides between NumPy and torch, and the device.

    Returns:
        A function of a tensor (or ``None``): a tensor on the device of ``given``, or a NumPy array.
    """
    import torch

    if isinstance(given, torch.Tensor):
        device = given.device
        return lambda tensor: None if tensor is None else tensor.to(device)
    return lambda tensor: None if tensor is None else tensor.detach().cpu().numpy()


def lengths_of(vectors: NDArray[Any]) -> NDArray[Any]:
    """Lengths of vectors of few coordinates, to the bit as ``numpy.linalg.norm(vectors, axis=-1)`` and much faster.

    Args:
        vectors: (..., D).

    Returns:
        (...).

    Example:
        >>> lengths_of(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [5.0, 0.0]
    """
    total = vectors[..., 0] * vectors[..., 0]
    for number in range(1, vectors.shape[-1]):
        total += vectors[..., number] * vectors[..., number]
    return np.sqrt(total, out=total)


def short_repr(record: Any) -> str:
    """One line that names a dataclass's fields: arrays by shape, type and device, without their numbers.

    Args:
        record: An instance of a dataclass.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Pair:
        ...     name: str
        ...     points: np.ndarray
        ...     __repr__ = short_repr
        >>> Pair("a", np.zeros((3, 2)))
        Pair(name='a', points=float64 (3, 2))
    """
    inner = ", ".join(f"{field.name}={_short(getattr(record, field.name))}" for field in fields(record))
    return f"{type(record).__name__}({inner})"


def _short(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        device = getattr(value, "device", "cpu")
        where = f" on {device}" if str(device) != "cpu" else ""
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}{where}"
    if is_dataclass(value) and hasattr(value, "joints") and hasattr(value, "name"):
        return str(value.name)  # a joint set
    if isinstance(value, tuple | list | dict) and len(value) > 3:
        return f"{len(value)} items"
    return repr(value)


class Column:
    """One number of each frame of a clip, as frames come: small arrays in a list would leave holes in the memory.

    Args:
        kind: Type of the numbers.

    Example:
        >>> column = Column(np.float32)
        >>> for block in ([1.0, 2.0], [3.0]):
        ...     column.append(np.array(block, np.float32))
        >>> column.array()
        array([1., 2., 3.], dtype=float32)
    """

    def __init__(self, kind: Any) -> None:
        self._kind, self._bytes = np.dtype(kind), bytearray()

    def append(self, values: NDArray[Any]) -> None:
        """Take in the next frames.

        Args:
            values: (N,) of any type that fits.
        """
        self._bytes += np.ascontiguousarray(values, self._kind).data.cast("B")

    def array(self) -> NDArray[Any]:
        """(T,) all of them, a new array: more may come."""
        return np.frombuffer(bytes(self._bytes), self._kind)
