"""How grave each event is, what to do about it, and how patiently the webhook is told (conf/alerts.yaml)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from conf.reading import ROOT, Strict, load, remembered

Group = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ALERTS_FILE = ROOT / "conf" / "alerts.yaml"


class Severity(StrEnum):
    """Gravest first: wakes somebody, has time until the working day, only to be known."""

    page = "page"
    ticket = "ticket"
    note = "note"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to do something."""
        return self is not Severity.note


class Event(Strict):
    """What an event means for people: its severity, in a word what to do, and who is told when not as its severity says."""

    severity: Severity
    to_do: str = Field(min_length=1)
    tell: tuple[Group, ...] | None = None


NOT_JUDGED = Event(severity=Severity.page, to_do="give the event a severity in conf/alerts.yaml")


class WebhookRules(Strict):
    """How often and how long one alert is tried, and how long an address that does not answer is left alone."""

    attempts: int = Field(ge=1, le=10)
    first_wait_seconds: float = Field(gt=0, le=10)
    attempt_seconds: float = Field(gt=0, le=30)
    give_up_seconds: float = Field(gt=0, le=60)
    rest_seconds: float = Field(ge=0)


class NotifyRules(Strict):
    """Which groups of addresses are told by mail and chat, by severity, and how patiently."""

    groups: dict[Severity, tuple[Group, ...]]
    give_up_seconds: float = Field(gt=0, le=60)
    rest_seconds: float = Field(ge=0)

    @field_validator("groups")
    @classmethod
    def _of_every_severity(cls, groups: dict[Severity, tuple[str, ...]]) -> dict[Severity, tuple[str, ...]]:
        missing = [severity.value for severity in Severity if severity not in groups]
        if missing:
            raise ValueError(f"the groups of every severity, [] for nobody; missing {', '.join(missing)}")
        return groups


class AlertRules(Strict):
    """All events by name, the webhook's patience, and who is told by mail and chat."""

    webhook: WebhookRules
    notify: NotifyRules
    events: dict[str, Event]

    @field_validator("events")
    @classmethod
    def _in_capitals(cls, events: dict[str, Event]) -> dict[str, Event]:
        wrong = [name for name in events if not name.replace("_", "").isalpha() or name != name.upper()]
        if wrong:
            raise ValueError(f"events in capitals, as FEED_LATE; found {', '.join(wrong)}")
        return events

    def of(self, event: str) -> Event:
        """What an event means; one nobody has judged wakes somebody."""
        return self.events.get(event, NOT_JUDGED)

    def groups_of(self, event: str) -> tuple[str, ...]:
        """Groups of addresses an event is told to."""
        judged = self.of(event)
        return self.notify.groups[judged.severity] if judged.tell is None else judged.tell


@remembered
def load_alert_rules() -> AlertRules:
    """The events and the webhook's patience, the operator's own laid over them."""
    return load(AlertRules, ALERTS_FILE)
