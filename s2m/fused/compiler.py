"""Expressions to machine code: one C++ function that works on as many samples at a time as a register holds."""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from s2m.fused.cache import UnusableLibrary, cached
from s2m.fused.expressions import Graph

PART = 1500  # operations in one function
_FLAGS = ("-O2", "-march=native", "-fno-math-errno", "-fno-signed-zeros", "-fno-trapping-math",
          "-ffp-contract=fast", "-fno-strict-aliasing", "-ftree-vectorize", "-shared", "-fPIC",
          "-std=c++17")  # fmt: skip
# GNU's OpenMP library is the one that torch brings, so kernels and torch share one set of threads.
_THREADS = ("-fopenmp",)

_HEAD = """
#include <cmath>
#include <cstdint>
// Samples at a time. Wider than a register, every operation becomes several, and compiling takes eight times as long.
#if defined(__AVX512F__)
constexpr int L = 16;
#elif defined(__AVX__)
constexpr int L = 8;
#else
constexpr int L = 4;
#endif
typedef float V __attribute__((vector_size(4 * L)));
typedef int32_t M __attribute__((vector_size(4 * L)));
#define NOT_INLINE __attribute__((noinline))
#define EACH(NAME, CALL) static inline V NAME(V x) { V r; for (int l = 0; l < L; ++l) r[l] = CALL; return r; }
EACH(v_sqrt, __builtin_sqrtf(x[l]))
EACH(v_rsqrt, 1.0f / __builtin_sqrtf(x[l]))
EACH(v_exp, x[l] < -87.0f ? 0.0f : __builtin_expf(x[l]))
static inline V v_number(float c) { return V{} + c; }
static inline V v_abs(V x) { return x < 0.0f ? -x : x; }
// The library's functions take one number at a time; these are Cephes' polynomials for single precision (S. Moshier).
static inline V v_wave(V x, int quarter) {
  const V turns = (x * 0.63661977f + 12582912.0f) - 12582912.0f;  // quarter turns, rounded by the mantissa's end
  const V t = ((x - turns * 1.5703125f) - turns * 4.8375130e-4f) - turns * 7.5497900e-8f;
  const V z = t * t;
  const V odd = t + t * z * ((-1.9515296e-4f * z + 8.3321609e-3f) * z - 0.16666655f);
  const V even = 1.0f - 0.5f * z + z * z * ((2.4433157e-5f * z - 1.3887316e-3f) * z + 4.1666646e-2f);
  const M k = __builtin_convertvector(turns, M) + quarter;
  const V value = (k & 1) != 0 ? even : odd;
  return (k & 2) != 0 ? -value : value;
}
static inline V v_sin(V x) { return v_wave(x, 0); }
static inline V v_cos(V x) { return v_wave(x, 1); }
static inline V v_atan2(V y, V x) {
  const V a = v_abs(x), b = v_abs(y);
  const V low = b < a ? b : a, high = b < a ? a : b;
  V t = low / (high < 1e-30f ? v_number(1.0f) : high);
  const M steep = t > 0.41421356f;
  t = steep ? (t - 1.0f) / (t + 1.0f) : t;
  const V z = t * t;
  V r = t + t * z * (((8.0537445e-2f * z - 0.13877686f) * z + 0.19977711f) * z - 0.33332950f);
  r = steep ? r + 0.78539816f : r;
  r = b > a ? 1.5707963f - r : r;
  r = x < 0.0f ? 3.1415927f - r : r;
  return y < 0.0f ? -r : r;
}
typedef float Q __attribute__((vector_size(16), aligned(4)));
#ifdef __clang__
#define PICK(X, Y, A, B, C, D) __builtin_shufflevector(X, Y, A, B, C, D)
#else
typedef int32_t P __attribute__((vector_size(16)));
#define PICK(X, Y, A, B, C, D) __builtin_shuffle(X, Y, (P){A, B, C, D})
#endif
// (height, width) numbers to (width, height), four by four.
static inline void transpose(const float* from, int64_t height, int64_t width, float* to) {
  int64_t i = 0;
  for (; i + 4 <= height; i += 4) {
    int64_t k = 0;
    for (; k + 4 <= width; k += 4) {
      const float* at = from + i * width + k;
      float* out = to + k * height + i;
      const Q a = *(const Q*)at, b = *(const Q*)(at + width);
      const Q c = *(const Q*)(at + 2 * width), d = *(const Q*)(at + 3 * width);
      const Q e = PICK(a, b, 0, 4, 1, 5), f = PICK(a, b, 2, 6, 3, 7);
      const Q g = PICK(c, d, 0, 4, 1, 5), h = PICK(c, d, 2, 6, 3, 7);
      *(Q*)out = PICK(e, g, 0, 1, 4, 5);
      *(Q*)(out + height) = PICK(e, g, 2, 3, 6, 7);
      *(Q*)(out + 2 * height) = PICK(f, h, 0, 1, 4, 5);
      *(Q*)(out + 3 * height) = PICK(f, h, 2, 3, 6, 7);
    }
    for (; k < width; ++k)
      for (int64_t l = i; l < i + 4; ++l) to[k * height + l] = from[l * width + k];
  }
  for (; i < height; ++i)
    for (int64_t k = 0; k < width; ++k) to[k * height + i] = from[i * width + k];
}
"""

_FORMS = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "sqrt": "v_sqrt({0})",
    "length": "v_sqrt({0})",
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


def source(graph: Graph, outputs: list[int], widths: Sequence[int], result_widths: Sequence[int]) -> str:
    """C++ text of ``run(threads, count, in_0, ..., out_0, ...)``: a function of rows of floats.

    Inputs of the graph are numbered through all rows, and so are the outputs. A sample's result does not depend on the
    number of threads.

    Args:
        graph: The expressions.
        outputs: Nodes of all results, result after result.
        widths: Floats in a row of each input.
        result_widths: Floats in a row of each result.
    """
    outputs = [graph.number(node) for node in outputs]
    ins, outs = [f"in_{i}" for i in range(len(widths))], [f"out_{i}" for i in range(len(result_widths))]
    declared = [*(f"const float* {name}" for name in ins), *(f"float* {name}" for name in outs)]
    lines = [_HEAD, *_block(graph, outputs)]
    lines += [f'extern "C" void run(int threads, int64_t count, {", ".join(declared)}) {{']
    lines += ["  #pragma omp parallel for num_threads(threads) schedule(static)"]
    lines += ["  for (int64_t start = 0; start < count; start += L) {"]
    lines += [f"    V in[{sum(widths)}], out[{len(outputs)}];"]
    lines += ["    const int width = count - start < L ? int(count - start) : L;"]
    lines += [_READ.format(name=name, width=w, offset=o) for name, w, o in _rows(ins, widths)]
    lines += ["    block(in, out);"]
    lines += [_WRITE.format(name=name, width=w, offset=o) for name, w, o in _rows(outs, result_widths)]
    return "\n".join([*lines, "  }", "}"]) + "\n"


_READ = """\
    if (width == L) transpose({name} + start * {width}, L, {width}, (float*)(in + {offset}));
    else for (int l = 0; l < L; ++l) {{
      const float* row = {name} + (start + (l < width ? l : 0)) * {width};
      for (int k = 0; k < {width}; ++k) in[{offset} + k][l] = row[k];
    }}"""
_WRITE = """\
    if (width == L) transpose((float*)(out + {offset}), {width}, L, {name} + start * {width});
    else for (int l = 0; l < width; ++l) {{
      float* row = {name} + (start + l) * {width};
      for (int k = 0; k < {width}; ++k) row[k] = out[{offset} + k][l];
    }}"""


def _rows(names: list[str], widths: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """Name, width and offset of each row."""
    return zip(names, widths, accumulate(widths, initial=0), strict=False)


def _block(graph: Graph, outputs: list[int]) -> list[str]:
    """The function of L samples, in parts: a compiler needs far more than twice as long for twice as many lines."""
    nodes = list(graph.used(outputs))
    parts = [nodes[start : start + PART] for start in range(0, len(nodes), PART)]
    part_of = {node: i for i, part in enumerate(parts) for node in part}
    earlier = [sorted({a for n in part for a in graph.nodes[n][1] if part_of[a] < i}) for i, part in enumerate(parts)]
    kept = sorted({node for needed in earlier for node in needed if not _is_at_hand(graph, node)})
    slots = {node: slot for slot, node in enumerate(kept)}
    lines = []
    for i, part in enumerate(parts):
        lines.append(f"static NOT_INLINE void part_{i}({_FILES}, V* __restrict keep) {{")
        lines += [_declared(graph, n, f"({_type(graph, n)})keep[{slots[n]}]" if n in slots else "") for n in earlier[i]]
        lines += [_declared(graph, node) for node in part]
        lines += [f"  keep[{slots[node]}] = (V)n{node};" for node in part if node in slots]
        lines += [f"  out[{place}] = n{node};" for place, node in enumerate(outputs) if part_of[node] == i] + ["}"]
    calls = [f"  part_{i}(in, out, keep);" for i in range(len(parts))]
    return [*lines, f"static void block({_FILES}) {{", f"  V keep[{len(kept) + 1}];", *calls, "}"]


_FILES = "const V* __restrict in, V* __restrict out"


def _is_at_hand(graph: Graph, node: int) -> bool:
    """Whether a part can as well write it down again."""
    return graph.nodes[node][0] in ("const", "input")


def _type(graph: Graph, node: int) -> str:
    return "M" if graph.is_truth(node) else "V"


def _declared(graph: Graph, node: int, text: str = "") -> str:
    kind, arguments, number = graph.nodes[node]
    if not text and kind == "const":
        text = f"v_number({_constant(number)})"
    elif not text and kind == "input":
        text = f"in[{int(number)}]"
    return f"  const {_type(graph, node)} n{node} = {text or _FORMS[kind].format(*(f'n{a}' for a in arguments))};"


def _constant(number: float) -> str:
    if math.isnan(number):
        return '__builtin_nanf("")'
    if math.isinf(number):
        return f"{'-' * (number < 0)}__builtin_inff()"
    return f"{number!r}f"


def build(text: str) -> ctypes.CDLL:
    """Compile, or load what was compiled before.

    Args:
        text: What :func:`source` gave.

    Raises:
        CompilerMissing: There is no compiler, it failed, or what it made cannot be kept or loaded.
    """
    compiler = _compiler()
    content = "\n".join([text, *compiler, *_FLAGS, *_THREADS, _processor()])
    try:
        return cached(
            hashlib.sha256(content.encode()).hexdigest()[:24], lambda folder: _compiled(compiler, text, folder)
        )
    except (OSError, UnusableLibrary) as error:
        raise CompilerMissing(f"compiled code cannot be kept or loaded: {error}") from error


def _compiler() -> list[str]:
    """The words of the compiler's command: $CXX may hold several, such as ``ccache g++``."""
    chosen = os.environ.get("CXX", "")
    try:
        words = shlex.split(chosen)
    except ValueError as error:
        raise CompilerMissing(f"$CXX: expected a command, found {chosen!r} ({error})") from error
    found = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if not words and found is None:
        raise CompilerMissing("no C++ compiler was found (g++, clang++ or $CXX)")
    return words or [str(found)]


def _compiled(compiler: list[str], text: str, folder: Path) -> Path:
    """The library, with threads if the compiler has them. Raises :class:`CompilerMissing`."""
    code, made, error = folder / "kernel.cpp", folder / "kernel.so", ""
    code.write_text(text)
    # What compilers leave while they work goes with the folder, also when they are killed.
    environment = {**os.environ, "TMPDIR": str(folder)}
    for threads in (_THREADS, ()):
        command = [*compiler, *_FLAGS, *threads, str(code), "-o", str(made), "-lm"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, errors="replace", env=environment
            )
        except OSError as failed:
            raise CompilerMissing(f"{' '.join(compiler)} cannot be run: {failed.strerror or failed}") from failed
        if done.returncode == 0 and made.is_file():
            return made
        error = " ".join((done.stderr or done.stdout).split())
    raise CompilerMissing(f"{' '.join(compiler)} failed: {error[:300]}")


def _processor() -> str:
    """What -march=native depends on: a cache on a shared disk must not serve another processor."""
    info = Path("/proc/cpuinfo")
    flags = [line for line in info.read_text().splitlines() if line.startswith("flags")][:1] if info.exists() else []
    return "".join(flags)
