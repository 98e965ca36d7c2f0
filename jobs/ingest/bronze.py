"""Streams the accepted files of one feed into its bronze table: parse ahead in threads, drop copies, balance, one commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from conf.errors import ClosedLoopError
from conf.feeds import Feed
from conf.settings import Settings
from conf.tables import table_of
from jobs.ingest.byte_lines import mark_repeats
from jobs.ingest.chunks import chunks_of
from jobs.ingest.landing import Delivered
from jobs.ingest.layout import FieldRule
from jobs.ingest.ledger_rows import Tally
from jobs.ingest.parse import Identity, ParsedChunk, parse_chunk
from jobs.ingest.reasons import reason_of
from jobs.ingest.vault_rows import FirstSeen
from jobs.ingest.zones import utc_of
from jobs.lakehouse.schema import arrow_schema
from jobs.people.sealed_records import Sealer, place_of
from jobs.people.tokens import Tokenizer

WORKERS = 2


@dataclass
class FeedLoad:
    """The files of one feed on their way to bronze; tallies, bad rows and identities are complete once it was read out."""

    settings: Settings
    feed: Feed
    files: Sequence[Delivered]
    tokenizer: Tokenizer
    sealer: Sealer
    seen: FirstSeen = field(default_factory=FirstSeen)
    tallies: list[Tally] = field(init=False)
    bad_rows: list[dict] = field(default_factory=list)
    identities: list[tuple[Identity, np.ndarray]] = field(default_factory=list)
    failure: ClosedLoopError | None = None

    def __post_init__(self) -> None:
        self.tallies = [Tally() for _ in self.files]
        groups: dict[tuple, int] = {}
        keys = [(file.load_date, file.data_date, file.resend_no) for file in self.files]
        self._group_of_file = np.array([groups.setdefault(key, len(groups)) for key in keys], dtype=np.int64)
        self._load_days = np.array([file.load_date.toordinal() for file in self.files], dtype=np.int64)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the bronze table."""
        return arrow_schema(table_of(self.feed.table))

    def reader(self) -> pa.RecordBatchReader:
        """The good rows as a stream in the order of the bronze contract."""
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        rows = sum(file.rows_found for file in self.files)
        seen, seen_keys = _SeenRows(rows), _SeenRows(rows if self.feed.content == "snapshot" else 0)
        for parsed in self._parsed_chunks():
            groups = self._group_of_file[parsed.files]
            parsed.records.break_rule(seen.mark(groups, *parsed.records.digests, parsed.good), FieldRule.DUPLICATE_ROW)
            if (
                self.feed.content == "snapshot" and parsed.keys is not None
            ):  # the last line of a key counts; people are told
                doubled = seen_keys.mark(groups, parsed.keys, parsed.keys, parsed.good)
                parsed.records.mark(doubled, FieldRule.DOUBLE_KEY, self.feed.key_position)
            batch = self._good_batch(parsed)
            self._count(parsed, batch)
            self._collect_bad(parsed)
            for identity in parsed.personal:
                self.identities.append(self.seen.news(identity, self._load_days[parsed.files[identity.first_rows]]))
            yield batch
        self._check_balance()

    def _parsed_chunks(self) -> Iterator[ParsedChunk]:
        """Chunks in their order, parsed by threads one or two chunks ahead (the loops release the interpreter lock)."""
        waiting: deque[Future[ParsedChunk]] = deque()
        with ThreadPoolExecutor(WORKERS) as pool:
            for chunk in chunks_of([file.path for file in self.files]):
                waiting.append(pool.submit(parse_chunk, self.feed, chunk, self.tokenizer, self.settings.time_zone))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _good_batch(self, parsed: ParsedChunk) -> pa.RecordBatch:
        rows = np.flatnonzero(parsed.good)
        files = parsed.files[rows]
        columns = {**dict(zip(parsed.names, parsed.columns, strict=True)), "dq_flag": parsed.flags()}
        if len(rows) < len(parsed.files):
            kept = pa.array(rows)
            columns = {name: column.take(kept) for name, column in columns.items()}
        columns["line_number"] = pa.array(parsed.line_numbers[rows])
        columns.update(self._file_columns(files))
        return pa.RecordBatch.from_arrays(
            [columns[name].cast(self.schema.field(name).type) for name in self.schema.names], schema=self.schema
        )

    def _file_columns(self, files: np.ndarray) -> dict[str, pa.Array]:
        zone = self.settings.time_zone
        per_file = {
            "load_date": pa.array([file.load_date for file in self.files], pa.date32()),
            "data_date": pa.array([file.data_date for file in self.files], pa.date32()),
            "file_id": pa.array([file.file_id for file in self.files], pa.string()),
            "resend_no": pa.array([file.resend_no for file in self.files], pa.int32()),
            "is_full_snapshot": pa.array([file.name.is_full_snapshot for file in self.files]),
            "loaded_at": pa.array([utc_of(file.created_at, zone) for file in self.files], pa.timestamp("us", tz="UTC")),
        }
        of_row = pa.array(files)
        return {name: values.take(of_row) for name, values in per_file.items()}

    def _count(self, parsed: ParsedChunk, batch: pa.RecordBatch) -> None:
        good = parsed.good
        size = len(self.files)
        good_rows = np.bincount(parsed.files[good], minlength=size)
        bad_rows = np.bincount(parsed.files[~good], minlength=size)
        lost = ~good & (parsed.records.rule != FieldRule.DUPLICATE_ROW)
        lost_rows = np.bincount(parsed.files[lost], minlength=size)
        self._count_marks(parsed)
        totals = self._money(parsed, batch)
        for position in np.unique(parsed.files):
            tally = self.tallies[position]
            tally.rows_good += int(good_rows[position])
            tally.rows_quarantined += int(bad_rows[position])
            tally.rows_unreadable += int(lost_rows[position])
            for (name, column), sums in totals.items():
                money = tally.money[name]
                setattr(money, column, getattr(money, column) + int(sums[position]))

    def _count_marks(self, parsed: ParsedChunk) -> None:
        """Cells that broke a rule in records that stay, by file, field and rule."""
        for mark in parsed.records.marks:
            name = self.feed.fields[mark.field].name
            counts = np.bincount(parsed.files[mark.lines & parsed.good], minlength=len(self.files))
            for position in np.flatnonzero(counts):
                self.tallies[position].marks[name, mark.rule.name] += int(counts[position])

    def _money(self, parsed: ParsedChunk, batch: pa.RecordBatch) -> dict[tuple[str, str], np.ndarray]:
        """Exact money per file and money field: all readable amounts, those of the rows about to be written, those of bad rows."""
        bad = ~parsed.good
        sums = {}
        for name, amounts in parsed.money.items():
            written = batch.column(self.feed.field(name).column).fill_null(0).to_numpy()
            sums[name, "money_in"] = self._sum(parsed.files, amounts)
            sums[name, "money_good"] = self._sum(parsed.files[parsed.good], written)
            sums[name, "money_quarantined"] = self._sum(parsed.files[bad], amounts[bad])
        return sums

    def _sum(self, files: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        sums = np.zeros(len(self.files), dtype=np.int64)
        np.add.at(sums, files, amounts)
        return sums

    def _collect_bad(self, parsed: ParsedChunk) -> None:
        records = parsed.records
        for line in np.flatnonzero(~parsed.good):
            file = self.files[parsed.files[line]]
            number = int(parsed.line_numbers[line])
            rule, name, reason = reason_of(records, int(line))
            raw = records.chunk.data[records.starts[line] : records.ends[line]].tobytes()
            self.bad_rows.append(
                {
                    "load_date": file.load_date,
                    "feed": self.feed.feed,
                    "file_id": file.file_id,
                    "file_name": file.path.name,
                    "line_number": number,
                    "rule": rule,
                    "field": name,
                    "reason": reason,
                    "raw_encrypted": self.sealer.seal(raw, place_of(file.file_id, number)),
                }
            )

    def _check_balance(self) -> None:
        for file, tally in zip(self.files, self.tallies, strict=True):
            rows = tally.rows_good + tally.rows_quarantined
            broken = [f"{name}: {money}" for name, money in tally.money.items() if not money.holds]
            if rows != file.rows_found or broken:
                self.failure = ClosedLoopError(
                    f"{file.path.name}: the balance does not hold, nothing of feed {self.feed.feed} was written\n"
                    f"  found:  {rows} rows good + quarantined; money that does not add up: {', '.join(broken) or 'none'}\n"
                    f"  wanted: {file.rows_found} rows, and in each money field good + quarantined = in\n"
                    "  to do:  was the file changed while it was read? run the date again; if it stays, report a fault"
                )
                raise self.failure


class _SeenRows:
    """Digests of the rows of each (load date, data date, resend): the second exact copy is found in one look-up."""

    def __init__(self, rows: int):
        self._slots = 1 << max(10, (2 * rows).bit_length())
        self._table = np.zeros((self._slots, 3), dtype=np.uint64)

    def mark(self, groups: np.ndarray, first: np.ndarray, second: np.ndarray, good: np.ndarray) -> np.ndarray:
        """Which good rows have the digest (in two halves) of an earlier good one."""
        repeats = np.zeros(len(groups), dtype=bool)
        mark_repeats(groups, first, second, ~good, self._table, self._slots, repeats)
        return repeats
