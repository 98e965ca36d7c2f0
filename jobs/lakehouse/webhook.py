"""Posts alerts to the webhook: a few attempts with growing waits, bounded in time, and no failure of it is anybody else's."""

from __future__ import annotations

import logging
import os
import time

import httpx
import tenacity

from conf.alerts import WebhookRules, load_alert_rules
from conf.settings import Settings
from jobs.lakehouse.logs import fact
from jobs.lakehouse.secrets import known_secret

log = logging.getLogger(__name__)
AUTHORIZATION_VARIABLE = "CLOSEDLOOP_WEBHOOK_AUTHORIZATION"
AUTHORIZATION_SECRET = "webhook.authorization"
TOO_MANY = 429
# When an address that did not answer may be asked again, by address: a dead one must not cost every alert its patience.
_rests_until: dict[str, float] = {}


def post(settings: Settings, content: str, is_home_alive: bool = True) -> bool:
    """Send one alert, JSON as text; whether the other side took it. Never raises; a home that is not alive is not read."""
    url = settings.alerts.webhook_url
    if not url or rests(settings):
        return False
    rules = load_alert_rules().webhook
    try:
        _attempts(rules)(_post_once, url, content, _headers(settings, is_home_alive), rules.attempt_seconds)
        return True
    except httpx.HTTPStatusError as error:  # it answers, and does not take this one
        reason, is_down = f"status {error.response.status_code}", _may_pass(error)
    except Exception as error:  # an alert never fails for want of a listener
        reason, is_down = f"{type(error).__name__}: {error}", True
    if is_down:
        _rests_until[url] = time.monotonic() + rules.rest_seconds
    fact(log, logging.WARNING, "WEBHOOK_UNREACHABLE", {"reason": reason})
    return False


def is_set(settings: Settings, is_home_alive: bool = True) -> bool:
    """Whether there is an address."""
    return bool(settings.alerts.webhook_url)


def rests(settings: Settings) -> bool:
    """Whether the address did not answer a while ago and is left alone."""
    return time.monotonic() < _rests_until.get(str(settings.alerts.webhook_url), 0)


def _attempts(rules: WebhookRules) -> tenacity.Retrying:
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(rules.attempts) | tenacity.stop_before_delay(rules.give_up_seconds),
        wait=tenacity.wait_random_exponential(rules.first_wait_seconds, max=rules.give_up_seconds),
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )


def _post_once(url: str, content: str, headers: dict[str, str], seconds: float) -> None:
    """One attempt; the answer's body is not read, and a redirection is no delivery: it would take the header elsewhere."""
    body = content.encode()
    with httpx.stream("POST", url, content=body, headers=headers, timeout=seconds, follow_redirects=False) as answer:
        answer.raise_for_status()


def _may_pass(error: BaseException) -> bool:
    """Whether the same attempt may succeed a moment later."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == TOO_MANY
    return isinstance(error, httpx.TransportError)


def _headers(settings: Settings, is_home_alive: bool) -> dict[str, str]:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        given = os.environ.get(AUTHORIZATION_VARIABLE)
        if not given and is_home_alive:
            given = known_secret(settings, AUTHORIZATION_SECRET)
    except Exception as error:  # a home that cannot be read: told without it rather than not at all
        fact(log, logging.WARNING, "WEBHOOK_WITHOUT_AUTHORIZATION", {"reason": type(error).__name__})
        given = None
    return headers | ({"Authorization": given.strip()} if given else {})
