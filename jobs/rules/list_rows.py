"""How long a row of a list may be worked: one rule for lists, manifests, recommendations and the contact history."""

from __future__ import annotations

from datetime import date


def last_valid_day(planned_date: date) -> date:
    """Last day on which a listed contact may be made or shown: its planned day.

    One day and no more, because every night decides anew: so nobody stands on two valid lists, what the night counted is what
    can still happen, and who opts out is on no list that is valid after the next night.
    """
    return planned_date
