"""One look for cron or a timer: tells what is late, dead, full or still, by the webhook first, whatever else is broken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from conf.night import load_night
from conf.settings import Settings
from jobs.lakehouse import alerts
from jobs.lakehouse.alerts import Alert
from jobs.watch import deadlines, machine
from jobs.watch.finding import Finding

Result = TypeVar("Result")
LOOK_SECONDS = 120.0  # a mount that is dead does not answer at all
TELL_SECONDS = 60.0
BY = "closedloop watch"
FINE, WRONG, BLIND = 0, 1, 2
CHECKS: tuple[Callable[[Settings], list[Finding]], ...] = (
    machine.low_disk,
    machine.dead_servers,
    machine.unwell_airflow,
    machine.locks_without_work,
)
OF_THE_MACHINE = {
    "DISK_LOW",
    "HOME_UNUSABLE",
    "SERVER_DEAD",
    "SIDE_SERVER_DEAD",
    "AIRFLOW_UNWELL",
    "LOCK_WITHOUT_WORK",
    deadlines.MISSED,
}


@dataclass(frozen=True)
class Outcome:
    """What a look found, how many alerts the webhook has not taken yet, and the exit code."""

    findings: list[Finding]
    unsent: int

    @property
    def code(self) -> int:
        """0 nothing is wrong, 1 something needs a person, 2 it cannot be told."""
        return exit_code(self.findings, self.unsent > 0)


def exit_code(findings: list[Finding], is_more_wrong: bool) -> int:
    """0 nothing is wrong, 1 something needs a person, 2 it cannot be told; what is known to be wrong comes first."""
    if is_more_wrong or any(found.judged.severity.needs_a_person and not found.is_blind for found in findings):
        return WRONG
    return BLIND if any(found.is_blind for found in findings) else FINE


def look(settings: Settings, now: datetime | None = None) -> list[Finding]:
    """Everything that is wrong now; writes nothing. A check that fails is itself a finding: it cannot be told."""
    moment = now or alerts.now(settings)
    found = machine.home_trouble(settings)
    if any(each.is_blind for each in found):
        return found
    for check in (*CHECKS, lambda settings: deadlines.late(settings, moment)):
        try:
            found += check(settings)
        except Exception as error:  # one broken part must not hide the others
            text = f"what is published or running at {settings.home} cannot be told: {type(error).__name__}: {error}"
            found.append(Finding("HOME_UNUSABLE", machine.today(settings), text, type(error).__name__, is_blind=True))
    return found


def watch(settings: Settings, now: datetime | None = None, look_seconds: float = LOOK_SECONDS) -> Outcome:
    """Look, tell what is new, note what is no longer so, send what was not delivered. Never waits for a home without end."""
    is_done, found = _in_time(lambda: look(settings, now), look_seconds)
    if not is_done:
        text = f"home {settings.home} does not answer within {look_seconds:.0f} s: a disk or a mount is dead"
        found = [Finding("HOME_UNUSABLE", machine.today(settings), text, "silent", is_blind=True)]
        _in_time(lambda: _tell_without_home(settings, found), TELL_SECONDS)
        return Outcome(found, 0)
    told, unsent = _in_time(lambda: _tell(settings, found or []), look_seconds)
    return Outcome(found or [], unsent or 0 if told else 1)


def _in_time(work: Callable[[], Result], seconds: float) -> tuple[bool, Result | None]:
    """The result of some work, unless it takes longer; what hangs is left behind and ends with this process."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(results), results[0] if results else None


def _tell(settings: Settings, findings: list[Finding]) -> int:
    """Raise what is new or was over and is so again; returns how many alerts are still undelivered."""
    if not settings.home.is_dir():  # nothing is made there: it may be the place of a disk that is not mounted
        _tell_without_home(settings, findings)
        return 0
    alerts.send_unsent(settings)
    known = _known(settings)
    for found in findings:
        before = known.get(found.id)
        if before is None or (before.is_acknowledged and before.acknowledged_by == BY):
            alerts.raise_alert(settings, found.event, found.business_date, found.text, found.same_as)
    if not any(found.is_blind for found in findings):
        _close(settings, known, {found.id for found in findings})
    try:
        return alerts.unsent_count(settings)
    except OSError:
        return 0


def _tell_without_home(settings: Settings, findings: list[Finding]) -> None:
    for found in findings:
        alerts.tell_without_home(settings, found.event, found.business_date, found.text, found.same_as)


def _known(settings: Settings) -> dict[str, Alert]:
    try:
        return {alert.id: alert for alert in alerts.known_alerts(settings)}
    except OSError:
        return {}


def _close(settings: Settings, known: dict[str, Alert], standing: set[str]) -> None:
    """What we told and is no longer so waits for nobody."""
    ours = OF_THE_MACHINE | {stage.told_as for stage in load_night().stages.values()}
    for alert in known.values():
        if alert.event in ours and alert.id not in standing and not alert.is_acknowledged:
            try:
                alerts.acknowledge(settings, alert.id, BY, "no longer so")
            except OSError:  # a home that is full or read-only keeps it open
                return
