"""Feed contracts: what the operator delivers, file by file, field by field (conf/feeds/*.yaml)."""

from __future__ import annotations

import codecs
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field as Bound
from pydantic import ValidationInfo, field_validator, model_validator

from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load

FEEDS = ROOT / "conf" / "feeds"

FieldType = Literal[
    "code", "text", "msisdn", "date8", "month6", "datetime14", "bool10", "int", "bigint", "fen", "li", "yuan"
]
# What the byte-level reader splits and decodes rightly. Style C's separator 0x80 is half a character in UTF-8; of GB18030 it
# would break the characters of four bytes.
ENCODINGS = {
    "fixed_width": ("gbk", "gb2312", "utf-8", "ascii"), "dollar": ("gbk", "gb2312", "utf-8", "ascii"),
    "euro": ("gbk", "gb2312", "ascii"),
}  # fmt: skip
MONEY_TYPES = ("fen", "li", "yuan")
PersonalKind = Literal["msisdn", "name", "id_number", "address", "imsi", "imei"]


def codec_of(encoding: str) -> str:
    """Python's one name for an encoding however it is written, or the text itself when Python knows none."""
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return encoding


class Field(Strict):
    """One field of a feed: its type, width (fixed width only), sentinels that mean null, bounds and personal class.

    `on_error` says what a value that breaks a rule of the field costs: the row (quarantine), or the cell alone, which is
    then empty, or UNKNOWN (codes only).
    """

    name: str = Bound(pattern=r"^[a-z][a-z0-9_]*$")
    type: FieldType
    width: int | None = Bound(default=None, ge=1)
    unit: str | None = None
    required: bool = False
    null_if: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    max_length: int | None = Bound(default=None, ge=1)
    personal: PersonalKind | None = None
    masked: bool | None = None
    derive_tac: bool = False
    on_error: Literal["refuse_row", "empty", "unknown"] = "refuse_row"

    @property
    def is_filled(self) -> bool:
        """Whether every good row has a value: a blank one is refused, or reads UNKNOWN."""
        return self.required and self.on_error != "empty"

    @property
    def column(self) -> str:
        """Name of the bronze column: personal fields become keyed tokens, yuan amounts become fen."""
        if self.personal:
            return f"{self.name}_token"
        if self.type == "yuan":
            return f"{self.name.removesuffix('_yuan')}_fen"
        return self.name

    @model_validator(mode="after")
    def _msisdn_is_personal(self) -> Field:
        if self.type == "msisdn" and self.personal != "msisdn":
            raise ValueError(f"field '{self.name}' of type msisdn must say personal: msisdn")
        return self

    @model_validator(mode="after")
    def _text_says_whether_it_is_masked(self) -> Field:
        if self.type == "text" and not self.personal and self.masked is None:
            raise ValueError(
                f"text field '{self.name}' must say personal: <kind>, masked: true (people write into it; runs of 7 or more "
                "digits become ***) or masked: false (a catalogue's names)"
            )
        if self.masked and (self.type != "text" or self.personal or self.allowed):
            raise ValueError(f"field '{self.name}': masked is for free text without personal and allowed")
        return self

    @model_validator(mode="after")
    def _only_codes_are_unknown(self) -> Field:
        if self.on_error == "unknown" and (self.type != "code" or self.personal):
            raise ValueError(f"field '{self.name}': on_error: unknown is for codes; wanted refuse_row or empty")
        return self


class Feed(Strict):
    """One interface of the operator: naming, encoding, cadence, what to do when it is missing, and its fields."""

    feed: str = Bound(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    owner: str
    source: str
    unit: str
    style: Literal["fixed_width", "dollar", "euro"]
    encoding: str
    content: Literal["snapshot", "delta", "event"]
    full_snapshot_day: int | None = Bound(default=None, ge=1, le=28)
    cadence: Literal["daily", "monthly"]
    due_day: int | None = Bound(default=None, ge=1, le=28)
    deadline: str = Bound(pattern=r"^\d{2}:\d{2}$")
    when_missing: Literal["carry", "wait", "stop"]
    allow_empty: bool
    suppression: bool = False
    protects_by: tuple[str, ...] = ()
    wish_field: str | None = None
    max_unreadable_share: float | None = Bound(default=None, ge=0, lt=1)
    max_shrink_share: float | None = Bound(default=None, gt=0, le=1)
    key: tuple[str, ...]
    event_time: str | None = None
    money_total: str | None = None
    fields: tuple[Field, ...]

    @field_validator("encoding")
    @classmethod
    def _reader_handles_encoding(cls, value: str, read: ValidationInfo) -> str:
        style = read.data.get("style")
        if style and codec_of(value) not in ENCODINGS[style]:
            raise ValueError(f"for style {style} one of: {', '.join(ENCODINGS[style])} (cp936 is gbk)")
        return value

    @model_validator(mode="after")
    def _names_agree(self) -> Feed:
        names = [field.name for field in self.fields]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise ValueError(f"field names given twice: {sorted(doubled)}")
        for role in (*self.key, self.event_time, self.money_total, *self.protects_by, self.wish_field):
            if role is not None and role not in names:
                raise ValueError(
                    f"'{role}' (key, event_time, money_total, protects_by or wish_field) is no field; fields: {', '.join(names)}"
                )
        if self.money_total and self.money_total not in self.money_fields:
            raise ValueError(
                f"money_total '{self.money_total}' is no money; wanted a field of type {', '.join(MONEY_TYPES)}"
            )
        if self.style == "fixed_width" and any(field.width is None for field in self.fields):
            raise ValueError("every field of a fixed_width feed needs a width")
        if self.style != "fixed_width" and any(field.width is not None for field in self.fields):
            raise ValueError(f"a {self.style} feed has no widths")
        if self.cadence == "monthly" and self.due_day is None:
            raise ValueError("a monthly feed needs due_day")
        if self.cadence == "monthly" and self.style == "dollar":
            raise ValueError("a dollar file has eight digits of date in its name, so its feed is daily")
        return self

    @model_validator(mode="after")
    def _protection_is_told(self) -> Feed:
        given = (self.protects_by, self.max_unreadable_share is not None)
        if self.suppression and not all(given):
            raise ValueError(
                "a suppression feed needs protects_by (fields of which one tells who is protected) and max_unreadable_share"
            )
        if not self.suppression and (any(given) or self.wish_field):
            raise ValueError("protects_by, wish_field and max_unreadable_share are for feeds with suppression: true")
        costly = [field.name for field in self.fields if self.suppression and field.on_error == "refuse_row"]
        if costly:
            raise ValueError(
                f"fields {costly}: found on_error: refuse_row, wanted empty or unknown: a wish is never lost for another cell"
            )
        return self

    @property
    def keeps_wishes(self) -> bool:
        """Whether rows protect for good, whatever replaces their file: wishes are events, a list is its newest snapshot."""
        return self.suppression and self.content != "snapshot"

    @property
    def codec(self) -> str:
        """Name of the Python codec (code page 936 is `gbk`)."""
        return codec_of(self.encoding)

    @property
    def money_fields(self) -> tuple[str, ...]:
        """Every field that is money: each has a balance of its own, `money_total` the one shown first."""
        return tuple(field.name for field in self.fields if field.type in MONEY_TYPES and not field.personal)

    @property
    def table(self) -> str:
        """Name of the feed's bronze table."""
        return f"bronze.{self.feed}"

    def field(self, name: str) -> Field:
        """The field of that name."""
        for field in self.fields:
            if field.name == name:
                return field
        raise ConfigError(FEEDS / f"{self.feed}.yaml", "fields", name, ", ".join(f.name for f in self.fields))


@cache
def load_feeds(folder: Path = FEEDS) -> dict[str, Feed]:
    """All feed contracts by feed name; the file name must be the feed's name, and a file's name must say whose it is.

    One unit code may serve a daily and a monthly feed: the length of the date tells their files apart.
    """
    feeds: dict[str, Feed] = {}
    units: dict[tuple[str, str, str], str] = {}
    for path in sorted(folder.glob("*.yaml")):
        feed = load(Feed, path)
        if feed.feed != path.stem:
            raise ConfigError(path, "feed", feed.feed, f"the file's name, {path.stem}")
        other = units.setdefault((feed.style, feed.unit, feed.cadence), feed.feed)
        if other != feed.feed:
            raise ConfigError(
                path, "unit", feed.unit, f"a code of its own; the {feed.cadence} feed {other} has this one"
            )
        feeds[feed.feed] = feed
    return feeds
