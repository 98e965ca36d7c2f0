"""What was wanted and what was found in a quarantined record, in words that never hold a personal value."""

from __future__ import annotations

import re

from conf.feeds import Field
from jobs.ingest.layout import FieldRule, Records, record_length

_WANTED = {
    "date8": "a day YYYYMMDD that exists",
    "month6": "a month YYYYMM",
    "datetime14": "a time YYYYMMDDHHMMSS that exists",
    "int": "a whole number",
    "bigint": "a whole number",
    "fen": "a whole number of fen",
    "li": "a whole number of li",
    "yuan": "yuan with at most two decimals",
    "bool10": "1, 0, 是, 否 or blank",
}


def shape(text: str) -> str:
    """Form of a value without the value: digits as 9, letters as a, any other script as x; at most 40 characters."""
    masked = re.sub(r"[^\x00-\x7f]", "x", re.sub(r"[A-Za-z]", "a", re.sub(r"\d", "9", text)))
    return masked if len(masked) <= 40 else f"{masked[:37]}..."


def reason_of(records: Records, line: int) -> tuple[str, str | None, str]:
    """(rule, field, reason) of a quarantined line."""
    rule, position = FieldRule(records.rule[line]), int(records.rule_field[line])
    if position < 0:
        return rule.name, None, _line_reason(records, rule, line)
    field = records.feed.fields[position]
    return rule.name, field.name, _field_reason(records, rule, field, _found(records, position, line))


def _line_reason(records: Records, rule: FieldRule, line: int) -> str:
    feed = records.feed
    if rule == FieldRule.FIELD_COUNT:
        numbered = 1 if feed.style == "euro" else 0
        return f"found {records.counts[line]} fields, wanted {len(feed.fields) + numbered}"
    if rule == FieldRule.RECORD_LENGTH:
        found = int(records.ends[line] - records.starts[line])
        return f"found {found} bytes before the line end, wanted {record_length(feed) - 2}"
    if rule == FieldRule.ROW_NUMBER:
        return "the first field is not the number of this row in its file"
    return "an exact copy of an earlier record of this feed and data date"


def _found(records: Records, position: int, line: int) -> str:
    starts, ends = records.fields[position]
    content = records.chunk.data[starts[line] : ends[line]].tobytes()
    return content.decode("utf-8" if records.is_utf8[line] else records.feed.codec, "replace")


def _field_reason(records: Records, rule: FieldRule, field: Field, found: str) -> str:
    if rule == FieldRule.REQUIRED_MISSING:
        return f"{field.name}: blank, wanted a value"
    if rule == FieldRule.NOT_DECODABLE:
        return f"{field.name}: bytes that are no text in {' or '.join(records.feed.encoding)}"
    if rule == FieldRule.OUT_OF_RANGE:
        return f"{field.name}: found a number of {len(found)} characters, wanted {_bounds(field)}"
    if rule == FieldRule.TOO_LONG:
        return f"{field.name}: found {len(found)} characters, wanted at most {field.max_length}"
    if rule == FieldRule.BAD_MSISDN:
        return f"{field.name}: found the form {shape(found)}, wanted a phone number"
    if rule == FieldRule.BAD_IMEI:
        return f"{field.name}: found the form {shape(found)}, wanted an IMEI of 14 to 16 digits"
    if rule == FieldRule.BAD_FORM:
        return f"{field.name}: found the form {shape(found)}, wanted {field.pattern}"
    wanted = _WANTED.get(field.type) or "one of " + ", ".join(value or "blank" for value in field.known_codes)
    return f"{field.name}: found the form {shape(found)}, wanted {wanted}"


def _bounds(field: Field) -> str:
    least = "" if field.min is None else f"at least {field.min}"
    most = "" if field.max is None else f"at most {field.max}"
    unit = f" {field.unit}" if field.unit else ""
    return (" and ".join(part for part in (least, most) if part) or "a 32-bit whole number") + unit
