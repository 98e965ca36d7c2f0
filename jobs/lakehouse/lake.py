"""The silver, gold and report tables as one run writes them: replace a range of business dates, publish together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from conf.dates import DateRange
from conf.errors import ContractBroken
from conf.tables import Table, table_of
from jobs.lakehouse import alerts, delta_rs, faults, published
from jobs.lakehouse.frames import collect, conform_frame
from jobs.lakehouse.names import name_published
from jobs.lakehouse.places import open_table, table_place
from jobs.lakehouse.planning import is_long_work, static_plans
from jobs.lakehouse.run import Run
from jobs.lakehouse.schema import conform
from jobs.lakehouse.tables import Tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from conf.settings import Settings

GATE_RESULT = "ops.gate_result"


@dataclass(frozen=True)
class CommitInfo:
    """What one write did: the new version of the table and the rows it wrote."""

    version: int
    rows: int


class Lake(Tables):
    """The tables as one run of one stage sees and writes them: published versions, and its own writes on top."""

    def __init__(self, spark: SparkSession, settings: Settings, run: Run):
        delta_rs.ensure_tables(settings)
        super().__init__(settings, spark)
        self.run = run
        self.summary: dict[str, Any] = {}
        self._written: dict[str, int] = {}
        self._metrics: list[dict] = []
        self.undeclared_reads: set[tuple[str, str]] = set()
        self.is_short_work = False  # whether results are few enough to pass through this process

    @property
    def written(self) -> dict[str, int]:
        """Versions this run wrote and has not published yet."""
        return dict(self._written)

    def version(self, name: str) -> int | None:
        """Version this run reads: its own write, else the published one, 0 if never published, None = newest (ops, vault, bronze)."""
        self._note_read(name)
        return self._written[name] if name in self._written else super().version(name)

    def replace(self, name: str, rows: DataFrame | pa.Table, where: DateRange | None) -> CommitInfo:
        """Replace the dates `where` of a table (None: the whole table) by these rows, in one commit.

        The rows must have the contract's columns; every row's `replace_by` date must lie in the range. What is in memory
        already, and the results of short work (`planned_for`), are committed by delta-rs: Spark needs ten times as long.
        """
        table = table_of(name)
        predicate = _predicate(table, where)
        if isinstance(rows, pa.Table):
            return self._commit(table, conform(table, rows), predicate)
        frame = conform_frame(table, rows)
        if self.is_short_work:
            return self._commit(table, conform(table, collect(frame)), predicate)
        if where is not None and where.days > 7:
            frame = _whole_nights(table, frame, where)
        if table.cluster_by:
            frame = frame.sortWithinPartitions(*table.partition_by, *table.cluster_by)
        writer = frame.write.format("delta").mode("overwrite").option("userMetadata", self.run.run_id)
        if table.partition_by:
            writer = writer.partitionBy(*table.partition_by)
        if predicate:
            writer = writer.option("replaceWhere", predicate)
        before = delta_rs.head_version(self.settings, name)
        faults.point(f"{name}.before_commit")
        writer.save(table_place(self.settings, name).for_spark)
        faults.point(f"{name}.after_commit")
        return self._note_spark_commit(name, before)

    def _commit(self, table: Table, rows: pa.Table, predicate: str | None) -> CommitInfo:
        if table.cluster_by:
            rows = rows.sort_by([(column, "ascending") for column in (*table.partition_by, *table.cluster_by)])
        faults.point(f"{table.name}.before_commit")
        version = delta_rs.overwrite(self.settings, table.name, rows, predicate, self.run.run_id)
        faults.point(f"{table.name}.after_commit")
        return self._note_write(table.name, CommitInfo(version, rows.num_rows))

    def _note_spark_commit(self, name: str, before: int) -> CommitInfo:
        head = open_table(self.settings, name)
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
        return self._note_write(name, CommitInfo(head.version(), rows))

    def _note_write(self, name: str, commit: CommitInfo) -> CommitInfo:
        with self._lock:
            self._written[name] = commit.version
        self.metric("write", name, "rows", commit.rows)
        self.run.fact("TABLE_WRITTEN", table=name, version=commit.version, rows=commit.rows)
        return commit

    @contextmanager
    def planned_for(self, rows: int) -> Iterator[None]:
        """Plan, and write, the work inside for reading about so many rows (jobs/lakehouse/planning.py)."""
        before, self.is_short_work = self.is_short_work, not is_long_work(rows)
        try:
            with static_plans(self.spark, self.settings, rows):
                yield
        finally:
            self.is_short_work = before

    def restore_ahead(self, names: Iterable[str]) -> list[str]:
        """Bring tables whose newest version was never published back to the published one; returns which.

        Going back also takes the columns back that the contract gained since, so every table is held against it again.
        """
        restored = []
        for name in (name for name in names if not table_of(name).is_delta_rs):
            wanted = self._published.get(name, 0)
            if not delta_rs.holds_version(self.settings, name, wanted):
                self._restore(name, wanted)
                restored.append(name)
            delta_rs.ensure_shape(self.settings, name)
        return restored

    def _restore(self, name: str, version: int) -> None:
        was = delta_rs.head_version(self.settings, name)
        delta_rs.restore(self.settings, name, version, self.run.run_id)
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
            kept = delta_rs.read(self.settings, GATE_RESULT, mine).to_pylist()
            listed = ", ".join(f"'{name}'" for name in tables)
            predicate = f"stage = '{stage}' AND business_date = '{self.run.business_date}' AND table_name IN ({listed})"
            found = [row for row in rows if row["stage"] == stage]
            delta_rs.replace(self.settings, GATE_RESULT, [*kept, *found], predicate, self.run.run_id)

    def alert(self, event: str, text: str, **facts: object) -> None:
        """Tell people: a file in home/alerts and the webhook when one is set."""
        alerts.raise_alert(self.settings, event, self.run.business_date, text, None, stage=self.run.stage, **facts)

    def metric(self, step: str, table: str, metric: str, value: float) -> None:
        """Keep one number of this run for ops.run_metric; written at publish."""
        with self._lock:
            self._metrics.append(
                {
                    "run_id": self.run.run_id,
                    "business_date": self.run.business_date,
                    "stage": self.run.stage,
                    "step": step,
                    "table_name": table,
                    "metric": metric,
                    "value": float(value),
                }
            )

    def flush_metrics(self) -> None:
        """Write the kept numbers to ops.run_metric."""
        with self._lock:
            pending, self._metrics = self._metrics, []
        delta_rs.append(self.settings, "ops.run_metric", pending, self.run.run_id)


def _whole_nights(table: Table, rows: DataFrame, where: DateRange) -> DataFrame:
    """Rows of many nights spread so that a night lies in one file: one a folder, or with the rest of its month."""
    from pyspark.sql import functions as F

    if table.partition_by:
        return rows.repartition(*table.partition_by)
    if table.replace_by is None or table.replace_by not in table.cluster_by:
        return rows
    day = F.col(table.replace_by)
    month = F.year(day) * 12 + F.month(day) - (where.first.year * 12 + where.first.month)
    months = (where.last.year - where.first.year) * 12 + where.last.month - where.first.month + 1
    return rows.repartitionById(months, month)


def _predicate(table: Table, where: DateRange | None) -> str | None:
    if table.is_delta_rs:
        raise ContractBroken(
            table.name,
            "a silver, gold or rpt table",
            f"layer {table.layer}",
            "write it through jobs/lakehouse/delta_rs.py",
        )
    if where is None:
        return None
    if not table.replace_by:
        raise ContractBroken(
            table.name, "a contract with replace_by", "replace_by is empty", "replace the whole table (where=None)"
        )
    return where.predicate(table.replace_by)
