"""Which version of each table readers see: the newest row of ops.published, or the empty first version."""

from __future__ import annotations

from datetime import date

from conf.settings import Settings
from conf.tables import load_tables
from jobs.lakehouse import delta_rs, faults, pins
from jobs.lakehouse.locks import held

PUBLISHED = "ops.published"


def published_versions(settings: Settings) -> dict[str, int]:
    """Published version by table name; tables never published are not in it."""
    return {row["table_name"]: row["version"] for row in newest_rows(settings)}


def newest_rows(settings: Settings) -> list[dict]:
    """The row of ops.published that counts, for each table."""
    newest: dict[str, dict] = {}
    for row in delta_rs.read(settings, PUBLISHED).to_pylist():
        current = newest.get(row["table_name"])
        if current is None or row["published_seq"] > current["published_seq"]:
            newest[row["table_name"]] = row
    return [newest[name] for name in sorted(newest)]


def reader_version(settings: Settings, name: str, versions: dict[str, int] | None = None) -> int | None:
    """Version a reader of this table takes: published, 0 (empty) if never published, None (newest) for ops, vault and bronze.

    Those have a version while tokens are replaced: that of before, until all tables of after are published.
    """
    if load_tables()[name].is_delta_rs:
        return pins.pinned(settings, name)
    known = published_versions(settings) if versions is None else versions
    return known.get(name, 0)


def newest_date(
    settings: Settings, name: str, before: date | None = None, versions: dict[str, int] | None = None
) -> date | None:
    """Newest date of a table's rows as readers see them, by the date its contract replaces by; None without rows."""
    column = str(load_tables()[name].date_column)
    return delta_rs.newest_date(settings, name, column, reader_version(settings, name, versions), before)


def publish(settings: Settings, stage: str, business_date: object, run_id: str, versions: dict[str, int]) -> int:
    """Make these versions the ones readers see, all in one commit; returns the publication number."""
    with held(settings.path("run", "locks", "published.lock")):
        faults.point(f"{stage}.before_publish")
        sequence = max((row["published_seq"] for row in newest_rows(settings)), default=0) + 1
        common = {"stage": stage, "business_date": business_date, "run_id": run_id, "published_seq": sequence}
        rows = [{**common, "table_name": name, "version": version} for name, version in sorted(versions.items())]
        delta_rs.append(settings, PUBLISHED, rows, run_id)
        faults.point(f"{stage}.after_publish")
    return sequence
