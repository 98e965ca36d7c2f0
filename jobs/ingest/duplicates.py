"""The same event in two files of a feed (D10): the later copy is named in ops.duplicate_row, whatever the order of loading.

Bronze keeps every record as delivered. Which copy counts is decided where bronze is read as of a night (jobs/view/as_of.py),
because a resend may take the earlier one away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from conf.dates import DateRange
from conf.feeds import Feed
from conf.settings import Settings
from jobs.ingest import commits
from jobs.lakehouse import delta_rs
from jobs.lakehouse.run import Run

DUPLICATE_ROW = "ops.duplicate_row"
_FILE = ["load_date", "data_date", "resend_no", "loaded_at", "file_id"]  # order of delivery, the same on every machine
_PAIR = [
    "load_date",
    "feed",
    "file_id",
    "line_number",
    "earlier_file_id",
    "earlier_line_number",
    "earlier_data_date",
    "earlier_resend_no",
]


def write_duplicates(this_run: Run, feeds: Sequence[Feed], loaded: set[str]) -> pd.DataFrame:
    """Find the later copies of the range and of the nights after it that look back on it; one commit where there are any.

    `loaded` are feeds that brought rows. Only the identities of `duplicate_days` nights before the range are read.
    """
    settings, dates = this_run.settings, this_run.dates
    events = [feed for feed in feeds if feed.duplicate_days]
    if not events:
        return _no_pairs()
    judged = DateRange(dates.first, dates.last + timedelta(days=max(feed.duplicate_days or 0 for feed in events)))
    known = (
        delta_rs.read(settings, DUPLICATE_ROW, filters=_between(judged), columns=["feed"])["feed"].unique().to_pylist()
    )
    chosen = [feed for feed in events if feed.feed in loaded or feed.feed in known]
    pairs = pd.concat([_no_pairs(), *(_pairs_of(settings, feed, judged) for feed in chosen)], ignore_index=True)
    if len(pairs) or known:
        rows = pa.Table.from_pandas(pairs.assign(run_id=this_run.run_id), preserve_index=False)
        names = ", ".join(f"'{feed.feed}'" for feed in chosen)
        commits.replace(this_run, DUPLICATE_ROW, rows, f"{judged.predicate('load_date')} AND feed IN ({names})")
    return pairs


def _between(dates: DateRange) -> list[tuple[str, str, date]]:
    return [("load_date", ">=", dates.first), ("load_date", "<=", dates.last)]


def _no_pairs() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in _PAIR})


def _pairs_of(settings: Settings, feed: Feed, judged: DateRange) -> pd.DataFrame:
    """Each later copy of the judged nights with each earlier file of the nights it looks back on."""
    nights = DateRange(judged.first - timedelta(days=feed.duplicate_days or 0), judged.last)
    repeated = _repeated(delta_rs.read_nights(settings, feed.table, nights, ["event_id"])["event_id"])
    if not len(repeated):
        return _no_pairs()
    columns, is_wanted = ["event_id", *_FILE, "line_number"], pc.field("event_id").isin(repeated)
    rows = delta_rs.read_nights(settings, feed.table, nights, columns, is_wanted).to_pandas()
    rows["place"] = rows.groupby(_FILE, sort=True).ngroup()
    firsts = rows.sort_values("line_number").drop_duplicates(["event_id", "place"])
    pairs = rows.merge(firsts, on="event_id", suffixes=("", "_earlier"))
    gap = pd.to_datetime(pairs["load_date"]) - pd.to_datetime(pairs["load_date_earlier"])
    replaced = (pairs["data_date"] == pairs["data_date_earlier"]) & (pairs["resend_no"] != pairs["resend_no_earlier"])
    is_copy = (pairs["place_earlier"] < pairs["place"]) & (gap.dt.days <= feed.duplicate_days) & ~replaced
    is_judged = pairs["load_date"].between(judged.first, judged.last)
    found = pairs[is_copy & is_judged].assign(feed=feed.feed)
    return found.rename(columns={f"{name}_earlier": f"earlier_{name}" for name in firsts.columns})[_PAIR]


def _repeated(ids: pa.ChunkedArray) -> list[int]:
    """Identities that stand more than once."""
    values = np.sort(ids.drop_null().to_numpy())
    return np.unique(values[1:][values[1:] == values[:-1]]).tolist()
