"""Audience preview: whom a campaign would reach on the newest customer view, as counts; nothing is written."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from conf.campaigns import Campaign
from conf.settings import Settings
from jobs.lakehouse import published
from jobs.lakehouse.session import get_session
from jobs.lakehouse.tables import Tables
from jobs.rules.exclusion_reasons import first_reason
from jobs.targeting.approval import campaign_hash
from jobs.targeting.campaign_rules import compile_campaign
from jobs.targeting.channel_rules import channels_of
from jobs.targeting.decide import candidate_frame

CONTACTABLE = "CONTACTABLE"


def preview(
    settings: Settings, campaign: Campaign, business_date: date | None = None, spark: Any = None
) -> dict[str, Any]:
    """Counts of a campaign as it stands on disk: targeted, contactable, out by first reason, contactable by channel.

    `business_date` is the view to use, the newest one when left out. Before any view exists only the date is None.
    """
    compiled = compile_campaign(campaign)
    night = business_date or newest_view(settings)
    figures: dict[str, Any] = {
        "campaign_id": campaign.campaign_id,
        "content_hash": campaign_hash(campaign),
        "business_date": night,
        "selection": compiled.selection.describe(),
    }
    if night is None:
        return figures
    tables = Tables(settings, spark or get_session(settings, "preview"))
    frame = candidate_frame(tables, [compiled], night)
    assert frame is not None
    rows = frame.groupBy("all_reasons", "open_channels").count().collect()
    reasons: Counter[str] = Counter()
    by_channel: Counter[str] = Counter()
    for row in rows:
        reason = first_reason(row["all_reasons"])
        reasons[reason.name if reason else CONTACTABLE] += row["count"]
        if reason is None:
            by_channel.update({channel.channel_code: row["count"] for channel in channels_of(row["open_channels"])})
    targeted = sum(reasons.values())
    contactable = reasons.pop(CONTACTABLE, 0)
    return {
        **figures,
        "targeted": targeted,
        "contactable": contactable,
        "by_reason": dict(reasons.most_common()),
        "contactable_by_channel": dict(by_channel.most_common()),
    }


def preview_text(settings: Settings, campaign: Campaign) -> str:
    """The same in words, for the person who approves."""
    figures = preview(settings, campaign)
    head = f"{campaign.title} ({campaign.campaign_id}), content {figures['content_hash'][:12]}\nSelection: {figures['selection']}"
    if figures["business_date"] is None:
        return f"{head}\nNo customer view exists yet: whom it would reach is not known."
    reasons = "\n".join(f"  {name}: {count}" for name, count in figures["by_reason"].items()) or "  none"
    channels = ", ".join(f"{name} {count}" for name, count in figures["contactable_by_channel"].items()) or "none"
    return (
        f"{head}\nView of {figures['business_date']}: {figures['targeted']} targeted, {figures['contactable']} contactable.\n"
        f"Not contactable, by first reason:\n{reasons}\nContactable by channel: {channels}\n"
        f"Control group: held back for good; budget {campaign.budget.total_yuan:.0f} yuan in all, {campaign.budget.per_night_yuan:.0f} a night."
    )


def newest_view(settings: Settings) -> date | None:
    """Date of the newest published customer view."""
    return published.newest_date(settings, "gold.customer_360")
