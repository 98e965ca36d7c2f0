"""One field of the contract over all lines of a chunk: typed Arrow columns, and the first rule each line breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.feeds import MONEY_TYPES, UNKNOWN, Field
from jobs.ingest import byte_values
from jobs.ingest.byte_lines import equals_text, strip_spaces
from jobs.ingest.byte_values import BAD, OK
from jobs.ingest.imei import Imeis, read_imeis
from jobs.ingest.layout import FieldRule, Records
from jobs.ingest.numbers import Numbers, read_numbers
from jobs.ingest.texts import text_array
from jobs.ingest.zones import to_utc
from jobs.lakehouse.masking import masked_column

INT_LIMIT = 2**31 - 1
NUMBER_READERS = {
    "int": byte_values.read_integers,
    "bigint": byte_values.read_integers,
    "fen": byte_values.read_integers,
    "li": byte_values.read_integers,
    "yuan": byte_values.read_yuan,
    "date8": byte_values.read_dates,
    "month6": byte_values.read_months,
    "datetime14": byte_values.read_datetimes,
}
DATE_TYPES = ("date8", "month6", "datetime14")


@dataclass
class ParsedField:
    """What a field gave: a column, or (personal fields) texts or numbers that become tokens once the line is good."""

    field: Field
    column: pa.Array | None = None
    numbers: Numbers | None = None
    texts: pa.Array | None = None
    imeis: Imeis | None = None
    money: np.ndarray | None = None  # exact integers, 0 where the field is not readable

    @property
    def is_blank(self) -> np.ndarray:
        """Lines on which the field holds no value."""
        if self.numbers is not None:
            return self.numbers.is_blank
        if self.imeis is not None:
            return self.imeis.is_blank
        column = self.column if self.texts is None else self.texts
        return np.asarray(pc.is_null(column))


def parse_field(records: Records, position: int, zone: str) -> ParsedField:
    """Read one field of all lines and note the rule it breaks; lines that broke one before keep theirs."""
    field = records.feed.fields[position]
    data = records.chunk.data
    starts, ends = records.fields[position]
    strip_spaces(data, starts, ends)
    is_sentinel = np.zeros(len(starts), dtype=bool)
    for sentinel in field.null_if:
        same = equals_text(data, starts, ends, _bytes(sentinel, records.feed.codec))
        ends[same] = starts[same]
        is_sentinel |= same
    if field.type == "msisdn":
        return _parse_msisdn(records, position, field, is_sentinel)
    if field.required:
        records.break_rule(ends == starts, FieldRule.REQUIRED_MISSING, position)
    if field.type in NUMBER_READERS:
        return _parse_number(records, position, field, zone)
    if field.type == "bool10":
        return _parse_flag(records, position, field)
    if field.personal == "imei":
        return _parse_imei(records, position, field)
    return _parse_text(records, position, field)


def _bytes(text: str, codec: str) -> np.ndarray:
    return np.frombuffer(text.encode(codec), dtype=np.uint8)


def _parse_number(records: Records, position: int, field: Field, zone: str) -> ParsedField:
    starts, ends = records.fields[position]
    values, states = np.empty(len(starts), np.int64), np.empty(len(starts), np.uint8)
    NUMBER_READERS[field.type](records.chunk.data, starts, ends, values, states)
    is_date = field.type in DATE_TYPES
    records.bad_values(states == BAD, FieldRule.BAD_DATE if is_date else FieldRule.BAD_NUMBER, position)
    filled = states == OK
    if not is_date:
        outside = filled & _outside(values, field)
        if records.bad_values(outside, FieldRule.OUT_OF_RANGE, position):
            filled &= ~outside
        if field.usual_max is not None:
            records.mark(filled & (values > _in_unit(field.usual_max, field)), FieldRule.ABOVE_USUAL, position)
    is_money = field.type in MONEY_TYPES
    return ParsedField(field, _number_column(values, filled, field, zone), money=values if is_money else None)


def _outside(values: np.ndarray, field: Field) -> np.ndarray:
    """Which numbers lie outside the bounds of the contract or of their type."""
    least = field.min if field.min is not None else (-INT_LIMIT - 1 if field.type == "int" else None)
    most = field.max if field.max is not None else (INT_LIMIT if field.type == "int" else None)
    outside = np.zeros(len(values), dtype=bool)
    if least is not None:
        outside |= values < _in_unit(least, field)
    if most is not None:
        outside |= values > _in_unit(most, field)
    return outside


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
    for codec in (records.feed.codec, "utf-8") if records.is_utf8.any() else (records.feed.codec,):
        words = _bytes("是", codec), _bytes("否", codec)
        chosen = records.is_utf8 if codec == "utf-8" else ~records.is_utf8
        found, verdicts = np.empty(len(starts), np.uint8), np.empty(len(starts), np.uint8)
        byte_values.read_flags(records.chunk.data, starts, ends, *words, found, verdicts)
        values[chosen], states[chosen] = found[chosen], verdicts[chosen]
    records.bad_values(states == BAD, FieldRule.NOT_ALLOWED, position)
    return ParsedField(field, pa.array(values.astype(bool), mask=states != OK))


def _parse_text(records: Records, position: int, field: Field) -> ParsedField:
    starts, ends = records.fields[position]
    texts, undecodable = text_array(records.chunk.data, starts, ends, records.feed.codec, records.is_utf8)
    if undecodable.any():
        texts = _judged(records, position, texts, undecodable, FieldRule.NOT_DECODABLE)
    for rule, broken in _text_rules(field, texts):
        texts = _judged(records, position, texts, pc.fill_null(broken, False).to_numpy(zero_copy_only=False), rule)
    if field.personal:
        return ParsedField(field, texts=texts)
    return ParsedField(field, masked_column(texts) if field.masked else texts)


def _parse_imei(records: Records, position: int, field: Field) -> ParsedField:
    imeis, undecodable, no_imei = read_imeis(
        records.chunk.data, *records.fields[position], records.feed.codec, records.is_utf8
    )
    for rule, broken in ((FieldRule.NOT_DECODABLE, undecodable), (FieldRule.BAD_IMEI, no_imei)):
        if records.bad_values(broken, rule, position):
            imeis.clear(broken)
    return ParsedField(field, imeis=imeis)


def _text_rules(field: Field, texts: pa.Array) -> Iterator[tuple[FieldRule, pa.Array]]:
    """Each rule the contract sets for a text or code, and which values break it (null for none)."""
    if field.max_length is not None:
        yield FieldRule.TOO_LONG, pc.greater(pc.utf8_length(texts), field.max_length)
    if field.pattern is not None:
        yield FieldRule.BAD_FORM, pc.invert(pc.match_substring_regex(texts, f"^(?:{field.pattern})$"))
    if field.known_codes:
        known = [*field.known_codes, None, *([UNKNOWN] if field.error_action == "unknown" else [])]
        yield FieldRule.NOT_ALLOWED, pc.invert(pc.is_in(texts, value_set=pa.array(known, pa.string())))


def _judged(records: Records, position: int, texts: pa.Array, broken: np.ndarray, rule: FieldRule) -> pa.Array:
    """Refuse the records of broken values, or keep them with the cell empty or UNKNOWN, as the contract says."""
    if not records.bad_values(broken, rule, position) or not broken.any():
        return texts
    stand_in = UNKNOWN if records.feed.fields[position].error_action == "unknown" else None
    return pc.if_else(pa.array(broken), pa.scalar(stand_in, pa.string()), texts)


def _parse_msisdn(records: Records, position: int, field: Field, is_sentinel: np.ndarray) -> ParsedField:
    """A number, or by a sentinel of the contract the word that there is none (class NONE), which a required field may say."""
    numbers = read_numbers(records.chunk.data, *records.fields[position], records.feed.codec, records.is_utf8)
    numbers.is_none = is_sentinel
    records.bad_values(numbers.undecodable, FieldRule.NOT_DECODABLE, position)
    if field.required:
        records.break_rule(numbers.is_blank & ~is_sentinel & ~numbers.undecodable, FieldRule.REQUIRED_MISSING, position)
    if field.required or field.name in records.feed.protects_by:
        invalid = numbers.is_invalid
        if records.bad_values(invalid, FieldRule.BAD_MSISDN, position):
            numbers.clear(invalid)
    return ParsedField(field, numbers=numbers)
