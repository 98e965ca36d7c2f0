"""Feed contracts: what the operator delivers, file by file, field by field (conf/feeds/*.yaml)."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Literal

from pydantic import Field as Bound
from pydantic import field_validator, model_validator

from conf.codes import load_code_lists
from conf.errors import ConfigError
from conf.personal_data import load_personal_kinds
from conf.reading import ROOT, Strict, load, remembered, yaml_files

FEEDS = ROOT / "conf" / "feeds"

FieldType = Literal[
    "code", "text", "msisdn", "date8", "month6", "datetime14", "bool10", "int", "bigint", "fen", "li", "yuan"
]
# What the byte-level reader splits and decodes rightly (style C's separator 0x80 only where no character begins).
ENCODINGS = ("gb18030", "gbk", "gb2312", "utf-8", "ascii")
UTF8 = "utf-8"
UNKNOWN = "UNKNOWN"  # what a code outside its list becomes where the contract says so (D22)
OnError = Literal["refuse_row", "empty", "unknown"]
MONEY_TYPES = ("fen", "li", "yuan")


def codec_of(encoding: str) -> str:
    """Python's one name for an encoding however it is written, or the text itself when Python knows none."""
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return encoding


class Field(Strict):
    """One field of a feed: its type, width (fixed width only), sentinels that mean null, bounds and personal class.

    `on_error` says what a value does that breaks a rule of its field: refuse_row (the record goes to quarantine), empty or
    unknown (the record stays, the cell is emptied or made UNKNOWN, and the record is marked and counted). Free text is
    emptied unless it says otherwise, everything else refuses its record. `usual_max` marks and counts, and loses nothing.
    """

    name: str = Bound(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the field; the bronze column is called so too."""
    type: FieldType
    """How the text is read."""
    width: int | None = Bound(default=None, ge=1)
    """Bytes of the field, in a fixed_width feed."""
    unit: str | None = None
    """What a number counts."""
    required: bool = False
    """A record without it goes to quarantine."""
    null_if: tuple[str, ...] = ()
    """Texts that mean no value."""
    allowed: tuple[str, ...] = ()
    """Codes it may hold."""
    code_list: str | None = None
    """List of conf/code_lists.yaml that holds the codes."""
    min: int | None = None
    """Least value."""
    max: int | None = None
    """Largest value."""
    usual_max: int | None = None
    max_length: int | None = Bound(default=None, ge=1)
    """Characters at most."""
    pattern: str | None = None
    """Regular expression of the whole text."""
    on_error: OnError | None = None
    personal: str | None = None
    """Kind of personal data: the column holds a token of it."""
    masked: bool | None = None
    """Whether people write into it: long numbers in it become ***."""
    derive_tac: bool = False
    """Also a column with the type allocation code of an IMEI."""

    @property
    def column(self) -> str:
        """Name of the bronze column: personal fields become keyed tokens, yuan amounts become fen."""
        if self.personal:
            return f"{self.name}_token"
        if self.type == "yuan":
            return f"{self.name.removesuffix('_yuan')}_fen"
        return self.name

    @property
    def known_codes(self) -> tuple[str, ...]:
        """Codes the field may hold: its own `allowed` or a shared list of conf/code_lists.yaml; none means any."""
        return self.allowed if self.code_list is None else tuple(load_code_lists()[self.code_list])

    @property
    def error_action(self) -> OnError:
        """What a value that breaks a rule does: `on_error`, or what the type implies."""
        return self.on_error or ("empty" if self.type == "text" else "refuse_row")

    @property
    def is_nullable(self) -> bool:
        """Whether a good record may be without a value here."""
        return not self.required or self.error_action == "empty" or bool(self.null_if)

    @model_validator(mode="after")
    def _one_list_of_codes(self) -> Field:
        if self.code_list is not None and (self.allowed or self.code_list not in load_code_lists()):
            raise ValueError(
                f"field '{self.name}': code_list names one of {', '.join(load_code_lists())} (conf/code_lists.yaml), without allowed"
            )
        return self

    @model_validator(mode="after")
    def _error_can_be_kept(self) -> Field:
        if self.type in MONEY_TYPES and self.error_action != "refuse_row":
            raise ValueError(f"field '{self.name}': money is never emptied, on_error must be refuse_row")
        if self.error_action == "unknown" and (self.type != "code" or self.personal):
            raise ValueError(f"field '{self.name}': on_error: unknown is for a code without personal")
        return self

    @model_validator(mode="after")
    def _personal_kind_is_known(self) -> Field:
        known = [name.lower() for name in load_personal_kinds()]
        if self.personal is not None and self.personal not in known:
            raise ValueError(f"field '{self.name}': personal is one of {', '.join(known)} (conf/personal_data.yaml)")
        return self

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


def require_retention(retention_days: int | None, keep: str | None) -> None:
    """Raise ValueError unless a contract says once how long its rows stay."""
    if (retention_days is None) == (keep is None):
        raise ValueError("how long rows stay is said by one of retention_days: <days> and keep: forever")


class Feed(Strict):
    """One interface of the operator: naming, encoding, cadence, what to do when it is missing, and its fields.

    `retention_days` (from the load date on) or `keep: forever` says how long its bronze rows stay.
    """

    feed: str = Bound(pattern=r"^[a-z][a-z0-9_]*$")
    """The file's name."""
    title: str
    """Name in English."""
    owner: str
    """Who answers for it at the operator."""
    source: str
    """Folder below landing/ the sender writes to."""
    unit: str
    """Number of the interface, in the names of its files."""
    style: Literal["fixed_width", "dollar", "euro"]
    """Naming, separators and control files."""
    encoding: tuple[str, ...] = Bound(json_schema_extra={"type": ["string", "array"]})
    """One encoding, or a list of utf-8 and another."""
    content: Literal["snapshot", "delta", "event"]
    """snapshot and delta: state by key; event: what happened, each record once."""
    full_snapshot_day: int | None = Bound(
        default=None, ge=1, le=28
    )  # the simulator's; ingest ends no row missing in it yet
    cadence: Literal["daily", "monthly"]
    """How often a file comes."""
    due_day: int | None = Bound(default=None, ge=1, le=28)
    """Day of the month a monthly file is due."""
    deadline: str = Bound(pattern=r"^\d{2}:\d{2}$")
    """Hour a file is expected by, as 06:00."""
    when_missing: Literal["carry", "wait", "stop"]
    """carry: the last known state is used; wait: the night waits; stop: no list leaves."""
    allow_empty: bool
    """Whether a file may hold no record."""
    suppression: bool = False
    """Whether it protects people."""
    protects_by: tuple[str, ...] = ()
    """Fields that name who is protected."""
    wish_field: str | None = None
    """Field that says what the person wants."""
    max_unreadable_share: float | None = Bound(default=None, ge=0, lt=1)
    """Records of a protecting feed that may be unreadable before lists stop."""
    max_shrink_share: float | None = Bound(default=None, gt=0, le=1)
    """How much smaller than the last a full snapshot may be."""
    key: tuple[str, ...]
    """Fields that tell one record from another."""
    duplicate_days: int | None = Bound(default=None, ge=1)
    """Nights a copy of an event is looked for."""
    event_time: str | None = None
    """Field with the time of the event."""
    money_total: str | None = None
    """Money field summed in the ledger's balance."""
    retention_days: int | None = Bound(default=None, ge=1)
    keep: Literal["forever"] | None = None
    fields: tuple[Field, ...]
    """The fields in the order of the file."""

    @field_validator("encoding", mode="before")
    @classmethod
    def _one_or_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("encoding")
    @classmethod
    def _reader_handles_encoding(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        codecs_named = [codec_of(name) for name in value]
        if not value or any(name not in ENCODINGS for name in codecs_named):
            raise ValueError(f"one of: {', '.join(ENCODINGS)} (cp936 is gbk), or a list of one of them and utf-8")
        if len(value) > 1 and (len(value) > 2 or codecs_named.count(UTF8) != 1 or "ascii" in codecs_named):
            raise ValueError("a list names two: utf-8 and one of gb18030, gbk, gb2312; each line is one of them")
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
        require_retention(self.retention_days, self.keep)
        if self.money_total and self.money_total not in self.money_fields:
            raise ValueError(
                f"money_total '{self.money_total}' is no money; wanted a field of type {', '.join(MONEY_TYPES)}"
            )
        if self.style == "fixed_width" and any(field.width is None for field in self.fields):
            raise ValueError("every field of a fixed_width feed needs a width")
        if self.style != "fixed_width" and any(field.width is not None for field in self.fields):
            raise ValueError(f"a {self.style} feed has no widths")
        if (self.content == "event") != (self.duplicate_days is not None):
            raise ValueError(
                "duplicate_days (nights a copy of a record is looked for) belongs to every event feed, to no other"
            )
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
        costly = [field.name for field in self.fields if field.required or field.error_action == "refuse_row"]
        if self.suppression and costly:
            raise ValueError(
                f"fields {costly}: found required or on_error: refuse_row, wanted none required and on_error: empty or unknown: "
                "a wish is never lost for another cell; who is protected is told by protects_by"
            )
        return self

    @property
    def keeps_wishes(self) -> bool:
        """Whether rows protect for good, whatever replaces their file: wishes are events, a list is its newest snapshot."""
        return self.suppression and self.content != "snapshot"

    @property
    def codec(self) -> str:
        """Python's name of the encoding, of two the one that is not UTF-8 (code page 936 is `gbk`)."""
        named = [codec_of(name) for name in self.encoding]
        return next((name for name in named if name != UTF8), UTF8)

    @property
    def utf8_bytes(self) -> int:
        """Bytes the longest character of a line must have to make it UTF-8; 0 when the feed has none.

        Chinese has three. In a mixed feed lines with shorter ones only may be either; they are read as the encoding that is
        named first.
        """
        if len(self.encoding) == 1:
            return 1 if self.codec == UTF8 else 0
        return 2 if codec_of(self.encoding[0]) == UTF8 else 3

    @property
    def id_fields(self) -> tuple[str, ...]:
        """Fields that make two records one event: the business key; none means the whole record.

        In a feed that protects only the whole record counts: a record with another opt-out is never a copy.
        """
        return () if self.suppression else self.key

    @property
    def key_position(self) -> int:
        """Place of the key's first field in the contract."""
        return [field.name for field in self.fields].index(self.key[0])

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


@remembered
def load_feeds(folder: Path = FEEDS) -> dict[str, Feed]:
    """All feed contracts by feed name; the file name must be the feed's name, and a file's name must say whose it is.

    One unit code may serve a daily and a monthly feed: the length of the date tells their files apart.
    """
    feeds: dict[str, Feed] = {}
    units: dict[tuple[str, str, str], str] = {}
    for path in yaml_files(folder):
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
