"""The networks of BlazePose: files that ship, or one that the user points to, run on the CPU by LiteRT."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError, one_line
from s2m.files import sha256
from s2m.optional import require

# What ships (assets/NOTICE.md).
SHIPPED = {
    "movenet_multipose.tflite": "8e01b27ff6aabb1d8bf60906c569a575933d7fb8adbc4107b9a81c9a133879fa",
    "pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmark_heavy.tflite": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
}


def shipped_model(name: str, folder: Path | None = None) -> Path:
    """A model file of the package, checked.

    Args:
        name: One of ``SHIPPED``.
        folder: Where it lies; the package's own by default.

    Returns:
        Its path.

    Raises:
        UserError: When the file is missing or is not the one that was shipped.
    """
    path = (Path(str(resources.files("s2m.detect") / "assets")) if folder is None else folder) / name
    if not path.is_file():
        raise UserError(f"{path}: this file belongs to the package and is missing; install the package again")
    if (found := sha256(path)) != SHIPPED[name]:
        raise UserError(
            f"{path}: damaged: expected sha256 {SHIPPED[name][:16]}..., found {found[:16]}...; "
            "install the package again"
        )
    return path


class Network:
    """A network of one picture in and several arrays out, which are told apart by their sizes.

    Threads may run it at the same time, each on a copy with one thread: two such runs take hardly longer than one,
    while a second thread within a run saves an eighth of it. Copies, of 20 to 80 MB each, are made when runs are first
    under way at the same time.

    Args:
        path: A ``.tflite`` file.
        side: Side of the square picture that it takes, pixels.
        sizes: How many numbers each of the outputs that are wanted has; no two alike.
        copies: How many runs go on at the same time; further ones wait.

    Raises:
        UserError: The file cannot be read or is another network.
        MissingPackageError: The extra ``photo`` is not installed.
    """

    def __init__(self, path: Path, side: int, sizes: Sequence[int], copies: int = 1) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: expected a model file, found: {error.strerror or error}") from error
        self._content, self._interpreter = content, require("ai_edge_litert.interpreter").Interpreter
        try:
            first = self._made()
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"{path}: expected a model of LiteRT (.tflite), found something else ({error!s:.80})"
            ) from error
        self._side = side
        self._input, self._outputs = _places(first, path, side, sizes)
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._free.put(first)
        self._to_make: SimpleQueue[None] = SimpleQueue()
        for _ in range(copies - 1):
            self._to_make.put(None)

    def _made(self) -> Any:
        found = self._interpreter(model_content=self._content, num_threads=1)
        found.allocate_tensors()
        return found

    def _taken(self) -> Any:
        """A copy that nobody runs: a new one where all are running and there may be more, else whichever is done."""
        with contextlib.suppress(Empty):
            return self._free.get_nowait()
        try:
            self._to_make.get_nowait()
        except Empty:
            return self._free.get()
        return self._made()

    def __call__(self, picture: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Run it.

        Args:
            picture: (side, side, 3), in the range that the network was trained on.

        Returns:
            The outputs, flat, in the order of ``sizes``.
        """
        interpreter = self._taken()
        try:
            interpreter.set_tensor(self._input, picture[None])
            interpreter.invoke()
            return [interpreter.get_tensor(index).ravel() for index in self._outputs]
        finally:
            self._free.put(interpreter)

    def try_out(self, path: Path) -> None:
        """Run it on a black picture: what is damaged inside a file shows when it runs, or never.

        Args:
            path: The file that it was read from, for messages.

        Raises:
            UserError: It does not run, or says what is no number.
        """
        side = self._side
        try:
            found = self(np.zeros((side, side, 3), np.float32))
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{path}: expected a model that runs, found: {one_line(error, 80)}") from error
        if not all(np.isfinite(output).all() for output in found):
            raise UserError(f"{path}: expected finite outputs, found others: the file is damaged")


def _places(interpreter: Any, path: Path, side: int, sizes: Sequence[int]) -> tuple[int, list[int]]:
    """The input's and the outputs' numbers."""
    given, there = interpreter.get_input_details(), interpreter.get_output_details()
    shapes = [tuple(int(n) for n in entry["shape"]) for entry in given]
    if shapes != [(1, side, side, 3)]:
        raise UserError(f"{path}: input: expected one picture of (1, {side}, {side}, 3), found {shapes}")
    by_size = {int(np.prod(entry["shape"])): int(entry["index"]) for entry in there}
    if lacking := [size for size in sizes if size not in by_size]:
        raise UserError(f"{path}: outputs: expected sizes {list(sizes)}, found {sorted(by_size)}; no {lacking}")
    return int(given[0]["index"]), [by_size[size] for size in sizes]


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """Logits to probabilities, without overflow.

    Args:
        logits: Of any shape.

    Returns:
        In [0, 1], of the same shape.
    """
    values: NDArray[Any] = 0.5 * (1 + np.tanh(0.5 * logits))
    return values
