"""Whether what an earlier night read of a table still stands: then its sums may be carried on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake.exceptions import DeltaError
from pyarrow.dataset import field

from conf.settings import Settings
from jobs.lakehouse.places import open_table

if TYPE_CHECKING:
    from jobs.lakehouse.tables import Tables

LOAD_DATE = "load_date"


def stands_still(tables: Tables, name: str, then: int, earlier: date, day: date, since: date) -> bool:
    """Whether rows loaded from `since` to an earlier night are on a later day what version `then` said that night.

    They are not when a night of them was loaded again, or when a resend between the two took the place of any.
    """
    if not is_unchanged(tables.settings, name, then, tables.version(name) or 0, earlier):
        return False
    known = (field(LOAD_DATE) >= since) & (field(LOAD_DATE) <= earlier)
    replaced = (field("superseded_on") > earlier) & (field("superseded_on") <= day)
    return not tables.dataset(name).head(1, columns=["superseded_on"], filter=known & replaced).num_rows


def is_unchanged(settings: Settings, name: str, then: int, now: int, until: date) -> bool:
    """Whether no file with rows loaded up to a date came, went or was written anew between two versions of a table.

    False where it cannot be told: the log of `then` is gone, or files do not say which nights they hold.
    """
    if then == now:
        return True
    try:
        before = _files_until(settings, name, then, until)
    except (DeltaError, OSError):
        return False
    return before is not None and before == _files_until(settings, name, now, until)


def _files_until(settings: Settings, name: str, version: int, until: date) -> set[str] | None:
    log = pa.table(open_table(settings, name, version).get_add_actions(flatten=True))
    noted: Any = next((key for key in (f"partition.{LOAD_DATE}", f"min.{LOAD_DATE}") if key in log.column_names), None)
    if noted is None:
        return set() if log.num_rows == 0 else None
    nights = log[noted].to_pylist()
    if None in nights:
        return None
    return {path for path, night in zip(log["path"].to_pylist(), nights, strict=True) if night <= until}
