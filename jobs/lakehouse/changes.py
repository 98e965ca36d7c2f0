"""What changed in a table between two of its versions, told from its log: whether what an earlier night made of it stands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

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
    changed = earliest_change(tables.settings, name, LOAD_DATE, then, tables.version(name) or 0)
    if changed is not None and changed <= earlier:
        return False
    known = (field(LOAD_DATE) >= since) & (field(LOAD_DATE) <= earlier)
    replaced = (field("superseded_on") > earlier) & (field("superseded_on") <= day)
    return not tables.dataset(name).head(1, columns=["superseded_on"], filter=known & replaced).num_rows


def earliest_change(settings: Settings, name: str, column: str, since: int, until: int) -> date | None:
    """Earliest date of a column in the files that came or went between two versions; None when none did.

    date.min when nobody can tell: a version that is gone, or a file without a note of its dates.
    """
    if since == until:
        return None
    try:
        before, after = (_files(settings, name, column, version) for version in (since, until))
    except (DeltaError, OSError):
        return date.min
    changed = [
        dates.get(path) or date.min
        for dates in (before, after)
        for path in before.keys() ^ after.keys()
        if path in dates
    ]
    return min(changed, default=None)


def _files(settings: Settings, name: str, column: str, version: int) -> dict[str, date | None]:
    """Path of each file of a version with the earliest date in it."""
    files = pa.table(open_table(settings, name, version).get_add_actions(flatten=True))
    noted = next((key for key in (f"partition.{column}", f"min.{column}") if key in files.column_names), None)
    dates = files[noted].to_pylist() if noted else [None] * files.num_rows
    return dict(zip(files["path"].to_pylist(), dates, strict=True))
