"""The steps of a campaign's approval, as the DAG `campaign_approval` calls them; those of conf/approval.yaml are a person's."""

from __future__ import annotations

from datetime import date
from typing import Any

from conf.approval import RELEASE, load_approval_flow, same_person
from conf.campaigns import Campaign, load_campaigns
from conf.errors import ClosedLoopError, InputRefused
from conf.settings import load_settings
from jobs.lakehouse.alerts import raise_alert
from jobs.targeting.approval import (
    APPROVED,
    REJECTED,
    campaign_hash,
    record_decision,
    record_submission,
    way_of,
)


class UnknownCampaign(ClosedLoopError):
    """No campaign file has that id."""


class CampaignChanged(ClosedLoopError):
    """The campaign's file is not the one that was put before the person."""


def _campaign(campaign_id: str) -> Campaign:
    campaigns = load_campaigns()
    if campaign_id not in campaigns:
        raise UnknownCampaign(
            f"conf/campaigns: no campaign '{campaign_id}'\n  found : {', '.join(sorted(campaigns))}\n  wanted: one of these ids"
        )
    return campaigns[campaign_id]


def check_definition(campaign_id: str) -> str:
    """Step 1: rules name only what exists, and every task can be written as its channel's file; returns dates and lines tried."""
    from jobs.targeting.campaign_rules import compile_campaign
    from jobs.targeting.rendering import require_exportable

    campaign = _campaign(campaign_id)
    compile_campaign(campaign)
    tried = require_exportable(load_settings(), campaign)
    return f"{campaign_id}: {campaign.first_date} to {campaign.last_date}; {tried}"


def pre_run(campaign_id: str) -> str:
    """Step 2: whom it would reach on the newest customer view, in words for the approver; counts only."""
    from jobs.targeting.preview import preview_text

    return preview_text(load_settings(), _campaign(campaign_id))


def submit(campaign_id: str, maker: str | None) -> str:
    """Step 3: record who asks and for what, word for word; returns the content hash that people approve."""
    return record_submission(load_settings(), _campaign(campaign_id), maker or "")


def who_may_answer(campaign_id: str, submitted: str, step: str) -> list[str]:
    """Logins a step is put before: its approvers but the maker and whoever approved another step; InputRefused for nobody."""
    flow, way = load_approval_flow(), way_of(load_settings(), campaign_id, submitted)
    out = [way.maker or "", *(who for done, who in way.approved.items() if done != step)]
    left = [login for login in flow.approvers_of(step) if not any(same_person(login, who) for who in out)]
    if not left:
        raise InputRefused(
            f"conf/approval.yaml: nobody may approve {step} of {campaign_id}\n"
            f"  found : approvers {', '.join(flow.approvers_of(step))}; made by {way.maker}; approved before: {way.approved}\n"
            "  wanted: an approver who neither made it nor approved another step"
        )
    return left


def put_before(campaign_id: str, submitted: str, step: str, link: str, day: date) -> list[str]:
    """Tell those who may answer a step that it waits for them, by an alert and so by the webhook; returns their logins.

    `link` is the step's page in Airflow, below its address.
    """
    logins = who_may_answer(campaign_id, submitted, step)
    text = f"{campaign_id}: step {step} waits for {', '.join(logins)}"
    raise_alert(load_settings(), "APPROVAL_WAITING", day, text, link=link, campaign_id=campaign_id)
    return logins


def record_answer(campaign_id: str, submitted: str, step: str, answer: dict[str, Any]) -> None:
    """Steps 4 and 5: what a person answered, in his name as Airflow knows it (the event of its approval operator).

    InputRefused for an approval by the maker, by whoever approved another step, or out of order; a rejection is anybody's.
    """
    person = answer.get("responded_by_user") or {}
    decision = APPROVED if answer["chosen_options"] == ["Approve"] else REJECTED
    by = person.get("name") or person.get("id") or ""
    settings = load_settings()
    way = way_of(settings, campaign_id, submitted)
    if decision == APPROVED and by.strip():
        if same_person(way.approved.get(step, ""), by):  # asked again after a crash: recorded already
            return
        refusal = way.refusal(step, by)
        if refusal:
            raise InputRefused(f"approval of {campaign_id}, step {step}: {refusal}")
    record_decision(settings, campaign_id, submitted, step, decision, by, answer["responded_at"])


def release(campaign_id: str, approved: str) -> str:
    """Step 6: bind the approval to the content; refused when a step is missing or the file changed while people were reading."""
    current = campaign_hash(_campaign(campaign_id))
    if current != approved:
        raise CampaignChanged(
            f"conf/campaigns: {campaign_id} changed during its approval\n  found : {current}\n  wanted: {approved}, as approved\n"
            "  to do : start campaign_approval again"
        )
    settings = load_settings()
    way = way_of(settings, campaign_id, current)
    if way.maker is None or way.missing:
        raise InputRefused(
            f"release of {campaign_id}: found no approval of {', '.join(way.missing)}, wanted every step of conf/approval.yaml, by people"
        )
    *_, last = way.approved.values()
    record_decision(settings, campaign_id, current, RELEASE, APPROVED, last)
    return current
