"""Which code a configuration may name.

A configuration comes with a paper, an issue, a colleague's mail: what it names is imported and called, so a
``class_path`` of ``os.system`` would run commands. Only classes of known packages are looked up, before anything is
imported; jsonargparse then sees to it that they are of the type that the setting wants. The command line alone, never
a configuration, adds packages of the user's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jsonargparse import set_parsing_settings

from s2m.errors import UserError

KNOWN = (
    "s2m", "stages", "pytorch_lightning", "lightning", "lightning_fabric", "torchmetrics", "torch.nn", "torch.optim",
    "torch.distributed.algorithms", "torch.distributed.fsdp",
)  # fmt: skip
OPTION = "--allow"
# Of jsonargparse's sentence, which tells programmers what to do.
_DENIED = re.compile(r"Importing '(?P<path>[^']*)' is not allowed, denied by .*? to allow it\.", re.DOTALL)


def allow_known(packages: Sequence[str] = ()) -> None:
    """Let configurations name what lies in known packages and in those given, and nothing else.

    Args:
        packages: Packages or modules of the user's own, such as ``my_lab`` or ``my_lab.walks``.

    Raises:
        UserError: One of them is no such name.
    """
    for package in packages:
        if package == "*" or not all(part.isidentifier() for part in package.split(".")):
            raise UserError(f"{OPTION}: expected the name of a package, such as my_lab, found {package!r}")
    try:
        set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=[*KNOWN, *packages])
    except ValueError as error:
        raise UserError(f"{OPTION}: expected a package of your own, found {' '.join(packages)} ({error})") from error


def split_allowed(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take ``--allow PACKAGE`` out of a command line: no parser that reads configurations, too, may know the option.

    Args:
        arguments: The command line.

    Returns:
        The packages, and the other arguments.

    Raises:
        UserError: The last argument is ``--allow``.

    Example:
        >>> split_allowed(["--output", "x", "--allow", "my_lab", "--allow=walks"])
        (['my_lab', 'walks'], ['--output', 'x'])
    """
    packages, others, rest = [], [], iter(arguments)
    for argument in rest:
        option, sign, value = argument.partition("=")
        if option != OPTION:
            others.append(argument)
        elif not (package := value if sign else next(rest, "")):
            raise UserError(f"{OPTION}: expected the name of a package, found nothing")
        else:
            packages.append(package)
    return packages, others


def explained(message: str) -> str:
    """A parser's complaint, with a sentence for users where it is about a name that may not be imported.

    Args:
        message: What jsonargparse says.
    """
    return _DENIED.sub(
        rf"expected a class of a known package ({', '.join(KNOWN[:4])}, ...), found '\g<path>'; it was not "
        rf"imported. A package of your own is made known by `{OPTION} PACKAGE` on the command line.",
        message,
    )
