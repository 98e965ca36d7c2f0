"""A webhook on this machine: a real HTTP server that answers as told and keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from conf.alerts import AlertRules, load_alert_rules
from conf.settings import Settings


class Listener:
    """Answers with the statuses given, then with 200; `taken` holds the alerts it took, `asked` counts requests."""

    def __init__(self, *statuses: int):
        self.statuses = list(statuses)
        self.taken: list[dict] = []
        self.headers: list[dict] = []
        self.asked = 0
        self.url = ""

    @property
    def events(self) -> list[str]:
        """Events of the alerts taken, in order."""
        return [alert["event"] for alert in self.taken]


@contextmanager
def listening(*statuses: int) -> Iterator[Listener]:
    """A listener for the time of the block."""
    listener = Listener(*statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.asked += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = listener.statuses.pop(0) if listener.statuses else 200
            if status == 200:
                listener.taken.append(json.loads(body))
                listener.headers.append(dict(self.headers))
            self.send_response(status)
            if status in (301, 307):
                self.send_header("Location", listener.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_port}/hook"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()


def told_at(settings: Settings, url: str) -> Settings:
    """The same settings with a webhook."""
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"webhook_url": url})})


def hurry(monkeypatch: pytest.MonkeyPatch, **given: float) -> None:
    """The webhook's patience in hundredths of a second, and nothing remembered of other tests' addresses."""
    from jobs.lakehouse import notifiers, webhook

    rules = load_alert_rules()
    quick = rules.webhook.model_copy(update={"first_wait_seconds": 0.01, "rest_seconds": 0.0, **given})
    changed: AlertRules = rules.model_copy(update={"webhook": quick})
    monkeypatch.setattr(webhook, "load_alert_rules", lambda: changed)
    monkeypatch.setattr(webhook, "_rests_until", {})
    monkeypatch.setattr(notifiers, "_rests_until", {})
    monkeypatch.delenv(notifiers.ADDRESSES_VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(webhook.AUTHORIZATION_VARIABLE, raising=False)
