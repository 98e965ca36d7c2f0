"""The dearest queries of a run are read from Spark's event log."""

import json

from jobs.stack.event_log import name_of, read_event_log, table_of_queries

WRITE = (
    'write_operation {\n  source: "delta"\n  path: "/x/.run/lake/silver/usage_daily"\n  mode: SAVE_MODE_OVERWRITE\n}'
)
CONNECT = "org.apache.spark.sql.connect.service.SparkListenerConnectOperation"


def _log(folder, events):
    file = folder / "local-1"
    file.write_text("\n".join(json.dumps(event) for event in events) + '\n{"Event": "torn', encoding="utf-8")
    return file


def _task(stage, cpu_seconds):
    metrics = {
        "Executor CPU Time": cpu_seconds * 1e9,
        "Shuffle Write Metrics": {"Shuffle Bytes Written": 2 * 1024 * 1024},
    }
    return {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": metrics}


def test_a_query_has_its_jobs_tasks_and_seconds_and_no_others(tmp_path):
    events = [
        {"Event": f"{CONNECT}Started", "jobTag": "a", "eventTime": 1_000, "statementText": WRITE},
        {"Event": f"{CONNECT}Analyzed", "jobTag": "a", "eventTime": 1_500},
        {"Event": "SparkListenerJobStart", "Job ID": 1, "Stage IDs": [1, 2], "Properties": {"spark.job.tags": "x,a"}},
        {"Event": "SparkListenerJobStart", "Job ID": 2, "Stage IDs": [3], "Properties": {"spark.job.tags": "b"}},
        _task(1, 2),
        _task(2, 1.5),
        _task(3, 40),
        {"Event": f"{CONNECT}Finished", "jobTag": "a", "eventTime": 5_000},
    ]
    (cost,) = read_event_log(_log(tmp_path, events))
    assert (cost.name, cost.jobs, cost.stages, cost.tasks) == ("write silver.usage_daily", 1, 2, 2)
    assert (cost.wall_seconds, cost.planning_seconds, cost.cpu_seconds, cost.shuffle_mb) == (4.0, 0.5, 3.5, 4.0)
    assert "write silver.usage_daily" in table_of_queries([cost])[1]


def test_a_query_that_writes_no_table_is_named_by_its_text():
    assert name_of('checkpoint_command {\n sql {\n query: "-- Who\\n  SELECT 1"') == 'checkpoint -- Who SELECT 1"'
