"""The base of every error that bad input causes, and the category of every warning."""

from __future__ import annotations


class UserError(Exception):
    """Bad input from the user; the message names the file, the field, what was expected and what was found."""


class FormatError(UserError, ValueError):
    """A file of another program cannot be read; the message names the file, the field, expected and found."""


class ArgumentError(UserError, ValueError):
    """An argument of a function cannot be used; the message names it, what was expected and what was found."""


class S2MWarning(UserWarning):
    """Input that can be used but looks wrong: a unit, an axis, mirrored or missing joints."""
