"""The ingest job: delivered files of a range of business dates become bronze rows, quarantine, identities and a balance."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from conf.dates import DateRange
from conf.errors import ConfigError
from conf.feeds import FEEDS, Feed, load_feeds
from conf.settings import Settings
from jobs.ingest import commits
from jobs.ingest.alarms import raise_alarms, raise_doubled, raise_repeated
from jobs.ingest.bronze import FeedLoad
from jobs.ingest.duplicates import write_duplicates
from jobs.ingest.feeds import FEED_STATUS, STATUS_COLUMNS, status_rows
from jobs.ingest.landing import Delivered, discover, unknown_files
from jobs.ingest.ledger_rows import FILE_LEDGER, file_row, known_files, superseded
from jobs.ingest.parse import unreadable_rows
from jobs.ingest.shrunken import refuse_shrunken
from jobs.ingest.vault_rows import FirstSeen, distinct_identities, merge_identities
from jobs.ingest.verify import Known, not_in_landing, number_replacements, refuse_reused_numbers, verify
from jobs.lakehouse import delta_rs
from jobs.lakehouse.file_states import LANDED, SUPERSEDED
from jobs.lakehouse.run import Run, exclusive
from jobs.people.sealed_records import Sealer
from jobs.people.tokens import Tokenizer

QUARANTINE, REDACTED_FILE = "ops.quarantine", "ops.redacted_file"


def run(settings: Settings, dates: DateRange, feeds: Sequence[str] | None = None) -> dict[str, Any]:
    """Load every file whose load date lies in `dates`; a rerun, or another order of dates, gives the same tables.

    Bronze is replaced feed by feed, then vault, quarantine, file ledger and feed status: a run that was cut off is run again.
    """
    contracts = _contracts(feeds)
    with exclusive(settings, "ingest"):
        this_run = Run("ingest", dates, settings)
        delta_rs.ensure_tables(settings)
        files, gone = judge_files(settings, dates, contracts)
        hidden = Tokenizer.of(settings), Sealer.of(settings), FirstSeen()
        loads = [_load_feed(this_run, feed, files, gone, *hidden) for feed in contracts]
        copies = write_duplicates(this_run, contracts, {load.feed.feed for load in loads if load.files})
        identities = distinct_identities(found for load in loads for found in load.identities)
        new = merge_identities(this_run, identities)
        _write_ops(this_run, contracts, files, gone, loads)
        statuses = _write_status(this_run, files)
        wanted = {feed.feed for feed in contracts}
        unknown = unknown_files(settings)
        raise_alarms(settings, dates, files, [row for row in statuses if row["feed"] in wanted], unknown)
        raise_repeated(settings, loads, copies)
        raise_doubled(settings, loads)
        return {**_summary(this_run, files, loads, new, statuses, copies), "unknown_files": len(unknown)}


def _contracts(names: Sequence[str] | None) -> list[Feed]:
    feeds = load_feeds()
    for name in names or ():
        if name not in feeds:
            raise ConfigError(FEEDS, "feed", name, "one of: " + ", ".join(feeds))
    return [feed for name, feed in feeds.items() if names is None or name in names]


def judge_files(settings: Settings, dates: DateRange, contracts: Sequence[Feed]) -> tuple[list[Delivered], list[Known]]:
    """Files of the range with their verdicts, and loaded files of the range that landing no longer holds (they stay)."""
    known = known_files(settings, [feed.feed for feed in contracts])
    loaded = {entry.key for entry in known if entry.is_loaded}
    blanked = _blanked_files(settings)
    everything = [
        file
        for file in discover(settings, contracts)
        if file.key not in loaded
        or (os.path.lexists(file.path) and (file.path.parent.name, file.path.name) not in blanked)
    ]
    number_replacements(everything, known)
    here = [file for file in everything if file.load_date in dates]
    judged = [*here, *_rivals(everything, here, known)]
    verify(judged)
    number_replacements(here, known)
    elsewhere = not_in_landing(known, everything)
    refuse_reused_numbers(sorted(judged, key=lambda file: (file.feed.feed, file.order)), elsewhere)
    gone = [entry for entry in elsewhere if entry.load_date in dates and entry.is_loaded]
    _count_unreadable(judged, settings.time_zone)
    refuse_shrunken(judged, [*gone, *(entry for entry in known if entry.load_date not in dates)])
    return here, gone


def _blanked_files(settings: Settings) -> set[tuple[str, str]]:
    """Loaded files in which an erased person was blanked: what they brought stays, they are not read again."""
    rows = delta_rs.read(settings, REDACTED_FILE, columns=["source", "file_name"]).to_pylist()
    return {(row["source"], row["file_name"]) for row in rows}


def _count_unreadable(files: Sequence[Delivered], zone: str) -> None:
    """Read the lists that may not shrink once before they are judged: their unreadable rows are missing rows."""
    for file in files:
        if file.feed.max_shrink_share is not None and file.status == LANDED:
            file.rows_unreadable = unreadable_rows(file.feed, file.path, zone)


def _rivals(everything: Sequence[Delivered], here: Sequence[Delivered], known: Sequence[Known]) -> list[Delivered]:
    """Files of other nights the verdict needs: those under a number of the range, and lists no night has loaded yet."""
    ours = {file.key for file in here}
    numbers = {(file.feed.feed, file.number) for file in here}
    seen = {entry.key for entry in known}
    return [
        file
        for file in everything
        if file.key not in ours
        and (
            (file.feed.feed, file.number) in numbers
            or (file.feed.max_shrink_share is not None and file.key not in seen)
        )
    ]


def _load_feed(
    this_run: Run,
    feed: Feed,
    files: Sequence[Delivered],
    gone: Sequence[Known],
    tokenizer: Tokenizer,
    sealer: Sealer,
    seen: FirstSeen,
) -> FeedLoad:
    """Parse the accepted files of a feed and replace the range of its bronze table in one commit."""
    settings = this_run.settings
    accepted = [file for file in files if file.feed.feed == feed.feed and file.status == LANDED]
    load = FeedLoad(settings, feed, accepted, tokenizer, sealer, seen)
    try:
        commits.replace(this_run, feed.table, load.reader(), _predicate(this_run.dates, gone, feed.feed))
    except Exception:
        if load.failure:  # the writer wraps what its stream raised
            raise load.failure from None
        raise
    return load


def _predicate(dates: DateRange, gone: Sequence[Known], *feeds: str) -> str:
    """The rows this run replaces: its range of load dates, without files that cannot be read again."""
    kept = sorted(entry.file_id for entry in gone if entry.feed in feeds)
    text = dates.predicate("load_date")
    return f"{text} AND file_id NOT IN ({_quoted(kept)})" if kept else text


def _quoted(values: Sequence[str]) -> str:
    return ", ".join("'{}'".format(value.replace("'", "''")) for value in values)


def _write_ops(
    this_run: Run,
    contracts: Sequence[Feed],
    files: Sequence[Delivered],
    gone: Sequence[Known],
    loads: Sequence[FeedLoad],
) -> None:
    """Quarantine and file ledger of the range, one commit each; then the files elsewhere that a resend now replaces."""
    settings, run_id = this_run.settings, this_run.run_id
    names = [feed.feed for feed in contracts]
    where = f"{_predicate(this_run.dates, gone, *names)} AND feed IN ({_quoted(names)})"
    tallies = {file.file_id: tally for load in loads for file, tally in zip(load.files, load.tallies, strict=True)}
    replaced_here, replaced_there = superseded(files, known_files(settings, names))
    for file in replaced_here:
        file.status, file.reason = SUPERSEDED, "a higher resend of this data date was loaded"
    bad_rows = [{**row, "run_id": run_id} for load in loads for row in load.bad_rows]
    commits.replace(this_run, QUARANTINE, bad_rows, where)
    rows = [file_row(settings, file, tallies.get(file.file_id), run_id) for file in files]
    commits.replace(this_run, FILE_LEDGER, rows, where)
    if replaced_there:
        _mark_superseded(this_run, sorted(replaced_there))


def _mark_superseded(this_run: Run, file_ids: list[str]) -> None:
    rows = delta_rs.read(this_run.settings, FILE_LEDGER, filters=[("file_id", "in", file_ids)]).to_pylist()
    for row in rows:
        row.update(status=SUPERSEDED, reason="a higher resend of this data date was loaded")
    commits.replace(this_run, FILE_LEDGER, rows, f"file_id IN ({_quoted(file_ids)})")


def _write_status(this_run: Run, files: Sequence[Delivered]) -> list[dict[str, Any]]:
    """Feed status of the range, and of earlier dates on which a late file of this range was missed."""
    settings, dates = this_run.settings, this_run.dates
    told = set(delta_rs.read(settings, FEED_STATUS, columns=["business_date"])["business_date"].to_pylist())
    late: set[date] = {file.data_date for file in files if file.data_date not in dates} & told
    days = sorted({*dates, *late})
    rows = delta_rs.read(settings, FILE_LEDGER, columns=STATUS_COLUMNS).to_pylist()
    statuses = [{**row, "run_id": this_run.run_id} for row in status_rows(load_feeds().values(), rows, days)]
    where = "business_date IN ({})".format(", ".join(f"DATE '{day}'" for day in days))
    commits.replace(this_run, FEED_STATUS, statuses, where)
    return statuses


def _summary(
    this_run: Run,
    files: Sequence[Delivered],
    loads: Sequence[FeedLoad],
    identities: int,
    statuses: Sequence[dict[str, Any]],
    copies: pd.DataFrame,
) -> dict[str, Any]:
    """What the run did, in numbers; the same go to ops.run_metric."""
    copied = Counter(copies.drop_duplicates(["file_id", "line_number"])["feed"])
    by_feed = {
        load.feed.feed: {
            "files": len(load.files),
            "rows_in": sum(file.rows_found for file in load.files),
            "rows_good": sum(tally.rows_good for tally in load.tallies),
            "rows_quarantined": sum(tally.rows_quarantined for tally in load.tallies),
            "cells_marked": sum(tally.marks.total() for tally in load.tallies),
            "rows_duplicate": copied[load.feed.feed],
        }
        for load in loads
    }
    metrics = [
        {
            "run_id": this_run.run_id,
            "business_date": this_run.dates.last,
            "stage": "ingest",
            "step": "load",
            "table_name": f"bronze.{feed}",
            "metric": metric,
            "value": float(value),
        }
        for feed, numbers in by_feed.items()
        for metric, value in numbers.items()
    ]
    delta_rs.append(this_run.settings, "ops.run_metric", metrics, this_run.run_id)
    totals = {
        name: sum(numbers[name] for numbers in by_feed.values())
        for name in ("rows_in", "rows_good", "rows_quarantined", "rows_duplicate")
    }
    this_run.fact("INGESTED", **totals)
    return {
        "run_id": this_run.run_id,
        "dates": str(this_run.dates),
        **totals,
        "files": dict(Counter(f.status for f in files)),
        "new_identities": identities,
        "feeds": by_feed,
        "quarantine": dict(Counter(row["rule"] for load in loads for row in load.bad_rows)),
        "feed_status": dict(Counter(row["status"] for row in statuses if row["business_date"] in this_run.dates)),
    }
