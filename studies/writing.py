"""What the figures were measured on, and files of results that are whole or not there."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import torch

from s2m.files import write_text


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {"cpu": model, "threads": torch.get_num_threads(), "torch": torch.__version__}


def write(path: Path, content: str | dict[str, Any]) -> None:
    """Write text, or a dictionary as JSON; complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_text(path, text)
