"""The last gate: reads the finished file as the channel would and looks every number up again, by code of its own.

It shares nothing with selection, allocation or the writer but the data of conf/ and the one reading of a number: plain
Python over the file's bytes, numbers turned into subscriptions by the vault, protection read from the newest tables. A hit
takes the line out of the file; a file that cannot be read, or is not the frozen list, is withheld.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field

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


def read_back(layout: ExportLayout, content: bytes) -> list[dict[str, str]]:
    """The rows of a file as its channel reads them: split by bytes, then decoded cell by cell.

    ValueError when the file does not keep to its layout, UnicodeError when a cell cannot be read.
    """
    names = [column.name for column in layout.columns]
    if layout.format == "fixed_width":
        return [dict(zip(names, cells, strict=True)) for cells in _cut(layout, content)]
    lines = _lines(layout, content)
    if layout.header:
        if not lines or lines[0] != names:
            raise ValueError("the header is not the layout's")
        lines = lines[1:]
    if any(len(line) != len(names) for line in lines):
        raise ValueError(f"a line has not {len(names)} cells")
    return [dict(zip(names, line, strict=True)) for line in lines]


def _lines(layout: ExportLayout, content: bytes) -> list[list[str]]:
    encoding = layout.encoding.removesuffix("-sig")
    # One character a byte: separators are found as bytes, also those that a careless text hides inside a character.
    text = (content.removeprefix(codecs.BOM_UTF8) if encoding != layout.encoding else content).decode("latin-1")
    if not text.endswith(layout.newline):
        raise ValueError("the last line has no end")
    return [[cell.encode("latin-1").decode(encoding) for cell in line] for line in _split(layout, text)]


def _split(layout: ExportLayout, text: str) -> list[list[str]]:
    if layout.quote != "always":
        return [line.split(layout.delimiter) for line in text.split(layout.newline)[:-1]]
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter or ",", strict=True))
    except csv.Error as error:
        raise ValueError(f"the quoting is broken: {error}") from None


def _cut(layout: ExportLayout, content: bytes) -> Iterable[list[str]]:
    end = layout.newline.encode(layout.encoding)
    size = sum(column.width for column in layout.columns) + len(end)
    if len(content) % size:
        raise ValueError(f"{len(content)} bytes are no multiple of the record of {size} bytes")
    for start in range(0, len(content), size):
        record = content[start : start + size]
        if not record.endswith(end):
            raise ValueError("a record does not end where the layout says")
        cells, place = [], 0
        for column in layout.columns:
            cells.append(record[place : place + column.width].decode(layout.encoding).rstrip(" "))
            place += column.width
        yield cells


def differences(rows: list[dict[str, str]], expected: list[dict]) -> list[str]:
    """Where the file is not the list that was frozen, one text a line; then nothing on it can be believed.

    `expected` are the frozen contacts of the file in line order.
    """
    if len(rows) != len(expected):
        return [f"found {len(rows)} rows, wanted the {len(expected)} of the frozen list"]
    return [
        f"line {line}: {name} is not the frozen one"
        for line, (row, contact) in enumerate(zip(rows, expected, strict=True), start=1)
        for name in ("contact_id", "campaign_id", "product_id", "offer_id")
        if row[name] != contact[name]
    ]


def violations(
    rows: list[dict[str, str]], channel_code: str, expected: list[dict], protection: Protection, goal: str | None = None
) -> dict[int, str]:
    """Lines (from 1) whose customer may not be contacted, each with the reason; never a number of a customer.

    `goal` is that of the campaign, none = as strict as any.
    """
    faults = (
        (line, _fault(row, channel_code, contact, protection) or _status_fault(contact, protection, goal))
        for line, (row, contact) in enumerate(zip(rows, expected, strict=True), start=1)
    )
    return {line: fault for line, fault in faults if fault}


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
