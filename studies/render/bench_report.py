"""What ``make bench-render`` measured, as a page and as plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from s2m.markdown import markdown_table
from s2m.report.checks import Check
from studies.render.bench_case import DEFAULT, EXACT, OUT_OF_MEMORY, PYTORCH3D, RENDERERS, Figures, Setting

# At least so many times faster than PyTorch3D, forward and backward: on a CPU, 112 px, about 2000 faces, K = 25.
BARS = {EXACT: 50.0, DEFAULT: 120.0}
BAR_SIZE, BAR_FACES, BAR_SIGMAS, BAR_FACES_PER_PIXEL = 112, 2000, (3e-5, 1e-4), 25
SMALLEST_MIB = 2.0  # what measuring twice can differ by: no ratios of less
NONE = "–"


@dataclass(frozen=True)
class Axis:
    """Settings that differ in one thing.

    Attributes:
        name: The field of :class:`Setting`.
    """

    name: str
    settings: list[Setting]


@dataclass(frozen=True)
class Result:
    """What one renderer did at one setting.

    Attributes:
        triangles: Faces that the mesh really has.
    """

    setting: Setting
    renderer: str
    triangles: int
    figures: Figures

    @property
    def text(self) -> str:
        """A line for the terminal."""
        found = self.figures
        if found.forward_s is None:
            return f"{self.renderer}: {found.note}"
        times = f"{_ms(found.forward_s)} ms per image forward, {_ms(found.both_s)} with backward"
        note = f" ({found.note})" if found.note else ""
        return f"{self.renderer}: {times}, {_mib(found.both_mib)} MiB{note}"


@dataclass(frozen=True)
class Speedup:
    """How many times faster than PyTorch3D a renderer has to be, and is (``None``: not measured)."""

    renderer: str
    sigma: float
    batch: int | None
    wanted: float
    found: float | None

    @property
    def verdict(self) -> str:
        """``pass``, ``miss`` or ``not measured``."""
        return Check(self.renderer, self.found, self.wanted, ">=").verdict

    @property
    def measured(self) -> str:
        """Not rounded so far that a miss could look like a pass."""
        return NONE if self.found is None else f"{self.found:.1f}x"

    @property
    def text(self) -> str:
        """A line for the terminal."""
        return f"bar: {self.renderer}, sigma {self.sigma:g}: {self.measured} of {self.wanted:g}x, {self.verdict}"


def checks(results: Sequence[Result], faces_per_pixel: int) -> list[Speedup]:
    """Both checks at both sigmas, at the first setting that they are about."""
    seconds = {(result.setting, result.renderer): result.figures.both_s for result in results}
    found = []
    for sigma in BAR_SIGMAS:
        settings = [r.setting for r in results if _is_judged(r.setting, sigma, faces_per_pixel)]
        for renderer, wanted in BARS.items():
            times = ratio(seconds[settings[0], PYTORCH3D], seconds[settings[0], renderer]) if settings else None
            found.append(Speedup(renderer, sigma, settings[0].batch if settings else None, wanted, times))
    return found


def _is_judged(setting: Setting, sigma: float, faces_per_pixel: int) -> bool:
    mine = (setting.device, setting.size, setting.faces, faces_per_pixel)
    return mine == ("cpu", BAR_SIZE, BAR_FACES, BAR_FACES_PER_PIXEL) and math.isclose(setting.sigma, sigma)


def ratio(base: float | None, own: float | None, least: float = 0.0) -> float | None:
    """How many times less than ``base`` something is; ``None`` where one is missing or not above ``least``."""
    return None if base is None or own is None or min(base, own) <= least else base / own


def as_json(info: Mapping[str, Any], axes: Sequence[Axis], results: Sequence[Result]) -> dict[str, Any]:
    """Plain data.

    Args:
        info: See :func:`markdown`.
    """
    cases = [
        {**asdict(r.setting), "renderer": r.renderer, "triangles": r.triangles, **asdict(r.figures)} for r in results
    ]
    verdicts = [{**asdict(check), "verdict": check.verdict} for check in checks(results, info["faces_per_pixel"])]
    varied = [
        {"device": axis.settings[0].device, "name": axis.name, "values": [getattr(s, axis.name) for s in axis.settings]}
        for axis in axes
    ]
    return {**info, "axes": varied, "cases": cases, "checks": verdicts}


def markdown(info: Mapping[str, Any], axes: Sequence[Axis], results: Sequence[Result]) -> str:
    """The page.

    Args:
        info: What was asked for and on which machine, see ``bench`` in :mod:`studies.render.bench`.
    """
    parts = ["# Speed and memory of the soft silhouettes", _setup(info), _verdicts(results, info["faces_per_pixel"])]
    parts.append("![milliseconds per image and peak memory](bench_render.png)")
    for axis in axes:
        parts.append(f"## {_TITLES[axis.name]}, {info['machine']['devices'][axis.settings[0].device]}")
        parts += [_others(axis), _table(axis, results).rstrip()]
    return "\n\n".join([*parts, _method(info)]) + "\n"


def _setup(info: Mapping[str, Any]) -> str:
    host = info["machine"]
    threads = f"{host['threads']} thread{'s' * (host['threads'] != 1)}"
    devices = ", ".join(name for name in host["devices"].values() if name != "CPU")
    return (
        f"`{info['command']}` on {info['date']}; {host['cpu']}, {threads} of {host['cores']} cores"
        f"{', ' * bool(devices)}{devices}, torch {host['torch']}; load average {host['load_before']:.1f} before, "
        f"{host['load_after']:.1f} after. People of seed {info['seed']}, PyTorch3D with K = {info['faces_per_pixel']} "
        "faces per pixel. Milliseconds are those of this machine; what carries over is how many times faster and "
        "smaller than PyTorch3D at the same setting, both measured right after each other."
    )


def _verdicts(results: Sequence[Result], faces_per_pixel: int) -> str:
    lines = [
        [
            f"{check.sigma:g}",
            str(check.batch or NONE),
            check.renderer,
            f"{check.wanted:g}x",
            check.measured,
            check.verdict,
        ]
        for check in checks(results, faces_per_pixel)
    ]
    heading = (
        f"**Bars**: times faster than PyTorch3D (K = {BAR_FACES_PER_PIXEL}), forward and backward, on a CPU at "
        f"{BAR_SIZE} px with about {BAR_FACES} faces:\n\n"
    )
    return heading + markdown_table(["sigma", "batch", "renderer", "bar", "measured", ""], lines).rstrip()


_TITLES = {"size": "Image side", "faces": "Faces", "batch": "Batch", "sigma": "Sigma"}
_VALUES: dict[str, Callable[[Result], str]] = {
    "size": lambda result: f"{result.setting.size} px",
    "faces": lambda result: f"{result.triangles:,}",
    "batch": lambda result: str(result.setting.batch),
    "sigma": lambda result: f"{result.setting.sigma:g}",
}
_COLUMNS = (
    *("renderer", "forward, ms / image", "faster", "with backward, ms / image", "faster"),
    *("forward, MiB", "less", "with backward, MiB", "less"),
)


def setting_text(setting: Setting, without: str = "") -> str:
    """For people; the field ``without`` is left out."""
    parts = {"device": setting.device, "size": f"{setting.size} px", "faces": f"about {setting.faces:,} faces"}
    parts |= {"batch": f"batch {setting.batch}", "sigma": f"sigma {setting.sigma:.2g}"}
    return ", ".join(text for name, text in parts.items() if name != without)


def _others(axis: Axis) -> str:
    text = setting_text(axis.settings[0], axis.name).split(", ", 1)[1]
    if axis.name == "size":
        text = text.rsplit(", ", 1)[0] + ", sigma by resolution: "
        text += ", ".join(f"{setting.sigma:.2g} at {setting.size} px" for setting in axis.settings)
    return text[0].upper() + text[1:] + "."


def _table(axis: Axis, results: Sequence[Result]) -> str:
    found = {(result.setting, result.renderer): result for result in results}
    lines = []
    for setting in axis.settings:
        base = found[setting, PYTORCH3D].figures
        for renderer in RENDERERS:
            result = found[setting, renderer]
            lines.append([_VALUES[axis.name](result), renderer, *_cells(result.figures, base)])
    return markdown_table([_TITLES[axis.name].lower(), *_COLUMNS], lines)


def _cells(own: Figures, base: Figures) -> list[str]:
    missing = own.note or NONE
    return [
        *(missing if own.forward_s is None else _ms(own.forward_s), _times(ratio(base.forward_s, own.forward_s))),
        *(missing if own.both_s is None else _ms(own.both_s), _times(ratio(base.both_s, own.both_s))),
        *(_mib(own.forward_mib), _times(ratio(base.forward_mib, own.forward_mib, SMALLEST_MIB))),
        *(_mib(own.both_mib), _times(ratio(base.both_mib, own.both_mib, SMALLEST_MIB))),
    ]


def _ms(seconds: float | None) -> str:
    return NONE if seconds is None else f"{1000 * seconds:.3g}" if seconds < 0.1 else f"{1000 * seconds:,.0f}"


def _mib(size: float | None) -> str:
    return NONE if size is None else f"{size:.1f}" if size < 10 else f"{size:,.0f}"


def _times(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def _method(info: Mapping[str, Any]) -> str:
    times = f"{info['repeats']} call{'s' * (info['repeats'] != 1)}"
    lines = [
        "One thing is varied at a time, the others stay at the centre. The same people are drawn everywhere, a larger "
        "batch begins with those of a smaller one. Faces are counted in the mesh that is drawn; the whole body has "
        f"{info['whole_body']:,}.",
        f"Seconds: median of at least {times} (more of short ones) after one that is not counted. Forward is without "
        "gradient; backward is that of the sum of alpha squared.",
        "Memory: each row has a process of its own, which drew one small triangle before. On a CPU it is the highest "
        "resident memory of that process less what it held before the first call, so neither code nor bodies are in "
        f"it; two runs can differ by {SMALLEST_MIB:g} MiB, and smaller figures get no ratio. On CUDA it is the same of "
        "what PyTorch allocated.",
        f"On a CPU, PyTorch3D gets batches of at most {info['pytorch3d_batch']}: larger ones would take minutes per "
        "call and tell nothing new, as its time per image does not depend on the batch there (compare the rows of "
        "small batches). On CUDA every batch is tried.",
        f'What does not fit into the memory says "{OUT_OF_MEMORY}"; what was measured before that is kept.',
    ]
    return "## How it was measured\n\n" + "\n".join(f"- {line}" for line in lines)
