"""One field of the contract over all lines of a chunk: typed Arrow columns, and the first rule each line breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.feeds import MONEY_TYPES, Field
from jobs.ingest import byte_values
from jobs.ingest.byte_lines import equals_text, strip_spaces
from jobs.ingest.byte_values import BAD, OK
from jobs.ingest.layout import Records, Rule
from jobs.ingest.numbers import Numbers, read_numbers
from jobs.ingest.texts import mask_numbers, text_array
from jobs.ingest.zones import to_utc

INT_LIMIT = 2**31 - 1
UNKNOWN = "UNKNOWN"  # a code nobody can read (on_error: unknown)
NUMBER_READERS = {
    "int": byte_values.read_integers, "bigint": byte_values.read_integers, "fen": byte_values.read_integers,
    "li": byte_values.read_integers, "yuan": byte_values.read_yuan,
    "date8": byte_values.read_dates, "month6": byte_values.read_months, "datetime14": byte_values.read_datetimes,
}  # fmt: skip
DATE_TYPES = ("date8", "month6", "datetime14")


@dataclass
class ParsedField:
    """What a field gave: a column, or (personal fields) texts or numbers that become tokens once the line is good."""

    field: Field
    column: pa.Array | None = None
    numbers: Numbers | None = None
    texts: pa.Array | None = None
    money: np.ndarray | None = None  # exact integers, 0 where the field is not readable

    @property
    def is_blank(self) -> np.ndarray:
        """Lines on which the field holds no value."""
        if self.numbers is not None:
            return self.numbers.is_blank
        column = self.column if self.texts is None else self.texts
        return np.asarray(pc.is_null(column))


def parse_field(records: Records, position: int, zone: str) -> ParsedField:
    """Read one field of all lines and note the rule it breaks; a cell that pays for it alone is empty or UNKNOWN."""
    parsed = _read_field(records, position, zone)
    broken = records.broken_cells(position)
    return parsed if broken is None else _without(parsed, broken)


def _without(parsed: ParsedField, broken: np.ndarray) -> ParsedField:
    """The field without its broken cells."""
    if parsed.numbers is not None:
        parsed.numbers.clear(broken)
    where = pa.array(broken)
    if parsed.texts is not None:
        parsed.texts = pc.if_else(where, pa.scalar(None, parsed.texts.type), parsed.texts)
    if parsed.column is not None:
        instead = UNKNOWN if parsed.field.on_error == "unknown" else None
        parsed.column = pc.if_else(where, pa.scalar(instead, parsed.column.type), parsed.column)
    if parsed.money is not None:
        parsed.money[broken] = 0
    return parsed


def _read_field(records: Records, position: int, zone: str) -> ParsedField:
    """Read one field of all lines; lines that broke a rule before keep theirs."""
    field = records.feed.fields[position]
    data = records.chunk.data
    starts, ends = records.fields[position]
    strip_spaces(data, starts, ends)
    for sentinel in field.null_if:
        same = equals_text(data, starts, ends, _bytes(sentinel, records.feed.codec))
        ends[same] = starts[same]
    if field.type == "msisdn":
        return _parse_msisdn(records, position, field)
    if field.required:
        records.break_rule(ends == starts, Rule.REQUIRED_MISSING, position)
    if field.type in NUMBER_READERS:
        return _parse_number(records, position, field, zone)
    if field.type == "bool10":
        return _parse_flag(records, position, field)
    return _parse_text(records, position, field)


def _bytes(text: str, codec: str) -> np.ndarray:
    return np.frombuffer(text.encode(codec), dtype=np.uint8)


def _parse_number(records: Records, position: int, field: Field, zone: str) -> ParsedField:
    starts, ends = records.fields[position]
    values, states = np.empty(len(starts), np.int64), np.empty(len(starts), np.uint8)
    NUMBER_READERS[field.type](records.chunk.data, starts, ends, values, states)
    is_date = field.type in DATE_TYPES
    records.break_rule(states == BAD, Rule.BAD_DATE if is_date else Rule.BAD_NUMBER, position)
    filled = states == OK
    if not is_date:
        least = field.min if field.min is not None else (-INT_LIMIT - 1 if field.type == "int" else None)
        most = field.max if field.max is not None else (INT_LIMIT if field.type == "int" else None)
        outside = np.zeros(len(values), dtype=bool)
        if least is not None:
            outside |= values < _in_unit(least, field)
        if most is not None:
            outside |= values > _in_unit(most, field)
        records.break_rule(filled & outside, Rule.OUT_OF_RANGE, position)
    is_money = field.type in MONEY_TYPES
    return ParsedField(field, _number_column(values, filled, field, zone), money=values if is_money else None)


def _in_unit(bound: int, field: Field) -> int:
    """Bounds of the contract are in the feed's unit; yuan are held as fen."""
    return bound * 100 if field.type == "yuan" else bound


def _number_column(values: np.ndarray, filled: np.ndarray, field: Field, zone: str) -> pa.Array:
    blank = None if filled.all() else ~filled
    if field.type == "date8":
        return pa.array(values.astype(np.int32), mask=blank).cast(pa.date32())
    if field.type == "month6":
        return pa.array(values, mask=blank).cast(pa.string())
    if field.type == "datetime14":
        utc = values.copy()
        utc[filled] = to_utc(values[filled], zone)
        return pa.array(utc, mask=blank).cast(pa.timestamp("us", tz="UTC"))
    if field.type == "int":
        return pa.array(np.clip(values, -INT_LIMIT - 1, INT_LIMIT).astype(np.int32), mask=blank)
    return pa.array(values, mask=blank)


def _parse_flag(records: Records, position: int, field: Field) -> ParsedField:
    starts, ends = records.fields[position]
    values, states = np.empty(len(starts), np.uint8), np.empty(len(starts), np.uint8)
    yes, no = _bytes("是", records.feed.codec), _bytes("否", records.feed.codec)
    byte_values.read_flags(records.chunk.data, starts, ends, yes, no, values, states)
    records.break_rule(states == BAD, Rule.NOT_ALLOWED, position)
    return ParsedField(field, pa.array(values.astype(bool), mask=states != OK))


def _parse_text(records: Records, position: int, field: Field) -> ParsedField:
    starts, ends = records.fields[position]
    texts, undecodable = text_array(records.chunk.data, starts, ends, records.feed.codec)
    if undecodable.any():
        records.break_rule(undecodable, Rule.NOT_DECODABLE, position, override=True)
    if field.max_length is not None:
        too_long = pc.fill_null(pc.greater(pc.utf8_length(texts), field.max_length), False)
        records.break_rule(too_long.to_numpy(zero_copy_only=False), Rule.TOO_LONG, position)
    if field.allowed:
        known = pc.is_in(texts, value_set=pa.array([*field.allowed, None], pa.string()))
        records.break_rule(~known.to_numpy(zero_copy_only=False), Rule.NOT_ALLOWED, position)
    if field.personal:
        return ParsedField(field, texts=texts)
    return ParsedField(field, mask_numbers(texts) if field.masked else texts)


def _parse_msisdn(records: Records, position: int, field: Field) -> ParsedField:
    numbers = read_numbers(records.chunk.data, *records.fields[position], records.feed.codec)
    if numbers.undecodable.any():
        records.break_rule(numbers.undecodable, Rule.NOT_DECODABLE, position, override=True)
    if field.required:
        records.break_rule(numbers.is_blank, Rule.REQUIRED_MISSING, position)
    if field.required or field.name in records.feed.protects_by:
        records.break_rule(numbers.is_invalid, Rule.BAD_MSISDN, position)
    return ParsedField(field, numbers=numbers)
