"""Expressions to machine code: one C++ function that works on sixteen samples at a time."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from s2m.ik.fused.expressions import Graph

LANES = 16
_FLAGS = ("-O2", "-march=native", "-fno-math-errno", "-ffinite-math-only", "-fno-signed-zeros", "-fno-trapping-math",
          "-ffp-contract=fast", "-ftree-vectorize", "-shared", "-fPIC", "-std=c++17")  # fmt: skip

_HEAD = f"""
#include <cmath>
#include <cstdint>
constexpr int L = {LANES};
typedef float V __attribute__((vector_size(4 * L)));
typedef int32_t M __attribute__((vector_size(4 * L)));
#define EACH(NAME, CALL) static inline V NAME(V x) {{ V r; for (int l = 0; l < L; ++l) r[l] = CALL; return r; }}
EACH(v_sqrt, __builtin_sqrtf(x[l]))
EACH(v_rsqrt, 1.0f / __builtin_sqrtf(x[l]))
EACH(v_exp, x[l] < -87.0f ? 0.0f : __builtin_expf(x[l]))
EACH(v_sin, __builtin_sinf(x[l]))
EACH(v_cos, __builtin_cosf(x[l]))
static inline V v_atan2(V y, V x) {{ V r; for (int l = 0; l < L; ++l) r[l] = __builtin_atan2f(y[l], x[l]); return r; }}
static inline V v_number(float c) {{ return V{{}} + c; }}
"""

_FORMS = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "sqrt": "v_sqrt({0})",
    "rsqrt": "v_rsqrt({0})",
    "exp": "v_exp({0})",
    "sin": "v_sin({0})",
    "cos": "v_cos({0})",
    "atan2": "v_atan2({0}, {1})",
    "lt": "{0} < {1}",
    "and": "{0} & {1}",
    "not": "~{0}",
    "select": "{0} ? {1} : {2}",
}


class CompilerMissing(RuntimeError):
    """There is no C++ compiler on this machine, or it failed."""


def source(graph: Graph, outputs: list[int], widths: list[int]) -> str:
    """C++ text of ``run(count, in_0, ..., out)``: rows of ``widths`` floats in, rows of ``len(outputs)`` out.

    Inputs of the graph are numbered through all rows. A condition must come from a comparison of values.
    """
    lines = [_HEAD, "static void block(const V* __restrict in, V* __restrict out) {"]
    for node in graph.used(outputs):
        kind, arguments, number = graph.nodes[node]
        if kind == "const":
            text = f"v_number({number!r}f)" if number == number else "v_number(0.0f)"
        elif kind == "input":
            text = f"in[{int(number)}]"
        else:
            text = _FORMS[kind].format(*(f"n{argument}" for argument in arguments))
        lines.append(f"  const {'M' if _is_mask(graph, node) else 'V'} n{node} = {text};")
    lines += [f"  out[{position}] = n{node};" for position, node in enumerate(outputs)]
    names = [f"in_{i}" for i in range(len(widths))]
    lines += [
        "}",
        f'extern "C" void run(int64_t count, {", ".join(f"const float* {name}" for name in names)}, float* result) {{',
        f"  V in[{sum(widths)}], out[{len(outputs)}];",
        "  for (int64_t start = 0; start < count; start += L) {",
        "    const int width = count - start < L ? int(count - start) : L;",
    ]
    offset = 0
    for name, width in zip(names, widths, strict=True):
        lines.append(
            f"    for (int l = 0; l < L; ++l) {{ const float* row = {name} + (start + (l < width ? l : 0)) * {width}; "
            f"for (int k = 0; k < {width}; ++k) in[{offset} + k][l] = row[k]; }}"
        )
        offset += width
    lines += [
        "    block(in, out);",
        f"    for (int l = 0; l < width; ++l) {{ float* row = result + (start + l) * {len(outputs)}; "
        f"for (int k = 0; k < {len(outputs)}; ++k) row[k] = out[k][l]; }}",
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _is_mask(graph: Graph, node: int) -> bool:
    return graph.nodes[node][0] in ("lt", "and", "not")


def build(text: str) -> ctypes.CDLL:
    """Compile, or load what was compiled before. Raises :class:`CompilerMissing`."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if compiler is None:
        raise CompilerMissing("no C++ compiler was found (g++, clang++ or $CXX)")
    key = hashlib.sha256("\n".join([text, compiler, *_FLAGS, _processor()]).encode()).hexdigest()[:24]
    library = _cache() / f"dik_{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            code = Path(folder) / "dik.cpp"
            code.write_text(text)
            made = Path(folder) / "dik.so"
            command = [compiler, *_FLAGS, str(code), "-o", str(made), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise CompilerMissing(f"{compiler} failed: {done.stderr[:500]}")
            os.replace(made, library)
    return ctypes.CDLL(str(library))


def _processor() -> str:
    """What -march=native depends on: a cache on a shared disk must not serve another processor."""
    info = Path("/proc/cpuinfo")
    flags = [line for line in info.read_text().splitlines() if line.startswith("flags")][:1] if info.exists() else []
    return "".join(flags)


def _cache() -> Path:
    """A folder for compiled code; a private temporary one when the home is not writable."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "s2m"
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=base):
            return base
    except OSError:
        return Path(tempfile.mkdtemp(prefix="s2m-"))
