"""What a conversion did: ``report.json`` for programs, ``report.md`` for people, both inside the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s2m.data.zoo.checks import DETECTOR_LIMIT_PX, REFERENCE_SIZE, Distances
from s2m.data.zoo.parts import Options, Part, SplitPlan
from s2m.data.zoo.source import Source
from s2m.files import write_text
from s2m.markdown import escape, markdown_table, number_table

_WITHOUT_MASKS = "recording without silhouettes"
_LISTED = 15
# Frames of a recording that are not in the store, by what became of them.
_LOST = ("dropped", "left_out")
_DISTANCES = {"median_px": "median", "p95_px": "95 %", "mean_px": "mean", "largest_px": "largest"}


def write_report(
    folder: Path,
    source: Source,
    plans: Sequence[SplitPlan],
    parts: Sequence[Part],
    distances: Mapping[str, Distances],
    options: Options,
) -> None:
    """Write both files.

    Args:
        folder: Store that is being written.
        source: The dataset that is read.
        plans: What each split will hold.
        parts: All recordings, those without usable frames, too.
        distances: Distances of the projected truth from the 2D joints, by recording.
        options: Settings of the conversion.
    """
    limit = options.reprojection_limit_px
    content = {
        "dataset": source.name,
        "settings": source.settings,
        "splits": {plan.name: _split(plan, parts, distances.get(plan.name, Distances())) for plan in plans},
        "reprojection_limit_px": source.reprojection_limit_px if limit is None else limit,
        "reprojection_limit_of_detections_px": DETECTOR_LIMIT_PX,
        "reprojection_image_size_px": REFERENCE_SIZE,
        "notes": [*source.notes, *(note for plan in plans for note in plan.notes)],
        "recordings": [_recording(part) for part in parts],
    }
    write_text(folder / "report.json", json.dumps(content, indent=1) + "\n")
    write_text(folder / "report.md", _markdown(content))


def _split(plan: SplitPlan, parts: Sequence[Part], distances: Distances) -> dict[str, Any]:
    dropped: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for part in parts:
        if part.split == plan.name:
            dropped.update(part.dropped)
            left_out.update(part.left_out)
    dropped[_WITHOUT_MASKS] = sum(part.rows for part in plan.without_masks)
    return {
        "frames": plan.rows,
        "recordings": len(plan.parts),
        "fields": [spec.name for spec in plan.fields],
        "dropped": {reason: count for reason, count in dropped.most_common() if count},
        "left_out": dict(left_out),
        "reprojection": distances.summary(),
    }


def _recording(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "split": part.split,
        "frames": part.rows,
        "dropped": part.dropped,
        "left_out": part.left_out,
        "reprojection": part.distances,
    }


def _markdown(content: Mapping[str, Any]) -> str:
    blocks = [f"# Conversion of {escape(content['dataset'])}", _counts(content["splits"])]
    blocks.append("Dropped frames cannot be used; frames left out are not part of the dataset's protocol.")
    for title, key in zip(("Dropped", "Left out"), _LOST, strict=True):
        rows = [
            (name, reason, str(count))
            for name, split in content["splits"].items()
            for reason, count in split[key].items()
        ]
        if rows:
            blocks += [f"## {title}", markdown_table(["split", "reason", "frames"], rows, [False, False, True])]
    blocks += ["## Projection of the 3D truth onto the 2D joints", *_reprojection(content)]
    if content["notes"]:
        blocks += ["## Notes", "\n".join(f"- {escape(note)}" for note in content["notes"])]
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _counts(splits: Mapping[str, Any]) -> str:
    rows = [
        [name, *map(str, (split["recordings"], split["frames"], *(sum(split[key].values()) for key in _LOST)))]
        for name, split in splits.items()
    ]
    headings = ["split", "recordings", "frames", "dropped", "left out"]
    return number_table(headings, rows)


def _reprojection(content: Mapping[str, Any]) -> list[str]:
    about = (
        f"Distances in pixels of a {content['reprojection_image_size_px']:.0f}-pixel image. A recording is refused "
        f"when its median is beyond {content['reprojection_limit_px']:g} px "
        f"(joints of a detector: {content['reprojection_limit_of_detections_px']:g} px)."
    )
    measured = {f"split {name}": split["reprojection"] for name, split in content["splits"].items()}
    worst = [r for r in content["recordings"] if r["reprojection"].get("joints")]
    worst = sorted(worst, key=lambda r: -r["reprojection"]["median_px"])[:_LISTED]
    measured |= {f"{r['split']}: {r['name']}": r["reprojection"] for r in worst}
    rows = [[name, *_distances(numbers)] for name, numbers in measured.items()]
    return [about, number_table(["what", "joints", *_DISTANCES.values()], rows)]


def _distances(numbers: Mapping[str, Any]) -> list[str]:
    if not numbers.get("joints"):
        return ["not checked: no 3D truth, or no camera", *[""] * len(_DISTANCES)]
    return [str(numbers["joints"]), *(f"{numbers[key]:.3g}" for key in _DISTANCES)]
