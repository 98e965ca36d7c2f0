"""Every line of the log is one JSON object, in a file of the process that wrote it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import date

import pytest

from conf.dates import DateRange
from jobs.lakehouse.alerts import raise_alert, raise_alert_once
from jobs.lakehouse.logs import CHATTERING, OURS, log_to_home
from jobs.lakehouse.run import Run

WRITER = """
import sys
from pathlib import Path
from conf.dates import DateRange
from conf.settings import load_settings
from jobs.lakehouse.logs import log_to_home
from jobs.lakehouse.run import Run
settings = load_settings("demo", Path(sys.argv[1]))
log_to_home(settings)
run = Run("ingest", DateRange.of("2026-03-10"), settings)
for number in range(200):
    run.fact("TABLE_WRITTEN", table="silver.usage_daily", rows=number, note="x" * 20_000)
"""


@pytest.fixture(autouse=True)
def loggers_as_before():
    before = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).propagate) for name in OURS}
    levels = {name: logging.getLogger(name).level for name in CHATTERING}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).propagate = propagate


def _lines(settings) -> list[dict]:
    files = sorted(settings.path("logs", "closedloop").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_fact_alert_and_plain_line_are_json_objects(settings):
    log_to_home(settings)
    Run("view", DateRange.of("2026-03-10"), settings).fact("PUBLISHED", published_seq=7)
    raise_alert(settings, "FEED_LATE", date(2026, 3, 10), "话单 is late", feed="cdr_voice")
    logging.getLogger("models").warning("one\nmessage of two lines")

    fact, alert, plain = _lines(settings)

    assert "facts" not in fact
    assert (fact["event"], fact["stage"], fact["published_seq"], fact["level"]) == ("PUBLISHED", "view", 7, "info")
    assert (alert["event"], alert["feed"], alert["text"]) == ("FEED_LATE", "cdr_voice", "话单 is late")
    assert (plain["event"], plain["logger"]) == ("one\nmessage of two lines", "models")


def test_processes_that_log_at_once_do_not_cut_each_others_lines(settings):
    settings.home.mkdir(parents=True)
    command = [sys.executable, "-c", WRITER, str(settings.home)]
    writers = [subprocess.Popen(command, env=dict(os.environ)) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]

    lines = _lines(settings)

    assert len(lines) == 400
    assert sorted(line["rows"] for line in lines) == sorted([*range(200), *range(200)])


def test_second_call_in_a_process_writes_each_line_once(settings):
    log_to_home(settings)
    log_to_home(settings)
    logging.getLogger("jobs").info("once")

    assert [line["event"] for line in _lines(settings)] == ["once"]


def test_alert_asked_for_every_minute_is_told_once(settings):
    log_to_home(settings)
    for _ in range(3):
        raise_alert_once(settings, "FEED_LATE", date(2026, 3, 10), "late", feed="cdr_voice")

    assert [line["event"] for line in _lines(settings)] == ["FEED_LATE"]


def test_libraries_that_tell_of_each_call_are_heard_from_a_warning_on(settings, caplog):
    caplog.set_level(logging.INFO)
    log_to_home(settings)
    for name in ("py4j.clientserver", "httpx", "great_expectations.expectations.registry"):
        logging.getLogger(name).info("chatter of %s", name)
        logging.getLogger(name).warning("words of %s", name)

    assert "chatter" not in caplog.text
    assert caplog.text.count("words") == 3
