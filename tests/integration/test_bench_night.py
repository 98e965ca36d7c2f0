"""The bench of nights, small: a town in sums and records, loaded, scored by models of a sample, played for one night."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.lakehouse import delta_rs
from jobs.stack.bench_night import bench_night, settings_for
from jobs.stack.metering import Meter

TOWN, HISTORY_DAYS = 300, 45
STEPS = {  # rows each step moves at least
    "ingest": 1_000,
    "conform": 500,
    "respond": 300,
    "view": 1_500,
    "score": 600,
    "target": 300,
    "export": 20,
    "evaluate": 0,  # nobody has answered yet
    "report": 1,
}
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def _counts(spark, settings):
    """Spark jobs run in this process so far, commits of all tables, files of the lake."""
    lake = settings.path("lake")
    return {
        "Spark jobs": spark.sparkContext._jsc.sc().dagScheduler().nextJobId(),
        "Delta commits": sum(1 for _ in lake.glob("*/*/_delta_log/*.json")),
        "data files": sum(1 for _ in lake.rglob("*.parquet")),
    }


def _allowed():
    """What the page says a small night takes, by name."""
    rows = re.findall(r"^\| (Spark jobs|Delta commits|data files) \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    return {name: int(count) for name, count in rows}


def test_every_step_of_a_night_moves_rows_and_says_what_it_cost(spark, tmp_path, monkeypatch):
    for name in ("PROFILE", "HOME", "_SIMULATOR__SUBSCRIPTIONS", "_HISTORY_FIRST", "_INITIAL_LOAD__SNAPSHOT_DATES"):
        monkeypatch.setenv(f"CLOSEDLOOP_{name}", "as it was")  # so that it is put back
        monkeypatch.delenv(f"CLOSEDLOOP_{name}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    settings = settings_for(TOWN, 2, "local", tmp_path / "home", None)
    training = settings.training.model_copy(update={"max_rounds": 20})
    settings = settings.model_copy(update={"training": training})
    meter = Meter(settings.home)
    bench_night(settings, HISTORY_DAYS, meter, nights=0)
    before = _counts(spark, settings)
    result = bench_night(settings, HISTORY_DAYS, meter, nights=1)
    spent = {name: after - before[name] for name, after in _counts(spark, settings).items()}

    world = {row["step"]: row for row in result["steps"] if row["run"] == "world"}
    night = {row["step"]: row for row in result["steps"] if row["run"] == "cold"}
    assert set(STEPS) == set(night) - {"simulate"}
    assert {name: night[name]["rows"] for name in STEPS if night[name]["rows"] < STEPS[name]} == {}
    assert all(row["cpu_seconds"] > 0 and row["peak_mb"] > 100 for row in night.values())
    assert world["sums into silver"]["rows"] > 10_000
    assert world["models"]["rows"] == 5
    use = delta_rs.read(settings, "silver.usage_daily", columns=["load_date", "subscription_id"])
    assert len(use["load_date"].unique()) == HISTORY_DAYS + 1
    allowed = _allowed()
    assert set(spent) == set(allowed)
    more = {
        name: f"{count}, the table has {allowed[name]}" for name, count in spent.items() if count > 1.1 * allowed[name]
    }
    assert not more, "a night grew: look why, or write the new number into docs/performance.md"
    assert all(spent[name] > 0.5 * count for name, count in allowed.items()), (
        "a night shrank: write the new numbers down"
    )
    assert not settings.path("history_sums").exists(), "numbers of others stood there in clear"
