"""Verdict on every delivered file before a record of it is read: bytes, rows, numbers, copies, resends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from jobs.ingest.byte_lines import LF
from jobs.ingest.delivered_file import open_delivered
from jobs.ingest.landing import Delivered
from jobs.ingest.layout import record_length
from jobs.lakehouse.file_states import DUPLICATE_COPY, LANDED, LOADED

READ_BYTES = 8 * 1024 * 1024
RESEND_HINT = "ask the sender for a resend"


@dataclass(frozen=True)
class Known:
    """A file an earlier run wrote to the ledger."""

    file_id: str
    feed: str
    file_name: str
    data_date: date
    load_date: date
    resend_no: int
    sequence_no: int
    digest: str
    created_at: datetime
    rows_in: int
    status: str
    rows_unreadable: int = 0

    @property
    def key(self) -> tuple[str, str, datetime]:
        """What makes it the same delivery as one in landing (see Delivered.key)."""
        return self.feed, self.file_name, self.created_at

    @property
    def is_loaded(self) -> bool:
        """Whether its rows are in bronze."""
        return self.status in LOADED


def verify(files: Sequence[Delivered], workers: int = 2) -> None:
    """Compare each file with its control line; a mismatch rejects the file with place, found, wanted and what to do."""
    waiting = [file for file in files if file.status == LANDED]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_verify_content, waiting))


def _verify_content(file: Delivered) -> None:
    line = file.announced
    if line is None:
        return
    place = f"{file.control} line {line.line}"
    try:
        file.size, file.rows_found, file.digest, ends_well = _measure(file)
    except FileNotFoundError:
        file.reject(f"{place}: found no file {line.name}, wanted it beside its control file; {RESEND_HINT}")
        return
    except OSError as error:
        file.reject(
            f"{place}: found no readable file {line.name} ({error.strerror}), wanted a plain file; {RESEND_HINT}"
        )
        return
    if line.bytes is not None and file.size != line.bytes:
        file.reject(f"{place}: found {file.size:,} bytes in {line.name}, wanted {line.bytes:,}; {RESEND_HINT}")
    elif file.rows_found != line.rows:
        file.reject(f"{place}: found {file.rows_found:,} rows in {line.name}, wanted {line.rows:,}; {RESEND_HINT}")
    elif file.size and not ends_well:
        file.reject(
            f"{line.name} line {file.rows_found}: found no line end behind the last record, wanted one; {RESEND_HINT}"
        )
    elif file.feed.style == "fixed_width" and file.size != line.rows * record_length(file.feed):
        wanted = f"{line.rows} rows x {record_length(file.feed)} bytes = {line.rows * record_length(file.feed)}"
        file.reject(f"{place}: found {file.size} bytes in {line.name}, wanted {wanted}; {RESEND_HINT}")
    elif line.rows == 0 and not file.feed.allow_empty:
        file.reject(
            f"{place}: found an empty file, wanted rows (contract of {file.feed.feed}: allow_empty: false); {RESEND_HINT}"
        )


def _measure(file: Delivered) -> tuple[int, int, str, bool]:
    digest, size, rows, last = sha256(), 0, 0, b""
    with open_delivered(file.path) as content:
        while part := content.read(READ_BYTES):
            digest.update(part)
            size += len(part)
            rows += part.count(b"\n")
            last = part[-1:]
    ends_well = last == bytes([LF])
    return size, rows + (0 if ends_well or not size else 1), digest.hexdigest(), ends_well


def not_in_landing(known: Iterable[Known], files: Iterable[Delivered]) -> list[Known]:
    """Loaded files that landing no longer holds: taken away, or something else stands under their name and time.

    A file this run has not read counts as the one the ledger knows.
    """
    present: dict[tuple, list[Delivered]] = defaultdict(list)
    for file in files:
        present[file.key].append(file)
    return [
        entry for entry in known if entry.is_loaded and not any(_is_same(file, entry) for file in present[entry.key])
    ]


def _is_same(file: Delivered, entry: Known) -> bool:
    return file.digest == entry.digest or (not file.digest and file.status == LANDED)


def number_replacements(files: Iterable[Delivered], known: Iterable[Known]) -> None:
    """Give replaced dollar files their resend number: the style has none in its names, a replaced file keeps its name.

    Files of one date made at one time are one delivery. If any of them differs from what the ledger saw under its name
    before, the whole delivery is the next resend; else it adds parts to, or copies, the delivery that was there.
    """
    earlier: dict[tuple[str, date], list[Known]] = defaultdict(list)
    for entry in known:
        if entry.is_loaded:
            earlier[(entry.feed, entry.data_date)].append(entry)
    deliveries: dict[tuple, list[Delivered]] = defaultdict(list)
    for file in files:
        if file.feed.style == "dollar" and file.status == LANDED:
            deliveries[(file.feed.feed, file.data_date, file.created_at)].append(file)
    for (feed, data_date, created_at), delivery in deliveries.items():
        before = [entry for entry in earlier[(feed, data_date)] if entry.created_at < created_at]
        newest = {entry.file_name: entry.digest for entry in sorted(before, key=lambda k: k.resend_no)}
        is_resend = any(newest.get(file.path.name, file.digest) != file.digest for file in delivery)
        for file in delivery:
            file.resend_no = max((entry.resend_no for entry in before), default=-1 if is_resend else 0) + is_resend


def refuse_reused_numbers(files: Sequence[Delivered], known: Iterable[Known]) -> None:
    """Same number and content again: a copy, ignored. Same number, other content: refused. Same content under another
    number of the delivery: a copy as well. `files` are in order of delivery, `known` the loaded files landing holds no more."""
    by_number: dict[tuple, str] = {}
    by_content: dict[tuple, str] = {}
    for entry in sorted(known, key=lambda k: (k.load_date, str(k.created_at))):
        by_number.setdefault((entry.feed, entry.data_date, entry.resend_no, entry.sequence_no), entry.file_id)
    digests = {entry.file_id: (entry.digest, entry.file_name) for entry in known}
    for file in files:
        if file.status != LANDED or not file.digest:
            continue
        number = (file.feed.feed, *file.number)
        content = (file.feed.feed, file.data_date, file.resend_no, file.digest)
        first = by_number.setdefault(number, file.file_id)
        digests.setdefault(file.file_id, (file.digest, file.path.name))
        if first != file.file_id:
            _judge_copy(file, *digests[first])
        elif file.size and by_content.setdefault(content, file.file_id) != file.file_id:
            _judge_copy(file, *digests[by_content[content]])


def _judge_copy(file: Delivered, digest: str, name: str) -> None:
    if digest == file.digest:
        file.status, file.reason = DUPLICATE_COPY, f"the same content as {name}, ignored"
        return
    anew = "made later, by the time in its check file" if file.feed.style == "dollar" else "with the next resend number"
    file.reject(
        f"{file.path.name}: found other content under the number of {name} "
        f"(data date {file.data_date}, resend {file.resend_no}), wanted a number of its own; ask the sender for a resend {anew}"
    )


def sequence_gaps(files: Iterable[Delivered]) -> list[str]:
    """Missing part numbers of a delivery, in words: a warning, the parts that came are loaded."""
    parts: dict[tuple, set[int]] = defaultdict(set)
    first_number: dict[tuple, int] = {}
    for file in files:
        if file.status in LOADED and file.name.sequence_no is not None:
            key = (file.feed.feed, file.data_date, file.resend_no if file.feed.style != "dollar" else 0)
            parts[key].add(file.name.sequence_no)
            first_number[key] = 0 if file.feed.style == "dollar" else 1
    gaps = []
    for key, numbers in sorted(parts.items()):
        missing = sorted(set(range(first_number[key], max(numbers) + 1)) - numbers)
        if missing:
            gaps.append(f"feed {key[0]}, data date {key[1]}: found parts {sorted(numbers)}, part(s) {missing} missing")
    return gaps
