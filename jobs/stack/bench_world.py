"""The town a benchmark's nights run on: written by the simulator, its history put into silver, the last days loaded by the night's own jobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from conf.campaigns import load_campaigns
from conf.dates import DateRange
from conf.files import write_whole
from conf.night import load_night
from conf.settings import Settings
from jobs.catalogue import run_job
from jobs.lakehouse import delta_rs
from jobs.lakehouse.history_load import load_history, publish_history
from jobs.lakehouse.run import Run
from jobs.people.tokens import Tokenizer
from jobs.stack.bench_models import train_on_sample
from jobs.stack.metering import Meter
from jobs.stack.steps import require_step
from jobs.targeting.approval import record_whole_way

WORLD = "world"
SUMS = "history_sums"  # simulator/lean.py writes them
MAKER = "bench"
OTHER_NUMBER = "other_number"
MONTH = len("2026-01")  # of the files' names, which begin with their date: silver keeps its history by month
ROW_KEYS = ("rows", "rows_good", "pages")


def make_world(settings: Settings, history_days: int, meter: Meter) -> None:
    """Write and load the town up to the eve of the first night, with models and approvals; each step once for a home."""
    history = settings.history

    def once(name: str, work: Callable[[], int]) -> None:
        marker = settings.path("run", "bench", f"{name.replace(' ', '-')}.json")
        if not marker.exists():
            with meter.step(WORLD, name) as cost:
                cost.rows = work()
            write_whole(marker, json.dumps(cost.as_row()))

    once("simulate history", lambda: simulate(settings, "lean", "--days", str(history_days)))
    once("sums into silver", lambda: sums_into_silver(settings, history.first - timedelta(days=1)))
    for job in load_night().initial_load:
        once(f"load {job}", lambda job=job: rows_of(run_job(settings, job, history)))  # type: ignore[misc]
    once("models", lambda: _models(settings, history.last))
    once("approvals", lambda: _approvals(settings))


def simulate(settings: Settings, *words: str) -> int:
    """Let the synthetic operator write; returns the records delivered so far that no job has read."""
    require_step(settings, ["simulator", *words], settings.path("logs", "simulator.log"))
    return 0


def sums_into_silver(settings: Settings, last: date) -> int:
    """Put the sums of the days before the records into silver, published for their last day; returns the rows."""
    delta_rs.ensure_tables(settings)
    folder, run_id = settings.path(SUMS), Run("ingest", DateRange(last, last), settings).run_id
    tables = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    rows, tokenizer = 0, Tokenizer.of(settings)  # delta-rs, which takes the rows, is not asked from inside
    for name in tables:
        for _, files in groupby(sorted((folder / name).iterdir()), key=lambda path: path.name[:MONTH]):
            rows += load_history(settings, f"silver.{name}", _parts(tokenizer, list(files)), run_id)
    if tables:
        publish_history(settings, [f"silver.{name}" for name in tables], "ingest", last, run_id)
    shutil.rmtree(folder, ignore_errors=True)  # the call graph's numbers stand there in clear
    return rows


def _parts(tokenizer: Tokenizer, files: list[Path]) -> Iterator[pa.Table]:
    """Files of a table, those with numbers of others with their tokens instead."""
    for path in files:
        rows = pq.read_table(path)
        if OTHER_NUMBER in rows.column_names:
            encoded = rows[OTHER_NUMBER].cast(pa.string()).combine_chunks().dictionary_encode()
            tokens = pa.array(tokenizer.tokens("MSISDN", encoded.dictionary)).take(encoded.indices)
            rows = rows.append_column("other_token", tokens)
        yield rows


def _models(settings: Settings, eve: date) -> int:
    from jobs.servers.postgres import point_mlflow_here

    point_mlflow_here(settings)
    return train_on_sample(settings, eve)


def _approvals(settings: Settings) -> int:
    campaigns = load_campaigns()
    for campaign in campaigns.values():
        record_whole_way(settings, campaign, MAKER)
    return len(campaigns)


def rows_of(summary: Mapping[str, Any]) -> int:
    """Rows a job's summary says it moved: written by table, good ones read, or exported."""
    found = 0
    for key, value in summary.items():
        if key == "rows" and isinstance(value, Mapping):
            found += sum(value.values())
        elif key in ROW_KEYS and isinstance(value, list):
            found += len(value)
        elif key in ROW_KEYS and isinstance(value, int):
            found += value
        elif key not in ("feeds", "files") and isinstance(value, Mapping):
            found += rows_of(value)
    return found
