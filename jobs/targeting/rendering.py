"""Tries a campaign's tasks as the files of their channels before anybody approves it: nothing is written, nobody is contacted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

from conf.campaigns import CAMPAIGNS, Campaign, Task
from conf.channels import load_channels
from conf.errors import ConfigError
from conf.exports import ExportLayout, load_exports
from conf.policy import load_policy
from conf.settings import Settings
from jobs.lakehouse.tables import Tables
from jobs.targeting.export_check import read_back
from jobs.targeting.export_layout import CellRefused, file_bytes, misfits
from jobs.targeting.export_rows import UNKNOWN_PLACE, Directory, Places, cells_of
from jobs.targeting.night_rows import contact_id_of
from jobs.targeting.preview import newest_view

SAMPLE = 300  # customers tried; what differs between lines is the number and the place
_KEY_OF_TASK = ("offer_id", "script_id", "script_title", "script_text", "script_url")
_KEY_OF_CAMPAIGN = {
    "campaign_id": "campaign_id",
    "task_id": "campaign_id",
    "product_id": "product_id",
    "priority": "priority",
}
_OF_THE_CUSTOMER = ("msisdn", "city_code")
_VIEW = "gold.customer_360"
NOBODY = "-"


class _Specimen:
    """Stands for a customer while no view exists: a number nobody has, no known place."""

    def numbers(self, people: pa.ChunkedArray) -> pa.Array:
        """A well-formed number for each."""
        return pa.array(["13800000000"] * len(people), pa.string())

    def cities(self, people: pa.ChunkedArray) -> pa.Array:
        """As for customers of whom no place is known."""
        return pa.array([UNKNOWN_PLACE] * len(people), pa.string())


def require_exportable(settings: Settings, campaign: Campaign) -> str:
    """Write and read back the lines of every task for a sample of customers in scope; returns how many in words.

    ConfigError names the file, the field of the task, what was found and wanted: a text that is too long, a missing link, a
    separator, quote or character the channel's file cannot hold.
    """
    view = newest_view(settings)
    directory, people = (_Specimen(), []) if view is None else _customers(settings, campaign, view)
    for position, task in enumerate(campaign.tasks):
        _try_task(campaign, position, task, directory, people or [NOBODY], view or campaign.first_date)
    return f"{len(campaign.tasks)} tasks written and read back for {len(people)} customers of the view of {view}"


def _customers(settings: Settings, campaign: Campaign, view: date) -> tuple[Places, list[str]]:
    """Numbers and places of the sample, and who is in it; whose number nobody knows is dropped at night, and here."""
    tables = Tables(settings)
    found = pa.chunked_array([_sample(tables, campaign, view)], pa.string())
    directory = Directory(tables, view, found.combine_chunks())
    known = found.filter(directory.numbers(found).is_valid()).to_pylist()
    return (directory, known) if known else (_Specimen(), [])


def _try_task(campaign: Campaign, position: int, task: Task, directory: Places, people: list[str], night: date) -> None:
    layout = load_exports()[load_channels()[task.channel_code].export_layout]
    contacts = pa.Table.from_pylist([_contact(campaign, task, person, night) for person in people])
    lines = cells_of(contacts, campaign, directory, load_policy())
    # One customer's number or place that no file can hold costs the night that contact alone; everybody's is refused below.
    unfit = misfits(layout, lines.select(_OF_THE_CUSTOMER))
    fit = [row for row in range(lines.num_rows) if row not in unfit]
    rows = lines.take(pa.array(fit)) if fit else lines
    place = CAMPAIGNS / f"{campaign.campaign_id.lower()}.yaml"
    try:
        content = file_bytes(layout, rows, "trial")
    except CellRefused as refusal:
        key = _key(position, refusal.column)
        raise ConfigError(place, key, refusal.found, f"{refusal.wanted} (conf/exports/{layout.layout}.yaml)") from None
    _require_read_back(place, position, layout, content, rows)


def _require_read_back(place: Any, position: int, layout: ExportLayout, content: bytes, rows: pa.Table) -> None:
    wanted = rows.select(layout.column_names)
    try:
        found = read_back(layout, content)
    except (ValueError, UnicodeError) as error:
        raise ConfigError(place, f"tasks.{position}", error, f"a file its channel can read ({layout.layout})") from None
    unlike = next((name for name in layout.column_names if found[name].to_pylist() != wanted[name].to_pylist()), None)
    if unlike:
        raise ConfigError(
            place, _key(position, unlike), "another value when read back", f"the same value ({layout.layout})"
        )


def _key(position: int, column: str) -> str:
    """The key of the campaign's file a column of the list comes from, or the column of the customers' data."""
    if column in _KEY_OF_TASK:
        return f"tasks.{position}.{column}"
    return _KEY_OF_CAMPAIGN.get(column, f"tasks.{position}: column {column}, from the customers' data")


def _contact(campaign: Campaign, task: Task, person: str, night: date) -> dict[str, Any]:
    """A contact of the last wave the task stands in, as the night would freeze it."""
    waves = [wave.wave_no for wave in campaign.waves if task.channel_code in wave.channels]
    wave_no = max(waves, default=1)
    return {
        "contact_id": contact_id_of(campaign.campaign_id, wave_no, person, night),
        "campaign_id": campaign.campaign_id,
        "task_id": campaign.task_id(task.channel_code),
        "wave_no": wave_no,
        "subscription_id": person,
        "product_id": campaign.product_id,
        "offer_id": task.offer_id,
        "channel_code": task.channel_code,
        "planned_date": night + timedelta(days=1),
        "script_id": task.script_id,
    }


def _sample(tables: Tables, campaign: Campaign, view: date) -> list[str]:
    """Live subscriptions in the campaign's scope with a number: one of every city, then evenly over the rest."""
    columns = ["subscription_id", "msisdn", "city_code", "county_code"]
    rows = tables.arrow(_VIEW, filters=[("snapshot_date", "=", view), ("is_live", "=", True)], columns=columns)
    rows = rows.filter(pa.compute.is_valid(rows["msisdn"]))
    for column, wanted in (("city_code", campaign.scope.cities), ("county_code", campaign.scope.counties)):
        if wanted:
            rows = rows.filter(pa.compute.is_in(rows[column], pa.array(wanted, pa.string())))
    rows = rows.sort_by("subscription_id")
    first_of_city = (
        rows.group_by("city_code").aggregate([("subscription_id", "min")])["subscription_id_min"].to_pylist()
    )
    every = rows["subscription_id"].take(pa.array(range(0, rows.num_rows, max(1, rows.num_rows // SAMPLE)), pa.int64()))
    return sorted({*first_of_city[:SAMPLE], *every.to_pylist()[: max(0, SAMPLE - len(first_of_city))]})
