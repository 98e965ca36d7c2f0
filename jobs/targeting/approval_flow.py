"""The six steps of a campaign's approval, as the DAG `campaign_approval` calls them; two of them are a person's."""

from __future__ import annotations

from typing import Any

from conf.campaigns import load_campaigns
from conf.errors import ClosedLoopError
from conf.settings import load_settings
from jobs.targeting.approval import APPROVED, REJECTED, RELEASE, approver_of, content_hash, record_decision


class UnknownCampaign(ClosedLoopError):
    """No campaign file has that id."""


class CampaignChanged(ClosedLoopError):
    """The campaign's file is not the one that was put before the person."""


def _campaign(campaign_id: str):
    campaigns = load_campaigns()
    if campaign_id not in campaigns:
        raise UnknownCampaign(
            f"conf/campaigns: no campaign '{campaign_id}'\n  found : {', '.join(sorted(campaigns))}\n  wanted: one of these ids"
        )
    return campaigns[campaign_id]


def check_definition(campaign_id: str) -> str:
    """Step 1: the definition parses and names only columns, products and channels that exist; returns its dates."""
    campaign = _campaign(campaign_id)
    return f"{campaign_id}: {campaign.first_date} to {campaign.last_date}"


def pre_run(campaign_id: str) -> str:
    """Step 2: whom it would reach on the newest customer view, in words for the approver; counts only."""
    from jobs.targeting.preview import preview_text

    return preview_text(load_settings(), _campaign(campaign_id))


def submit(campaign_id: str) -> str:
    """Step 3: the content hash that the person approves."""
    return content_hash(_campaign(campaign_id))


def record_answer(campaign_id: str, submitted: str, step: str, answer: dict[str, Any]) -> None:
    """Steps 4 and 5: what a person answered, in his name as Airflow knows it (the event of its approval operator)."""
    person = answer.get("responded_by_user") or {}
    decision = APPROVED if answer["chosen_options"] == ["Approve"] else REJECTED
    by = person.get("name") or person.get("id") or ""
    record_decision(load_settings(), campaign_id, submitted, step, decision, by, answer["responded_at"].isoformat())


def release(campaign_id: str, approved: str) -> str:
    """Step 6: bind the approval to the content; refused when the file changed while people were reading."""
    current = content_hash(_campaign(campaign_id))
    if current != approved:
        raise CampaignChanged(
            f"conf/campaigns: {campaign_id} changed during its approval\n  found : {current}\n  wanted: {approved}, as approved\n"
            "  to do : start campaign_approval again"
        )
    settings = load_settings()
    record_decision(settings, campaign_id, current, RELEASE, APPROVED, approver_of(settings, campaign_id, current))
    return current
