"""The tables as readers see them: published versions, for Spark, Arrow, DuckDB and Polars; nothing here writes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable

from conf.tables import WORK, query_text, table_of, work_queries
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.lineage import is_read_twice
from jobs.lakehouse.places import is_there, open_table, table_place
from jobs.lakehouse.sqltext import bind_parameters, substitute_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    import duckdb
    import polars
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from conf.settings import Settings


class Tables:
    """All tables at the versions that were published when this was made; those of ops, vault and bronze at their newest.

    Without a Spark session everything but `read`, `sql` and `work` answers.
    """

    def __init__(self, settings: Settings, spark: SparkSession | None = None):
        self.settings = settings
        self._spark = spark
        self._published = published.published_versions(settings)
        self._views: set[str] = set()
        self.parameters: dict[str, Any] = {}
        self._work: dict[str, DataFrame] = {}
        self._work_rows: dict[str, list[dict]] = {}
        self._lock = threading.RLock()
        self._reads = threading.local()

    @property
    def spark(self) -> SparkSession:
        """The session that was given; asking without one is a mistake of ours."""
        if self._spark is None:
            raise RuntimeError("these tables were opened without a Spark session")
        return self._spark

    def version(self, name: str) -> int | None:
        """Version that is read: the published one, 0 if never published, None = newest (ops, vault, bronze)."""
        self._note_read(name)
        return published.reader_version(self.settings, name, self._published)

    @contextmanager
    def noted_reads(self) -> Iterator[set[str]]:
        """Names of the tables that this thread reads inside."""
        names: set[str] = set()
        self._reads.names = names
        try:
            yield names
        finally:
            del self._reads.names

    def _note_read(self, name: str) -> None:
        if hasattr(self._reads, "names"):
            self._reads.names.add(name)

    def arrow(self, name: str, filters: list[tuple] | None = None, columns: list[str] | None = None) -> pa.Table:
        """Rows of a table, without Spark; `filters` are (column, operator, value)."""
        return delta_rs.read(self.settings, name, filters=filters, version=self.version(name), columns=columns)

    def rows(self, name: str, filters: list[tuple] | None = None, columns: list[str] | None = None) -> list[dict]:
        """The same as dicts."""
        return self.arrow(name, filters, columns).to_pylist()

    def dataset(self, name: str) -> Any:
        """The same as an Arrow dataset, for readers that stream or filter."""
        return self._delta(name).to_pyarrow_dataset()

    def polars(self, name: str) -> polars.LazyFrame:
        """The same for Polars, read when collected."""
        import polars

        return polars.scan_pyarrow_dataset(self.dataset(name))

    @contextmanager
    def duckdb(self, names: Iterable[str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB connection that sees these tables as layer.table, in the operator's time zone, and no file of the machine."""
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = ?", [self.settings.time_zone])
            for name in names:
                flat, layer = name.replace(".", "__"), name.split(".")[0]
                connection.register(flat, self.dataset(name))
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM main.{flat}")
            connection.execute("SET enable_external_access = false")
            yield connection

    def newest_date(self, name: str, before: date | None = None) -> date | None:
        """Newest date of the table's rows, by the date its contract replaces by; `before` leaves out that day and later ones."""
        return delta_rs.newest_date(self.settings, name, str(table_of(name).date_column), self.version(name), before)

    def dates(self, name: str) -> list[date]:
        """Every date of the table's rows, oldest first, by the date its contract replaces by."""
        return delta_rs.dates_of(self.settings, name, str(table_of(name).date_column), self.version(name))

    def row_count(self, name: str) -> int:
        """Number of rows, from the table's log."""
        return self._delta(name).count()

    def _delta(self, name: str) -> DeltaTable:
        self._require_made(name)
        return open_table(self.settings, name, version=self.version(name))

    def _require_made(self, name: str) -> None:
        """Make the tables of the contracts when this one is not there yet; who may only read asks for what is there."""
        if not is_there(self.settings, name):
            delta_rs.ensure_tables(self.settings)

    def read(self, name: str) -> DataFrame:
        """All rows of a table, or of a helper query of this run, for Spark."""
        if name.startswith(f"{WORK}."):
            return self.work(name)
        return self._read_version(name, self.version(name))

    def sql(self, text: str, **params: Any) -> DataFrame:
        """Run a query of our own; table names are pinned to the versions read here, `:name` parameters become literals.

        Not bound by Spark: over Spark Connect, Delta 4.4's parser loses the parameters of `spark.sql(text, args=...)`.
        """
        pinned = substitute_tables(text, self._pinned_view)
        return self.spark.sql(bind_parameters(pinned, {**self.parameters, **params}))

    def bind(self, **params: Any) -> None:
        """Parameters of the queries from here on; helper queries of before are forgotten with theirs."""
        with self._lock:
            self.parameters, self._work, self._work_rows = params, {}, {}

    def work(self, name: str) -> DataFrame:
        """A helper query (sql/work), computed once for these parameters; kept when more than one place reads it."""
        with self._lock:
            if name not in self._work:
                frame = self.sql(query_text(name))
                # Computed once, and the plans of those who read it do not grow with its own.
                self._work[name] = frame.localCheckpoint() if is_read_twice(name) else frame
                self._work[name].createOrReplaceTempView(self._work_view(name))
            return self._work[name]

    def work_rows(self, name: str) -> list[dict]:
        """Rows of a helper query, for what is arithmetic on few of them; computed once."""
        self._note_read(name)
        with self._lock:
            if name not in self._work_rows:
                frame = self._work[name] if name in self._work else self.sql(query_text(name))
                self._work_rows[name] = frame.toArrow().to_pylist()
            return self._work_rows[name]

    def _pinned_view(self, name: str) -> str:
        if name in work_queries():
            self.work(name)
            return self._work_view(name)
        # A view and not `VERSION AS OF` in the text: the version is resolved once however many queries name the table.
        version = self.version(name)
        if version is None:
            self._require_made(name)
            version = delta_rs.head_version(self.settings, name)
        view = f"{name.replace('.', '_')}_v{version}_{self._home}"
        with self._lock:
            if view not in self._views:
                self._read_version(name, version).createOrReplaceTempView(view)
                self._views.add(view)
        return view

    def _work_view(self, name: str) -> str:
        return f"{name.replace('.', '_')}_{self._home}"

    @property
    def _home(self) -> str:
        return sha256(str(self.settings.home).encode()).hexdigest()[:8]

    def _read_version(self, name: str, version: int | None) -> DataFrame:
        self._require_made(name)
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(table_place(self.settings, name).for_spark)
