"""Tells people about failures: one JSON file per alert below home/alerts, and the same to a webhook when one is set."""

from __future__ import annotations

import json
import logging
import urllib.request
from hashlib import sha256

from conf.settings import Settings

log = logging.getLogger(__name__)


def raise_alert(settings: Settings, event: str, business_date: object, text: str, **facts: object) -> None:
    """Write one alert (upper-case `event`, as FEED_LATE or GATE_FAILED) to home/alerts and to the webhook, once each.

    The same alert raised again by a re-run overwrites its file. A webhook that does not answer is logged, never fatal.
    """
    body = {"event": event, "business_date": str(business_date), "text": text, **{k: str(v) for k, v in facts.items()}}
    content = json.dumps(body, ensure_ascii=False, sort_keys=True)
    folder = settings.path("alerts")
    folder.mkdir(parents=True, exist_ok=True)
    digest = sha256(content.encode()).hexdigest()[:10]
    (folder / f"{business_date}_{event}_{digest}.json").write_text(content + "\n", encoding="utf-8")
    log.warning(content)
    if settings.alerts.webhook_url:
        _post(settings.alerts.webhook_url, content)


def _post(url: str, content: str) -> None:
    request = urllib.request.Request(url, content.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except OSError as error:
        log.warning(json.dumps({"event": "WEBHOOK_UNREACHABLE", "reason": str(error)}))
