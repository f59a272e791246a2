"""The zoo: public datasets, read from their official files and converted into frame stores.

``SOURCES`` names the class behind ``s2m data NAME``; it is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s2m.data.zoo.source import Source

SOURCES: dict[str, str] = {
    "human36m": "s2m.data.zoo.human36m:Human36M",
    "mpi_inf_3dhp": "s2m.data.zoo.mpi_inf_3dhp:MpiInf3DHP",
    "surreal": "s2m.data.zoo.surreal:Surreal",
    "lsp": "s2m.data.zoo.lsp:Lsp",
    "lspet": "s2m.data.zoo.lsp:LspExtended",
    "3dpw": "s2m.data.zoo.threedpw:ThreeDPW",
    "images": "s2m.data.zoo.images:Images",
}


def source_class(name: str) -> type[Source]:
    """The class behind a name; ValueError that lists the known ones.

    Args:
        name: Name of the dataset, as in ``s2m data NAME``.
    """
    try:
        module, _, attribute = SOURCES[name].partition(":")
    except KeyError:
        raise ValueError(f"unknown dataset '{name}'; known: {', '.join(sorted(SOURCES))}") from None
    found: type[Source] = getattr(import_module(module), attribute)
    return found
