"""Removes what is older than its retention, rows and files, and compacts small files; what is younger stays as it is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from conf.errors import AlreadyRunning
from conf.settings import Settings
from conf.tables import Table, load_tables
from jobs.lakehouse import delta_rs, expiry, months, published
from jobs.lakehouse.places import is_there, table_place
from jobs.lakehouse.run import exclusive
from jobs.maintenance import airflow_records, identities, old_files
from jobs.servers.postgres import point_mlflow_here
from models import registry_care

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGE = "maintenance"
MIN_FILES = 8  # a table of fewer files gains nothing from compaction


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Expire, compact and vacuum every table; versions of the last `retention.replay_days` days stay readable. Then the files.

    Retention counts from the last date of the range, or from the newest published night if that is earlier. Returns how
    many tables lost old rows, were compacted, and were left for the next week because their stage was at work or had an
    unpublished write, and how many files of each kind went.
    """
    today = _counted_from(settings, dates.last)
    delta_rs.ensure_tables(settings)
    found = [
        _care_for_ledger(settings, table, today)
        if table.is_delta_rs
        else _care_for_stage_table(spark, settings, table, today)
        for _, table in sorted(load_tables().items())
        if is_there(settings, table.name)
    ]
    done = [word for words in found for word in words]
    gone = _remove_unnamed(spark, settings, today)
    return {
        **{f"{word}_tables": done.count(word) for word in ("expired", "compacted", "left")},
        "removed": gone | _remove_files(settings, today) | _remove_records(settings, today),
    }


def preview(settings: Settings, last: date) -> list[dict[str, Any]]:
    """What a run would remove, rows by table and files by kind; changes nothing."""
    today = _counted_from(settings, last)
    rows: list[dict[str, Any]] = [
        {"what": table.name, "kept_from": old[1], "going": _old_row_count(settings, table, today), "bytes": None}
        for _, table in sorted(load_tables().items())
        if (old := old_rows(table, today)) and is_there(settings, table.name)
    ]
    files: list[dict[str, Any]] = [
        {
            "what": f"files.{kind}",
            "kept_from": None,
            "going": len(paths),
            "bytes": sum(path.lstat().st_size for path in paths),
        }
        for kind, paths in old_files.old_files(settings, today).items()
    ]
    runs: dict[str, Any] = {
        "what": "files.model_runs",
        "kept_from": None,
        "going": len(_old_runs(settings, today)),
        "bytes": None,
    }
    return [row for row in (*rows, *files, runs) if row["going"]]


def _remove_unnamed(spark: SparkSession, settings: Settings, today: date) -> dict[str, int]:
    """Values of the vault nobody names any more, while nothing is loaded."""
    try:
        with exclusive(settings, "ingest"):
            return {"identities": identities.remove_unnamed(spark, settings, f"{STAGE}-{today}")}
    except AlreadyRunning:
        return {}


def _remove_files(settings: Settings, today: date) -> dict[str, int]:
    """Old files, while nobody delivers from them or writes lists; a stage at work leaves them for the next week."""
    try:
        with exclusive(settings, "ingest"), exclusive(settings, "targeting"):
            found = old_files.old_files(settings, today)
            for kind, paths in found.items():
                if paths:
                    expiry.note(settings, today, f"files.{kind}", len(paths), None, f"{STAGE}-{today}")
            old_files.remove(settings, found)
            return {kind: len(paths) for kind, paths in found.items()}
    except AlreadyRunning:
        return {}


def _remove_records(settings: Settings, today: date) -> dict[str, int]:
    """Training runs that were never promoted, and old rows of Airflow's database (1: cleaned, 0: none that can be reached)."""
    runs = _old_runs(settings, today)
    registry_care.remove_runs(settings, runs)
    uri = airflow_records.database(settings)
    if uri is not None:
        airflow_records.clean(settings, today - timedelta(days=settings.retention.airflow_record_days), uri)
    return {"model_runs": len(runs), "airflow_cleaned": int(uri is not None)}


def _old_runs(settings: Settings, today: date) -> list[str]:
    if settings.services.embedded_postgres and airflow_records.is_reachable(settings):
        point_mlflow_here(settings)
    if not registry_care.has_records(settings):
        return []
    rows = delta_rs.read(settings, "ops.model_run", filters=[("verdict", "=", "PROMOTED")], columns=["mlflow_run_id"])
    promoted = {run_id for run_id in rows["mlflow_run_id"].to_pylist() if run_id}
    return registry_care.old_runs(settings, today - timedelta(days=settings.retention.model_run_days), promoted)


def _counted_from(settings: Settings, wanted: date) -> date:
    """No later than the newest night there is: a mistyped year must not empty the tables."""
    newest = max((row["business_date"] for row in published.newest_rows(settings)), default=wanted)
    return min(wanted, newest)


def old_rows(table: Table, today: date) -> tuple[str, date] | None:
    """Date column and first date to keep of a table with a retention; None for a table that is kept for good."""
    if table.retention_days is None or table.date_column is None:
        return None
    return table.date_column, today - timedelta(days=table.retention_days)


def _old_row_count(settings: Settings, table: Table, today: date) -> int:
    old = old_rows(table, today)
    if old is None:
        return 0
    return delta_rs.read(settings, table.name, [(old[0], "<", old[1])], columns=[old[0]]).num_rows


def _note_old_rows(settings: Settings, table: Table, today: date) -> bool:
    """Whether a table has rows that go; then ops.expiry says so first."""
    count, old = _old_row_count(settings, table, today), old_rows(table, today)
    if count and old:
        expiry.note(settings, today, table.name, count, old[1], f"{STAGE}-{today}")
    return count > 0


def _predicate(table: Table, today: date) -> str:
    column, first_kept = old_rows(table, today) or ("", today)
    return f"{column} < DATE '{first_kept}'"


def _care_for_stage_table(spark: SparkSession, settings: Settings, table: Table, today: date) -> list[str]:
    """One table under its stage's lock; its new version is published at once, so that no night takes it for a dead run's."""
    owner = _published_row(settings, table.name)
    if owner is None:
        return []
    try:
        with exclusive(settings, owner["stage"]):
            return _expire_and_compact(spark, settings, table, today)
    except AlreadyRunning:
        return ["left"]


def _published_row(settings: Settings, name: str) -> dict | None:
    """Newest publication of a table by the stage that writes it."""
    rows = delta_rs.read(settings, published.PUBLISHED, [("table_name", "=", name), ("stage", "!=", STAGE)]).to_pylist()
    return max(rows, key=lambda row: row["published_seq"], default=None)


def _expire_and_compact(spark: SparkSession, settings: Settings, table: Table, today: date) -> list[str]:
    seen = published.published_versions(settings)[table.name]
    if not delta_rs.holds_version(settings, table.name, seen):
        return ["left"]  # a dead run's unpublished write: its stage's to undo
    path, done = table_place(settings, table.name).for_spark, []
    if _note_old_rows(settings, table, today):
        spark.sql(f"DELETE FROM delta.`{path}` WHERE {_predicate(table, today)}").collect()
        done.append("expired")
    if spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]["numFiles"] >= MIN_FILES:
        spark.sql(f"OPTIMIZE delta.`{path}`").collect()
        done.append("compacted")
    head = delta_rs.head_version(settings, table.name)
    if head != seen:
        # The date stays that of the stage's own publication: it says up to which night the table is built.
        built = _published_row(settings, table.name)
        published.publish(settings, STAGE, (built or {})["business_date"], f"{STAGE}-{today}", {table.name: head})
    delta_rs.remove_files(settings, table.name)
    return done


def _care_for_ledger(settings: Settings, table: Table, today: date) -> list[str]:
    done = []
    if _note_old_rows(settings, table, today):
        delta_rs.delete(settings, table.name, _predicate(table, today), f"{STAGE}-{today}")
        done.append("expired")
    if _join(settings, table, today):
        done.append("compacted")
    delta_rs.remove_files(settings, table.name)
    return done


def _join(settings: Settings, table: Table, today: date) -> bool:
    """Join small files; a night of bronze stays in a file of its own as long as it may be replayed."""
    if table.layer == "bronze":
        first_apart = today - timedelta(days=settings.retention.replay_days)
        return months.join_months(settings, table.name, first_apart, f"{STAGE}-{today}") > 0
    delta_rs.compact(settings, table.name)
    return False
