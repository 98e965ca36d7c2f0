"""Alerts: the gravest are seen first, nothing of them is lost, and telling one never stops the work it tells about."""

from __future__ import annotations

import ast
import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from conf.alerts import Severity, load_alert_rules
from conf.errors import InputRefused
from jobs.ingest.feeds import CARRIED, LATE, MISSING
from jobs.lakehouse.alerts import acknowledge, known_alerts, old_files, open_alerts, raise_alert
from jobs.status import grouped
from tests.builders.listener import hurry, listening, told_at

NIGHT = date(2026, 3, 10)
ROOT = Path(__file__).resolve().parents[3]
CALLS = {"raise_alert": 1, "raise_alert_once": 1, "alert": 0, "Finding": 0}  # function: place of the event
FROM_DATA = {"FEED_": (MISSING, LATE, CARRIED)}  # events made of a word and a status


def test_time_stands_in_the_operators_zone(settings):
    raise_alert(settings, "FEED_LATE", NIGHT, "late")

    (file,) = settings.path("alerts").glob("*.json")
    raised = datetime.fromisoformat(json.loads(file.read_text())["raised_at"])
    assert raised.utcoffset() == timedelta(hours=8)
    assert abs(datetime.now(raised.tzinfo) - raised) < timedelta(minutes=1)


def test_gravest_stand_first_then_the_newest_and_fifty_of_a_kind_are_one_line(settings, monkeypatch):
    times = iter(f"2026-03-11T03:{minute:02d}:00+08:00" for minute in range(59))
    monkeypatch.setattr("jobs.lakehouse.alerts._now", lambda settings: next(times))
    raise_alert(settings, "LISTS_REFUSED", NIGHT, "stale")
    raise_alert(settings, "LIST_RECALLED", NIGHT, "by hand")
    for number in range(50):
        raise_alert(settings, "FILE_UNKNOWN", "no date", f"file {number}")
    raise_alert(settings, "GATE_FAILED", NIGHT, "red")

    lines = grouped(open_alerts(settings))

    assert [(line["severity"], line["event"], line["alerts"]) for line in lines] == [
        ("page", "GATE_FAILED", 1),
        ("page", "LISTS_REFUSED", 1),
        ("ticket", "FILE_UNKNOWN", 50),
        ("note", "LIST_RECALLED", 1),
    ]
    assert lines[2]["text"] == "file 49"


def test_acknowledged_alert_makes_room_for_the_others(settings):
    for text in ("one", "two", "three"):
        raise_alert(settings, "FILE_REJECTED", NIGHT, text)
    raise_alert(settings, "GATE_FAILED", NIGHT, "red")
    first = next(alert for alert in open_alerts(settings) if alert.text == "one")

    assert [alert.text for alert in acknowledge(settings, first.id, "wang", "resend asked for")] == ["one"]
    assert {alert.text for alert in open_alerts(settings)} == {"two", "three", "red"}
    assert len(acknowledge(settings, "FILE_REJECTED", "wang", "same sender")) == 2
    assert len(acknowledge(settings, None, "wang", "mended")) == 1
    assert open_alerts(settings) == []
    assert len(known_alerts(settings)) == 4


@pytest.mark.parametrize(("which", "by", "reason"), [("nothing", "wang", "x"), (None, " ", "x"), (None, "wang", "")])
def test_acknowledgement_without_a_person_a_reason_or_an_alert_is_refused(settings, which, by, reason):
    raise_alert(settings, "GATE_FAILED", NIGHT, "red")

    with pytest.raises(InputRefused):
        acknowledge(settings, which, by, reason)
    assert len(open_alerts(settings)) == 1


@pytest.mark.parametrize(
    "content",
    ["", '{"event": "GATE_FA', "[1, 2]", '{"event": 3}', "\xff", "[" * 100_000, '{"event": "X", "text": null}'],
)
def test_half_written_or_foreign_file_is_passed_over(settings, content):
    raise_alert(settings, "GATE_FAILED", NIGHT, "red")
    folder = settings.path("alerts")
    (folder / "2026-03-10_X_0.json").write_bytes(content.encode("latin-1"))
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")

    assert [alert.event for alert in open_alerts(settings)] == ["GATE_FAILED"]


def test_alert_of_an_earlier_version_is_shown_with_the_time_of_its_file(settings):
    settings.path("alerts").mkdir(parents=True)
    file = settings.path("alerts", "no date_TASK_FAILED_0123456789.json")
    file.write_text('{"business_date": "no date", "event": "TASK_FAILED", "text": "ingest failed"}\n')
    os.utime(file, (1_772_000_000, 1_772_000_000))

    (alert,) = open_alerts(settings)

    assert (alert.id, alert.severity, alert.raised_at.timestamp()) == ("0123456789", Severity.page, 1_772_000_000)
    assert acknowledge(settings, "0123456789", "wang", "old")


def test_old_alerts_go_with_what_stands_beside_them_and_others_files_stay(settings):
    raise_alert(settings, "GATE_FAILED", NIGHT, "old")
    acknowledge(settings, None, "wang", "mended")
    folder = settings.path("alerts")
    for name in ("note.txt", "2026-03-10_X_0.json.7.part"):
        (folder / name).write_text("")
    for file in folder.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    raise_alert(settings, "GATE_FAILED", NIGHT, "young")

    old = old_files(settings, date(2026, 1, 1))
    assert sum(file.suffix == ".json" for file in old) == 1
    for file in old:
        file.unlink()
    assert [alert.text for alert in known_alerts(settings)] == ["young"]
    assert sorted(file.suffix for file in folder.iterdir()) == [".json", ".txt"]


def _no_home(settings, monkeypatch):
    settings.home.write_text("a file where the home should be")


def _no_folder(settings, monkeypatch):
    settings.home.mkdir()
    settings.path("alerts").write_text("a file where the alerts should be")


def _no_space(settings, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.lakehouse.alerts.write_whole", full)


@pytest.mark.parametrize("trouble", [_no_home, _no_folder, _no_space])
@pytest.mark.parametrize("url", [None, "http://[bad", "nowhere", "http://127.0.0.1:9/x"])
@pytest.mark.parametrize("value", ["plain", b"\xba\xda".decode("utf-8", "surrogateescape"), "../../x" * 60])
def test_telling_never_raises(settings, monkeypatch, trouble, url, value):
    hurry(monkeypatch)
    trouble(settings, monkeypatch)

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("cannot be shown")

    raise_alert(told_at(settings, url), "FILE_UNKNOWN", value, value, file=value)
    raise_alert(told_at(settings, url), "FILE_UNKNOWN", NIGHT, "text", file=Broken())


def test_name_that_is_no_text_reaches_file_and_webhook(settings, monkeypatch):
    hurry(monkeypatch)
    name = "黑名单".encode("gbk").decode("utf-8", "surrogateescape")
    with listening() as listener:
        raise_alert(told_at(settings, listener.url), "FILE_UNKNOWN", NIGHT, f"{name}: unknown", file=name)

    assert listener.taken[0]["file"] == open_alerts(settings)[0].text.removesuffix(": unknown")


def _events_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        for call in [node for node in ast.walk(scope) if isinstance(node, ast.Call)]:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in CALLS and len(call.args) > CALLS[name] and name != getattr(scope, "name", ""):
                found |= _words(call.args[CALLS[name]], constants, scope)
    return found


def _words(node: ast.expr, constants: dict[str, ast.expr], scope: ast.FunctionDef) -> set[str]:
    """Events an argument may be: what it says, a constant's text, the words of its f-string, or those of the loop it comes from."""
    if isinstance(node, ast.JoinedStr):
        start = node.values[0].value  # type: ignore[attr-defined]
        return {f"{start}{end}" for end in FROM_DATA[start]}
    if isinstance(node, ast.Name):
        node = constants.get(node.id, scope if any(arg.arg != node.id for arg in scope.args.args) else node)  # type: ignore[assignment]
    texts = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {text for text in texts if text.replace("_", "").isalpha() and text.isupper() and "_" in text}


def test_every_event_of_the_code_is_judged_and_every_judged_one_is_raised():
    from conf.night import load_night

    code = [file for folder in ("jobs", "models", "expectations", "dags") for file in (ROOT / folder).rglob("*.py")]
    raised = set().union(*map(_events_in, code)) | {stage.told_as for stage in load_night().stages.values()}
    judged = set(load_alert_rules().events)

    assert len(raised) > 25
    assert raised <= judged, f"give them a severity in conf/alerts.yaml: {sorted(raised - judged)}"
    assert judged <= raised, f"nobody raises them: {sorted(judged - raised)}"


def test_event_nobody_has_judged_wakes_somebody():
    assert load_alert_rules().of("NEVER_HEARD_OF").severity is Severity.page
