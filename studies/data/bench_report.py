"""What ``make bench-data`` measured, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s2m.markdown import markdown_table
from studies.data.bench import BARS, FULL_SIZE
from studies.data.bench_loading import SHARDS, STORE, WORKERS

_CHOICE = """## Why the memory-mapped store

- It needs no package and no conversion beyond its own, and its files are plain `.npy`.
- Any row can be had at once, so that training shuffles over all rows and an epoch is a function of (seed, epoch) alone,
  whatever the number of workers and processes. Shards are shuffled as wholes and within.
- All processes of a node share one copy in the page cache; a worker holds no more than a batch.

**Several nodes** read the store from a shared file system, or each copies it to a local disk first; every process takes
its share of each global batch by rank (`s2m/data/samplers.py`), so that nothing else has to be coordinated.
**Object storage**: the store is a folder of a few large files that never change, so each node fetches it once, with
parallel range requests, and checks it against the hashes in `store.json`:

```sh
aws s3 sync s3://bucket/human36m /local/human36m    # or gsutil rsync, rclone sync
s2m data check /local/human36m
```

All of Human3.6M at 50 Hz is {full:.1f} GB with silhouettes of 224 pixels; a node reads that from object storage in
minutes, once. Streaming shards pay off for data that fit on no local disk; silhouettes and joints are far from that."""


def markdown(result: Mapping[str, Any]) -> str:
    """The page.

    Args:
        result: See :func:`studies.data.bench.measure`, with ``machine``, ``command`` and ``stage3`` beside.
    """
    machine, chosen = result["machine"], result["chosen"]
    heading = (
        f"`{result['command']}` on {machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}; load average "
        f"{machine['load_before']:.1f} before, {machine['load_after']:.1f} after (other work on the machine makes "
        "everything slower). Files are in the page cache, as they were just written. Data are fabricated: what is "
        "measured does not depend on what the figures show, but silhouettes of people compress differently."
    )
    full = next(found["full_size_gb"] for found in result["conversion"] if found["mask_px"] == 224)
    parts = ["# Speed of converting and loading datasets", heading, _conversion(result), _memory(result)]
    parts += [_loading(result, chosen), _stage3(result), _CHOICE.format(full=full)]
    return "\n\n".join(parts) + "\n"


def _conversion(result: Mapping[str, Any]) -> str:
    lines = [
        "## Conversion",
        "",
        f"`s2m data human36m --workers 2` on {result['conversion'][0]['frames']} frames in the official layout (CDF, "
        "v7.3 masks of 1000 x 1000 pixels, compressed in pieces of 125 x 125), from the command's start to its end; no "
        "video is decoded. "
        f"Bars: {BARS['conversion_per_second']} frames/s; {BARS['store_gb']} GB for {FULL_SIZE:,} frames with masks of "
        "224 pixels.",
        "",
        markdown_table(
            ["masks", "frames/s", "core time per frame, ms", "bytes per frame", f"{FULL_SIZE:,} frames, GB"],
            [_conversion_cells(found) for found in result["conversion"]],
            [True] * 5,
        ).rstrip(),
    ]
    return "\n".join(lines)


def _conversion_cells(found: Mapping[str, Any]) -> list[str]:
    return [
        f"{found['mask_px']} px",
        f"{found['per_second']:.0f}",
        f"{found['cpu_ms_per_frame']:.2f}",
        f"{found['bytes_per_frame']:.0f}",
        f"{found['full_size_gb']:.2f}",
    ]


def _memory(result: Mapping[str, Any]) -> str:
    found = result["memory"]
    return (
        f"{found['rows']:,} rows of fabricated annotation (2D and 3D joints, no masks) in recordings of 5,000, one "
        f"process: {found['per_second']:.0f} rows/s, peak resident memory **{found['peak_gb']:.2f} GB** "
        f"(bar: {BARS['memory_gb']} GB)."
    )


def _loading(result: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    rates = {(found["mask_px"], found["source"], found["workers"]): found for found in result["loading"]}
    lines = [
        "## Loading",
        "",
        f"Silhouettes per second that arrive in the training process, ready for it: batches of {chosen['batch']}, "
        f"shuffled, an epoch of {chosen['loaded_rows']:,} rows, median of {chosen['rounds']} turns (slowest to "
        "fastest). Both sources give the same fields, silhouettes packed in the same bits, and what happens to a batch "
        f"after reading is the same code. Bar: {BARS['loading_per_second']:,} with 2 workers, or "
        f"{BARS['loading_times_stage3']} times what stage 3 consumes.",
        "",
    ]
    headings = ["masks", "source", *(f"{count} worker{'s' * (count != 1)}" for count in WORKERS)]
    rows = []
    for size, source in sorted({key[:2] for key in rates}, key=lambda key: (key[0], key[1] != STORE)):
        cells = [rates[size, source, workers] for workers in WORKERS]
        shown = [f"{c['per_second']:,.0f} ({c['range'][0]:,.0f} to {c['range'][1]:,.0f})" for c in cells]
        rows.append([f"{size} px", source, *shown])
    lines.append(markdown_table(headings, rows, [True, False, *[True] * len(WORKERS)]).rstrip())
    if not any(source == SHARDS for _, source, _ in rates):
        lines += ["", "litdata was left out."]
    return "\n".join(lines)


def _stage3(result: Mapping[str, Any]) -> str:
    found = result["stage3"]
    key = (found["mask_px"], STORE, WORKERS[-1])
    (given,) = (f for f in result["loading"] if (f["mask_px"], f["source"], f["workers"]) == key)
    return (
        f"Stage 3 consumes **{found['per_second']:.0f} silhouettes/s** on this machine (preset {found['preset']}, "
        f"batch {found['batch']}, masks of {found['mask_px']} px, all of a training step; median of "
        f"{found['rounds']} rounds of {found['chunk']} steps): the store gives "
        f"{given['per_second'] / found['per_second']:.0f} times as many with {WORKERS[-1]} workers."
    )
