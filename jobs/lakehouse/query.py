"""Questions of people to the published tables: in this process by DuckDB, or on the Spark server."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from conf.errors import InputRefused
from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import ledger, published
from jobs.lakehouse.sqltext import substitute_tables, tables_in

# Paths, names made of texts, the change feed of a table, Java's methods, and the vault under whatever name.
_CLOSED_ON_SPARK = re.compile(
    r"`|\b(?:vault|identifier|table_changes\w*|reflect|try_reflect|java_method)\b", re.IGNORECASE
)


def query_tables(settings: Settings, text: str, on_spark: bool = False) -> pa.Table:
    """Answer of a query that names tables as gold.customer_360; each is read at its published version.

    The vault is refused: personal data in clear is for the export alone.
    """
    names = tables_in(text)
    closed = [name for name in names if table_of(name).layer == "vault"]
    if closed:
        raise InputRefused(
            f"{closed[0]} holds personal data in clear and is not open to queries\n  to do:  use tokens, or closedloop contacts --msisdn"
        )
    return _on_spark(settings, only_an_answer(text)) if on_spark else _in_process(settings, text, names)


def only_an_answer(text: str) -> str:
    """The question as a part of another one, so that Spark takes nothing but a question; ways around the names are refused.

    In this process a question sees the registered tables alone; the Spark server knows every table by name and every path.
    """
    if not re.match(r"\s*(select|with)\b", text, re.IGNORECASE):
        raise InputRefused("only questions are answered: SELECT or WITH\n  to do:  tables are written by jobs")
    closed = _CLOSED_ON_SPARK.search(text)  # quoted or not: what counts as quoted is Spark's to say
    if closed:
        raise InputRefused(
            f"'{closed[0]}' is not open to queries on the Spark server\n  to do:  name tables as gold.customer_360, without backquotes"
        )
    return f"SELECT * FROM (\n{text}\n) AS answer"


def _in_process(settings: Settings, text: str, names: list[str]) -> pa.Table:
    versions = published.published_versions(settings)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = ?", [settings.time_zone])
        for name in names:
            path = ledger.table_path(settings, name)
            if not DeltaTable.is_deltatable(str(path)):
                ledger.ensure_tables(settings)
            version = published.reader_version(settings, name, versions)
            connection.register(_flat(name), DeltaTable(str(path), version=version).to_pyarrow_dataset())
        try:
            # Only the registered tables may be read: no files of the machine through read_csv and the like.
            connection.execute("SET enable_external_access = false")
            return connection.sql(substitute_tables(text, _flat)).to_arrow_table()
        except duckdb.Error as error:
            raise InputRefused(f"the query cannot be answered: {str(error).splitlines()[0]}") from None


def _flat(name: str) -> str:
    return name.replace(".", "__")


def _on_spark(settings: Settings, text: str) -> pa.Table:
    from pyspark.errors import PySparkException

    from jobs.lakehouse.session import get_session
    from jobs.lakehouse.tables import Tables

    try:
        return Tables(settings, get_session(settings, "query")).sql(text).toArrow()
    except PySparkException as error:
        raise InputRefused(f"the query cannot be answered: {str(error).splitlines()[0]}") from None
