"""The body that a command poses: the open one, or the official file that the user names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from s2m.body import Body, load_body
from s2m.errors import UserError
from s2m.formats.amass import OPEN_BODY, BodyLabel


@dataclass(frozen=True)
class BodyChoice:
    """A loaded body.

    Attributes:
        body: The body.
        path: Its file; ``None`` for the open body.
    """

    body: Body
    path: Path | None

    @staticmethod
    def of(path: Path | None) -> BodyChoice:
        """Load it.

        Args:
            path: An official SMPL file; ``None`` for the open body.

        Raises:
            UserError: For a file that is none.
        """
        try:
            return BodyChoice(load_body(path), path)
        except FileNotFoundError as error:
            raise UserError(str(error)) from error

    @property
    def label(self) -> BodyLabel:
        """How files name it."""
        return BodyLabel.of(self.path, self.body.hash)

    def has(self, body: str) -> bool:
        """Whether a file's betas are this body's: by its hash, or because the user says so with ``--body``.

        Args:
            body: What the file says of its body; "" for nothing.
        """
        name, _, digest = body.partition("/")
        if digest:
            return self.body.hash.startswith(digest)
        return self.path is None if name == OPEN_BODY else self.path is not None
