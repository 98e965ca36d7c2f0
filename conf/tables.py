"""Table contracts: grain, owner, key, partition, retention and every column (sql/<layer>/<table>.yaml); bronze comes from the feeds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field as Bound
from pydantic import field_validator, model_validator

from conf.code_lists import code_list, require_list
from conf.codes import load_code_lists
from conf.errors import ConfigError
from conf.feeds import UNKNOWN, Feed, Field, load_feeds, require_retention
from conf.night import load_night
from conf.personal_data import load_personal_kinds
from conf.reading import ROOT, Strict, chosen_file, load, remembered, yaml_files

SQL = ROOT / "sql"
LAYERS = ("ops", "vault", "bronze", "silver", "gold", "rpt")
WORK = "work"  # helper queries: kept for one run, never published
QUERY = "query"
DELTA_RS_LAYERS = ("ops", "vault", "bronze")
SIMPLE_TYPES = (
    "string",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "date",
    "timestamp",
    "binary",
)
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
    """Name of the column."""
    type: str
    """Spark's type."""
    description: str
    """What it means, for the dictionary."""
    unit: str | None = None
    """What a number counts."""
    pii: Literal["none", "token", "clear"] = "none"
    """none, a token of a person's datum, or the datum in clear (vault only)."""
    nullable: bool = True
    """Whether a row may be without it."""
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

    `made_by`: `query`, the SELECT beside the contract, or `module:function`, then with the tables it is `made_from`. `stage`
    and, where a stage has several jobs that make tables, `job` say when (conf/night.yaml); ops, vault and bronze are written as things
    happen and name neither. `may_be_left`: a run may rightly leave the table as it is; the gate refuses any other unwritten one.
    `may_be_empty`: a run may rightly find no row for its dates; the gate refuses any other table without rows.
    How long rows stay is said by one of `retention_days` (from the row's date on) and `keep: forever`.
    """

    table: str = Bound(pattern=r"^(ops|vault|bronze|silver|gold|rpt)\.[a-z][a-z0-9_]*$")
    """Layer and name, as the file's place says."""
    description: str
    """What the table holds."""
    grain: str
    """What one row is."""
    owner: str
    """Who answers for it."""
    key: tuple[str, ...]
    """Columns that name one row."""
    columns: tuple[Column, ...]
    """The columns in the order on disk."""
    made_by: str = Bound(pattern=r"^(query|[a-z_0-9]+(\.[a-z_0-9]+)*:[A-Za-z_0-9.]+)$")
    """`query`, the SELECT beside the contract, or `module:function`."""
    made_from: tuple[str, ...] = ()
    """Tables a function reads; of a query its text says."""
    stage: str | None = None
    """Stage of conf/night.yaml that makes the table."""
    job: str | None = None
    """Job of the stage, where it has several that make tables."""
    may_be_left: bool = False
    """Whether a run may rightly leave the table as it is."""
    partition_by: tuple[str, ...] = ()
    """Columns with a folder for each value."""
    replace_by: str | None = None
    """Date column: a run replaces the rows of its dates."""
    retention_days: int | None = Bound(default=None, ge=1)
    keep: Literal["forever"] | None = None
    cluster_by: tuple[str, ...] = ()
    """Columns rows are sorted by on disk."""
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

    @model_validator(mode="after")
    def _has_a_maker(self) -> Table:
        if self.is_delta_rs:
            if self.made_by == QUERY or self.job:
                raise ValueError(
                    "made_by: module:function, and no job: tables of ops, vault and bronze are written as things happen"
                )
            if self.stage is not None:
                _jobs_that_make_tables(self.stage)
            return self
        jobs = _jobs_that_make_tables(self.stage)
        if self.job is None and len(jobs) != 1:
            raise ValueError(f"job: one of {', '.join(jobs)}; stage '{self.stage}' has more than one that makes tables")
        if self.job is not None and self.job not in jobs:
            raise ValueError(f"job: one of {', '.join(jobs)}, found {self.job}")
        if self.is_query and self.made_from:
            raise ValueError("made_from: what a query is made from its text says")
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
    def maker_job(self) -> str | None:
        """The job that makes the table; None for what is written as things happen."""
        return None if self.is_delta_rs else self.job or _jobs_that_make_tables(self.stage)[0]

    @property
    def is_query(self) -> bool:
        """Whether the table is one SELECT beside its contract."""
        return self.made_by == QUERY

    @property
    def is_delta_rs(self) -> bool:
        """Whether the table is written by the ledger (ops, vault, bronze) and not by Spark."""
        return self.layer in DELTA_RS_LAYERS

    @property
    def sql_file(self) -> Path:
        """Where the table's query stands when the table is one SELECT: the operator's, else the delivered one."""
        return chosen_file(SQL / self.layer / f"{self.short_name}.sql")

    def column(self, name: str) -> Column:
        """The column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ConfigError(f"contract of {self.table}", "columns", name, ", ".join(self.column_names))


def _jobs_that_make_tables(stage: str | None) -> list[str]:
    stages = load_night().stages
    if stage not in stages:
        raise ValueError(f"stage: one of {', '.join(stages)} (conf/night.yaml), found {stage or 'nothing'}")
    return [name for name, job in stages[stage].jobs.items() if job.makes]


@remembered
def work_queries() -> dict[str, Path]:
    """Helper queries by full name, as work.owners: files of sql/work."""
    return {f"{WORK}.{path.stem}": chosen_file(path) for path in yaml_files(SQL / WORK, "*.sql")}


def tables_of_job(job: str) -> list[str]:
    """Full names of the tables a job makes, as their contracts say."""
    return [name for name, table in load_tables().items() if table.maker_job == job]


def query_text(name: str) -> str:
    """The query of a table or of a helper query (work.<name>), without its last semicolon."""
    path = work_queries()[name] if name in work_queries() else table_of(name).sql_file
    return path.read_text(encoding="utf-8").rstrip().removesuffix(";")


@remembered
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
        if table.is_query != table.sql_file.is_file():
            wanted = (
                f"{table.sql_file.name} beside the contract" if table.is_query else "query: there is a query beside it"
            )
            raise ConfigError(path, "made_by", table.made_by, wanted)
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
    "code": "string",
    "text": "string",
    "date8": "date",
    "month6": "string",
    "datetime14": "timestamp",
    "bool10": "boolean",
    "int": "int",
    "bigint": "bigint",
    "fen": "bigint",
    "li": "bigint",
    "yuan": "bigint",
}
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
        stage="ingest",
        made_by="jobs.ingest.job:run",
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
        Column(
            name=field.column,
            type="bigint",
            pii="token",
            description=f"Keyed token of {field.name} ({field.personal}{load_personal_kinds()[field.personal.upper()].mark})",
            nullable=field.is_nullable,
        )
    ]
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
