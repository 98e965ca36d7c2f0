"""The one screen for the person on call: what needs somebody first, then where the night stands; looking alters nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from conf.night import load_night
from conf.settings import Settings
from jobs.lakehouse import alerts
from jobs.lakehouse.alerts import Alert
from jobs.overview import Parts, ask
from jobs.watch import machine
from jobs.watch.finding import Finding
from jobs.watch.watch import exit_code, look


@dataclass
class Status:
    """The screen's parts; `code` is 0 when nothing is wrong, 1 when something needs a person, 2 when it cannot be told."""

    findings: list[Finding]
    open_alerts: list[Alert] = field(default_factory=list)
    parts: Parts = field(default_factory=list)
    untold: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code of closedloop status."""
        waits = any(alert.severity.needs_a_person for alert in self.open_alerts)
        return exit_code(self.findings, waits) or (2 if self.untold else 0)

    def add(self, title: str, rows: Callable[[], list[dict]]) -> None:
        """One part of the screen; one that cannot be told says so and does not hide the others."""
        try:
            self.parts.append((title, rows()))
        except Exception as error:
            self.untold.append(title)
            self.parts.append((title, [{"cannot be told": f"{type(error).__name__}: {error}"}]))


def status(settings: Settings, now: datetime | None = None) -> Status:
    """Look at alerts, clock, machine, servers and ops tables of a home."""
    moment = now or alerts.now(settings)
    found = Status(look(settings, moment))
    found.add("Wrong now", lambda: _findings(found.findings))
    if any(each.is_blind for each in found.findings):
        found.untold.append("Wrong now")
    found.add("Alerts nobody has acknowledged, gravest first (closedloop ack)", lambda: _open_alerts(settings, found))
    found.add("At work", lambda: _at_work(settings, moment))
    found.add("Stages, newest business date published", lambda: _stages(settings))
    found.add("Servers", lambda: _servers(settings))
    found.add("Disk", lambda: [_disk(settings)])
    for title, text in _QUESTIONS:
        found.add(title, lambda text=text: ask(settings, text))  # type: ignore[misc]
    found.add("Next", lambda: [{"command": _next(settings, found, moment)}])
    return found


def grouped(waiting: list[Alert]) -> list[dict]:
    """One line for each event, with the count and the newest of its alerts; the gravest first, then the newest."""
    groups: dict[str, list[Alert]] = {}
    for alert in waiting:  # gravest first, newest first
        groups.setdefault(alert.event, []).append(alert)
    return [
        {
            "severity": str(newest.severity),
            "event": event,
            "alerts": len(same),
            "raised_at": newest.again_at.isoformat(timespec="minutes"),
            "business_date": newest.business_date,
            "text": newest.text,
            "to_do": newest.to_do,
            "id": newest.id,
        }
        for event, same in groups.items()
        for newest in same[:1]
    ]


def _findings(findings: list[Finding]) -> list[dict]:
    rows = [
        {
            "severity": str(found.judged.severity),
            "event": found.event,
            "business_date": str(found.business_date),
            "text": found.text,
            "to_do": found.judged.to_do,
        }
        for found in findings
    ]
    return sorted(rows, key=lambda row: ("page", "ticket", "note").index(row["severity"]))


def _open_alerts(settings: Settings, found: Status) -> list[dict]:
    found.open_alerts = alerts.open_alerts(settings)
    return grouped(found.open_alerts)


def _at_work(settings: Settings, now: datetime) -> list[dict]:
    return [
        {
            "stage": holder.stage,
            "process": holder.process,
            "since": holder.since.isoformat(timespec="minutes"),
            "elapsed": str(timedelta(seconds=int((now - holder.since).total_seconds()))),
        }
        for holder in machine.lock_holders(settings)
    ]


def _stages(settings: Settings) -> list[dict]:
    rows = ask(
        settings,
        """
        SELECT stage, max(business_date) AS published_up_to, count(DISTINCT table_name) AS tables, max(published_seq) AS publication
        FROM ops.published GROUP BY stage ORDER BY publication""",
    )
    hours = {name: f"{stage.late_when:%H:%M}" for name, stage in load_night().stages.items()}
    return [row | {"late_when": hours.get(row["stage"])} for row in rows]


def _servers(settings: Settings) -> list[dict]:
    return [
        {
            "server": state.name,
            "state": state.state,
            "process": state.process,
            "since": state.since.astimezone(ZoneInfo(settings.time_zone)).isoformat(timespec="minutes")
            if state.since
            else None,
        }
        for state in machine.servers(settings)
    ]


def _disk(settings: Settings) -> dict:
    return {
        "home": str(settings.home),
        "free_gb": f"{machine.free_gb(settings):.1f}",
        "min_free_gb": settings.min_free_gb,
    }


def _next(settings: Settings, found: Status, now: datetime) -> str:
    """The command, or the wait, that helps most now."""
    if holders := machine.lock_holders(settings):
        names = ", ".join(holder.stage for holder in holders)
        if not any(each.event == "LOCK_WITHOUT_WORK" for each in found.findings):
            return f"wait: {names} at work"
    missed = sorted(
        each.business_date for each in found.findings if isinstance(each.business_date, date) and _is_of_a_night(each)
    )
    if missed:
        return f"closedloop night --date {missed[0]}"
    if found.findings:
        return found.findings[0].judged.to_do
    if found.open_alerts:
        first = found.open_alerts[0]
        return f"{first.to_do}; then closedloop ack {first.id} --by NAME --reason ..."
    return "look at what cannot be told" if found.untold else "nothing"


def _is_of_a_night(found: Finding) -> bool:
    return found.event == "NIGHT_MISSED" or found.event in {stage.told_as for stage in load_night().stages.values()}


_QUESTIONS = (
    (
        "Records of the newest date",
        """
        SELECT business_date, sum(rows_good) AS good, sum(rows_quarantined) AS quarantined,
            round(100.0 * sum(rows_quarantined) / nullif(sum(rows_good) + sum(rows_quarantined), 0), 3) AS quarantined_percent
        FROM ops.feed_status WHERE business_date = (SELECT max(business_date) FROM ops.feed_status) GROUP BY business_date""",
    ),
    (
        "Feeds that need a look, newest date",
        """
        SELECT business_date, feed, status, detail FROM ops.feed_status
        WHERE status NOT IN ('COMPLETE', 'EMPTY') AND business_date = (SELECT max(business_date) FROM ops.feed_status)
        ORDER BY feed""",
    ),
    (
        "Rules that did not hold, newest run of each stage",
        """
        SELECT g.business_date, g.stage, g.table_name, g.severity, g.expectation, g.observed
        FROM ops.gate_result g
        JOIN (SELECT stage, max(business_date) AS business_date FROM ops.gate_result GROUP BY stage) n
          ON g.stage = n.stage AND g.business_date = n.business_date
        WHERE NOT g.success GROUP BY ALL ORDER BY ALL""",
    ),
    (
        "Files that left, newest date",
        """
        SELECT business_date, channel_code, status, count(*) AS files, sum(rows) AS rows FROM ops.export_ledger
        WHERE business_date = (SELECT max(business_date) FROM ops.export_ledger)
        GROUP BY ALL ORDER BY channel_code""",
    ),
    (
        "Files withheld: mend the cause and export again, or closedloop close-file",
        """
        SELECT business_date, file_name, rows, refused_because FROM ops.export_ledger WHERE status = 'REFUSED'
        ORDER BY business_date, file_name""",
    ),
)
