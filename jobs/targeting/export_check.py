"""The last gate: reads the finished file as the channel would and looks every number up again, by code of its own.

It shares nothing with selection, allocation or the writer but the data of conf/ and the one reading of a number: its own look
at the file's bytes, numbers turned into subscriptions by the vault, protection read from the newest tables. A hit
takes the line out of the file; a file that cannot be read, or is not the frozen list, is withheld.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.channels import load_channels
from conf.exports import ExportLayout
from conf.policy import load_policy
from jobs.people.msisdn import national_mobile


@dataclass
class Protection:
    """Everything known tonight that forbids a contact, as plain sets and lists (read by jobs/targeting/protection.py).

    `suppressed`: subscription -> (scope_type, scope_value); `listed`: subscription -> (colour, scope_type, scope_value,
    reason); `opted_out`: subscription -> (scope, channel, product); `complained`: subscription -> (scope_type, scope_value);
    `sensitive`: subscription -> channels it does not want; `held_back`: (campaign, subscription) of control groups;
    `held_back_always`: subscriptions of the global one; `holder`: number -> subscription; `live`: live subscriptions;
    `status`: subscription -> status.
    """

    suppressed: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    listed: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)
    opted_out: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    complained: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    sensitive: dict[str, set[str]] = field(default_factory=dict)
    held_back: set[tuple[str, str]] = field(default_factory=set)
    held_back_always: set[str] = field(default_factory=set)
    holder: dict[str, str] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    status: dict[str, str] = field(default_factory=dict)

    @cached_property
    def named(self) -> set[str]:
        """Subscriptions that any of it names, whatever it closes."""
        kinds = (self.suppressed, self.listed, self.opted_out, self.complained, self.sensitive)
        return set().union(*kinds, self.held_back_always, (person for _, person in self.held_back))


def read_back(layout: ExportLayout, content: bytes) -> pa.Table:
    """The rows of a file as its channel reads them, as texts by column name: split by bytes, then decoded cell by cell.

    ValueError when the file does not keep to its layout, UnicodeError when a cell cannot be read.
    """
    encoding = layout.encoding.removesuffix("-sig")
    if layout.format == "fixed_width":
        cells = _cut(layout, np.frombuffer(content, np.uint8))
    else:
        cells = _split(layout, content.removeprefix(codecs.BOM_UTF8) if encoding != layout.encoding else content)
    names = [column.name for column in layout.columns]
    return pa.table([_decoded(column, encoding) for column in cells], names)


def _cut(layout: ExportLayout, content: np.ndarray) -> list[pa.Array]:
    """Cells of records of one length, column by column, without the blanks that fill them."""
    end = layout.newline.encode(layout.encoding)
    size = sum(column.width for column in layout.columns) + len(end)
    if len(content) % size:
        raise ValueError(f"{len(content)} bytes are no multiple of the record of {size} bytes")
    records = content.reshape(-1, size)
    if (records[:, size - len(end) :] != np.frombuffer(end, np.uint8)).any():
        raise ValueError("a record does not end where the layout says")
    columns, place = [], 0
    for column in layout.columns:
        columns.append(_without_filling(np.ascontiguousarray(records[:, place : place + column.width])))
        place += column.width
    return columns


def _without_filling(cells: np.ndarray) -> pa.Array:
    rows, width = cells.shape
    used = width - np.argmax(np.hstack([cells[:, ::-1] != ord(" "), np.ones((rows, 1), bool)]), axis=1)
    kept = np.arange(width) < used[:, None]
    offsets = np.concatenate([[0], np.cumsum(used)]).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(cells[kept])])


def _split(layout: ExportLayout, content: bytes) -> list[pa.Array]:
    """Cells of lines, column by column; separators are found as bytes, also those a careless text hides inside a character."""
    newline = layout.newline.encode()
    if not content.endswith(newline):
        raise ValueError("the last line has no end")
    if not layout.header:
        return _columns(layout, content)
    end = content.index(newline) + len(newline)
    names = [column.name.encode() for column in layout.columns]
    if [column.to_pylist() for column in _columns(layout, content[:end])] != [[name] for name in names]:
        raise ValueError("the header is not the layout's")
    return _columns(layout, content[end:])


def _columns(layout: ExportLayout, content: bytes) -> list[pa.Array]:
    data, newline, cells = np.frombuffer(content, np.uint8), layout.newline.encode(), len(layout.columns)
    if len(content) > np.iinfo(np.int32).max:
        raise ValueError(f"{len(content)} bytes are more than a list may have")
    quotes = np.flatnonzero(data == ord('"')) if layout.quote == "always" else np.zeros(0, np.int64)
    if len(quotes) % 2:
        raise ValueError("the quoting is broken: a quote has no end")
    line_ends = _outside(quotes, _places_of(data, newline))
    delimiters = _outside(quotes, _places_of(data, (layout.delimiter or "").encode()))
    ends = np.sort(np.concatenate([delimiters, line_ends]), kind="stable")
    if len(ends) != cells * len(line_ends) or not np.array_equal(ends[cells - 1 :: cells], line_ends):
        raise ValueError(f"a line has not {cells} cells")
    gaps = np.where(np.arange(len(ends)) % cells == cells - 1, len(newline), 1)
    starts = np.concatenate([np.zeros(1, np.int64), ends + gaps])
    offsets = pa.py_buffer(starts.astype(np.int32))
    every = pa.Array.from_buffers(
        pa.binary(), len(ends), [None, offsets, pa.py_buffer(content)]
    )  # each with its separator
    return [
        _column(layout, every, quotes, starts, place, len(newline) if place == cells - 1 else 1)
        for place in range(cells)
    ]


def _places_of(data: np.ndarray, mark: bytes) -> np.ndarray:
    """Where a separator of one or two bytes stands."""
    found = np.flatnonzero(data == mark[0])
    return found if len(mark) == 1 else found[data[np.minimum(found + 1, len(data) - 1)] == mark[1]]


def _outside(quotes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Those of the places that stand between no pair of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


def _column(
    layout: ExportLayout, every: pa.Array, quotes: np.ndarray, starts: np.ndarray, place: int, gap: int
) -> pa.Array:
    """One column of the cells of all lines, without the `gap` bytes of its separator and without its quotes."""
    cells = len(layout.columns)
    column = every.take(pa.array(np.arange(place, len(every), cells)))
    if layout.quote == "never":
        return pc.binary_slice(column, 0, -gap)
    lasts = starts[1:][place::cells] - gap - 1
    firsts = starts[:-1][place::cells]
    opening, closing = np.searchsorted(quotes, firsts), np.searchsorted(quotes, lasts)
    quotes = np.append(quotes, -1)  # of a place behind all of them
    if not ((lasts > firsts) & (quotes[opening] == firsts) & (quotes[closing] == lasts)).all():
        raise ValueError("the quoting is broken: a cell is not inside quotes")
    column = pc.binary_slice(column, 1, -gap - 1)
    return column if (closing - opening == 1).all() else _single_quoted(column)


def _single_quoted(column: pa.Array) -> pa.Array:
    """Cells with the quotes inside them single again."""
    coded = column.dictionary_encode()
    values = coded.dictionary.to_pylist()
    if any(b'"' in value.replace(b'""', b"") for value in values):
        raise ValueError("the quoting is broken: a quote inside a cell stands alone")
    plain = pa.array([value.replace(b'""', b'"') for value in values], pa.binary())
    return pa.DictionaryArray.from_arrays(coded.indices, plain)


def _is_ascii(cells: pa.Array) -> bool:
    """Whether a fresh column of bytes reads the same in every encoding."""
    values = cells.buffers()[2]
    return values is None or not len(values) or int(np.frombuffer(values, np.uint8).max()) < 0x80


def _decoded(cells: pa.Array, encoding: str) -> pa.Array:
    """Texts of cells; UnicodeError when one cannot be read."""
    if not pa.types.is_dictionary(cells.type):
        if _is_ascii(cells):
            return cells.cast(pa.string())
        cells = cells.dictionary_encode()
    values = [value.decode(encoding) for value in cells.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(cells.indices, pa.array(values, pa.string()))


def differences(rows: pa.Table, expected: pa.Table) -> list[str]:
    """Where the file is not the list that was frozen, one text a cell; then nothing on it can be believed.

    `expected` are the frozen contacts of the file in line order.
    """
    if rows.num_rows != expected.num_rows:
        return [f"found {rows.num_rows} rows, wanted the {expected.num_rows} of the frozen list"]
    unlike = [
        (int(row) + 1, name)
        for name in ("contact_id", "campaign_id", "product_id", "offer_id")
        for row in np.flatnonzero(~_is_same(rows[name], expected[name]))
    ]
    return [f"line {line}: {name} is not the frozen one" for line, name in sorted(unlike)]


def _is_same(found: pa.ChunkedArray, wanted: pa.ChunkedArray) -> np.ndarray:
    same = pc.equal(found.cast(pa.string()), wanted.cast(pa.string()))
    return pc.fill_null(same, False).to_numpy()


def violations(
    rows: pa.Table, channel_code: str, expected: pa.Table, protection: Protection, goal: str | None = None
) -> dict[int, str]:
    """Lines (from 1) whose customer may not be contacted, each with the reason; never a number of a customer.

    `goal` is that of the campaign, none = as strict as any. Only whom nothing at all is known against is cleared by a look at
    the columns; everybody else is judged line by line.
    """
    doubtful = pa.array(_doubtful(rows, expected, protection, goal), pa.int64())
    faults = (
        (line, _fault(row, channel_code, contact, protection) or _status_fault(contact, protection, goal))
        for line, row, contact in zip(
            doubtful.to_pylist(), rows.take(doubtful).to_pylist(), expected.take(doubtful).to_pylist(), strict=True
        )
    )
    return {line + 1: fault for line, fault in faults if fault}


def _doubtful(rows: pa.Table, expected: pa.Table, protection: Protection, goal: str | None) -> list[int]:
    """Lines (from 0) but those whose number a live subscription holds, the one on the list, in a status to contact, named nowhere."""
    allowed = set(load_policy().contactable.statuses_for(goal))
    pairs = zip(rows["msisdn"].to_pylist(), expected["subscription_id"].to_pylist(), strict=True)
    return [
        line
        for line, (number, person) in enumerate(pairs)
        if protection.holder.get(number) != person
        or person not in protection.live
        or protection.status.get(person) not in allowed
        or person in protection.named
    ]


def _status_fault(contact: dict, protection: Protection, goal: str | None) -> str | None:
    status = protection.status.get(contact["subscription_id"])
    allowed = load_policy().contactable.statuses_for(goal)
    return None if status in allowed else f"status {status} is none of {', '.join(allowed)}"


def _fault(row: dict[str, str], channel_code: str, contact: dict, protection: Protection) -> str | None:
    number = national_mobile(row["msisdn"])
    subscription = protection.holder.get(number or "")
    if subscription is None:
        return "the number belongs to nobody we know"
    if subscription != contact["subscription_id"]:
        return "the number belongs to another subscription"
    if subscription not in protection.live:
        return "the subscription is not live"
    campaign_id, product_id = row["campaign_id"], row["product_id"]
    if subscription in protection.held_back_always or (campaign_id, subscription) in protection.held_back:
        return "in a control group"
    return _protected(subscription, channel_code, product_id, protection)


def _protected(subscription: str, channel_code: str, product_id: str, protection: Protection) -> str | None:
    for word, scopes in (("suppressed", protection.suppressed), ("complained", protection.complained)):
        for scope, value in scopes.get(subscription, ()):
            if not _is_open(scope, value, channel_code, product_id):
                return f"{word} ({scope})"
    if channel_code in protection.sensitive.get(subscription, ()):
        return "sensitive to the channel"
    for colour, scope, value, reason in protection.listed.get(subscription, ()):
        if _list_forbids(colour, scope, value, reason, channel_code, product_id):
            return f"on a {colour} list"
    for scope, channel, product in protection.opted_out.get(subscription, ()):
        value = channel if scope == "CHANNEL" else product
        if not _is_open(scope, value, channel_code, product_id):
            return f"opted out ({scope})"
    return None


def _is_open(scope: str, value: str, channel_code: str, product_id: str) -> bool:
    """Whether a protection of this scope leaves the contact open; a scope or value we cannot read leaves nothing open."""
    if scope == "CHANNEL" and value in load_channels():
        return value != channel_code
    if scope == "PRODUCT" and value:
        return value != product_id
    return False


def _list_forbids(colour: str, scope: str, value: str, reason: str, channel_code: str, product_id: str) -> bool:
    channel = load_channels()[channel_code]
    if colour == "RED":
        return not channel.is_passive and not channel.is_protected_channel
    if colour == "GREY" and reason in load_policy().lists.grey_passive_only_reasons:
        return not channel.is_passive
    if colour == "GREY":
        return not _is_open(scope, value, channel_code, product_id)
    return True
