"""Reads the lists closedloop exported for a contact date: only released files (`.done`), each by its manifest and layout."""

from __future__ import annotations

import csv
import json
from datetime import date
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Literal

import polars as pl

from conf.exports import ExportLayout, load_exports

WANTED = ["contact_id", "campaign_id", "task_id", "wave_no", "msisdn", "product_id", "script_id"]


def released_files(home: Path, day: date) -> list[tuple[Path, dict]]:
    """(file, manifest) of every released list planned for a day, by name."""
    found = []
    for done in sorted((Path(home) / "exports").glob("*/*.done")):
        file = done.with_name(done.name.removesuffix(".done"))
        manifest = json.loads(file.with_name(file.name + ".manifest.json").read_text(encoding="utf-8"))
        if manifest["planned_date"] == str(day):
            found.append((file, manifest))
    return found


def read_lists(home: Path, day: date) -> tuple[pl.DataFrame | None, dict[str, str]]:
    """All contacts planned for a day, and the digest of each file read; (None, {}) when nothing was released."""
    layouts = load_exports()
    frames, digests = [], {}
    for file, manifest in released_files(home, day):
        content = file.read_bytes()
        digests[file.name] = sha256(content).hexdigest()
        if digests[file.name] != manifest["sha256"]:
            raise ValueError(
                f"{file}: found content {digests[file.name]}, wanted {manifest['sha256']} of its manifest; export it again"
            )
        rows = parse(layouts[manifest["layout"]], content)
        if rows:
            frames.append(
                pl.DataFrame(rows, schema=dict.fromkeys(WANTED, pl.String)).with_columns(
                    channel_code=pl.lit(manifest["channel_code"])
                )
            )
    return (pl.concat(frames).sort("contact_id") if frames else None), digests


def parse(layout: ExportLayout, content: bytes) -> list[dict[str, str]]:
    """Rows of a list as its channel would read them."""
    if layout.format == "fixed_width":
        return [_slice(layout, line) for line in content.split(layout.newline.encode()) if line]
    text = content.decode(layout.encoding)
    quoting: Literal[1, 3] = csv.QUOTE_ALL if layout.quote == "always" else csv.QUOTE_NONE
    lines = csv.reader(StringIO(text, newline=""), delimiter=layout.delimiter or ",", quoting=quoting)
    rows = [dict(zip(layout.column_names, cells, strict=True)) for cells in lines if cells]
    return [_wanted(row) for row in (rows[1:] if layout.header else rows)]


def _slice(layout: ExportLayout, line: bytes) -> dict[str, str]:
    row, at = {}, 0
    for column in layout.columns:
        row[column.name] = line[at : at + column.width].decode(layout.encoding).strip()
        at += column.width
    return _wanted(row)


def _wanted(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in WANTED}
