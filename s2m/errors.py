"""The base of every error that bad input causes."""

from __future__ import annotations


class UserError(Exception):
    """Bad input from the user; the message names the file, the field, what was expected and what was found."""
