"""Mail and chat reach a real mail server and a real HTTP server: who is told is data, nothing of it stops the night."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from conf.alerts import AlertRules, load_alert_rules
from conf.errors import ConfigError
from conf.reading import parse
from jobs.lakehouse import notifiers
from jobs.lakehouse.alerts import raise_alert, send_unsent, tell_without_home, unsent_count
from jobs.lakehouse.secrets import replace_secret
from tests.builders.listener import hurry, listening, told_at

pytest.importorskip("apprise")
NIGHT = "2026-03-10"
NUMBER = "13800000001"
NOBODY = "json://127.0.0.1:9/x"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    hurry(monkeypatch)
    rules = load_alert_rules()
    quick = rules.model_copy(update={"notify": rules.notify.model_copy(update={"rest_seconds": 0.0})})
    monkeypatch.setattr(notifiers, "load_alert_rules", lambda: quick)


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A mail server of one socket: its port, and the mails it took."""
    mails: list[str] = []

    def serve(door: socket.socket) -> None:
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            with line, line.makefile("rwb") as file:
                answer(file, b"220 here")
                while words := file.readline().strip():
                    if words.upper() == b"DATA":
                        answer(file, b"354 go on")
                        mails.append(b"".join(iter(file.readline, b".\r\n")).decode())
                    answer(file, b"221 bye" if words.upper() == b"QUIT" else b"250 ok")
                    if words.upper() == b"QUIT":
                        break

    def answer(file, text: bytes) -> None:
        file.write(text + b"\r\n")
        file.flush()

    with socket.create_server(("127.0.0.1", 0)) as door:
        Thread(target=serve, args=(door,), daemon=True).start()
        yield door.getsockname()[1], mails


def addresses(monkeypatch, **groups: str) -> None:
    monkeypatch.setenv(notifiers.ADDRESSES_VARIABLE, "\n".join(f"{group} = {url}" for group, url in groups.items()))


def as_json(listener) -> str:
    return listener.url.replace("http://", "json://")


def test_grave_events_are_told_by_mail_and_slight_ones_to_nobody(settings, monkeypatch):
    with mail_server() as (port, mails), listening() as team:
        mail = f"mailto://127.0.0.1:{port}?from=night@a.example&to=oncall@a.example&mode=insecure"
        addresses(monkeypatch, oncall=mail, team=f"{as_json(team)}")
        raise_alert(settings, "GATE_FAILED", NIGHT, f"red, asked of {NUMBER}")
        raise_alert(settings, "FEED_LATE", NIGHT, "payment is late")
        raise_alert(settings, "NIGHT_SKIPPED", NIGHT, "by hand")

    assert (len(mails), unsent_count(settings)) == (1, 0)
    assert "[page] GATE_FAILED 2026-03-10" in mails[0].replace("\r\n ", " ")
    assert "To do" in mails[0]
    assert [alert["title"] for alert in team.taken] == [
        "[page] GATE_FAILED 2026-03-10",
        "[ticket] FEED_LATE 2026-03-10",
    ]
    assert NUMBER not in mails[0] + str(team.taken)


def test_alert_nobody_took_goes_with_the_next_one_once_and_the_webhook_is_not_asked_again(settings, monkeypatch):
    addresses(monkeypatch, team=NOBODY)
    with listening() as hook, listening() as team:
        told = told_at(settings, hook.url)
        raise_alert(told, "FEED_LATE", NIGHT, "late")
        assert (hook.events, unsent_count(settings)) == (["FEED_LATE"], 1)

        addresses(monkeypatch, team=as_json(team))
        assert (send_unsent(told), send_unsent(told), unsent_count(settings)) == (1, 0, 0)

    assert (hook.events, len(team.taken)) == (["FEED_LATE"], 1)


def test_one_dead_address_of_a_group_keeps_nothing_from_the_others(settings, monkeypatch):
    with listening() as team:
        monkeypatch.setenv(notifiers.ADDRESSES_VARIABLE, f"# ours\nteam = {NOBODY}\nteam = {as_json(team)}\nnonsense\n")
        raise_alert(settings, "FEED_LATE", NIGHT, "late")

    assert (len(team.taken), unsent_count(settings)) == (1, 0)


def test_server_that_says_nothing_is_given_up_and_then_left_alone(settings, monkeypatch):
    rules = load_alert_rules()
    brief = rules.notify.model_copy(update={"give_up_seconds": 0.3})
    monkeypatch.setattr(notifiers, "load_alert_rules", lambda: rules.model_copy(update={"notify": brief}))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses(monkeypatch, team=f"json://127.0.0.1:{silent.getsockname()[1]}/x?cto=30&rto=30")
        begun = time.monotonic()
        for number in range(5):
            raise_alert(settings, "FEED_LATE", NIGHT, f"late {number}")

    assert time.monotonic() - begun < 10
    assert unsent_count(settings) == 5


def test_addresses_come_from_the_secrets_too_and_their_passwords_stand_in_no_log(settings, caplog):
    with caplog.at_level(logging.DEBUG):
        replace_secret(settings, notifiers.ADDRESSES_SECRET, "team = json://user:sesame@127.0.0.1:9/x")
        raise_alert(settings, "FEED_LATE", NIGHT, "late")

    assert unsent_count(settings) == 1
    assert "NOTIFIER_UNREACHABLE" in caplog.text
    assert "sesame" not in caplog.text + "".join(file.read_text() for file in settings.path("alerts").iterdir())


def test_home_that_does_not_answer_is_told_by_the_addresses_of_the_environment(settings, monkeypatch):
    assert not tell_without_home(settings, "JOB_HUNG", NIGHT, "still", same_as="x")
    with listening() as oncall:
        addresses(monkeypatch, oncall=as_json(oncall))
        assert tell_without_home(settings, "JOB_HUNG", NIGHT, "still", same_as="x")

    assert len(oncall.taken) == 1
    assert not settings.path("alerts").exists()


def test_an_event_may_be_told_to_others_than_its_severity_and_a_severity_is_not_forgotten():
    rules = load_alert_rules().model_dump(mode="json")
    events = {"FEED_LATE": {"severity": "ticket", "to_do": "x", "tell": ["feeds"]}}
    changed = parse(AlertRules, {**rules, "events": events}, "alerts.yaml")
    assert (changed.groups_of("FEED_LATE"), changed.groups_of("UNHEARD_OF")) == (("feeds",), ("oncall", "team"))

    del rules["notify"]["groups"]["note"]
    with pytest.raises(ConfigError, match="missing note"):
        parse(AlertRules, rules, "alerts.yaml")
