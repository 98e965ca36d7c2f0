"""Contacts taken out of a frozen list one by one: dropped before its release (by the last gate, a person) or taken back after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.withheld import WITHDRAWALS, withdrawn_contacts

DROPPED, RECALLED = "DROPPED", "RECALLED"
LAST_GATE = "last gate"  # who withdraws when no person does
_OF_THE_CONTACT = ("contact_id", "business_date", "campaign_id", "channel_code", "file_name")


def withdraw(
    settings: Settings, contacts: Iterable[tuple[Mapping[str, Any], str]], kind: str, by: str, run_id: str
) -> int:
    """Record that these contacts are not made; returns how many were not recorded before.

    `contacts` are pairs of a row of gold.campaign_contact and the reason in words; `kind` is DROPPED or RECALLED.
    """
    known = withdrawn_contacts(settings)
    rows = [
        {name: contact[name] for name in _OF_THE_CONTACT}
        | {"kind": kind, "reason": reason, "withdrawn_by": by, "run_id": run_id}
        for contact, reason in contacts
        if contact["contact_id"] not in known
    ]
    return delta_rs.append(settings, WITHDRAWALS, rows, run_id)
