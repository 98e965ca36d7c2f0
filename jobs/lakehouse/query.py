"""Questions of people to the published tables: in this process by DuckDB, or on the Spark server."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
from sqlglot import exp

from conf.errors import ConfigError, InputRefused
from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse.sqltext import IN_PROCESS, ON_SPARK, parsed, table_name, tables_in
from jobs.lakehouse.tables import Tables

# Paths, names made of texts, the change feed of a table, Java's methods, and the vault under whatever name.
_CLOSED_ON_SPARK = re.compile(
    r"`|\b(?:vault|identifier|table_changes\w*|reflect|try_reflect|java_method|from_protobuf|to_protobuf)\b",
    re.IGNORECASE,
)
_CLOSED_FUNCTION = re.compile(
    r"identifier|table_changes\w*|reflect|try_reflect|java_method|\w+_protobuf|read_\w+|getenv", re.I
)
# A question holds none of these: it writes nothing, runs no script of the machine, reads no version but the published one.
_NO_QUESTION = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.QueryTransform, exp.Version, exp.Parameter)


def query_tables(settings: Settings, text: str, on_spark: bool = False) -> pa.Table:
    """Answer of a query that names tables as gold.customer_360; each is read at its published version.

    A column may name its table and schema too, as gold.customer_360.arpu_fen. Raises InputRefused for what is no question
    about tables, and for the vault: personal data in clear is for the export alone.
    """
    if on_spark:
        return _on_spark(settings, only_an_answer(text))
    open_question(text, IN_PROCESS)
    return _in_process(settings, text, tables_in(text, IN_PROCESS))


def only_an_answer(text: str) -> str:
    """The question as a part of another one, so that Spark takes nothing but a question; ways around the names are refused.

    In this process a question sees the registered tables alone; the Spark server knows every table by name and every path. So
    it gets the question written anew from what was read here: no comment or quote can mean one thing here and another there.
    """
    closed = _CLOSED_ON_SPARK.search(text)  # quoted or not: what counts as quoted is Spark's to say
    if closed:
        raise InputRefused(
            f"'{closed[0]}' is not open to queries on the Spark server\n  to do:  name tables as gold.customer_360, without backquotes"
        )
    question = open_question(text, ON_SPARK)
    return f"SELECT * FROM (\n{question.sql('spark', comments=False)}\n) AS answer"


def open_question(text: str, dialects: tuple[str, ...]) -> exp.Expr:
    """The tree of a question about tables of the lake; anything else is refused."""
    tree = parsed(text, dialects)
    if not isinstance(tree, exp.Query) or next(tree.find_all(*_NO_QUESTION), None):
        raise InputRefused("only questions are answered: SELECT or WITH\n  to do:  tables are written by jobs")
    for function in tree.find_all(exp.Func):
        name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
        if _CLOSED_FUNCTION.fullmatch(name):
            raise InputRefused(f"function '{name}' is not open to queries\n  to do:  ask the tables alone")
    steps = {step.alias_or_name.lower() for step in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        is_step = isinstance(table.this, exp.Identifier) and not table.db and table.name.lower() in steps
        if not is_step:
            _open_table(table)
    return tree


def _open_table(table: exp.Table) -> None:
    name = table_name(table)
    if name.startswith("vault."):
        raise InputRefused(
            f"{name} holds personal data in clear and is not open to queries\n  to do:  use tokens, or closedloop contacts --msisdn"
        )
    if not name:
        raise InputRefused(
            f"'{table.sql('spark')[:80]}' is no table of the lake\n  to do:  name tables as gold.customer_360 (closedloop tables lists them)"
        )
    try:
        table_of(name)
    except ConfigError as error:
        raise InputRefused(f"no table {name}\n  wanted: {error.wanted}") from None


def _in_process(settings: Settings, text: str, names: list[str]) -> pa.Table:
    with Tables(settings).duckdb(names) as connection:
        try:
            return connection.sql(text).to_arrow_table()
        except duckdb.Error as error:
            raise InputRefused(f"the query cannot be answered: {str(error).splitlines()[0]}") from None


def _on_spark(settings: Settings, text: str) -> pa.Table:
    from pyspark.errors import PySparkException

    from jobs.lakehouse.session import get_session

    try:
        return Tables(settings, get_session(settings, "query")).sql(text).toArrow()
    except PySparkException as error:
        raise InputRefused(f"the query cannot be answered: {str(error).splitlines()[0]}") from None
