"""Writes docs/data_dictionary.md from the table contracts, so that the page cannot say anything the tables do not."""

from __future__ import annotations

from pathlib import Path

from conf.files import write_whole
from conf.reading import ROOT
from conf.tables import LAYERS, Column, Table, load_tables

PAGE = ROOT / "docs" / "data_dictionary.md"
_LAYER_WORDS = {
    "ops": "the pipeline's own books",
    "vault": "personal data in clear, written by ingest and read by export alone",
    "bronze": "one table a feed, typed, personal data as tokens (derived from conf/feeds)",
    "silver": "cleaned and bound to subscriptions",
    "gold": "the customer view, scores, decisions and contacts",
    "rpt": "reports",
}


def render_dictionary() -> str:
    """The whole page as Markdown."""
    tables = load_tables()
    lines = [
        "# Data dictionary",
        "",
        "Generated from the contracts by `closedloop dictionary`; edit `sql/<layer>/<table>.yaml` or `conf/feeds`, not this page.",
        "",
    ]
    for layer in LAYERS:
        own = sorted(name for name in tables if name.startswith(f"{layer}."))
        lines.append(
            f"- **{layer}** ({_LAYER_WORDS[layer]}): "
            + ", ".join(f"[{n.split('.')[1]}](#{n.replace('.', '')})" for n in own)
        )
    for layer in LAYERS:
        for name in sorted(name for name in tables if name.startswith(f"{layer}.")):
            lines += _table_lines(tables[name])
    return "\n".join(lines) + "\n"


def _table_lines(table: Table) -> list[str]:
    facts = [f"Grain: {table.grain}", f"key: {', '.join(table.key)}", f"owner: {table.owner}"]
    if table.partition_by:
        facts.append(f"partitioned by {', '.join(table.partition_by)}")
    if table.replace_by:
        facts.append(f"a run replaces its dates of `{table.replace_by}`")
    facts.append(f"kept {table.retention_days} days" if table.retention_days else "kept for good")
    head = ["", f"## {table.name}", "", table.description, "", "; ".join(facts) + ".", ""]
    return [
        *head,
        "| column | type | unit | personal | meaning |",
        "|---|---|---|---|---|",
        *map(_column_line, table.columns),
    ]


def _column_line(column: Column) -> str:
    required = "" if column.nullable else " (required)"
    personal = "" if column.pii == "none" else column.pii
    meaning = (column.description + _codes(column)).replace("|", "\\|")
    return f"| {column.name} | {column.type} | {column.unit or ''} | {personal} | {meaning}{required} |"


def _codes(column: Column) -> str:
    """The codes of a coded column with their words; a list of a business file by its name alone."""
    named = [f"`{column.values_from}` of conf"] if column.values_from else []
    listed = [*named, *(f"{code} ({word})" for code, word in column.values.items())]
    return f". Codes: {', '.join(listed)}" if listed else ""


def write_dictionary() -> Path:
    """Write the page and return its path."""
    write_whole(PAGE, render_dictionary())
    return PAGE


def is_stale() -> bool:
    """Whether the page on disk differs from what the contracts say."""
    return not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != render_dictionary()
