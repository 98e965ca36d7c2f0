"""A full list that lost more than its allowed share of rows since the last good one is refused: better none than half.

A row that cannot be read is a missing row, in the list before as in the new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from jobs.ingest.landing import Delivered
from jobs.ingest.verify import Known
from jobs.lakehouse.file_states import LANDED


@dataclass
class Parts:
    """The parts of one list that one night picked up; those the ledger knows are loaded and no longer judged."""

    rows: int = 0
    files: list[Delivered] = field(default_factory=list)


def refuse_shrunken(files: Sequence[Delivered], known: Iterable[Known]) -> None:
    """Judge the lists of these verified files, all parts of a list together, against the list before.

    `known` are the ledger's entries for everything else; a night therefore judges as a range of nights does.
    """
    by_feed: dict[str, dict[tuple, Parts]] = defaultdict(lambda: defaultdict(Parts))
    settled = set()
    for entry in known:
        settled.add(entry.key)
        if entry.is_loaded:
            by_feed[entry.feed][(entry.load_date, entry.data_date, entry.resend_no)].rows += (
                entry.rows_in - entry.rows_unreadable
            )
    for file in files:
        if file.feed.max_shrink_share is not None and file.status == LANDED and file.key not in settled:
            parts = by_feed[file.feed.feed][(file.load_date, file.data_date, file.resend_no)]
            parts.rows += file.rows_found - file.rows_unreadable
            parts.files.append(file)
    for lists in by_feed.values():
        _refuse_shrunken_lists(lists)


def _refuse_shrunken_lists(lists: dict[tuple, Parts]) -> None:
    """Night by night: what a night knows of a list is its own parts and those of earlier nights."""
    accepted: dict[tuple[date, int], int] = {}
    for (_, data_date, resend_no), parts in sorted(lists.items(), key=lambda item: item[0]):
        number = (data_date, resend_no)
        rows = accepted.get(number, 0) + parts.rows
        before = max((other for other in accepted if other < number), default=None)
        if parts.files and before and _is_shrunken(rows, accepted[before], parts.files[0]):
            _refuse(parts.files, rows, accepted[before])
        else:
            accepted[number] = rows


def _is_shrunken(rows: int, rows_before: int, file: Delivered) -> bool:
    return rows < rows_before * (1 - (file.feed.max_shrink_share or 0))


def _refuse(files: Sequence[Delivered], rows: int, rows_before: int) -> None:
    for file in files:
        share = 1 - (file.feed.max_shrink_share or 0)
        file.reject(
            f"{file.control}: found {rows} readable rows, wanted at least {share:.0%} of the last list's {rows_before}; "
            f"ask the sender, or change max_shrink_share of feed {file.feed.feed} if this is right"
        )
