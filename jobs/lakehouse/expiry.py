"""ops.expiry: what goes because its time is over, written before it goes; and where a rebuild may still begin."""

from __future__ import annotations

from datetime import date

from conf.settings import Settings
from jobs.lakehouse import delta_rs

EXPIRY = "ops.expiry"


def note(settings: Settings, today: date, thing: str, removed: int, kept_from: date | None, run_id: str) -> None:
    """Say what is about to go; the same said again by a rerun takes the row's place."""
    row = {"business_date": today, "thing": thing, "kept_from": kept_from, "removed_cnt": removed, "run_id": run_id}
    delta_rs.replace(settings, EXPIRY, [row], f"business_date = DATE '{today}' AND thing = '{thing}'", run_id)


def first_kept_in_bronze(settings: Settings) -> date | None:
    """First load date of which every bronze table still holds its rows; None while nothing has gone."""
    rows = delta_rs.read(settings, EXPIRY, columns=["thing", "kept_from"]).to_pylist()
    return max((row["kept_from"] for row in rows if row["thing"].startswith("bronze.")), default=None)
