"""The base of every error that bad input causes."""

from __future__ import annotations


class UserError(Exception):
    """Bad input from the user; the message names the file, the field, what was expected and what was found."""


class FormatError(UserError, ValueError):
    """A file of another program cannot be read; the message names the file, the field, expected and found."""
