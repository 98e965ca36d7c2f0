"""Every row of every table of the embedded Postgres, as its server gives it: values the files hold compressed are plain here."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from conf.settings import Settings
from jobs.privacy.contents import Block, blocks_of_stream

_IN_MEMORY_BYTES = 64 * 1024 * 1024
_TABLES = """
    SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
# As text, numbers and times as people read them; as binary, bytes and texts as they are.
_FORMS = ("COPY (SELECT t::text FROM {} t) TO STDOUT", "COPY {} TO STDOUT (FORMAT binary)")


def blocks_of_postgres(settings: Settings, overlap: int) -> Iterator[tuple[str, Iterator[Block]]]:
    """(database and table, its blocks); started for it when it does not run, and stopped again. Nothing without one."""
    if not settings.path("postgres", "PG_VERSION").exists():
        return
    from jobs.servers import postgres

    was_running = postgres.is_running(settings)
    try:
        for database, address in postgres.start(settings).items():
            yield from _of_database(database, address, overlap)
    finally:
        if not was_running:
            postgres.stop(settings)


def _of_database(database: str, address: str, overlap: int) -> Iterator[tuple[str, Iterator[Block]]]:
    import psycopg2

    with psycopg2.connect(address.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for (table,) in cursor.fetchall():
            yield f"{database} {table}", _of_table(cursor, table, overlap)
    connection.close()


def _of_table(cursor: Any, table: str, overlap: int) -> Iterator[Block]:
    for form in _FORMS:
        with SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            cursor.copy_expert(form.format(table), file)
            file.seek(0)
            yield from blocks_of_stream(cast(BinaryIO, file), overlap)
