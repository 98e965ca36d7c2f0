"""What the ops tables say, for the person on call: where the night stands, what is wrong with the data, what is published."""

from __future__ import annotations

from datetime import date
from typing import Any

from deltalake import DeltaTable

from conf.settings import Settings
from conf.tables import load_tables
from jobs.lakehouse import ledger, published, server
from jobs.lakehouse.content import content_hash
from jobs.lakehouse.query import query_tables

Parts = list[tuple[str, list[dict]]]


def overview(settings: Settings) -> Parts:
    """Newest publication of each stage, feeds that need a look, gates that failed, files that left, the server."""
    ledger.ensure_tables(settings)
    found = server.status(settings)
    running = f"process {found.pid}" if found.running else "not running"
    return [
        ("Spark server", [{"state": running, "address": found.address, "home": str(settings.home)}]),
        ("Stages, newest business date published", _ask(settings, """
            SELECT stage, max(business_date) AS published_up_to, count(DISTINCT table_name) AS tables, max(published_seq) AS publication
            FROM ops.published GROUP BY stage ORDER BY publication""")),
        ("Feeds that need a look, newest date", _ask(settings, """
            SELECT business_date, feed, status, detail FROM ops.feed_status
            WHERE status NOT IN ('COMPLETE', 'EMPTY') AND business_date = (SELECT max(business_date) FROM ops.feed_status)
            ORDER BY feed""")),
        ("Rules that did not hold, newest run of each stage", _ask(settings, _FAILED_RULES)),
        ("Files that left, newest date", _ask(settings, """
            SELECT business_date, channel_code, status, count(*) AS files, sum(rows) AS rows FROM ops.export_ledger
            WHERE business_date = (SELECT max(business_date) FROM ops.export_ledger)
            GROUP BY ALL ORDER BY channel_code""")),
        ("Alerts, newest last", _alerts(settings)),
    ]  # fmt: skip


_FAILED_RULES = """
    SELECT g.business_date, g.stage, g.table_name, g.severity, g.expectation, g.observed
    FROM ops.gate_result g
    JOIN (SELECT stage, max(business_date) AS business_date FROM ops.gate_result GROUP BY stage) n
      ON g.stage = n.stage AND g.business_date = n.business_date
    WHERE NOT g.success GROUP BY ALL ORDER BY ALL
"""


def quality(settings: Settings, day: date) -> Parts:
    """Feeds of a business date with their balances, quarantine by reason, and rules that did not hold."""
    ledger.ensure_tables(settings)
    when = f"DATE '{day}'"
    return [
        (f"Feeds of {day}", _ask(settings, f"""
            SELECT feed, status, file_cnt, rows_good, rows_quarantined, detail FROM ops.feed_status
            WHERE business_date = {when} ORDER BY feed""")),
        ("Files refused, copied or replaced", _ask(settings, f"""
            SELECT feed, file_name, status, reason FROM ops.file_ledger
            WHERE load_date = {when} AND status <> 'LANDED' ORDER BY feed, file_name""")),
        ("Quarantine by reason", _ask(settings, f"""
            SELECT feed, rule, field, count(*) AS records FROM ops.quarantine
            WHERE load_date = {when} GROUP BY ALL ORDER BY records DESC, feed, rule, field""")),
        ("Cells of good records that are empty, UNKNOWN or unusual", _ask(settings, f"""
            SELECT feed, file_name, marks_by_field FROM ops.file_ledger
            WHERE load_date = {when} AND marks_by_field IS NOT NULL ORDER BY feed, file_name""")),
        ("Records another file of the feed brought first (counted once)", _ask(settings, f"""
            SELECT d.feed, f.file_name, e.file_name AS earlier_file, count(*) AS records FROM ops.duplicate_row d
            JOIN ops.file_ledger f ON f.file_id = d.file_id JOIN ops.file_ledger e ON e.file_id = d.earlier_file_id
            WHERE d.load_date = {when} GROUP BY ALL ORDER BY ALL""")),
        ("Rules that did not hold", _ask(settings, f"""
            SELECT stage, table_name, severity, expectation, observed FROM ops.gate_result
            WHERE business_date = {when} AND NOT success GROUP BY ALL ORDER BY ALL""")),
    ]  # fmt: skip


def table_list(settings: Settings, day: date | None, with_hash: bool) -> list[dict]:
    """Every table with path, version and rows; with `day` the version published by the newest run up to that business date."""
    ledger.ensure_tables(settings)
    versions = published_as_of(settings, day)
    listed = []
    for name in sorted(load_tables()):
        version = versions.get(name, 0) if not load_tables()[name].is_ledger else None
        path = ledger.table_path(settings, name)
        found = DeltaTable(str(path), version=version)
        row: dict[str, Any] = {"table": name, "version": found.version(), "rows": found.count(), "path": str(path)}
        if with_hash:
            row["hash"] = content_hash(settings, name, version=found.version())
        listed.append(row)
    return listed


def published_as_of(settings: Settings, day: date | None) -> dict[str, int]:
    """Published version by table; with `day` the last publication whose business date is not after it."""
    if day is None:
        return published.published_versions(settings)
    rows = ledger.read(settings, published.PUBLISHED, filters=[("business_date", "<=", day)]).to_pylist()
    rows.sort(key=lambda row: row["published_seq"])
    return {row["table_name"]: row["version"] for row in rows}


def _ask(settings: Settings, text: str) -> list[dict]:
    return query_tables(settings, text).to_pylist()


def _alerts(settings: Settings, newest: int = 5) -> list[dict]:
    import json

    files = sorted(settings.path("alerts").glob("*.json"))[-newest:]
    read = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    return [{"business_date": alert["business_date"], "event": alert["event"], "text": alert["text"]} for alert in read]
