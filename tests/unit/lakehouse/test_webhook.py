"""Alerts reach a real HTTP server: once each, tried again, kept when it is down, told first when the disk is full."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from conf.errors import ConfigError
from conf.settings import WEBHOOK_VARIABLE, load_settings
from jobs.lakehouse import alerts, webhook
from jobs.lakehouse.alerts import acknowledge, open_alerts, raise_alert, send_unsent, unsent_count
from jobs.lakehouse.secrets import replace_secret
from tests.builders.listener import hurry, listening, told_at

NIGHT = "2026-03-10"
NOBODY = "http://127.0.0.1:9/x"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of one megabyte that is full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk; test_alert_is_told_first_given_a_write_that_fails covers it")
    try:
        (folder / "home").mkdir()
        subprocess.run(["dd", "if=/dev/zero", f"of={folder}/ballast", "bs=64k"], capture_output=True, check=False)
        yield folder / "home"
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_alert_is_sent_again_until_it_is_taken_and_then_never_again(settings):
    with listening(503, 503) as listener:
        told = told_at(settings, listener.url)
        for _ in range(3):  # a run and two re-runs
            raise_alert(told, "FEED_LATE", NIGHT, "话单 is late", feed="payment")

    assert (listener.asked, listener.events) == (3, ["FEED_LATE"])
    assert listener.taken[0]["text"] == "话单 is late"
    assert listener.taken[0]["severity"] == "ticket"
    (alert,) = open_alerts(told)
    assert alert.times == 3


def test_alert_raised_after_it_was_acknowledged_is_told_again(settings):
    with listening() as listener:
        told = told_at(settings, listener.url)
        raise_alert(told, "LISTS_REFUSED", NIGHT, "stale")
        acknowledge(told, None, "wang", "asked the sender")
        assert open_alerts(told) == []
        raise_alert(told, "LISTS_REFUSED", NIGHT, "stale")

    assert listener.events == ["LISTS_REFUSED", "LISTS_REFUSED"]
    assert len(open_alerts(told)) == 1


def test_alert_nobody_took_goes_with_the_next_one_that_is_taken(settings):
    raise_alert(told_at(settings, NOBODY), "FEED_LATE", NIGHT, "late")
    assert unsent_count(settings) == 1

    with listening() as listener:
        raise_alert(told_at(settings, listener.url), "GATE_FAILED", NIGHT, "red")

    assert listener.events == ["GATE_FAILED", "FEED_LATE"]
    assert unsent_count(settings) == 0


def test_alert_the_other_side_refuses_is_tried_once_and_holds_up_no_other(settings):
    with listening(400) as listener:
        told = told_at(settings, listener.url)
        raise_alert(told, "FEED_LATE", NIGHT, "late")
        raise_alert(told, "GATE_FAILED", NIGHT, "red")
    assert (listener.asked, listener.events) == (3, ["GATE_FAILED", "FEED_LATE"])


def test_redirection_is_no_delivery(settings):
    with listening(307, 307) as listener:
        told = told_at(settings, listener.url)
        raise_alert(told, "FEED_LATE", NIGHT, "late")

    assert (listener.taken, unsent_count(settings)) == ([], 1)


def test_address_that_does_not_answer_costs_its_patience_once(settings, monkeypatch):
    hurry(monkeypatch, rest_seconds=300.0)
    tried = []
    once = webhook._post_once
    monkeypatch.setattr(webhook, "_post_once", lambda *given: tried.append(1) or once(*given))
    told = told_at(settings, NOBODY)

    begun = time.monotonic()
    for number in range(50):
        raise_alert(told, "FILE_UNKNOWN", NIGHT, f"file {number}")

    assert time.monotonic() - begun < 20
    assert len(tried) == alerts.load_alert_rules().webhook.attempts
    assert unsent_count(settings) == 50


def test_server_that_takes_the_call_and_says_nothing_is_given_up(settings, monkeypatch):
    import socket

    hurry(monkeypatch, attempt_seconds=0.1, give_up_seconds=1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        raise_alert(told_at(settings, f"http://127.0.0.1:{silent.getsockname()[1]}/x"), "FEED_LATE", NIGHT, "late")

    assert time.monotonic() - begun < 3
    assert unsent_count(settings) == 1


@pytest.mark.parametrize("place", ["environment", "secret"])
def test_header_comes_from_the_environment_or_the_secrets(settings, monkeypatch, place):
    if place == "environment":
        monkeypatch.setenv(webhook.AUTHORIZATION_VARIABLE, "Bearer abc")
    else:
        replace_secret(settings, webhook.AUTHORIZATION_SECRET, "Bearer abc")
    with listening() as listener:
        raise_alert(told_at(settings, listener.url), "FEED_LATE", NIGHT, "late")

    assert listener.headers[0]["Authorization"] == "Bearer abc"
    assert "abc" not in "".join(file.read_text() for file in settings.path("alerts").iterdir())


@pytest.mark.parametrize(
    "address",
    ["hooks.example/x", "http://[bad", "file:///etc/hostname", "http://", "https://user:word@hooks.example/x"],
)
def test_address_that_is_none_is_refused_when_settings_load(tmp_path, monkeypatch, address):
    monkeypatch.setenv(WEBHOOK_VARIABLE, address)

    with pytest.raises(ConfigError, match="webhook_url") as refused:
        load_settings("demo", tmp_path)

    assert "word" not in str(refused.value)
    monkeypatch.setenv(WEBHOOK_VARIABLE, "https://hooks.example/x")
    assert load_settings("demo", tmp_path).alerts.webhook_url == "https://hooks.example/x"


def test_full_disk_is_told(settings, full_disk):
    with listening() as listener:
        raise_alert(
            told_at(settings.with_home(full_disk), listener.url), "TASK_FAILED", NIGHT, "No space left on device"
        )

    assert listener.events == ["TASK_FAILED"]
    assert not list(full_disk.rglob("*.json")), "the disk was full"


def test_alert_is_told_first_given_a_write_that_fails(settings, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(alerts, "write_whole", full)
    with listening() as listener:
        raise_alert(told_at(settings, listener.url), "TASK_FAILED", NIGHT, "No space left on device")

    assert listener.events == ["TASK_FAILED"]


def test_undelivered_alerts_stay_while_nobody_listens(settings):
    told = told_at(settings, NOBODY)
    raise_alert(told, "FEED_LATE", NIGHT, "late")

    assert send_unsent(told) == 0
    assert unsent_count(told) == 1
    assert os.listdir(settings.path("alerts"))
