"""A night of any size ready for targeting, drawn in seconds: views, scores, history, protection, identities and campaigns.

What the jobs write night after night is written here by delta-rs at once and published by hand. Every person of it is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from deltalake import write_deltalake

from conf.campaigns import CAMPAIGNS, Campaign, read_campaign, read_campaigns
from conf.channels import load_channels
from conf.feeds import load_feeds
from conf.files import write_whole
from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.places import table_place
from jobs.lakehouse.schema import arrow_schema
from jobs.targeting.approval import record_whole_way

FOREVER, SINCE = date(9999, 12, 31), date(2025, 1, 1)
ROWS_AT_ONCE = 100_000
EARLIER_NIGHTS = 3
RANGE = 10_000  # of the columns by which campaigns select
SELECTED_BY = ("arpu_fen", "balance_fen")
FIRST_TOKEN, FIRST_NUMBER = 10**15, 13_000_000_000
_BLANK: dict[str, Any] = {
    "string": "",
    "boolean": False,
    "int": 0,
    "bigint": 0,
    "double": 0.0,
    "date": SINCE,
    "timestamp": datetime(2025, 1, 1),
}


def write_campaigns(folder: Path, campaigns: int) -> list[Campaign]:
    """So many campaigns as files of an operator's folder, made from the delivered ones in turn; each selects its own people.

    Together they select each subscription once on average: some twice, some not at all.
    """
    place = folder / "campaigns"
    place.mkdir(parents=True, exist_ok=True)
    patterns = list(read_campaigns(CAMPAIGNS).values())
    for number in range(campaigns):
        pattern = patterns[number % len(patterns)]
        content = pattern.model_dump(
            exclude={"exclusions", "conflicts", "model_selected", "selection"}, exclude_none=True
        )
        content |= {"campaign_id": f"BENCH_{number:03d}", "selection": _selection(number, campaigns)}
        if pattern.value.score:
            column = {"column": f"{pattern.value.score}_decile", "op": "ge", "value": 6}
            content["model_selected"] = column
        write_whole(place / f"bench_{number:03d}.yaml", yaml.safe_dump(content, allow_unicode=True))
    return [read_campaign(path) for path in sorted(place.glob("bench_*.yaml"))]


def _selection(number: int, campaigns: int) -> dict[str, Any]:
    start, width = number * RANGE // campaigns, RANGE // (2 * campaigns)
    parts = [
        {
            "all": [
                {"column": column, "op": "ge", "value": start},
                {"column": column, "op": "lt", "value": start + width},
            ]
        }
        for column in SELECTED_BY
    ]
    return {"any": parts}


def write_world(settings: Settings, campaigns: list[Campaign], subscriptions: int, night: date, seed: int = 12) -> None:
    """Write and publish everything targeting and export read on a night of so many subscriptions."""
    delta_rs.ensure_tables(settings)
    for campaign in campaigns:
        record_whole_way(settings, campaign, "bench")
    rng = np.random.default_rng(seed)
    _write(settings, "gold.customer_360", subscriptions, lambda ids: _views(ids, night, rng))
    _write(settings, "gold.lifecycle_state", subscriptions, lambda ids: _states(ids, night))
    for model in sorted({campaign.value.score for campaign in campaigns if campaign.value.score}):
        scores = lambda ids, model=model: _scores(ids, night, model, rng)  # noqa: E731
        _write(settings, "gold.customer_score", subscriptions, scores)
    _write(settings, "silver.subscription", subscriptions, lambda ids: _owners(ids))
    _write(settings, "silver.customer", subscriptions, lambda ids: _customers(ids))
    for kind, first in (("MSISDN", FIRST_TOKEN), ("NAME", 2 * FIRST_TOKEN), ("ID_NUMBER", 3 * FIRST_TOKEN)):
        named = lambda ids, kind=kind, first=first: _identities(ids, kind, first)  # noqa: E731
        _write(settings, "vault.identity", subscriptions, named)
    some = max(20, subscriptions // 50)
    _write(settings, "gold.suppression", some, lambda ids: _suppressions(ids * 41 % subscriptions, night))
    _write(settings, "silver.list_member", some, lambda ids: _listed(ids * 43 % subscriptions, night))
    _write(settings, "silver.channel_result", some, lambda ids: _answers(ids * 47 % subscriptions, night))
    _write(settings, "silver.complaint", some // 4 + 1, lambda ids: _complaints(ids * 53 % subscriptions, night))
    _write(settings, "gold.control_group", some, lambda ids: _held_back(ids * 59 % subscriptions, campaigns, night))
    earlier = subscriptions // 10
    for back in range(EARLIER_NIGHTS, 0, -1):
        day = night - timedelta(days=back)
        lists = lambda ids, back=back, day=day: _contacts(ids * (61 + back) % subscriptions, campaigns, day, None)  # noqa: E731
        history = lambda ids, back=back, day=day: _contacts(ids * (61 + back) % subscriptions, campaigns, day, night)  # noqa: E731
        _write(settings, "gold.campaign_contact", earlier, lists)
        _write(settings, "gold.contact_history", earlier, history)
    feeds = [
        {
            "business_date": night,
            "feed": name,
            "status": "COMPLETE",
            "file_cnt": 1,
            "rows_good": 1,
            "rows_quarantined": 0,
            "run_id": "bench",
        }
        for name in load_feeds()
    ]
    delta_rs.append(settings, "ops.feed_status", feeds)
    _publish(settings, night)


_WRITTEN = (
    "gold.customer_360",
    "gold.lifecycle_state",
    "gold.customer_score",
    "gold.suppression",
    "gold.control_group",
    "gold.campaign_contact",
    "gold.contact_history",
    "silver.subscription",
    "silver.customer",
    "silver.list_member",
    "silver.channel_result",
    "silver.complaint",
)


def _publish(settings: Settings, night: date) -> None:
    common = {"stage": "bench", "business_date": night, "run_id": "bench", "published_seq": 1}
    rows = [{**common, "table_name": name, "version": delta_rs.head_version(settings, name)} for name in _WRITTEN]
    delta_rs.append(settings, "ops.published", rows)


def _write(settings: Settings, name: str, rows: int, columns_of: Callable[[np.ndarray], dict[str, Any]]) -> None:
    """Rows 0 to `rows` of a table in batches; what `columns_of` does not give is null where it may be, else blank."""
    schema = arrow_schema(table_of(name))

    def batches() -> Iterator[pa.RecordBatch]:
        for first in range(0, rows, ROWS_AT_ONCE):
            ids = np.arange(first, min(rows, first + ROWS_AT_ONCE))
            yield _batch(name, schema, columns_of(ids), len(ids))

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    write_deltalake(table_place(settings, name).for_delta_rs, reader, mode="append")


def _batch(name: str, schema: pa.Schema, given: dict[str, Any], rows: int) -> pa.RecordBatch:
    arrays = []
    for column in table_of(name).columns:
        kind = schema.field(column.name).type
        value = given.get(column.name, None if column.nullable else _blank(column.type))
        if isinstance(value, np.ndarray | pa.Array):
            arrays.append(pa.array(value).cast(kind) if isinstance(value, np.ndarray) else value.cast(kind))
        elif value is None:
            arrays.append(pa.nulls(rows, kind))
        else:
            arrays.append(pa.array([value], kind).take(pa.array(np.zeros(rows, np.int64))))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _blank(kind: str) -> Any:
    return [] if kind.startswith("array") else [] if kind.startswith("map") else _BLANK[kind]


def _names(letter: str, ids: np.ndarray) -> pa.Array:
    return pa.array(np.char.add(letter, np.char.zfill(ids.astype(str), 9)).astype(object))


def _picked(values: list[str], places: np.ndarray) -> pa.Array:
    return pa.array(values).take(pa.array(places % len(values)))


def _views(ids: np.ndarray, night: date, rng: np.random.Generator) -> dict[str, Any]:
    able = {f"device_supports_{name}": True for name in ("mms", "gprs", "java", "fetion")}
    liking = list(load_channels())
    values = rng.random((len(ids), 2))
    offsets = pa.array(np.arange(len(ids) + 1, dtype=np.int32) * 2)
    keys = _picked(liking, np.arange(2 * len(ids)))
    return {
        "subscription_id": _names("S", ids),
        "customer_id": _names("C", ids),
        "snapshot_date": night,
        "month_id": f"{night:%Y%m}",
        "msisdn": FIRST_TOKEN + ids,
        "msisdn_class": "NATIONAL_MOBILE",
        "user_type": "1",
        "is_live": rng.random(len(ids)) < 0.98,
        "is_marketable": True,
        "subscription_status": "ACTIVE",
        "city_code": _picked(["591", "592", "593", "594"], ids),
        "county_code": "1",
        "account_manager_id": pa.array([None, "AM1"]).take(pa.array((ids % 20 == 0).astype(int))),
        **able,
        "crbt_lifecycle_state": "NONE",
        "personality_segment": "UNSEGMENTED",
        "channel_preference_score": pa.MapArray.from_arrays(offsets, keys, pa.array(values.ravel())),
        **{column: rng.integers(0, RANGE, len(ids)) for column in SELECTED_BY},
    }


def _states(ids: np.ndarray, night: date) -> dict[str, Any]:
    return {"subscription_id": _names("S", ids), "snapshot_date": night, "crbt_lifecycle_state": "NONE"}


def _scores(ids: np.ndarray, night: date, model: str, rng: np.random.Generator) -> dict[str, Any]:
    share = rng.random(len(ids))
    return {
        "subscription_id": _names("S", ids),
        "snapshot_date": night,
        "model_name": model,
        "score": share * 0.4,
        "percentile": share,
        "decile": (share * 10).astype(np.int32) + 1,
        "model_version": 1,
    }


def _owners(ids: np.ndarray) -> dict[str, Any]:
    days = {"data_date": SINCE, "load_date": SINCE, "superseded_on": FOREVER}
    return {"subscription_id": _names("S", ids), "customer_id": _names("C", ids), **days}


def _customers(ids: np.ndarray) -> dict[str, Any]:
    days = {"data_date": SINCE, "load_date": SINCE, "superseded_on": FOREVER}
    return {"customer_id": _names("C", ids), "is_sensitive": ids % 1000 == 7, **days}


def _identities(ids: np.ndarray, kind: str, first: int) -> dict[str, Any]:
    values = pa.array(FIRST_NUMBER + ids).cast(pa.string()) if kind == "MSISDN" else _names(kind, ids)
    return {"token": first + ids, "kind": kind, "value": values, "first_load_date": SINCE}


def _suppressions(ids: np.ndarray, night: date) -> dict[str, Any]:
    scopes = {
        "scope_type": _picked(["SYSTEM", "CHANNEL"], ids),
        "scope_value": _picked(["*", next(iter(load_channels()))], ids),
    }
    days = {"snapshot_date": night, "valid_from": SINCE, "valid_to": FOREVER}
    return {
        "subscription_id": _names("S", ids),
        **scopes,
        **days,
        "reason": _picked(["LIST_BLACK", "DND_CHANNEL"], ids),
    }


def _listed(ids: np.ndarray, night: date) -> dict[str, Any]:
    days = {"valid_from": SINCE, "valid_to": FOREVER, "data_date": night, "load_date": night, "superseded_on": FOREVER}
    named = {"subscription_id": _names("S", ids), "msisdn_token": FIRST_TOKEN + ids, "list_code": "L1"}
    return {**named, "list_colour": _picked(["BLACK", "RED"], ids), "scope_type": "SYSTEM", **days}


def _answers(ids: np.ndarray, night: date) -> dict[str, Any]:
    answered = {
        "contact_id": _names("A", ids),
        "subscription_id": _names("S", ids),
        "channel_code": next(iter(load_channels())),
    }
    scope = pa.array([None] * 9 + ["SYSTEM"], pa.string()).take(pa.array(ids % 10))
    return {**answered, "reach_code": "DELIVERED", "opt_out_scope": scope, "load_date": night, "superseded_on": FOREVER}


def _complaints(ids: np.ndarray, night: date) -> dict[str, Any]:
    told = {"complaint_id": _names("P", ids), "subscription_id": _names("S", ids), "status": "OPEN"}
    return {**told, "data_date": night, "load_date": night, "superseded_on": FOREVER}


def _held_back(ids: np.ndarray, campaigns: list[Campaign], night: date) -> dict[str, Any]:
    day = night - timedelta(days=1)
    named = {"campaign_id": _picked([each.campaign_id for each in campaigns], ids), "subscription_id": _names("S", ids)}
    return {**named, "assigned_on": day, "business_date": day, "control_kind": "CAMPAIGN"}


def _contacts(ids: np.ndarray, campaigns: list[Campaign], day: date, known_on: date | None) -> dict[str, Any]:
    """Contacts of a night before, as lists (no `known_on`) or as the history knows them on that night."""
    offers = [each.offer(each.tasks[0].offer_id).offer_id for each in campaigns]
    planned = day + timedelta(days=1)
    common = {
        "contact_id": _names(f"K{day:%m%d}", ids),
        "campaign_id": _picked([each.campaign_id for each in campaigns], ids),
        "subscription_id": _names("S", ids),
        "product_id": _picked([each.product_id for each in campaigns], ids),
        "offer_id": _picked(offers, ids),
        "channel_code": _picked([each.tasks[0].channel_code for each in campaigns], ids),
        "channel_class": "BROADCAST",
        "contact_class": "BROADCAST",
        "planned_date": planned,
        "business_date": day,
        "wave_no": 1,
    }
    if known_on is None:
        file = _picked(
            [f"{each.tasks[0].channel_code}_{planned:%Y%m%d}_{each.campaign_id}_001.txt" for each in campaigns], ids
        )
        return {**common, "expected_value_yuan": (ids % 7) * 0.4, "file_name": file, "line_number": 1}
    made = {"contact_state": "MADE", "counts_to_cap": True, "response_code": "NO_RESPONSE", "is_present_owner": True}
    return {**common, **made, "source": "EXPORT", "is_contacted": True, "snapshot_date": known_on}
