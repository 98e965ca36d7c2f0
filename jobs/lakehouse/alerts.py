"""Tells people about failures: one JSON file per alert below home/alerts, and the same to a webhook when one is set."""

from __future__ import annotations

import json
import logging
import urllib.request
from hashlib import sha256
from pathlib import Path

from conf.files import write_whole
from conf.settings import Settings
from jobs.lakehouse.logs import fact
from jobs.lakehouse.masking import masked_facts, masked_message

log = logging.getLogger(__name__)


def raise_alert(settings: Settings, event: str, business_date: object, text: str, **facts: object) -> None:
    """Write one alert (upper-case `event`, as FEED_LATE or GATE_FAILED) to home/alerts and to the webhook.

    The same alert raised again by a re-run overwrites its file. A webhook that does not answer is logged, never fatal.
    """
    body = _body(event, business_date, text, facts)
    content = _content(body)
    write_whole(_file(settings, body), content + "\n")
    fact(log, logging.WARNING, event, {key: value for key, value in body.items() if key != "event"})
    if settings.alerts.webhook_url:
        _post(settings.alerts.webhook_url, content)


def raise_alert_once(settings: Settings, event: str, business_date: object, text: str, **facts: object) -> None:
    """The same for what is asked again every minute: told the first time, then silent."""
    if not _file(settings, _body(event, business_date, text, facts)).exists():
        raise_alert(settings, event, business_date, text, **facts)


def _body(event: str, business_date: object, text: str, facts: dict[str, object]) -> dict[str, str]:
    return {
        "event": event,
        "business_date": str(business_date),
        "text": masked_message(text),
        **{k: str(v) for k, v in masked_facts(facts).items()},
    }


def _content(body: dict[str, str]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _file(settings: Settings, body: dict[str, str]) -> Path:
    digest = sha256(_content(body).encode()).hexdigest()[:10]
    return settings.path("alerts", f"{body['business_date']}_{body['event']}_{digest}.json")


def _post(url: str, content: str) -> None:
    request = urllib.request.Request(url, content.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except OSError as error:
        fact(log, logging.WARNING, "WEBHOOK_UNREACHABLE", {"reason": str(error)})
