"""A night ready for targeting in an empty home: view, states, scores, protection, history and feeds, a few subscriptions each.

Rows are written with delta-rs and published by hand, so that a test needs Spark only for the job it tests.
"""

from __future__ import annotations

import random
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from conf.channels import load_channels
from conf.feeds import load_feeds
from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.places import table_place
from jobs.lakehouse.schema import arrow_schema
from jobs.targeting.approval import record_whole_way

NIGHT = date(2026, 3, 10)
FOREVER = date(9999, 12, 31)
_BLANK = {
    "string": "",
    "boolean": False,
    "int": 0,
    "bigint": 0,
    "double": 0.0,
    "date": NIGHT,
    "timestamp": datetime(2026, 3, 10),
}


def msisdn_of(number: int) -> str:
    """A mobile number that depends on the subscription's number alone."""
    return f"138{number:08d}"


def token_of(number: int) -> int:
    """Its token in these tests."""
    return 1_000_000_000 + number


def a_row(table: str, **values: Any) -> dict[str, Any]:
    """A row of a table: what is not given is null where it may be, else blank."""
    columns = table_of(table).columns
    unknown = set(values) - {column.name for column in columns}
    assert not unknown, f"{table} has no columns {unknown}"
    row = {column.name: None if column.nullable else _blank(column.type) for column in columns}
    return row | values


def _blank(kind: str) -> Any:
    return [] if kind.startswith("array") else {} if kind.startswith("map") else _BLANK[kind]


def a_subscriber(number: int, **values: Any) -> dict[str, Any]:
    """A live, ordinary, reachable subscription without CRBT, with a capable handset and an account manager."""
    usual = {
        "subscription_id": f"S{number:05d}",
        "customer_id": f"C{number:05d}",
        "snapshot_date": NIGHT,
        "month_id": "202603",
        "msisdn": token_of(number),
        "msisdn_class": "NATIONAL_MOBILE",
        "user_type": "1",
        "is_live": True,
        "is_marketable": True,
        "subscription_status": "ACTIVE",
        "city_code": "591",
        "county_code": "1",
        "account_manager_id": "AM1",
        "device_supports_mms": True,
        "device_supports_gprs": True,
        "device_supports_java": True,
        "device_supports_fetion": True,
        "is_mms_user": True,
        "is_music_club_premium": False,
        "crbt_lifecycle_state": "NONE",
        "personality_segment": "UNSEGMENTED",
    }
    return a_row("gold.customer_360", **(usual | values))


def a_contact(subscription: dict, campaign_id: str, planned: date, **values: Any) -> dict[str, Any]:
    """An earlier contact as the history knows it tonight: delivered, no answer, counting to the caps.

    `contact_state` MISSED or OPEN makes it one that did not arrive, or may still.
    """
    state = values.get("contact_state", "MADE")
    reach = {"MADE": "DELIVERED", "MISSED": "FAILED"}.get(state)
    channel = load_channels().get(values.get("channel_code", "SMS"))
    usual = {
        "contact_id": f"H-{subscription['subscription_id']}-{campaign_id}-{planned}-{values.get('channel_code', 'SMS')}",
        "campaign_id": campaign_id,
        "wave_no": 1,
        "subscription_id": subscription["subscription_id"],
        "product_id": "CRBT",
        "channel_code": "SMS",
        "planned_date": planned,
        "business_date": planned - timedelta(days=1),
        "is_control": False,
        "is_contacted": state == "MADE",
        "reach_code": reach,
        "contact_state": state,
        "counts_to_cap": state != "MISSED",
        "response_code": {"MADE": "NO_RESPONSE", "MISSED": "NOT_REACHED"}.get(state),
        "source": "EXPORT",
        "contact_class": channel.channel_class if channel else None,
        "snapshot_date": NIGHT,
        "attribution_window_ends": planned + timedelta(days=7),
        "is_present_owner": True,
    }
    return a_row("gold.contact_history", **(usual | values))


def a_suppression(
    subscription: dict, reason: str, scope_type: str = "SYSTEM", scope_value: str = "*", **values: Any
) -> dict[str, Any]:
    """Protection in force from the start of the year until released."""
    usual = {
        "subscription_id": subscription["subscription_id"],
        "scope_type": scope_type,
        "scope_value": scope_value,
        "reason": reason,
        "valid_from": date(2026, 1, 1),
        "valid_to": FOREVER,
        "source": "TEST",
        "snapshot_date": NIGHT,
    }
    return a_row("gold.suppression", **(usual | values))


def put(settings: Settings, name: str, rows: list[dict[str, Any]]) -> None:
    """Make these the rows of a table, and publish it when readers need that."""
    data = pa.Table.from_pylist(rows, schema=arrow_schema(table_of(name)))
    if table_of(name).is_delta_rs:
        delta_rs.append(settings, name, data)
        return
    path = table_place(settings, name).for_delta_rs
    write_deltalake(path, data, mode="overwrite")
    published = delta_rs.read(settings, "ops.published")
    sequence = max(published["published_seq"].to_pylist(), default=0) + 1
    row = {
        "stage": "fixture",
        "business_date": NIGHT,
        "table_name": name,
        "version": delta_rs.head_version(settings, name),
        "run_id": "fixture",
        "published_seq": sequence,
    }
    delta_rs.append(settings, "ops.published", [row])


def feeds_are_fresh(settings: Settings, night: date = NIGHT, **other: str) -> None:
    """Every feed came complete, but for those named with another status."""
    rows = [
        {
            "business_date": night,
            "feed": name,
            "status": other.get(name, "COMPLETE"),
            "file_cnt": 1,
            "rows_good": 1,
            "rows_quarantined": 0,
            "run_id": "fixture",
        }
        for name in load_feeds()
    ]
    delta_rs.replace(settings, "ops.feed_status", rows, f"business_date = '{night}'")


def approve(settings: Settings, *campaigns: Any) -> None:
    """See these campaigns as they are through every step of approval, each by another person."""
    for campaign in campaigns:
        record_whole_way(settings, campaign, "maker")


def a_night(
    settings: Settings, subscribers: list[dict], suppressions: list[dict], contacts: list[dict], **tables: list[dict]
) -> None:
    """Write a whole night; further tables by short name, as customer_score=[...] (gold) or silver_list_member=[...]."""
    delta_rs.ensure_tables(settings)
    put(settings, "gold.customer_360", subscribers)
    put(settings, "gold.suppression", suppressions or [a_suppression({"subscription_id": "NOBODY"}, "LIST_BLACK")])
    put(settings, "gold.contact_history", contacts)
    numbers = [row["msisdn"] - 1_000_000_000 for row in subscribers if row["msisdn"] is not None]
    vault = [
        {"token": token_of(n), "kind": "MSISDN", "value": msisdn_of(n), "first_load_date": NIGHT}
        for n in sorted(set(numbers))
    ]
    delta_rs.append(settings, "vault.identity", vault)
    for name, rows in tables.items():
        layer = "silver" if name.startswith("silver_") else "gold"
        put(settings, f"{layer}.{name.removeprefix('silver_')}", rows)
    feeds_are_fresh(settings)


def copy_of(settings: Settings, home: Path) -> Settings:
    """The same home once more, for a test that changes it."""
    shutil.copytree(settings.home, home)
    return settings.with_home(home)


def a_town(people: int, seed: int) -> dict[str, list[dict]]:
    """Rows of a province whose people fall under all five pilot campaigns and under every kind of protection."""
    rng = random.Random(seed)
    rows: dict[str, list[dict]] = {
        "subscribers": [],
        "suppressions": [],
        "contacts": [],
        "lifecycle_state": [],
        "customer_score": [],
    }
    for number in range(people):
        state = rng.choices(
            ["NONE", "NEW", "ACTIVE", "SEMI_SILENT", "SILENT", "CHURNED", "LAPSED"], [45, 3, 20, 10, 12, 5, 5]
        )[0]
        owner = state in ("NEW", "ACTIVE", "SEMI_SILENT", "SILENT")
        person = a_subscriber(
            number,
            crbt_lifecycle_state=state,
            has_crbt=owner,
            partners_with_crbt_cnt=rng.randint(0, 5),
            pay_ability=rng.choice(["HIGH", "MID", "LOW"]),
            personality_segment=rng.choice(
                ["HIGH_POTENTIAL", "EMOTIONAL_FOLLOWER", "FASHION_PREMIUM", "BUDGETER", "UNSEGMENTED"]
            ),
            is_mms_user=rng.random() < 0.5,
            account_manager_id=rng.choice(["AM1", None, None]),
            device_supports_mms=rng.choice([True, True, False, None]),
            is_live=rng.random() < 0.97,
            user_type=rng.choice(["1"] * 40 + ["3"]),
            channel_preference_score={"SMS": rng.random(), "STORE": rng.random()},
        )
        rows["subscribers"].append(person)
        key = {"subscription_id": person["subscription_id"], "snapshot_date": NIGHT}
        chance = rng.random() * 0.3
        shown = "PROSPECT" if state == "NONE" and chance > 0.25 else state
        at_risk = owner and rng.random() < 0.1
        rows["lifecycle_state"].append(
            a_row(
                "gold.lifecycle_state",
                **key,
                crbt_lifecycle_state=shown,
                is_at_risk=at_risk,
                churn_offnet_at_risk=False,
            )
        )
        for model, score in (
            ("propensity_crbt", chance),
            ("churn_crbt", rng.random() * 0.3),
            ("propensity_newspaper", rng.random() * 0.2),
        ):
            rows["customer_score"].append(
                a_row(
                    "gold.customer_score",
                    **key,
                    model_name=model,
                    score=score,
                    percentile=0.5,
                    decile=rng.randint(1, 10),
                    model_version=1,
                    model_sha256="x",
                )
            )
        if rng.random() < 0.06:
            rows["suppressions"].append(
                a_suppression(person, rng.choice(["LIST_BLACK", "DND_SYSTEM", "COMPLAINT_A", "COMPLAINT_D"]))
            )
        if rng.random() < 0.06:
            rows["suppressions"].append(
                a_suppression(person, "DND_CHANNEL", "CHANNEL", rng.choice(["SMS", "OUTBOUND", "STORE"]))
            )
        if rng.random() < 0.06:
            rows["contacts"].append(a_contact(person, "HIST_CRBT_2025Q4", date(2026, 3, rng.randint(1, 9))))
    for name, more in _sources_of_protection(rows["subscribers"], random.Random(seed + 1)).items():
        rows.setdefault(name, []).extend(more)
    return rows


def _sources_of_protection(people: list[dict], rng: random.Random) -> dict[str, list[dict]]:
    """Rows from which protection follows, each with what the selection makes of it: products, grey lists, complaints, sensitive."""
    rows: dict[str, list[dict]] = {
        "suppressions": [],
        "silver_list_member": [],
        "silver_complaint": [],
        "silver_customer": [],
        "silver_subscription": [],
    }
    for number, person in enumerate(people):
        key = {"subscription_id": person["subscription_id"], "superseded_on": FOREVER}
        kind = rng.choices(["", "product", "grey", "complaint", "sensitive"], [88, 3, 3, 3, 3])[0]
        if kind == "product":
            product = rng.choice(["CRBT", "NEWSPAPER"])
            rows["suppressions"].append(a_suppression(person, "DND_PRODUCT", "PRODUCT", product))
        elif kind == "grey":
            listed = a_row(
                "silver.list_member",
                **key,
                msisdn_token=person["msisdn"],
                list_code="G",
                list_colour="GREY",
                scope_type="SYSTEM",
            )
            rows["silver_list_member"].append(listed)
            rows["suppressions"].append(a_suppression(person, "LIST_GREY"))
        elif kind == "complaint":
            rows["silver_complaint"].append(a_row("silver.complaint", **key, complaint_id=f"P{number}", status="OPEN"))
            rows["suppressions"].append(a_suppression(person, "COMPLAINT_D"))
        elif kind == "sensitive":
            customer = {"customer_id": person["customer_id"], "superseded_on": FOREVER}
            rows["silver_customer"].append(a_row("silver.customer", **customer, sensitive_channels=["OUTBOUND"]))
            rows["silver_subscription"].append(a_row("silver.subscription", **key, customer_id=person["customer_id"]))
            rows["suppressions"].append(a_suppression(person, "SENSITIVE_CHANNEL", "CHANNEL", "OUTBOUND"))
    return rows
