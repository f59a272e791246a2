"""The files of a comparison."""

from __future__ import annotations

from pathlib import Path

from s2m.compare.comparison import Comparison
from s2m.compare.curves import curves_picture
from s2m.compare.html import comparison_page
from s2m.compare.runs import CompareError
from s2m.compare.text import groups_csv, markdown, runs_csv
from s2m.files import WriteError, write_bytes


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write ``compare.md``, ``configurations.csv``, ``runs.csv``, ``curves.png``, ``index.html``; return the page.

    Each file is whole or as it was; other files of the folder are left alone.

    Args:
        comparison: What is compared.
        folder: Made if it is not there.

    Returns:
        ``index.html`` in it.

    Raises:
        CompareError: When the folder cannot be written.
    """
    png = curves_picture(comparison)
    files = {
        "compare.md": markdown(comparison, picture=png is not None).encode(),
        "configurations.csv": groups_csv(comparison).encode(),
        "runs.csv": runs_csv(comparison).encode(),
        "index.html": comparison_page(comparison, png).encode(),
    }
    if png is not None:
        files["curves.png"] = png
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
        if png is None:
            (folder / "curves.png").unlink(missing_ok=True)
    except WriteError as error:
        raise CompareError(str(error)) from None
    except OSError as error:
        raise CompareError(f"{folder}: expected a folder that can be written, found {error.strerror}") from None
    return folder / "index.html"
