"""Everything that a report shows, as plain data; the two writers (Markdown, HTML) only lay it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s2m.report.checks import Check
from s2m.report.protocol import METRICS, SPLITS
from s2m.report.tables import Table

STAGE_TITLES = {
    "mesh": "Stage 3: mesh",
    "lifter": "Stage 1: lifter",
    "regressor": "Stage 2: adaptive regressor",
}


@dataclass(frozen=True)
class Figure:
    """A picture of the report.

    Attributes:
        file: Its name, beside the report.
        png: Its content.
        caption: What it shows.
    """

    file: str
    png: bytes
    caption: str


@dataclass(frozen=True)
class ProtocolTable:
    """A split measured by the dataset's protocols.

    Attributes:
        title: What stands above it.
        headings: Of the columns.
        rows: Text of every cell.
        meanings: (name, protocol in words).
    """

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    meanings: list[tuple[str, str]]


@dataclass(frozen=True)
class Contents:
    """A report.

    Attributes:
        run: Name of the run.
        note: What data the numbers are on.
        checks: Of the open data alone.
        tables: Of each stage, by its name.
        gallery: Pictures of examples.
        gallery_about: What the columns and colours of the examples mean.
        curves: A picture of each stage's curves, by its name.
        skipped: Frames that were left out, by stage and reason.
        by_protocol: Tables of datasets other than the open data.
        split_texts: What each split is.
        notes: What the conversion of the dataset said, such as which recordings were not there.
    """

    run: str
    note: str
    checks: list[Check]
    tables: dict[str, list[Table]]
    gallery: list[Figure]
    gallery_about: str
    curves: dict[str, Figure]
    skipped: dict[str, dict[str, int]]
    by_protocol: list[ProtocolTable] = field(default_factory=list)
    split_texts: Mapping[str, str] = field(default_factory=lambda: SPLITS)
    notes: list[str] = field(default_factory=list)

    @property
    def shown_tables(self) -> dict[str, list[Table]]:
        """The stages that were measured at all."""
        return {stage: tables for stage, tables in self.tables.items() if tables}

    @property
    def protocols(self) -> list[tuple[str, str]]:
        """(heading, protocol) of every metric that appears in a table."""
        used = {metric for tables in self.tables.values() for table in tables for metric in table.metrics}
        return [(text.heading, text.protocol) for name, text in METRICS.items() if name in used]

    @property
    def splits(self) -> list[tuple[str, str]]:
        """(name, meaning) of every split that appears in a table."""
        used = {table.split for tables in self.tables.values() for table in tables}
        return [(name, about) for name, about in self.split_texts.items() if name in used]

    @property
    def skipped_lines(self) -> list[str]:
        """One line per stage that passed over unusable frames."""
        return [
            f"{stage}: " + ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()) if count)
            for stage, reasons in self.skipped.items()
            if any(reasons.values())
        ]
