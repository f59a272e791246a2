from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def install(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "VENV": str(tmp_path / "venv"), **variables}
    return subprocess.run(
        ["bash", "scripts/install.sh"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_without_a_suitable_python_it_says_which_ones_are(tmp_path: Path) -> None:
    result = install(tmp_path, PYTHON="")
    assert result.returncode == 1
    assert "training environment needs Python 3.10, 3.11 or 3.12; found" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_a_small_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    small = "#!/bin/sh\nprintf 'Filesystem 1M-blocks Used Available\\n/dev/x 9000 8000 1000 90%% /\\n'\n"
    (tools / "df").write_text(small)
    (tools / "df").chmod(0o755)
    result = install(tmp_path, PYTHON="python3", PATH=f"{tools}:{os.environ['PATH']}")
    assert result.returncode == 1
    assert "needs 6500 MB of disk; found 1000 MB free" in result.stderr
    assert not (tmp_path / "venv").exists()
