"""One pass over a chunk: every field read once, good rows as typed columns, bad rows with the rule they broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.feeds import Feed
from jobs.ingest.chunks import Chunk, chunks_of
from jobs.ingest.columns import ParsedField, parse_field
from jobs.ingest.event_ids import record_ids
from jobs.ingest.layout import UNREADABLE, FieldRule, Records, split_records
from jobs.ingest.numbers import number_tokens
from jobs.people.tokens import Tokenizer


@dataclass
class Identity:
    """Distinct personal values of one kind in a chunk: the row where each stands first, the value, its token."""

    kind: str
    first_rows: np.ndarray
    values: pa.Array
    tokens: np.ndarray


@dataclass
class ParsedChunk:
    """All lines of a chunk, good and bad; `columns` are only meaningful where `records.rule` is GOOD."""

    records: Records
    names: list[str]
    columns: list[pa.Array]
    files: np.ndarray
    line_numbers: np.ndarray
    money: dict[str, np.ndarray]  # of every money field
    personal: list[Identity]
    keys: np.ndarray | None  # id of each record: of an event, or of the key of a snapshot's row

    @property
    def good(self) -> np.ndarray:
        """Which lines broke no rule."""
        return self.records.rule == FieldRule.GOOD

    def flags(self) -> pa.Array:
        """What was wrong in a kept record, as "remark NOT_DECODABLE, channel_id NOT_ALLOWED"; null where nothing was."""
        if not self.records.marks:
            return pa.nulls(len(self.files), pa.string())
        flags = np.full(len(self.files), None, dtype=object)
        for mark in self.records.marks:
            text = f"{self.records.feed.fields[mark.field].name} {mark.rule.name}"
            rows = np.flatnonzero(mark.lines)
            flags[rows] = [text if flag is None else f"{flag}, {text}" for flag in flags[rows]]
        return pa.array(flags, pa.string())


def parse_chunk(feed: Feed, chunk: Chunk, tokenizer: Tokenizer, zone: str) -> ParsedChunk:
    """Read every field of every line; personal values become tokens only on lines that broke no rule."""
    records = split_records(feed, chunk)
    parsed = [parse_field(records, position, zone) for position in range(len(feed.fields))]
    _refuse_nobodys_rows(feed, records, parsed)
    good = records.rule == FieldRule.GOOD
    names: list[str] = []
    columns: list[pa.Array] = []
    personal: list[Identity] = []
    for field in parsed:
        for name, column in _bronze_columns(field, good, tokenizer, personal):
            names.append(name)
            columns.append(column)
    keys = None
    if feed.content in ("event", "snapshot"):
        wanted = feed.id_fields if feed.content == "event" else feed.key
        keys = record_ids(records, wanted, _first_columns(parsed, names, columns, good, tokenizer), tokenizer.event_mac)
    if keys is not None and feed.content == "event":
        keys = tokenizer.event_ids(keys)
        names.append("event_id")
        columns.append(pa.array(keys.view(np.int64)))
    money = {field.field.name: field.money for field in parsed if field.money is not None}
    for amounts in money.values():
        amounts[np.isin(records.rule, UNREADABLE)] = 0
    return ParsedChunk(records, names, columns, chunk.file_of_line(), chunk.line_numbers(), money, personal, keys)


def _first_columns(
    parsed: list[ParsedField], names: list[str], columns: list[pa.Array], good: np.ndarray, tokenizer: Tokenizer
) -> Callable[[str], pa.Array]:
    """The token columns of a record's identity: those of bronze, made anew with the home's first key when it has another now."""
    if tokenizer.first is tokenizer:
        return lambda name: columns[names.index(name)]
    by_name = {field.field.column: field for field in parsed}
    return lambda name: dict(_bronze_columns(by_name[name], good, tokenizer.first, []))[name]


def _refuse_nobodys_rows(feed: Feed, records: Records, parsed: list[ParsedField]) -> None:
    blank = {position: field.is_blank for position, field in enumerate(parsed) if field.field.name in feed.protects_by}
    records.refuse_nobodys_rows(blank)


def unreadable_rows(feed: Feed, path: Path, zone: str) -> int:
    """Rows of a file that break a rule that costs the row; copies of a row are no such rule."""
    found = 0
    for chunk in chunks_of([path]):
        records = split_records(feed, chunk)
        _refuse_nobodys_rows(feed, records, [parse_field(records, place, zone) for place in range(len(feed.fields))])
        found += int((records.rule != FieldRule.GOOD).sum())
    return found


def _bronze_columns(field: ParsedField, good: np.ndarray, tokenizer: Tokenizer, identities: list[Identity]):
    """(name, column) of a field as bronze holds it; values behind tokens are added to `identities`."""
    contract = field.field
    if field.numbers is not None:
        tokens, found = field.numbers.tokens(tokenizer, good)
        identities.extend(Identity("MSISDN", *distinct) for distinct in found)
        yield contract.column, pa.array(tokens, mask=field.numbers.is_blank)
        yield f"{contract.name}_class", field.numbers.class_column()
    elif field.imeis is not None:
        tokens, found = number_tokens("IMEI", field.imeis.numbers, good, tokenizer)
        identities.extend(Identity("IMEI", *distinct) for distinct in found)
        yield contract.column, pa.array(tokens, mask=~good | field.imeis.is_blank)
        if contract.derive_tac:
            yield "tac", field.imeis.type_codes()
    elif field.texts is not None and contract.personal:
        yield contract.column, _text_tokens(contract.personal.upper(), field.texts, good, tokenizer, identities)
    else:
        yield contract.column, field.column


def _text_tokens(
    kind: str, texts: pa.Array, good: np.ndarray, tokenizer: Tokenizer, identities: list[Identity]
) -> pa.Array:
    """Tokens of names, addresses and identifiers as delivered (blanks at the ends taken off)."""
    wanted = pc.if_else(pa.array(good), texts, pa.scalar(None, pa.string()))
    encoded = wanted.dictionary_encode()
    if len(encoded.dictionary) == 0:
        return pa.nulls(len(texts), pa.int64())
    of_value = tokenizer.tokens(kind, encoded.dictionary)
    rows = np.flatnonzero(encoded.is_valid().to_numpy(zero_copy_only=False))
    codes = encoded.indices.drop_null().to_numpy()
    first = np.empty(len(of_value), dtype=np.int64)
    first[codes[::-1]] = rows[::-1]
    identities.append(Identity(kind, first, encoded.dictionary, of_value))
    return pa.array(of_value).take(encoded.indices)
