"""Tells people about files that were refused, parts that are missing, and feeds that did not come in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from conf.dates import DateRange
from conf.feeds import load_feeds
from conf.settings import Settings
from jobs.ingest.bronze import FeedLoad
from jobs.ingest.feeds import CARRIED, LATE, MISSING
from jobs.ingest.landing import Delivered, UnknownFile
from jobs.ingest.layout import FieldRule
from jobs.ingest.verify import sequence_gaps
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.file_states import REJECTED

PACKED = (".Z", ".gz", ".zip", ".bz2")


def raise_alarms(
    settings: Settings,
    dates: DateRange,
    files: Sequence[Delivered],
    statuses: Sequence[dict[str, Any]],
    unknown: Sequence[UnknownFile],
) -> None:
    """One alert for each refused or unknown file and each feed missing or late on a date of the range; gaps are warnings.

    Every unreadable row of a suppression feed is told too: somebody's wish may be lost with it.
    """
    for found in unknown:
        raise_alert(settings, "FILE_UNKNOWN", dates.last, unknown_text(found), file=found.name, inode=found.inode)
    for file in files:
        if file.status == REJECTED:
            raise_alert(
                settings, "FILE_REJECTED", file.load_date, file.reason or "", feed=file.feed.feed, file=file.path.name
            )
    for gap in sequence_gaps(files):
        raise_alert(settings, "SEQUENCE_GAP", dates.last, gap)
    for row in statuses:
        if row["business_date"] in dates and row["status"] in (MISSING, LATE, CARRIED):
            raise_alert(settings, f"FEED_{row['status']}", row["business_date"], row["detail"], feed=row["feed"])
        if row["business_date"] in dates and load_feeds()[row["feed"]].suppression and row["rows_unreadable"]:
            raise_alert(
                settings,
                "PROTECTION_UNREADABLE",
                row["business_date"],
                unreadable_text(row),
                feed=row["feed"],
                rows=row["rows_unreadable"],
            )


def unreadable_text(row: dict[str, Any]) -> str:
    """How many rows of a suppression feed name nobody we can read, and what to do; `row` is one of ops.feed_status."""
    rows = (row["rows_good"] or 0) + row["rows_unreadable"]
    return (
        f"{row['feed']}: found {row['rows_unreadable']} of {rows} rows that name nobody we can read, wanted none; whom they "
        "protect nobody knows: look them up in ops.quarantine and ask the sender for a resend"
    )


def raise_repeated(settings: Settings, loads: Sequence[FeedLoad], copies: pd.DataFrame) -> None:
    """One alert for each file of which every record came before in other files: sent under two names, or made twice."""
    lines = copies.drop_duplicates(["file_id", "line_number"]).groupby("file_id").size()
    for load in loads:
        for file, tally in zip(load.files, load.tallies, strict=True):
            if tally.rows_good and lines.get(file.file_id, 0) == tally.rows_good:
                text = (
                    f"{file.path.name}: found {tally.rows_good} records, each in an earlier file of feed {load.feed.feed} too, "
                    "wanted new ones; they count once: ask the sender whether the file was made twice"
                )
                raise_alert(settings, "FILE_REPEATED", file.load_date, text, feed=load.feed.feed, file=file.path.name)


def raise_doubled(settings: Settings, loads: Sequence[FeedLoad]) -> None:
    """One alert for each full snapshot that holds a key twice with other content; the last line of a key counts."""
    for load in loads:
        for file, tally in zip(load.files, load.tallies, strict=True):
            doubled = sum(cells for (_, rule), cells in tally.marks.items() if rule == FieldRule.DOUBLE_KEY.name)
            if doubled:
                key = ", ".join(load.feed.key)
                text = f"{file.path.name}: found {doubled} records of a key ({key}) the file holds already, wanted each once; the last counts"
                raise_alert(settings, "KEYS_DOUBLED", file.load_date, text, feed=load.feed.feed, file=file.path.name)


def unknown_text(found: UnknownFile) -> str:
    """What is wrong with something in landing nothing reads, and what to do."""
    name, source = found.name, found.name.split("/")[0]
    if not found.is_plain:
        text = f"{name}: found {found.kind}, wanted a plain file; nothing opens or follows it: ask the sender, then remove it"
    elif name.endswith(PACKED):
        text = f"{name}: found a packed file, wanted it unpacked before its control file; unpack it, then run the date again"
    else:
        text = (
            f"{name}: found a name of no delivery style, or with a date that does not exist, wanted one of docs/own-files.md; "
            "nothing reads it: ask the sender, then rename or remove it"
        )
    hint = f"; its name is masked here: find landing/{source}/ -maxdepth 1 -inum INODE, with the inode of this alert"
    return text + hint if found.is_masked else text
