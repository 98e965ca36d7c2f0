"""The silver, gold and report tables: read at published versions, replace a range of business dates, publish together."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable

from conf.dates import DateRange
from conf.errors import ConfigError, ContractBroken
from conf.tables import Table, table_of
from jobs.lakehouse import alerts, faults, ledger, published
from jobs.lakehouse.frames import conform_frame
from jobs.lakehouse.names import name_published
from jobs.lakehouse.run import Run
from jobs.lakehouse.sqltext import bind_parameters, ordered, substitute_tables

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame, SparkSession

    from conf.settings import Settings

GATE_RESULT = "ops.gate_result"


@dataclass(frozen=True)
class CommitInfo:
    """What one write did: the new version of the table and the rows it wrote."""

    version: int
    rows: int


class Lake:
    """The tables as one run of one stage sees them: published versions, and its own writes on top."""

    def __init__(self, spark: SparkSession, settings: Settings, run: Run):
        self.spark, self.settings, self.run = spark, settings, run
        ledger.ensure_tables(settings)
        self._published = published.published_versions(settings)
        self._written: dict[str, int] = {}
        self._metrics: list[dict] = []
        self._views: set[str] = set()
        self._lock = threading.Lock()

    @property
    def written(self) -> dict[str, int]:
        """Versions this run wrote and has not published yet."""
        return dict(self._written)

    def version(self, name: str) -> int | None:
        """Version this run reads: its own write, else the published one, 0 if never published, None = newest (ledger tables)."""
        if table_of(name).is_ledger:
            return published.reader_version(self.settings, name)
        return self._written.get(name, self._published.get(name, 0))

    def read(self, name: str) -> DataFrame:
        """All rows of a table at the version this run sees."""
        return self._read_version(name, self.version(name))

    def arrow(self, name: str, filters: list[tuple] | None = None, columns: list[str] | None = None) -> Any:
        """The same rows as an Arrow table, read without Spark; `filters` are (column, operator, value)."""
        return ledger.read(self.settings, name, filters=filters, version=self.version(name), columns=columns)

    def newest_date(self, name: str, before: date | None = None) -> date | None:
        """Newest date of the table's rows, by the date its contract replaces by; `before` leaves out that day and later ones."""
        return ledger.newest_date(self.settings, name, str(table_of(name).date_column), self.version(name), before)

    def dataset(self, name: str) -> Any:
        """The same rows as an Arrow dataset, for readers that stream or filter (DuckDB, Polars)."""
        return self._delta(name).to_pyarrow_dataset()

    def row_count(self, name: str) -> int:
        """Number of rows, from the table's log."""
        return self._delta(name).count()

    def _delta(self, name: str) -> DeltaTable:
        return DeltaTable(str(ledger.table_path(self.settings, name)), version=self.version(name))

    def sql(self, text: str, **params: Any) -> DataFrame:
        """Run a query of our own; table names are pinned to the versions this run sees, `:name` parameters become literals.

        Not bound by Spark: over Spark Connect, Delta 4.4's parser loses the parameters of `spark.sql(text, args=...)`.
        """
        return self.spark.sql(bind_parameters(substitute_tables(text, self._pinned_view), params))

    def _pinned_view(self, name: str) -> str:
        # A view and not `VERSION AS OF` in the text: the version is resolved once however many queries name the table.
        version = self.version(name)
        if version is None:
            version = ledger.head_version(self.settings, name)
        home = sha256(str(self.settings.home).encode()).hexdigest()[:8]
        view = f"{name.replace('.', '_')}_v{version}_{home}"
        with self._lock:
            if view not in self._views:
                self._read_version(name, version).createOrReplaceTempView(view)
                self._views.add(view)
        return view

    def _read_version(self, name: str, version: int | None) -> DataFrame:
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(str(ledger.table_path(self.settings, name)))

    def replace(self, name: str, frame: DataFrame, where: DateRange | None) -> CommitInfo:
        """Replace the dates `where` of a table (None: the whole table) by these rows, in one commit.

        The frame must have the contract's columns; every row's `replace_by` date must lie in the range.
        """
        table = table_of(name)
        predicate = _predicate(table, where)
        rows = conform_frame(table, frame)
        if table.partition_by and where is not None and where.days > 7:
            rows = rows.repartition(*table.partition_by)
        if table.cluster_by:
            rows = rows.sortWithinPartitions(*table.partition_by, *table.cluster_by)
        writer = rows.write.format("delta").mode("overwrite").option("userMetadata", self.run.run_id)
        if table.partition_by:
            writer = writer.partitionBy(*table.partition_by)
        if predicate:
            writer = writer.option("replaceWhere", predicate)
        before = ledger.head_version(self.settings, name)
        faults.point(f"{name}.before_commit")
        writer.save(str(ledger.table_path(self.settings, name)))
        faults.point(f"{name}.after_commit")
        return self._note_write(name, before)

    def _note_write(self, name: str, before: int) -> CommitInfo:
        head = DeltaTable(str(ledger.table_path(self.settings, name)), without_files=True)
        newest = head.history(1)[0]
        if head.version() == before:  # no rows took the place of no rows: Delta commits nothing
            newest = {"userMetadata": self.run.run_id, "operationMetrics": {"numOutputRows": 0}}
        if newest.get("userMetadata") != self.run.run_id:
            raise ContractBroken(
                name,
                f"a commit of run {self.run.run_id}",
                newest.get("userMetadata"),
                "another writer was at this table: run one at a time",
            )
        rows = int(newest.get("operationMetrics", {}).get("numOutputRows", -1))
        with self._lock:
            self._written[name] = head.version()
        self.metric("write", name, "rows", rows)
        self.run.fact("TABLE_WRITTEN", table=name, version=head.version(), rows=rows)
        return CommitInfo(head.version(), rows)

    def run_tables(self, names: Iterable[str], dates: DateRange, **params: Any) -> dict[str, CommitInfo]:
        """Build tables from their sql files, in the order their texts need, independent ones at the same time.

        Parameters first_date and last_date (DATE) are always there; each result replaces these dates of its table.
        """
        texts = {name: _query_of(name) for name in names}
        bound = {"first_date": dates.first, "last_date": dates.last, **params}
        commits: dict[str, CommitInfo] = {}
        with ThreadPoolExecutor(self.settings.spark.parallel_tables) as pool:
            for layer in ordered(texts):
                futures = {name: pool.submit(self._run_table, name, texts[name], dates, bound) for name in layer}
                commits.update({name: future.result() for name, future in futures.items()})
        return commits

    def _run_table(self, name: str, text: str, dates: DateRange, params: dict[str, Any]) -> CommitInfo:
        where = dates if table_of(name).replace_by else None
        return self.replace(name, self.sql(text, **params), where)

    def restore_ahead(self, names: Iterable[str]) -> list[str]:
        """Bring tables whose newest version was never published back to the published one; returns which.

        Going back also takes the columns back that the contract gained since, so every table is held against it again.
        """
        restored = []
        for name in (name for name in names if not table_of(name).is_ledger):
            wanted = self._published.get(name, 0)
            if not ledger.holds_version(self.settings, name, wanted):
                self._restore(name, wanted)
                restored.append(name)
            ledger.ensure_shape(self.settings, name)
        return restored

    def _restore(self, name: str, version: int) -> None:
        was = ledger.head_version(self.settings, name)
        path = ledger.table_path(self.settings, name)
        self.spark.sql(f"RESTORE TABLE delta.`{path}` TO VERSION AS OF {version}")
        self.run.fact("TABLE_RESTORED", table=name, version=version, was=was)

    def withdraw(self) -> list[str]:
        """Undo what this run wrote and did not publish, so that readers by name and by path see yesterday too."""
        written, self._written = list(self._written), {}
        return self.restore_ahead(written)

    def publish(self) -> int | None:
        """Show readers all tables this run wrote, at once; flushes metrics; returns the publication number."""
        self.flush_metrics()
        if not self._written:
            return None
        sequence = published.publish(
            self.settings, self.run.stage, self.run.business_date, self.run.run_id, self._written
        )
        self._published.update(self._written)
        name_published(self.spark, self.settings, self._written)
        self._written = {}
        self.run.fact("PUBLISHED", published_seq=sequence)
        return sequence

    def record_gate(self, rows: list[dict]) -> None:
        """Keep what the gate found, pass or fail, in place of what earlier runs of the stage found in these tables that date."""
        for stage in sorted({row["stage"] for row in rows}):
            tables = sorted({row["table_name"] for row in rows if row["stage"] == stage})
            mine = [("run_id", "=", self.run.run_id), ("stage", "=", stage), ("table_name", "in", tables)]
            kept = ledger.read(self.settings, GATE_RESULT, mine).to_pylist()
            listed = ", ".join(f"'{name}'" for name in tables)
            predicate = f"stage = '{stage}' AND business_date = '{self.run.business_date}' AND table_name IN ({listed})"
            found = [row for row in rows if row["stage"] == stage]
            ledger.replace(self.settings, GATE_RESULT, [*kept, *found], predicate, self.run.run_id)

    def alert(self, event: str, text: str, **facts: object) -> None:
        """Tell people: a file in home/alerts and the webhook when one is set."""
        alerts.raise_alert(self.settings, event, self.run.business_date, text, None, stage=self.run.stage, **facts)

    def metric(self, step: str, table: str, metric: str, value: float) -> None:
        """Keep one number of this run for ops.run_metric; written at publish."""
        with self._lock:
            self._metrics.append(
                {
                    "run_id": self.run.run_id, "business_date": self.run.business_date, "stage": self.run.stage,
                    "step": step, "table_name": table, "metric": metric, "value": float(value),
                }
            )  # fmt: skip

    def flush_metrics(self) -> None:
        """Write the kept numbers to ops.run_metric."""
        with self._lock:
            pending, self._metrics = self._metrics, []
        ledger.append(self.settings, "ops.run_metric", pending, self.run.run_id)


def _predicate(table: Table, where: DateRange | None) -> str | None:
    if table.is_ledger:
        raise ContractBroken(
            table.name,
            "a silver, gold or rpt table",
            f"layer {table.layer}",
            "write it through jobs/lakehouse/ledger.py",
        )
    if where is None:
        return None
    if not table.replace_by:
        raise ContractBroken(
            table.name, "a contract with replace_by", "replace_by is empty", "replace the whole table (where=None)"
        )
    return where.predicate(table.replace_by)


def _query_of(name: str) -> str:
    path = table_of(name).sql_file
    if not path.is_file():
        raise ConfigError(path, name, "no such file", "the table's SELECT, or a Python step that builds it")
    return path.read_text(encoding="utf-8").rstrip().removesuffix(";")
