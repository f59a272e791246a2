"""What is not needed for a photo is not loaded before it: a fresh process says what it has."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("scipy.optimize", "s2m.export.glb", "av", "torch._dynamo", "matplotlib", "pytorch_lightning")


def test_a_photo_waits_for_nothing_that_it_does_not_need() -> None:
    code = f"import sys, s2m.recover.process; print(*(name for name in {SLOW} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
