"""The commits of ingest: replace rows of one table, with a named fault point before and behind each."""

from __future__ import annotations

from jobs.lakehouse import delta_rs, faults
from jobs.lakehouse.run import Run


def replace(this_run: Run, table: str, rows: object, where: str) -> None:
    """Replace the rows of a table that `where` names, in one commit of this run."""
    faults.point(f"{table}.before_commit")
    delta_rs.replace(this_run.settings, table, rows, where, this_run.run_id)  # type: ignore[arg-type]
    faults.point(f"{table}.after_commit")


def add(this_run: Run, table: str, rows: object) -> None:
    """Add rows to a table, in one commit of this run."""
    faults.point(f"{table}.before_commit")
    delta_rs.append(this_run.settings, table, rows, this_run.run_id)  # type: ignore[arg-type]
    faults.point(f"{table}.after_commit")
