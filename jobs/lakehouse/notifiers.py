"""Tells alerts by mail and chat (Apprise): bounded in time, and no failure of it is anybody else's.

Addresses hold passwords: they stand in $CLOSEDLOOP_ALERT_ADDRESSES or in secrets/alerts.addresses, one a line as
`team = mailto://user:password@mail.example?to=night@example`, never in a file of conf/, which says who is told of what.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from importlib import import_module
from pathlib import Path

from conf.alerts import AlertRules, load_alert_rules
from conf.settings import Settings
from jobs.lakehouse.logs import fact
from jobs.lakehouse.secrets import known_secret

log = logging.getLogger(__name__)
ADDRESSES_VARIABLE = "CLOSEDLOOP_ALERT_ADDRESSES"
ADDRESSES_SECRET = "alerts.addresses"
LINE = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=\s*([a-z][a-z0-9+.-]*)(://\S+)\s*", re.IGNORECASE)
KIND = {"page": "failure", "ticket": "warning", "note": "info"}  # as Apprise's notify types
# When addresses that took nothing may be asked again, by home: dead ones must not cost every alert their patience.
_rests_until: dict[Path, float] = {}


def post(settings: Settings, content: str, is_home_alive: bool = True) -> bool:
    """Send one alert, JSON as text, to everybody it concerns; whether one address of each group took it. Never raises."""
    if rests(settings):
        return False
    try:
        alert = json.loads(content)
        groups = _groups_told(load_alert_rules(), alert, _addresses(settings, is_home_alive))
        if groups:
            import_module("apprise")  # a failure to find it is told as such
        taken = [_one_took(group, addresses, alert) for group, addresses in groups.items()]
        is_taken = all(taken)
    except Exception as error:  # an alert never fails for want of a listener; its words might show an address
        fact(log, logging.WARNING, "NOTIFIER_UNREACHABLE", {"reason": type(error).__name__})
        is_taken = False
    if not is_taken:
        _rests_until[settings.home] = time.monotonic() + load_alert_rules().notify.rest_seconds
    return is_taken


def rests(settings: Settings) -> bool:
    """Whether nobody took an alert a while ago and the addresses are left alone."""
    return time.monotonic() < _rests_until.get(settings.home, 0)


def is_set(settings: Settings, is_home_alive: bool = True) -> bool:
    """Whether anybody is to be told by mail or chat; False when it cannot be known."""
    try:
        return bool(_addresses(settings, is_home_alive))
    except Exception:  # a home that cannot be read, or a secret that others may read
        return bool(os.environ.get(ADDRESSES_VARIABLE))


def _addresses(settings: Settings, is_home_alive: bool) -> dict[str, list[str]]:
    """Addresses by group; a line that is none is told by its number, as it may hold a password."""
    given = os.environ.get(ADDRESSES_VARIABLE)
    if not given and is_home_alive:
        given = known_secret(settings, ADDRESSES_SECRET)
    found: dict[str, list[str]] = {}
    for number, line in enumerate((given or "").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match:
            found.setdefault(match[1].lower(), []).append(match[2] + match[3])
        else:
            fact(log, logging.WARNING, "NOTIFIER_ADDRESS_REFUSED", {"line": number, "wanted": "group = scheme://..."})
    return found


def _groups_told(rules: AlertRules, alert: dict, addresses: dict[str, list[str]]) -> dict[str, list[str]]:
    return {group: addresses[group] for group in rules.groups_of(alert["event"]) if group in addresses}


def _one_took(group: str, addresses: list[str], alert: dict) -> bool:
    """Ask all addresses of a group at once, and wait for them as long as the rules say; what hangs is left behind."""
    taken: list[bool] = []
    threads = [threading.Thread(target=_send, args=(address, alert, taken), daemon=True) for address in addresses]
    for thread in threads:
        thread.start()
    until = time.monotonic() + load_alert_rules().notify.give_up_seconds
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
    if len(taken) < len(addresses):
        missed = {"group": group, "addresses": len(addresses), "took_it": len(taken)}
        fact(log, logging.WARNING, "NOTIFIER_UNREACHABLE", missed)
    return bool(taken)


def _send(address: str, alert: dict, taken: list[bool]) -> None:
    try:
        import apprise  # type: ignore[import-not-found,unused-ignore]

        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines name hosts and users
        asset = apprise.AppriseAsset(app_id="closedloop", app_desc="closedloop", async_mode=False, secure_logging=True)
        listener = apprise.Apprise(asset=asset)
        title = f"[{alert['severity']}] {alert['event']} {alert.get('business_date', '')}".strip()
        body = f"{alert['text']}\n\nTo do: {alert['to_do']}\nAlert {alert['id']}, raised {alert['raised_at']}"
        if listener.add(address) and listener.notify(
            body=body, title=title, notify_type=KIND[alert["severity"]], body_format="text"
        ):
            taken.append(True)
    except Exception:  # counted by who waits
        return
