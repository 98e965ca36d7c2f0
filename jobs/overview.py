"""What the ops tables say of the data of a date, and which tables there are; asking alters nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

from conf.errors import ClosedLoopError
from conf.settings import Settings
from conf.tables import load_tables
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.content import rows_hash
from jobs.lakehouse.places import is_there, open_table, table_place
from jobs.lakehouse.query import query_tables
from jobs.lakehouse.sqltext import IN_PROCESS, tables_in

Parts = list[tuple[str, list[dict]]]


class TablesMissing(ClosedLoopError):
    """A home of an older version, or one in which nothing ran yet, lacks a table that is asked for."""


def quality(settings: Settings, day: date) -> Parts:
    """Feeds of a business date with their balances, quarantine by reason, and rules that did not hold."""
    when = f"DATE '{day}'"
    return [
        (
            f"Feeds of {day}",
            ask(
                settings,
                f"""
            SELECT feed, status, file_cnt, rows_good, rows_quarantined, detail FROM ops.feed_status
            WHERE business_date = {when} ORDER BY feed""",
            ),
        ),
        (
            "Files refused, copied or replaced",
            ask(
                settings,
                f"""
            SELECT feed, file_name, status, reason FROM ops.file_ledger
            WHERE load_date = {when} AND status <> 'LANDED' ORDER BY feed, file_name""",
            ),
        ),
        (
            "Quarantine by reason",
            ask(
                settings,
                f"""
            SELECT feed, rule, field, count(*) AS records FROM ops.quarantine
            WHERE load_date = {when} GROUP BY ALL ORDER BY records DESC, feed, rule, field""",
            ),
        ),
        (
            "Cells of good records that are empty, UNKNOWN or unusual",
            ask(
                settings,
                f"""
            SELECT feed, file_name, marks_by_field FROM ops.file_ledger
            WHERE load_date = {when} AND marks_by_field IS NOT NULL ORDER BY feed, file_name""",
            ),
        ),
        (
            "Records another file of the feed brought first (counted once)",
            ask(
                settings,
                f"""
            SELECT d.feed, f.file_name, e.file_name AS earlier_file, count(*) AS records FROM ops.duplicate_row d
            JOIN ops.file_ledger f ON f.file_id = d.file_id JOIN ops.file_ledger e ON e.file_id = d.earlier_file_id
            WHERE d.load_date = {when} GROUP BY ALL ORDER BY ALL""",
            ),
        ),
        (
            "Rules that did not hold",
            ask(
                settings,
                f"""
            SELECT stage, table_name, severity, expectation, observed FROM ops.gate_result
            WHERE business_date = {when} AND NOT success GROUP BY ALL ORDER BY ALL""",
            ),
        ),
    ]


def table_list(settings: Settings, day: date | None, with_hash: bool) -> list[dict]:
    """Every table with path, version and rows; with `day` the version published by the newest run up to that business date."""
    versions = published_as_of(settings, day)
    listed = []
    for name in sorted(load_tables()):
        version = versions.get(name, 0) if not load_tables()[name].is_delta_rs else None
        if not is_there(settings, name):
            listed.append({"table": name, "version": None, "rows": None, "path": "not made yet"})
            continue
        found = open_table(settings, name, version)
        row: dict[str, Any] = {
            "table": name,
            "version": found.version(),
            "rows": found.count(),
            "path": table_place(settings, name).for_delta_rs,
        }
        if with_hash:
            row["hash"] = rows_hash(settings, name, version=found.version())
        listed.append(row)
    return listed


def published_as_of(settings: Settings, day: date | None) -> dict[str, int]:
    """Published version by table; with `day` the last publication whose business date is not after it."""
    if day is None:
        return published.published_versions(settings)
    rows = delta_rs.read(settings, published.PUBLISHED, filters=[("business_date", "<=", day)]).to_pylist()
    rows.sort(key=lambda row: row["published_seq"])
    return {row["table_name"]: row["version"] for row in rows}


def ask(settings: Settings, text: str) -> list[dict]:
    """Rows of a query over published tables; asking makes no table. Raises TablesMissing for one that is not there."""
    missing = [name for name in tables_in(text, IN_PROCESS) if not is_there(settings, name)]
    if missing:
        raise TablesMissing(
            f"{settings.home}: found no table {', '.join(missing)}, wanted the tables of this version\n"
            "  to do:  nothing, the next run makes them; before the first run there is nothing to ask"
        )
    return query_tables(settings, text).to_pylist()
