"""The screen of the person on call: the gravest first, an exit code that says whether somebody is needed, nothing altered."""

from __future__ import annotations

import os
from datetime import timedelta
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from jobs import cli
from jobs.commands import care
from jobs.lakehouse import delta_rs
from jobs.lakehouse.alerts import acknowledge, raise_alert
from jobs.lakehouse.places import table_place
from jobs.lakehouse.run import exclusive
from jobs.status import status
from jobs.watch import machine
from tests.unit.watch.conftest import NIGHT, at, operator, publish

__all__ = ["operator", "publish"]  # fixtures


def _state(home) -> dict[str, tuple]:
    """Every file and folder of a home with its time and content."""
    return {
        str(path): (path.stat().st_mtime_ns, sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
        for path in [home, *sorted(home.rglob("*"))]
    }


def _part(found, title: str) -> list[dict]:
    return next(rows for name, rows in found.parts if name.startswith(title))


def test_night_that_is_well_ends_with_nought(operator, publish):
    publish(NIGHT)

    found = status(operator, at("12:00"))

    assert (found.code, found.untold) == (0, [])
    assert _part(found, "Next") == [{"command": "nothing"}]
    assert {row["stage"]: row["late_when"] for row in _part(found, "Stages")}["targeting"] == "08:30"
    assert float(_part(found, "Disk")[0]["free_gb"]) > 0
    assert {row["server"] for row in _part(found, "Servers")} >= {"spark", "postgres", "airflow-scheduler", "mlflow"}


def test_open_page_or_ticket_ends_with_one_until_it_is_acknowledged_and_a_note_does_not(operator, publish):
    publish(NIGHT)
    raise_alert(operator, "LIST_RECALLED", NIGHT, "by hand")
    assert status(operator, at("12:00")).code == 0

    for _ in range(6):
        raise_alert(operator, "TASK_FAILED", "no date", "training failed")
    raise_alert(operator, "LISTS_REFUSED", NIGHT, "stale suppression")
    found = status(operator, at("12:00"))
    assert found.code == 1
    assert {row["event"] for row in _part(found, "Alerts")[:2]} == {"LISTS_REFUSED", "TASK_FAILED"}

    acknowledge(operator, None, "wang", "seen")
    assert status(operator, at("12:00")).code == 0


def test_late_stage_ends_with_one_and_names_the_command(operator, publish):
    publish(NIGHT - timedelta(days=1))
    found = status(operator, at("06:40"))
    assert (found.code, _part(found, "Next")) == (1, [{"command": f"closedloop night --date {NIGHT}"}])

    with exclusive(operator, "ingest"):
        found = status(operator, at("06:40"))
        assert _part(found, "Next") == [{"command": "wait: ingest at work"}]
        assert [(row["stage"], row["process"]) for row in _part(found, "At work")] == [("ingest", os.getpid())]


def test_share_in_quarantine_is_shown(operator, publish):
    publish(NIGHT)
    common = {"business_date": NIGHT, "status": "COMPLETE", "file_cnt": 1, "run_id": "x"}
    columns = {column.name for column in delta_rs.table_of("ops.feed_status").columns}
    rows = [
        {**common, "feed": feed, "rows_good": good, "rows_quarantined": 25} for feed, good in (("a", 925), ("b", 25))
    ]
    delta_rs.append(operator, "ops.feed_status", [{key: row[key] for key in row if key in columns} for row in rows])

    (line,) = _part(status(operator, at("12:00")), "Records")

    assert (line["good"], line["quarantined"], line["quarantined_percent"]) == (950, 50, 5.0)


@pytest.mark.parametrize("home", ["none", "empty", "older", "whole"])
def test_looking_alters_nothing(operator, publish, monkeypatch, home):
    if home in ("older", "whole"):
        publish(NIGHT)
        raise_alert(operator, "FEED_LATE", NIGHT, "late")
    if home == "older":  # of a version that knew fewer tables
        for path in sorted(table_place(operator, "ops.gate_result").local.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        operator.path("lake", delta_rs.CONTRACTS_FILE).unlink()
    if home == "none":
        operator.home.rmdir()
    before = _state(operator.home) if operator.home.exists() else {}
    for place in (cli, care):
        monkeypatch.setattr(place, "load_settings", lambda: operator)

    done = CliRunner().invoke(cli.app, ["status"])

    assert done.exit_code == {"none": 2, "empty": 1, "older": 1, "whole": 1}[home], done.output
    assert (_state(operator.home) if operator.home.exists() else {}) == before
    assert ("cannot be told" in done.output) == (home != "whole")


def test_missing_table_is_told_and_cannot_be_told_is_two(operator, publish):
    publish(NIGHT)
    for path in sorted(table_place(operator, "ops.gate_result").local.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()

    found = status(operator, at("12:00"))

    assert found.code == 2
    assert "ops.gate_result" in str(_part(found, "Rules"))
    assert len(_part(found, "Stages")) > 3


def test_watch_ends_with_its_code_and_ack_needs_to_know_which(operator, publish, monkeypatch):
    for place in (cli, care):
        monkeypatch.setattr(place, "load_settings", lambda: operator)
    monkeypatch.setattr(machine, "SAMPLE_SECONDS", 0.1)
    run = CliRunner().invoke
    looked = run(cli.app, ["watch"])
    assert (looked.exit_code, "STAGE_LATE" in looked.output) == (1, True)

    assert run(cli.app, ["ack", "--by", "wang", "--reason", "seen"]).exit_code == 2
    done = run(cli.app, ["ack", "STAGE_LATE", "--by", "wang", "--reason", "seen"])
    assert (done.exit_code, "STAGE_LATE" in done.output) == (0, True)
