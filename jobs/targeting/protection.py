"""Reads the newest protection for the last gate, straight from lists, answers and control groups, into plain sets."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pyarrow as pa
import pyarrow.compute

from jobs.lakehouse import ledger
from jobs.lakehouse.lake import Lake
from jobs.targeting.export_check import Protection

ALL_CAMPAIGNS = "GLOBAL"


def read_protection(lake: Lake, business_date: date, contact_day: date) -> Protection:
    """Protection in force on the contact day, as known now, and who holds which number on the business date."""
    protection = Protection()
    _read_holders(lake, business_date, protection)
    _read_suppression(lake, contact_day, protection)
    owners = _OwnerHistory(lake)
    _read_lists(lake, contact_day, protection, owners)
    _read_opt_outs(lake, protection, owners)
    groups = lake.arrow("gold.control_group", columns=["campaign_id", "subscription_id", "control_kind"]).to_pylist()
    for row in groups:
        protection.held_back.add((row["campaign_id"], row["subscription_id"]))
        if row["control_kind"] == ALL_CAMPAIGNS:
            protection.held_back_always.add(row["subscription_id"])
    return protection


def _read_holders(lake: Lake, business_date: date, protection: Protection) -> None:
    view = lake.arrow(
        "gold.customer_360",
        filters=[("snapshot_date", "=", business_date)],
        columns=["subscription_id", "msisdn", "is_live"],
    )
    vault = ledger.read(lake.settings, "vault.identity", filters=[("kind", "=", "MSISDN")], columns=["token", "value"])
    number_of = dict(zip(vault["token"].to_pylist(), vault["value"].to_pylist(), strict=True))
    for row in view.to_pylist():
        number = number_of.get(row["msisdn"])
        if row["is_live"] and number:
            protection.live.add(row["subscription_id"])
            twice = protection.holder.setdefault(number, row["subscription_id"])
            if twice != row["subscription_id"]:  # two live lines on one number: nobody can say whom we would reach
                protection.holder[number] = ""


def _read_suppression(lake: Lake, contact_day: date, protection: Protection) -> None:
    newest = _newest(lake, "gold.suppression", "snapshot_date")
    rows = lake.arrow("gold.suppression", filters=[("snapshot_date", "=", newest)]).to_pylist() if newest else []
    suppressed = defaultdict(list)
    for row in rows:
        if row["valid_from"] <= contact_day <= row["valid_to"]:
            suppressed[row["subscription_id"]].append((row["scope_type"], row["scope_value"]))
    protection.suppressed = dict(suppressed)


def _read_lists(lake: Lake, contact_day: date, protection: Protection, owners: _OwnerHistory) -> None:
    newest = _newest(lake, "silver.list_member", "load_date")
    rows = lake.arrow("silver.list_member", filters=[("load_date", "=", newest)]).to_pylist() if newest else []
    listed = defaultdict(list)
    for row in rows:
        subscription, added = row["subscription_id"], row["added_at"].date()
        starts, ends = row["valid_from"] or added, row["valid_to"] or date.max
        stands = row["superseded_on"] > newest and starts <= contact_day <= ends
        if subscription and stands and not owners.has_changed_since(subscription, added):
            listed[subscription].append(
                (row["list_colour"], row["scope_type"], row["scope_value"], row["reason_code"] or "")
            )
    protection.listed = dict(listed)


def _read_opt_outs(lake: Lake, protection: Protection, owners: _OwnerHistory) -> None:
    columns = ["contact_id", "subscription_id", "contact_time", "channel_code", "opt_out_scope", "superseded_on"]
    answers = lake.arrow("silver.channel_result", columns=columns)
    asked = answers.filter(pa.compute.not_equal(pa.compute.fill_null(answers["opt_out_scope"], ""), "")).to_pylist()
    if not asked:
        return
    promoted = _promoted_products(lake, {row["contact_id"] for row in asked})
    opted_out = defaultdict(list)
    for row in asked:
        owner, product = promoted.get(row["contact_id"], (None, ""))
        subscription = row["subscription_id"] or owner
        is_standing = row["superseded_on"] == date(9999, 12, 31)
        if subscription and is_standing and not owners.has_changed_since(subscription, row["contact_time"].date()):
            opted_out[subscription].append((row["opt_out_scope"], row["channel_code"], product))
    protection.opted_out = dict(opted_out)


def _promoted_products(lake: Lake, contact_ids: set[str]) -> dict[str, tuple[str, str]]:
    """Subscription and product of contacts, from the lists and from executions before closedloop."""
    found = {}
    for name in ("silver.campaign_execution", "gold.campaign_contact"):
        rows = lake.arrow(name, columns=["contact_id", "subscription_id", "product_id"])
        wanted = rows.filter(pa.compute.is_in(rows["contact_id"], pa.array(sorted(contact_ids), pa.string())))
        found |= {row["contact_id"]: (row["subscription_id"], row["product_id"] or "") for row in wanted.to_pylist()}
    return found


def _newest(lake: Lake, name: str, column: str) -> date | None:
    return max(lake.arrow(name, columns=[column])[column].unique().to_pylist(), default=None)


class _OwnerHistory:
    """When a line changed hands: what an earlier owner asked for does not bind the next one."""

    def __init__(self, lake: Lake):
        rows = lake.arrow("silver.subscription", columns=["subscription_id", "customer_id", "data_date"])
        ordered = sorted(
            zip(*(rows[name].to_pylist() for name in ("subscription_id", "data_date", "customer_id")), strict=True)
        )
        self._changed: dict[str, date] = {}
        before: tuple[str, str] | None = None
        for subscription, data_date, customer in ordered:
            if before and before[0] == subscription and before[1] != customer:
                self._changed[subscription] = data_date
            before = (subscription, customer)

    def has_changed_since(self, subscription: str, day: date) -> bool:
        """Whether the line got its present owner after that day."""
        return subscription in self._changed and self._changed[subscription] > day
