"""Draws docs/architecture.svg: stages, deadlines, jobs with their engines, tables and publication, from conf and the contracts."""

from __future__ import annotations

from html import escape
from pathlib import Path
from textwrap import wrap

from conf.feeds import load_feeds
from conf.files import write_whole
from conf.night import load_night
from conf.reading import BASE
from conf.tables import load_tables

PICTURE = BASE / "docs" / "architecture.svg"
WIDTH, SIDE, MIDDLE, RIGHT = 1180, 20, 260, 690  # x of the three columns
LINE, GAP, PAD = 19, 58, 14
ENGINES = {
    "ingest": "Arrow and delta-rs, no Spark",
    "conform": "Spark SQL",
    "respond": "Spark SQL",
    "view": "Spark",
    "score": "LightGBM inside Spark's Arrow partitions",
    "target": "Spark, then the optimiser: Numba, HiGHS",
    "export": "Arrow; a reader of its own checks each file",
    "evaluate": "Spark SQL, Python for the arithmetic",
    "report": "Jinja: one HTML page a night",
}
# What stands beside a stage on the left: a title, words, and whether it goes into the stage or comes out of it.
Neighbour = tuple[str, tuple[str, ...], bool]
BESIDE: dict[str, list[Neighbour]] = {
    "ingest": [("landing/<source>/", ("extracts with control files,", "answers of the channels"), True)],
    "scoring": [("training, weekly", ("champions in ops.model_run,", "shown in MLflow"), True)],
    "targeting": [
        ("campaign_approval", ("people approve a campaign,", "kept in ops.approval"), True),
        ("exports/<CHANNEL>/", ("lists; the answers come back", "through landing/"), False),
    ],
    "evaluation": [("reports/<date>.html", ("beside the Data Docs",), False)],
}


def render_diagram() -> str:
    """The whole picture as SVG text, the same for the same configuration."""
    parts, top = [], PAD
    for name, stage in load_night().stages.items():
        jobs = [f"{job}: {ENGINES.get(job, '')}" for job in stage.jobs]
        tables = _table_lines(name)
        height = PAD * 2 + LINE * max(len(tables), len(jobs) + 2, 4 * len(BESIDE.get(name, [])))
        parts += _box(
            MIDDLE, top, RIGHT - MIDDLE - 50, height, f"{name}, late at {stage.late_when:%H:%M}", jobs, "stage"
        )
        parts += _box(RIGHT, top, WIDTH - RIGHT - SIDE, height, "", tables, "tables")
        parts.append(_arrow(RIGHT - 50, top + height / 2, RIGHT - 4, top + height / 2))
        parts += _beside(name, top, height)
        parts += _publication(top + height)
        top += height + GAP
    return _document(parts + _readers(top), top + 90)


def _table_lines(stage: str) -> list[str]:
    """Names by layer; of layers with many tables the number alone, as the dictionary lists them."""
    lines = []
    for layer in ("vault", "bronze", "silver", "gold", "rpt"):
        own = sorted(t.short_name for t in load_tables().values() if t.layer == layer and t.stage == stage)
        if len(own) > 12:
            lines.append(f"{layer}: {len(own)} tables" + (", one a feed" if len(own) == len(load_feeds()) else ""))
        elif own:
            lines += wrap(f"{layer}: {', '.join(own)}", 62, break_long_words=False)
    return lines


def _beside(stage: str, top: float, height: float) -> list[str]:
    drawn = []
    own = BESIDE.get(stage, [])
    for place, (title, words, goes_in) in enumerate(own):
        each = (height - 10 * (len(own) - 1)) / len(own)
        upper = top + place * (each + 10)
        start, end = (MIDDLE - 30, MIDDLE - 4) if goes_in else (MIDDLE, MIDDLE - 26)
        drawn += _box(SIDE, upper, MIDDLE - SIDE - 30, each, title, list(words), "outside")
        drawn.append(_arrow(start, upper + each / 2, end, upper + each / 2))
    return drawn


def _publication(bottom: float) -> list[str]:
    middle = (MIDDLE + RIGHT - 50) / 2
    said = "gate (Great Expectations), then one commit to ops.published"
    return [_arrow(middle, bottom, middle, bottom + GAP - 4), _text(middle + 12, bottom + GAP / 2 + 4, said, "note")]


def _readers(top: float) -> list[str]:
    readers = [
        "every job, closedloop sql (DuckDB or Spark), report pages; Polars and others by closedloop tables",
        "a red gate changes nothing here: readers keep the versions of the night before",
    ]
    return _box(SIDE, top, WIDTH - 2 * SIDE, 76, "Readers see published versions only", readers, "tables")


def _box(left: float, top: float, width: float, height: float, title: str, lines: list[str], kind: str) -> list[str]:
    drawn = [f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>']
    baseline = top + PAD + 11
    for text, style in ([(title, "title")] if title else []) + [(line, "line") for line in lines]:
        drawn.append(_text(left + PAD, baseline, text, style))
        baseline += LINE
    return drawn


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="arrow" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" marker-end="url(#tip)"/>'


def _document(parts: list[str], height: float) -> str:
    style = (
        "text{font-family:sans-serif;font-size:14px;fill:#1f2937}.title{font-weight:bold}.note{font-size:12px;fill:#4b5563}"
        "rect{stroke-width:1.2}.stage{fill:#d9f0ec;stroke:#00796b}.tables{fill:#eef2ff;stroke:#4f63b6}"
        ".outside{fill:#fff4e0;stroke:#b7791f}.arrow{stroke:#4b5563;stroke-width:1.5}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img">',
            "<title>Stages of a night, their engines, their tables, and publication</title>",
            f"<style>{style}</style>",
            '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="4" orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="#4b5563"/></marker></defs>',
            f'<rect x="0" y="0" width="{WIDTH}" height="{height:g}" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def write_diagram() -> Path:
    """Draw the picture anew and return its path."""
    write_whole(PICTURE, render_diagram())
    return PICTURE


def is_stale() -> bool:
    """Whether the picture on disk is not the one that configuration and contracts give."""
    return not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != render_diagram()
