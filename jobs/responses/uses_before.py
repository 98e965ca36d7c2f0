"""Which earlier night's findings of use stand, so that tonight reads the days since and not the whole history."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256

from conf.responses import load_response_rules
from conf.view import COUNTABLE, load_view_rules
from jobs.lakehouse import delta_rs
from jobs.lakehouse.changes import stands_still
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.tables import Tables
from jobs.responses.as_of import HISTORY

READ_VERSION = "read_version"


def used_before(tables: Tables, first: date, last: date) -> date | None:
    """The newest night before the snapshots from `first` to `last` whose `is_used` still holds: same rules, and days of use that are as they were then.

    None where all days must be read: no such night, a back-fill or a resend since, or other rules.
    """
    newest = tables.newest_date(HISTORY, before=first)
    if newest is None:
        return None
    read = [("business_date", "=", newest), ("metric", "=", READ_VERSION), ("step", "=", _step())]
    rows = delta_rs.read(tables.settings, "ops.run_metric", read, columns=["table_name", "value"]).to_pylist()
    then: dict[str, int] = {}
    for row in rows:  # of runs again of that night the last one counts
        then[row["table_name"]] = max(int(row["value"]), then.get(row["table_name"], 0))
    since = newest - timedelta(days=load_response_rules().history_days)
    still = (name in then and stands_still(tables, name, then[name], newest, last, since) for name in COUNTABLE)
    return newest if all(still) else None


def register_uses_before(tables: Tables, night: date | None) -> None:
    """View uses_before: what that night found, by contact, product and time of acceptance; empty without a night."""
    from pyspark.sql import functions as F

    if night is None:  # a table from before the column has none to read
        found = tables.spark.createDataFrame(
            [], "contact_id string, product_id string, accepted_at timestamp, is_used boolean"
        )
    else:
        rows = tables.read(HISTORY).where((F.col("snapshot_date") == F.lit(night)) & F.col("is_used").isNotNull())
        found = rows.select("contact_id", "product_id", "accepted_at", "is_used")
    found.createOrReplaceTempView("uses_before")


def note_versions(lake: Lake) -> None:
    """Keep which versions of the days of use this run read, for `used_before` of the next."""
    for name in COUNTABLE:
        lake.metric(_step(), name, READ_VERSION, lake.version(name) or 0)


def _step() -> str:
    """The step, with a digest of the rules its findings rest on."""
    effective = load_response_rules().effective
    rules = [effective.use_days, sorted(effective.qualifying_use.items()), sorted(load_view_rules().uses.items())]
    return f"uses {sha256(repr(rules).encode()).hexdigest()[:16]}"
