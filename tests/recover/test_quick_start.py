"""What photos and videos do not need is not loaded for them: a fresh process says what it has."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("s2m.export.glb", "av", "torch._dynamo", "matplotlib", "pytorch_lightning")


def test_a_photo_waits_for_nothing_that_it_does_not_need() -> None:
    code = f"import sys, s2m.recover.process; print(*(name for name in {SLOW} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_a_video_is_solved_without_torchs_compiler() -> None:
    code = (
        "import sys, numpy as np; from s2m.lifter.lifting import Lifting; from s2m.formats.clips import ArrayFrames;"
        "from s2m.skeletons import S2M27; pixels = np.random.default_rng(0).random((9, 27, 2));"
        "list(Lifting(S2M27, video_fps=30).blocks(ArrayFrames(pixels, np.ones((9, 27)))));"
        f"import s2m.recover.process; print(*(name for name in {SLOW} if name in sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
