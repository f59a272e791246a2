"""Whether a file that ``torch.save`` wrote is still what was written.

torch reads a file with flipped bits without a word. The file is a zip archive, whose records carry checksums; these are
compared here, before torch reads anything.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

_MAX_RECORDS = 100_000


def damage(file: str | Path | BinaryIO) -> str:
    """What is wrong with a file of ``torch.save``.

    Args:
        file: The file, or its content.

    Returns:
        A few words; empty for a whole file.

    Raises:
        OSError: It cannot be read.

    Example:
        >>> import io
        >>> damage(io.BytesIO())
        'empty'
    """
    size = Path(file).stat().st_size if isinstance(file, str | Path) else file.seek(0, 2)
    if size == 0:
        return "empty"
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            if len(records) > _MAX_RECORDS or any(r.compress_type != zipfile.ZIP_STORED for r in records):
                return "not written by torch.save"
            if not any(r.filename.endswith("data.pkl") for r in records):
                return "not written by torch.save"
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError) as error:
        return f"cut short, or not written by torch.save ({error})"
    return f"damaged: the checksum of its record {broken} does not match" if broken else ""
