"""Joins the frozen lists with numbers (vault) and scripts (campaigns): the values of every cell, before any layout."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import field

from conf.campaigns import Campaign
from conf.errors import ExportRefused
from conf.policy import Policy
from jobs.lakehouse.tables import Tables
from jobs.people import vault
from jobs.rules.list_rows import last_valid_day

UNKNOWN_PLACE = "NA"
CONTACT = "gold.campaign_contact"
# What a file is made of, and what is said of a contact that is dropped; nothing else of the list is held in memory.
LIST_COLUMNS = (
    "contact_id",
    "campaign_id",
    "task_id",
    "wave_no",
    "subscription_id",
    "product_id",
    "offer_id",
    "channel_code",
    "planned_date",
    "business_date",
    "script_id",
    "file_name",
    "line_number",
    "slot_no",
)


def contacts_by_file(lake: Tables, business_date: date) -> dict[str, pa.Table]:
    """The frozen contacts of the night by file name, each list in line order."""
    night = [("business_date", "=", business_date)]
    rows = lake.arrow(CONTACT, filters=night, columns=list(LIST_COLUMNS))
    rows = rows.sort_by([("file_name", "ascending"), ("line_number", "ascending")]).combine_chunks()
    runs = pc.run_end_encode(rows["file_name"].combine_chunks())
    ends = runs.run_ends.to_pylist()
    return {
        name: rows.slice(first, end - first)
        for name, first, end in zip(runs.values.to_pylist(), [0, *ends], ends, strict=False)
    }


def first_of(contacts: pa.Table) -> dict[str, Any]:
    """The first contact of a list."""
    return contacts.slice(0, 1).to_pylist()[0]


class Places(Protocol):
    """Who says how the customers of a list are reached."""

    def numbers(self, people: pa.ChunkedArray) -> pa.Array:
        """Numbers of subscriptions in clear; null where view or vault do not know one."""

    def cities(self, people: pa.ChunkedArray) -> pa.Array:
        """City codes of subscriptions, NA when unknown."""


class Directory:
    """Numbers and places of some subscriptions on the night: the only place where a list meets personal data."""

    def __init__(self, lake: Tables, business_date: date, subscriptions: pa.Array):
        is_asked = (field("snapshot_date") == business_date) & field("subscription_id").isin(subscriptions)
        columns = ["subscription_id", "msisdn", "city_code"]
        view = lake.dataset("gold.customer_360").to_table(columns, filter=is_asked).combine_chunks()
        known = vault.numbers(lake.settings, view["msisdn"].unique().drop_null())
        self._place = {person: place for place, person in enumerate(view["subscription_id"].to_pylist())}
        tokens = pc.index_in(view["msisdn"].combine_chunks(), value_set=known["token"].combine_chunks())
        self._numbers = known["value"].combine_chunks().take(tokens)
        self._cities = view["city_code"].combine_chunks()

    def numbers(self, people: pa.ChunkedArray) -> pa.Array:
        """Numbers of subscriptions in clear; null where view or vault do not know one."""
        return self._numbers.take(self._places(people))

    def cities(self, people: pa.ChunkedArray) -> pa.Array:
        """City codes of subscriptions, NA when unknown."""
        found = self._cities.take(self._places(people))
        return pc.if_else(pc.greater(pc.fill_null(pc.binary_length(found), 0), 0), found, UNKNOWN_PLACE)

    def _places(self, people: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(self._place.get, people.to_pylist()), pa.int64())


def cells_of(contacts: pa.Table, campaign: Campaign, directory: Places, policy: Policy) -> pa.Table:
    """All values a layout may ask for of the contacts of one campaign on one channel, as texts.

    ExportRefused when contacts of another campaign, channel or day are among them.
    """
    rows = contacts.num_rows
    task = campaign.task_of(_only(contacts, "channel_code"))
    planned: date = _only(contacts, "planned_date")
    if _only(contacts, "campaign_id") != campaign.campaign_id:
        raise ExportRefused(f"{campaign.campaign_id}: found contacts of another campaign; nothing of its file leaves")
    same = {
        "planned_date": f"{planned:%Y%m%d}",
        "valid_to": f"{last_valid_day(planned):%Y%m%d}",
        "priority": str(campaign.priority),
        "window_start": policy.sending.window_start.replace(":", ""),
        "window_end": policy.sending.window_end.replace(":", ""),
        "script_title": task.script_title,
        "script_text": task.script_text,
        "script_url": task.script_url,
    }
    coded = ("campaign_id", "task_id", "product_id", "offer_id", "script_id")
    return pa.table(
        {
            "contact_id": contacts["contact_id"],
            **{name: contacts[name].combine_chunks().dictionary_encode() for name in coded},
            "wave_no": contacts["wave_no"].cast(pa.string()).combine_chunks().dictionary_encode(),
            "msisdn": directory.numbers(contacts["subscription_id"]),
            "city_code": directory.cities(contacts["subscription_id"]).dictionary_encode(),
            **{name: _the_same(text, rows) for name, text in same.items()},
        }
    )


def _only(contacts: pa.Table, column: str) -> Any:
    found: Sequence[Any] = contacts[column].unique().to_pylist()
    if len(found) != 1:
        raise ExportRefused(
            f"{found}: found {len(found)} of {column} on one list, wanted one; nothing of its file leaves"
        )
    return found[0]


def _the_same(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([text], pa.string()))
