"""Table contracts: grain, owner, key, partition, retention and every column (sql/<layer>/<table>.yaml); bronze comes from the feeds."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field as Bound
from pydantic import field_validator, model_validator

from conf.code_lists import code_list, require_list
from conf.codes import load_code_lists
from conf.errors import ConfigError
from conf.feeds import UNKNOWN, Feed, Field, load_feeds, require_retention
from conf.personal_data import load_personal_kinds
from conf.reading import ROOT, Strict, load, yaml_files

SQL = ROOT / "sql"
LAYERS = ("ops", "vault", "bronze", "silver", "gold", "rpt")
LEDGER_LAYERS = ("ops", "vault", "bronze")
SIMPLE_TYPES = (
    "string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp", "binary",
)  # fmt: skip
_SIMPLE = "|".join(SIMPLE_TYPES)
_TYPE = re.compile(rf"^(?:{_SIMPLE}|decimal\(\d{{1,2}},\d{{1,2}}\)|array<(?:{_SIMPLE})>|map<string,(?:{_SIMPLE})>)$")


class Column(Strict):
    """One column: Spark type, unit, personal class (none, token, clear), what a value means, and the codes it may hold.

    `values` maps each code of a coded column (text, or an array of texts) to a word; `values_from` names the business file
    that holds them (conf/code_lists.py). The checks of campaigns, tags and suites follow from both. With `open_codes` the
    sender may add codes of its own: the gate tells of one nobody knows instead of stopping the night. `open_codes` alone says
    that the codes are the sender's and kept as they come.
    """

    name: str = Bound(pattern=r"^[a-z][a-z0-9_]*$")
    type: str
    description: str
    unit: str | None = None
    pii: Literal["none", "token", "clear"] = "none"
    nullable: bool = True
    values: dict[str, str] = {}
    values_from: str | None = None
    open_codes: bool = False

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        compact = value.replace(" ", "").lower()
        if not _TYPE.match(compact):
            raise ValueError("one of " + ", ".join(SIMPLE_TYPES) + ", decimal(p,s), array<T>, map<string,T>")
        return compact

    @model_validator(mode="after")
    def _codes_are_texts(self) -> Column:
        if (self.values or self.values_from) and self.type not in ("string", "array<string>"):
            raise ValueError(f"column '{self.name}': values and values_from belong to type string or array<string>")
        if self.values_from:
            require_list(self.values_from)
        return self

    @property
    def codes(self) -> dict[str, str]:
        """Every code the column may hold with a word each; empty when its values are no codes."""
        return {**(code_list(self.values_from) if self.values_from else {}), **self.values}


class Table(Strict):
    """The contract of one table; the column list is the order of the columns on disk.

    `may_be_empty`: a run may rightly find no row for its dates; the gate refuses any other table without rows.
    How long rows stay is said by one of `retention_days` (from the row's date on) and `keep: forever`.
    """

    table: str = Bound(pattern=r"^(ops|vault|bronze|silver|gold|rpt)\.[a-z][a-z0-9_]*$")
    description: str
    grain: str
    owner: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition_by: tuple[str, ...] = ()
    replace_by: str | None = None
    retention_days: int | None = Bound(default=None, ge=1)
    keep: Literal["forever"] | None = None
    cluster_by: tuple[str, ...] = ()
    may_be_empty: bool = False

    @model_validator(mode="after")
    def _names_agree(self) -> Table:
        names = self.column_names
        if len(set(names)) != len(names):
            raise ValueError(f"columns given twice: {sorted({n for n in names if names.count(n) > 1})}")
        roles = [*self.key, *self.partition_by, *self.cluster_by, *([self.replace_by] if self.replace_by else [])]
        unknown = [role for role in roles if role not in names]
        if unknown:
            raise ValueError(f"{unknown} (key, partition_by, replace_by or cluster_by) is no column of the table")
        require_retention(self.retention_days, self.keep)
        if self.retention_days and self.date_column is None:
            raise ValueError("retention_days needs a date to count from: replace_by, or a date column business_date")
        if self.replace_by and self.column(self.replace_by).type != "date":
            raise ValueError(f"replace_by column '{self.replace_by}' must be a date")
        return self

    @property
    def name(self) -> str:
        """Full name, as gold.customer_360."""
        return self.table

    @property
    def layer(self) -> str:
        """Layer of the table, as gold."""
        return self.table.split(".")[0]

    @property
    def short_name(self) -> str:
        """Name inside its layer."""
        return self.table.split(".")[1]

    @property
    def column_names(self) -> list[str]:
        """Column names in contract order."""
        return [column.name for column in self.columns]

    @property
    def date_column(self) -> str | None:
        """Date a row belongs to, from which its retention counts: replace_by, else business_date."""
        has_date = any(column.name == "business_date" and column.type == "date" for column in self.columns)
        return self.replace_by or ("business_date" if has_date else None)

    @property
    def is_ledger(self) -> bool:
        """Whether the table is written by the ledger (ops, vault, bronze) and not by Spark."""
        return self.layer in LEDGER_LAYERS

    @property
    def sql_file(self) -> Path:
        """Where the table's query stands when the table is one SELECT."""
        return SQL / self.layer / f"{self.short_name}.sql"

    def column(self, name: str) -> Column:
        """The column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ConfigError(f"contract of {self.table}", "columns", name, ", ".join(self.column_names))


@cache
def load_tables() -> dict[str, Table]:
    """All table contracts by full name: files under sql/ and the bronze tables that follow from the feeds."""
    tables = {feed.table: bronze_table(feed) for feed in load_feeds().values()}
    for path in yaml_files(SQL, "*/*.yaml"):
        table = load(Table, path)
        wanted = f"{path.parent.name}.{path.stem}"
        if table.table != wanted:
            raise ConfigError(path, "table", table.table, f"{wanted}, the name the file's place gives")
        if table.table in tables:
            raise ConfigError(path, "table", table.table, "a name no feed gives to its bronze table already")
        tables[table.table] = table
    return tables


def table_of(name: str) -> Table:
    """The contract of one table by full name."""
    tables = load_tables()
    if name not in tables:
        near = [other for other in tables if other.split(".")[0] == name.split(".")[0]]
        raise ConfigError(SQL, "table", name, "one of: " + ", ".join(near or tables))
    return tables[name]


_BRONZE_TYPES = {
    "code": "string", "text": "string", "date8": "date", "month6": "string", "datetime14": "timestamp",
    "bool10": "boolean", "int": "int", "bigint": "bigint", "fen": "bigint", "li": "bigint", "yuan": "bigint",
}  # fmt: skip
_BRONZE_UNITS = {"fen": "fen", "yuan": "fen", "li": "li", "month6": "YYYYMM"}


def bronze_table(feed: Feed) -> Table:
    """The bronze contract of a feed: its typed fields with personal data as tokens, then the standard columns."""
    columns = [column for field in feed.fields for column in _bronze_columns(field)]
    if feed.content == "event":
        columns.append(EVENT_ID)
    return Table(
        table=feed.table,
        description=f"{feed.title}, as delivered (unit {feed.unit}, source {feed.source}); good rows only.",
        grain="one row per delivered record of a file",
        owner=feed.owner,
        key=("file_id", "line_number"),
        columns=(*columns, *STANDARD_COLUMNS),
        replace_by="load_date",  # no partition: a folder a night would never let nights share a file
        retention_days=feed.retention_days,
        keep=feed.keep,
    )


def _bronze_columns(field: Field) -> list[Column]:
    if not field.personal:
        described = f"Field {field.name} of the feed" + (
            f"; allowed: {', '.join(a or 'blank' for a in field.known_codes)}" if field.known_codes else ""
        )
        described += {"refuse_row": "", "empty": "; empty where not readable", "unknown": "; UNKNOWN for any other"}[
            field.error_action
        ]
        described += "; runs of 7 or more digits are masked" if field.masked else ""
        unit = _BRONZE_UNITS.get(field.type, field.unit)
        return [
            Column(
                name=field.column,
                type=_BRONZE_TYPES[field.type],
                unit=unit,
                description=described,
                nullable=field.is_nullable,
                values={**load_code_lists()[field.code_list], UNKNOWN: "a code of no list"} if field.code_list else {},
            )
        ]
    columns = [
        Column(name=field.column, type="bigint", pii="token", description=f"Keyed token of {field.name} ({field.personal}{load_personal_kinds()[field.personal.upper()].mark})",
               nullable=field.is_nullable)
    ]  # fmt: skip
    if field.type == "msisdn":
        columns.append(
            Column(
                name=f"{field.name}_class",
                type="string",
                description=f"Kind of number of {field.name}: NATIONAL_MOBILE, FIXED, SP_CODE, FOREIGN, INVALID"
                + (f"; NONE for {' or '.join(field.null_if)}, which means no number" if field.null_if else ""),
            )
        )
    if field.derive_tac:
        columns.append(
            Column(
                name="tac",
                type="string",
                description="Type allocation code: first 8 digits of the IMEI, null for what is no IMEI",
            )
        )
    return columns


EVENT_ID = Column(
    name="event_id",
    type="bigint",
    pii="token",
    description="Identity of the event, alike in every file: keyed hash of its business key, or of its record without one",
)
STANDARD_COLUMNS = (
    Column(
        name="load_date", type="date", description="Business date of the night that picked the file up", nullable=False
    ),
    Column(name="data_date", type="date", description="Business date the file is about, from its name", nullable=False),
    Column(name="file_id", type="string", description="File in ops.file_ledger", nullable=False),
    Column(name="line_number", type="int", description="Line of the record in its file, from 1", nullable=False),
    Column(
        name="resend_no", type="int", description="Resend generation of the file, 0 = first delivery", nullable=False
    ),
    Column(name="is_full_snapshot", type="boolean", description="Whether the file is a full snapshot", nullable=False),
    Column(name="loaded_at", type="timestamp", description="Creation time of the control file", nullable=False),
    Column(
        name="dq_flag",
        type="string",
        description="What was wrong in a record that stays, as 'remark NOT_DECODABLE': field and rule, more than one with commas",
    ),
)
