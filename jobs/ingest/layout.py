"""Splits the lines of a chunk into fields as the feed's style says, and finds the lines whose structure is broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from conf.feeds import Feed
from jobs.ingest.byte_lines import NO_PAIRS, PAIRS, PAIRS_AND_FOURS, find_lines, hash_lines, scan_fields, strip_spaces
from jobs.ingest.byte_values import OK, read_integers
from jobs.ingest.chunks import Chunk

ROW_NUMBER_WIDTH = 8
LINE_END_BYTES = 2  # style A records end with CR LF
SEPARATORS = {"dollar": ord("$"), "euro": 0x80, "fixed_width": -1}
CHARACTERS = {"gbk": PAIRS, "gb2312": PAIRS, "gb18030": PAIRS_AND_FOURS}


class FieldRule(IntEnum):
    """Why a record is quarantined or a cell of it emptied; structure first, then fields from left to right, duplicates last."""

    GOOD = 0
    NOT_DECODABLE = 1
    FIELD_COUNT = 2
    RECORD_LENGTH = 3
    ROW_NUMBER = 4
    BAD_DATE = 5
    BAD_NUMBER = 6
    BAD_MSISDN = 7
    OUT_OF_RANGE = 8
    NOT_ALLOWED = 9
    REQUIRED_MISSING = 10
    TOO_LONG = 11
    DUPLICATE_ROW = 12
    BAD_IMEI = 13
    BAD_FORM = 14
    ABOVE_USUAL = 15
    DOUBLE_KEY = 16


# Nobody can say which bytes are which field (a wrong row number: whose record it is), so no later rule and no sum looks at them.
UNREADABLE = (FieldRule.FIELD_COUNT, FieldRule.RECORD_LENGTH, FieldRule.ROW_NUMBER)


@dataclass(frozen=True)
class Mark:
    """Cells of one field that broke a rule while their records stayed."""

    field: int  # position in the contract
    rule: FieldRule
    lines: np.ndarray  # true where


@dataclass
class Records:
    """The lines of a chunk with the place of every field, their first broken rule and their digest."""

    feed: Feed
    chunk: Chunk
    starts: np.ndarray  # start of each line
    ends: np.ndarray
    fields: list[tuple[np.ndarray, np.ndarray]]  # start and end of each field, in contract order
    rule: np.ndarray  # FieldRule of each line
    rule_field: np.ndarray  # position of the field in the contract, -1 for the whole line
    counts: np.ndarray  # fields found on the line
    digests: tuple[np.ndarray, np.ndarray]
    is_utf8: np.ndarray  # of each line of a mixed feed, else all false
    marks: list[Mark] = field(default_factory=list)

    def break_rule(self, where: np.ndarray, rule: FieldRule, field: int = -1, override: bool = False) -> None:
        """Give lines a broken rule unless they have one already (`override`: even then)."""
        hit = where if override else where & (self.rule == FieldRule.GOOD)
        self.rule[hit] = rule
        self.rule_field[hit] = field

    def bad_values(self, where: np.ndarray, rule: FieldRule, position: int) -> bool:
        """Values of a field broke a rule: their records are refused, or (by the contract's `on_error`) kept and marked.

        Returns whether they are kept, so that the caller empties the cells.
        """
        if self.feed.fields[position].error_action == "refuse_row":
            self.break_rule(where, rule, position, override=rule == FieldRule.NOT_DECODABLE)
            return False
        self.mark(where, rule, position)
        return True

    def refuse_nobodys_rows(self, blank: dict[int, np.ndarray]) -> None:
        """Break the lines of a suppression feed on which no field can be read that tells who is protected.

        `blank` says of each such field, by position, on which lines it holds no value.
        """
        if not blank:
            return
        position = max(blank)
        rules = np.full(len(self.rule), FieldRule.REQUIRED_MISSING, np.uint8)
        for mark in self.marks:
            if mark.field == position:
                rules[mark.lines] = mark.rule
        nobodys = np.logical_and.reduce(list(blank.values())) & (self.rule == FieldRule.GOOD)
        self.rule[nobodys], self.rule_field[nobodys] = rules[nobodys], position

    def mark(self, where: np.ndarray, rule: FieldRule, position: int) -> None:
        """Note cells whose records stay."""
        if where.any():
            self.marks.append(Mark(position, rule, where))


def record_length(feed: Feed) -> int:
    """Bytes of one record of a fixed-width feed, row number and line end included."""
    return ROW_NUMBER_WIDTH + sum(field.width or 0 for field in feed.fields) + LINE_END_BYTES


def split_records(feed: Feed, chunk: Chunk) -> Records:
    """Find lines and fields of a chunk; broken lines get blank fields, so that no later rule looks at them."""
    data = chunk.data
    starts, ends = find_lines(data)
    numbered = feed.style != "dollar"
    columns = len(feed.fields) + (feed.style == "euro")
    bounds, counts, is_utf8 = _scan(feed, data, starts, ends, columns)
    records = Records(
        feed,
        chunk,
        starts,
        ends,
        [],
        np.zeros(len(starts), np.uint8),
        np.full(len(starts), -1, np.int16),
        counts,
        (np.empty(len(starts), np.uint64), np.empty(len(starts), np.uint64)),
        is_utf8,
    )
    if feed.style == "fixed_width":
        records.break_rule(ends - starts != record_length(feed) - LINE_END_BYTES, FieldRule.RECORD_LENGTH)
        spans = _fixed_spans(feed, starts, ends)
    else:
        records.break_rule(counts != columns, FieldRule.FIELD_COUNT)
        spans = [(bounds[:, j].copy(), bounds[:, j + 1] - 1) for j in range(columns)]
    row_number = spans.pop(0) if numbered else None
    content_starts = starts
    if row_number is not None:
        _check_row_numbers(records, data, row_number)
        content_starts = np.minimum(row_number[1] + (feed.style == "euro"), ends).astype(np.int32)
    hash_lines(data, content_starts, ends, *records.digests)
    unreadable = np.isin(records.rule, UNREADABLE)
    for field_starts, field_ends in spans:
        field_starts[unreadable] = 0
        field_ends[unreadable] = 0
    records.fields = spans
    return records


def _scan(feed: Feed, data: np.ndarray, starts: np.ndarray, ends: np.ndarray, columns: int) -> tuple[np.ndarray, ...]:
    most = 0 if feed.style == "fixed_width" else columns
    bounds = np.zeros((len(starts), most + 1), dtype=np.int32)
    counts = np.zeros(len(starts), dtype=np.int32)
    is_utf8 = np.zeros(len(starts), dtype=bool)
    pairs = CHARACTERS.get(feed.codec, NO_PAIRS)
    scan_fields(data, starts, ends, SEPARATORS[feed.style], pairs, feed.utf8_bytes, bounds, counts, is_utf8)
    return bounds, counts, is_utf8


def _fixed_spans(feed: Feed, starts: np.ndarray, ends: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Start and end of the row number and of each field by its width, never beyond the line."""
    at, spans = starts, []
    for width in (ROW_NUMBER_WIDTH, *(item.width or 0 for item in feed.fields)):
        spans.append((np.minimum(at, ends), np.minimum(at + width, ends)))
        at = at + width
    return spans


def _check_row_numbers(records: Records, data: np.ndarray, row_number: tuple[np.ndarray, np.ndarray]) -> None:
    """The first field counts the rows of the file from 1; anything else means the record is not where it should be."""
    values, states = np.empty(len(row_number[0]), np.int64), np.empty(len(row_number[0]), np.uint8)
    starts, ends = row_number[0].copy(), row_number[1].copy()
    broken = records.rule != FieldRule.GOOD
    ends[broken] = starts[broken]
    strip_spaces(data, starts, ends)
    read_integers(data, starts, ends, values, states)
    records.break_rule((states != OK) | (values != records.chunk.line_numbers()), FieldRule.ROW_NUMBER)
