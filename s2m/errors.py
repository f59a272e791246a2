"""The base of every error that bad input causes, and the category of every warning."""

from __future__ import annotations


class UserError(Exception):
    """Bad input from the user; the message names the file, the field, what was expected and what was found."""


class FormatError(UserError, ValueError):
    """A file of another program cannot be read; the message names the file, the field, expected and found."""


class ArgumentError(UserError, ValueError):
    """An argument of a function cannot be used; the message names it, what was expected and what was found."""


def one_line(message: object, longest: int = 2000) -> str:
    """A message without line breaks and of bounded length, as a terminal shows it.

    Args:
        message: An error, or text.
        longest: Characters at most; of more, the middle is left out.

    Returns:
        The text.

    Example:
        >>> one_line("expected a mapping,\\n  found a list")
        'expected a mapping, found a list'
    """
    text = " ".join(str(message).split())
    # Control characters of a file's names could rewrite what stands on the terminal.
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


class S2MWarning(UserWarning):
    """Input that can be used but looks wrong: a unit, an axis, mirrored or missing joints."""
