"""Why somebody is in or out of a campaign: the decision log of a night in words, found by number."""

from __future__ import annotations

from datetime import date
from typing import Any

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.tables import Tables
from jobs.lakehouse.withheld import WITHDRAWALS
from jobs.people.person_lookup import look_up
from jobs.rules.exclusion_reasons import reasons_of
from jobs.targeting.campaign_rules import compile_campaign
from jobs.targeting.night_rows import contact_id_of

_IN = {"EXPORTED": "on the list of", "RECOMMENDED": "recommended on"}


def explain(
    settings: Settings, campaign_id: str, msisdn: str, business_date: date | None = None, by: str | None = None
) -> dict[str, Any]:
    """One decision: verdict, first reason, all reasons in order, channels that were open, and the sentence for a person.

    `business_date` is the night, the newest decided one when left out. Raises InputRefused for an unknown campaign,
    number or night; the number itself is never repeated in the message.
    """
    campaigns = load_campaigns()
    if campaign_id not in campaigns:
        raise InputRefused(f"campaign: found '{campaign_id}', wanted one of {', '.join(campaigns)}")
    tables = Tables(settings)
    night = business_date or _newest_decision(tables)
    subscription_id = subscription_of(tables, msisdn, night, "explain", by)
    filters = [
        ("business_date", "=", night),
        ("campaign_id", "=", campaign_id),
        ("subscription_id", "=", subscription_id),
    ]
    found = tables.arrow("gold.campaign_decision", filters=filters).to_pylist()
    answer = {"campaign_id": campaign_id, "subscription_id": subscription_id, "business_date": night}
    if not found:
        rule = compile_campaign(campaigns[campaign_id]).selection.describe()
        text = f"{subscription_id} was not selected by {campaign_id} on {night}: its view does not meet {rule}, or the campaign did not run"
        return {
            **answer,
            "verdict": "NOT_SELECTED",
            "first_reason": None,
            "all_reasons": [],
            "open_channels": [],
            "text": text,
        }
    row = found[0]
    reasons = [reason.name for reason in reasons_of(row["all_reasons"])]
    opened = [code for code, channel in load_channels().items() if row["channel_verdicts"] >> channel.bit & 1]
    kept = {
        name: row[name]
        for name in (
            "verdict",
            "first_reason",
            "channel_code",
            "wave_no",
            "score",
            "value_yuan",
            "is_model_selected",
            "campaign_version",
            "policy_version",
        )
    }
    text = _sentence(row, reasons, opened) + _withdrawal(settings, row)
    return {**answer, **kept, "all_reasons": reasons, "open_channels": opened, "text": text}


def _withdrawal(settings: Settings, row: dict) -> str:
    """What became of the contact after it was decided: words when it was taken out of its list, else nothing."""
    contact = contact_id_of(row["campaign_id"], row["wave_no"], row["subscription_id"], row["business_date"])
    found = delta_rs.read(settings, WITHDRAWALS, filters=[("contact_id", "=", contact)]).to_pylist()
    return "".join(f"; {each['kind'].lower()} afterwards by {each['withdrawn_by']}: {each['reason']}" for each in found)


def _sentence(row: dict, reasons: list[str], opened: list[str]) -> str:
    who = f"{row['subscription_id']} in {row['campaign_id']} on {row['business_date']}"
    found_by = "a model's score" if row["is_model_selected"] else "a rule"
    channels = ", ".join(opened) or "none"
    if row["verdict"] in _IN:
        return (
            f"{who}: {_IN[row['verdict']]} {row['channel_code']}, wave {row['wave_no']}; selected by {found_by}, score {row['score']:.3f}, "
            f"expected value {row['value_yuan']:.2f} yuan; open channels: {channels}"
        )
    others = ", ".join(reasons[1:]) or "nothing else"
    return f"{who}: not contacted because of {row['first_reason']} (also: {others}); selected by {found_by}; open channels: {channels}"


def _newest_decision(tables: Tables) -> date:
    newest = tables.newest_date("gold.campaign_decision")
    if newest is None:
        raise InputRefused("decision log: found no night, wanted one\n  to do:  closedloop night --date D")
    return newest


def subscription_of(tables: Tables, msisdn: str, night: date, command: str, by: str | None = None) -> str:
    """Subscription that held a number, as a person writes it, on a night; InputRefused when nobody did."""
    token = look_up(tables.settings, msisdn, command, by)
    holders: list[str] = []
    if token is not None:
        filters = [("snapshot_date", "=", night), ("msisdn", "=", token)]
        view = tables.arrow("gold.customer_360", filters=filters, columns=["subscription_id", "is_live"]).to_pylist()
        holders = [row["subscription_id"] for row in sorted(view, key=lambda row: not row["is_live"])]
    if not holders:
        raise InputRefused(f"number: found nobody who held it on {night}, wanted a mobile number of the network")
    return holders[0]
