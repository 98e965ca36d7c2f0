"""What a look at the clock or the machine found wrong just now."""

from __future__ import annotations

from dataclasses import dataclass

from conf.alerts import Event, load_alert_rules
from jobs.lakehouse.alerts import alert_id


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong now: its event, the date it belongs to, words for people, what makes it the same next time.

    is_blind: it keeps us from telling anything else.
    """

    event: str
    business_date: object
    text: str
    same_as: str
    is_blind: bool = False

    @property
    def judged(self) -> Event:
        """Severity and what to do."""
        return load_alert_rules().of(self.event)

    @property
    def id(self) -> str:
        """Id of the alert that tells it."""
        return alert_id(self.event, self.business_date, self.same_as)
