"""Tells people what goes wrong: the webhook, mail and chat first, when they are set, then one JSON file per alert below home/alerts.

Beside an alert stand `<name>.ack` (who acknowledged it and why), `<name>.unsent` (the webhook did not take it yet) and
`<name>.unnotified` (nobody was told by mail or chat yet). Each file is written whole and by one writer, so processes never
undo one another's.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from conf.alerts import Event, Severity, load_alert_rules
from conf.errors import InputRefused
from conf.files import PARTIAL, write_whole
from conf.settings import Settings
from jobs.lakehouse import notifiers, webhook
from jobs.lakehouse.logs import fact
from jobs.lakehouse.masking import masked_facts, masked_message

log = logging.getLogger(__name__)
ALERT, ACKNOWLEDGED = ".json", ".ack"
UNSENT: dict[str, Any] = {
    ".unsent": webhook,
    ".unnotified": notifiers,
}  # marker beside an alert: who has not taken it yet
SENT_AT_ONCE = 50  # alerts that were not delivered, with one that is


@dataclass(frozen=True)
class Alert:
    """One alert as it stands in the home; `raised_at` is the first time, `again_at` the last one, in the operator's zone."""

    id: str
    event: str
    raised_at: datetime
    again_at: datetime
    times: int
    business_date: str
    text: str
    to_do: str
    file: Path

    @property
    def severity(self) -> Severity:
        """How grave its event is, as judged now."""
        return load_alert_rules().of(self.event).severity

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has taken note of it since it was raised last."""
        return self.file.with_suffix(ACKNOWLEDGED).exists()

    @property
    def acknowledged_by(self) -> str | None:
        """Who took note of it; None when nobody did or it cannot be read."""
        return (_read(self.file.with_suffix(ACKNOWLEDGED)) or {}).get("by")


def now(settings: Settings) -> datetime:
    """The moment, in the operator's zone: for alerts and for who watches the night; business dates are arguments."""
    return datetime.now(ZoneInfo(settings.time_zone))


def raise_alert(
    settings: Settings, event: str, business_date: object, text: str, same_as: str | None = None, **facts: object
) -> None:
    """Tell one alert (upper-case `event` of conf/alerts.yaml) to the webhook and to home/alerts. Never raises.

    The same alert raised again by a re-run counts in its file and is not posted again, unless it was acknowledged between.
    `same_as` names what makes it the same when its words change; without it they all count.
    """
    try:
        _tell(settings, _body(event, business_date, text, facts), same_as)
    except Exception:  # an alarm never stops the work it tells about
        log.exception("alert %s could not be told whole", event)


def raise_alert_once(
    settings: Settings, event: str, business_date: object, text: str, same_as: str | None = None, **facts: object
) -> None:
    """The same for what is asked again every minute: told the first time, then silent."""
    if not _exists(_file(settings, _body(event, business_date, text, facts), same_as)):
        raise_alert(settings, event, business_date, text, same_as, **facts)


def tell_without_home(settings: Settings, event: str, business_date: object, text: str, same_as: str) -> bool:
    """Tell without a file, when the home does not answer; whether anybody took it. Never raises."""
    body = _body(event, business_date, text, {})
    judged = load_alert_rules().of(event)
    own = {
        "id": _id(body, same_as),
        "severity": str(judged.severity),
        "to_do": judged.to_do,
        "raised_at": _now(settings),
    }
    ways = [way for way in UNSENT.values() if way.is_set(settings, is_home_alive=False)]
    taken = [way.post(settings, _as_text(body | own), is_home_alive=False) for way in ways]
    return any(taken)


def alert_id(event: str, business_date: object, same_as: str) -> str:
    """Id of the alerts that `same_as` makes the same."""
    return _id(_body(event, business_date, "", {}), same_as)


def known_alerts(settings: Settings) -> list[Alert]:
    """Alerts of the home, newest first; foreign and half-written files are left out. OSError when the folder cannot be read."""
    found = [alert for file in _files(settings, ALERT) if (alert := _as_alert(settings, file))]
    return sorted(found, key=lambda alert: alert.again_at, reverse=True)


def open_alerts(settings: Settings) -> list[Alert]:
    """Alerts nobody has acknowledged, the gravest first, then the newest."""
    waiting = [alert for alert in known_alerts(settings) if not alert.is_acknowledged]
    return sorted(waiting, key=lambda alert: alert.severity.rank)


def acknowledge(settings: Settings, which: str | None, by: str, reason: str) -> list[Alert]:
    """Note that a person has seen an alert: by its id, all of an event by its name, all there are by None.

    Raises InputRefused without a person and a reason, and when no open alert is meant.
    """
    if not by.strip() or not reason.strip():
        raise InputRefused(f"ack: found by '{by}', reason '{reason}'; wanted who has seen the alerts, and what follows")
    waiting = open_alerts(settings)
    meant = [alert for alert in waiting if which in (None, alert.id, alert.event)]
    if not meant:
        known = ", ".join(sorted({alert.event for alert in waiting})) or "no open alert"
        raise InputRefused(
            f"ack {which or '--all'}: found {known}\n  wanted: an id or an event that closedloop status shows"
        )
    note = {"by": _shown(by), "reason": _shown(masked_message(reason)), "acknowledged_at": _now(settings)}
    for alert in meant:
        write_whole(alert.file.with_suffix(ACKNOWLEDGED), _as_text(note) + "\n")
    return meant


def send_unsent(settings: Settings) -> int:
    """Send alerts not delivered before, oldest first, while they are taken; returns how many went. Never raises."""
    try:
        return sum(_send_marked(settings, suffix) for suffix in UNSENT)
    except OSError as error:
        log.warning("alerts not delivered before stay so: %s", error)
        return 0


def _send_marked(settings: Settings, suffix: str) -> int:
    sent, way = 0, UNSENT[suffix]
    for marker in sorted(_files(settings, suffix), key=lambda file: file.stat().st_mtime)[:SENT_AT_ONCE]:
        if way.rests(settings):
            break
        alert = _read(marker.with_suffix(ALERT))
        if alert is None or way.post(settings, _as_text(alert)):
            marker.unlink(missing_ok=True)
            sent += alert is not None
    return sent


def unsent_count(settings: Settings) -> int:
    """Alerts the webhook, or mail and chat, have not taken yet."""
    return len({marker.stem for suffix in UNSENT for marker in _files(settings, suffix)})


def old_files(settings: Settings, before: date) -> list[Path]:
    """Files of alerts last raised before that date, acknowledged or not, with what stands beside them; foreign files are not ours."""
    limit = datetime.combine(before, time(), ZoneInfo(settings.time_zone)).timestamp()
    old = [file for file in [*_files(settings, ALERT), *_files(settings, PARTIAL)] if file.stat().st_mtime < limit]
    beside = [file.with_suffix(suffix) for file in old for suffix in (ACKNOWLEDGED, *UNSENT)]
    return sorted([*old, *(file for file in beside if _exists(file))])


def _tell(settings: Settings, body: dict[str, str], same_as: str | None) -> None:
    file, now = _file(settings, body, same_as), _now(settings)
    before = _read(file) or {}
    is_told = _exists(file) and not _exists(file.with_suffix(ACKNOWLEDGED))
    judged: Event = load_alert_rules().of(body["event"])
    alert = {
        "to_do": judged.to_do,
        **body,
        "id": _id(body, same_as),
        "severity": str(judged.severity),
        "raised_at": before.get("raised_at", now),
        "again_at": now,
        "times": _times(before) + 1,
    }
    set_ways = {suffix: way for suffix, way in UNSENT.items() if way.is_set(settings)}
    refused = [] if is_told else [suffix for suffix, way in set_ways.items() if not way.post(settings, _as_text(alert))]
    fact(log, logging.WARNING, body["event"], {key: value for key, value in body.items() if key != "event"})
    write_whole(file, _as_text(alert) + "\n")
    file.with_suffix(ACKNOWLEDGED).unlink(missing_ok=True)
    for suffix in refused:
        write_whole(file.with_suffix(suffix), "")
    for suffix in set_ways.keys() - set(refused):
        _send_marked(settings, suffix)


def _body(event: str, business_date: object, text: str, facts: dict[str, object]) -> dict[str, str]:
    given = {"event": event, "business_date": business_date, "text": masked_message(text), **masked_facts(facts)}
    return {key: _shown(value) for key, value in given.items()}


def _shown(value: object) -> str:
    """A value as people and files may have it; bytes that are no text, as in a file's name, stand as escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _as_text(body: dict) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _id(body: dict[str, str], same_as: str | None) -> str:
    content = _as_text(body) if same_as is None else _as_text({key: body[key] for key in ("event", "business_date")})
    return sha256((content + _shown(same_as or "")).encode()).hexdigest()[:10]


def _file(settings: Settings, body: dict[str, str], same_as: str | None) -> Path:
    day = re.sub(r"[^0-9A-Za-z-]+", "-", body["business_date"])[:40]
    return settings.path("alerts", f"{day}_{body['event']}_{_id(body, same_as)}{ALERT}")


def _files(settings: Settings, suffix: str) -> Iterator[Path]:
    folder = settings.path("alerts")
    if not folder.is_dir():
        return
    yield from sorted(path for path in folder.iterdir() if path.suffix == suffix and path.is_file())


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a home that cannot be read: told again rather than not at all
        return False


def _read(file: Path) -> dict | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _times(alert: dict) -> int:
    found = alert.get("times")
    return found if isinstance(found, int) else 0


def _as_alert(settings: Settings, file: Path) -> Alert | None:
    """The alert of a file, of an earlier version's too, which noted no time; None when it is none."""
    found = _read(file)
    if not found or not all(isinstance(found.get(key), str) for key in ("event", "text", "business_date")):
        return None
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, ZoneInfo(settings.time_zone))
    except OSError:  # pruned meanwhile
        return None
    raised = _time(found.get("raised_at")) or written
    to_do = str(found.get("to_do") or load_alert_rules().of(found["event"]).to_do)
    return Alert(
        str(found.get("id") or file.stem.rpartition("_")[2]),
        found["event"],
        raised,
        _time(found.get("again_at")) or raised,
        _times(found) or 1,
        found["business_date"],
        found["text"],
        to_do,
        file,
    )


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _now(settings: Settings) -> str:
    return now(settings).isoformat(timespec="seconds")
