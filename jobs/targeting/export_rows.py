"""Joins the frozen lists with numbers (vault) and scripts (campaigns): the values of every cell, before any layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from conf.campaigns import Campaign
from conf.errors import ExportRefused
from conf.policy import Policy
from jobs.lakehouse.tables import Tables
from jobs.people import vault
from jobs.rules.list_rows import last_valid_day

UNKNOWN_PLACE = "NA"
Cells = dict[str, str]


def contacts_by_file(lake: Tables, business_date: date) -> dict[str, list[dict]]:
    """The frozen contacts of the night by file name, each list in line order."""
    rows = lake.arrow("gold.campaign_contact", filters=[("business_date", "=", business_date)]).to_pylist()
    files: dict[str, list[dict]] = {}
    for row in sorted(rows, key=lambda row: (row["file_name"], row["line_number"])):
        files.setdefault(row["file_name"], []).append(row)
    return files


class Directory:
    """Numbers and places of subscriptions on the night, of all or of some: the only place where a list meets personal data."""

    def __init__(self, lake: Tables, business_date: date, subscriptions: Collection[str] | None = None):
        only = [] if subscriptions is None else [("subscription_id", "in", list(subscriptions))]
        self._view = lake.arrow(
            "gold.customer_360",
            filters=[("snapshot_date", "=", business_date), *only],
            columns=["subscription_id", "msisdn", "city_code"],
        )
        self._places = dict(zip(self._texts("subscription_id"), self._texts("city_code"), strict=True))
        tokens = dict(zip(self._texts("subscription_id"), self._view["msisdn"].to_pylist(), strict=True))
        numbers = vault.numbers(lake.settings, {token for token in tokens.values() if token is not None})
        self._numbers = {subscription: numbers.get(token) for subscription, token in tokens.items()}

    def _texts(self, column: str) -> list[str]:
        return self._view[column].to_pylist()

    def knows(self, subscription_id: str) -> bool:
        """Whether view and vault hold a number of the subscription."""
        return self._numbers.get(subscription_id) is not None

    def number(self, subscription_id: str) -> str:
        """The number in clear; ExportRefused when view or vault do not know it."""
        number = self._numbers.get(subscription_id)
        if number is None:
            raise ExportRefused(
                f"subscription {subscription_id}: found no number in view and vault, wanted one; nothing of its file leaves"
            )
        return number

    def city(self, subscription_id: str) -> str:
        """City code, NA when unknown."""
        return self._places.get(subscription_id) or UNKNOWN_PLACE


def cells_of(contact: dict, campaign: Campaign, directory: Directory, policy: Policy) -> Cells:
    """All values a layout may ask for of one contact, as text."""
    task = campaign.task_of(contact["channel_code"])
    planned: date = contact["planned_date"]
    valid_to = last_valid_day(planned)
    return {
        "contact_id": contact["contact_id"],
        "campaign_id": contact["campaign_id"],
        "task_id": contact["task_id"],
        "wave_no": str(contact["wave_no"]),
        "msisdn": directory.number(contact["subscription_id"]),
        "product_id": contact["product_id"],
        "offer_id": contact["offer_id"],
        "planned_date": f"{planned:%Y%m%d}",
        "script_id": contact["script_id"],
        "valid_to": f"{valid_to:%Y%m%d}",
        "priority": str(campaign.priority),
        "window_start": policy.sending.window_start.replace(":", ""),
        "window_end": policy.sending.window_end.replace(":", ""),
        "city_code": directory.city(contact["subscription_id"]),
        "script_title": task.script_title,
        "script_text": task.script_text,
        "script_url": task.script_url,
    }


def file_cells(
    contacts: list[dict], campaigns: Mapping[str, Campaign], directory: Directory, policy: Policy
) -> list[Cells]:
    """The cells of one file, line by line."""
    return [cells_of(contact, campaigns[contact["campaign_id"]], directory, policy) for contact in contacts]
