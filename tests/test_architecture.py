from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_library_never_imports_the_stages() -> None:
    for path in (ROOT / "s2m").rglob("*.py"):
        assert not {n for n in imports(path) if n.split(".")[0] in ("stages", "tests")}, path


def test_nothing_uses_the_plain_unpickler() -> None:
    for path in [*(ROOT / "s2m").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]:
        text = path.read_text()
        assert "pickle.load" not in text, path
        assert "allow_pickle=True" not in text, path
        assert "weights_only=False" not in text, path


def test_the_command_starts_without_the_training_machinery() -> None:
    code = (
        "import sys; from s2m.cli import build_parser; build_parser();"
        "heavy = {'pytorch_lightning', 'wandb', 'pytorch3d', 'torch'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
