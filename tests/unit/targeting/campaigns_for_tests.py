"""Small campaigns that select everybody, so that a test sees the exclusion rules alone."""

from __future__ import annotations

from typing import Any

from conf.campaigns import Campaign

EVERYBODY = {"column": "subscription_id", "op": "is_not_null"}


def a_campaign(
    campaign_id: str, product_id: str, channels: list[str], attempts: dict[str, int] | None = None, **values: Any
) -> Campaign:
    """A campaign for everybody on these channels, three waves without waiting, without a control group of its own."""
    usual = {
        "campaign_id": campaign_id,
        "program_id": "TESTS",
        "title": campaign_id,
        "name": campaign_id,
        "owner": "tests",
        "goal": "ACQUIRE",
        "priority": 1,
        "first_date": "2026-01-01",
        "last_date": "2026-12-31",
        "scope": {"province": "FJ"},
        "product_id": product_id,
        "offers": [{"offer_id": "GIFT", "title": "gift", "name": "gift", "margin_yuan": 20.0, "cost_yuan": 2.0}],
        "value": {"base_response": 0.3},
        "selection": EVERYBODY,
        "tasks": [
            {
                "channel_code": code,
                "relation": "COMPLEMENTARY",
                "offer_id": "GIFT",
                "script_id": f"TEXT_{code}",
                "script_title": "Test",
                "script_text": "Test, reply TD to refuse",
                "script_url": "https://www.operator.example/test",
                "attempts": (attempts or {}).get(code),
            }
            for code in channels
        ],
        "waves": [{"wave_no": number, "channels": channels, "after_days": 0} for number in (1, 2, 3)],
        "control_share": 0.0,
        "budget": {"total_yuan": 100000, "per_night_yuan": 10000},
    }
    return Campaign.model_validate(usual | values)


CRBT = a_campaign(
    "T_CRBT",
    "CRBT",
    ["SMS", "MMS", "OUTBOUND", "STORE", "ACCOUNT_MANAGER"],
    exclusions={"list_colours": ["BLACK"]},
)
CRBT_OTHER = a_campaign("T_CRBT_OTHER", "CRBT", ["SMS", "OUTBOUND"])
CRBT_KEEP = a_campaign(
    "T_CRBT_KEEP",
    "CRBT",
    ["OUTBOUND", "STORE"],
    goal="RETAIN",
    waves=[
        {"wave_no": 1, "channels": ["OUTBOUND", "STORE"], "after_days": 0},
        {"wave_no": 2, "channels": ["OUTBOUND", "STORE"], "after_days": 3},
        {"wave_no": 3, "channels": ["STORE"], "after_days": 7},
    ],
)
NEWS = a_campaign(
    "T_NEWS",
    "NEWSPAPER",
    ["SMS", "MMS", "WEB"],
    control_share=0.3,
    exclusions={"list_colours": ["GREY"], "campaigns": ["T_CRBT"]},
    conflicts=[{"campaign_id": "X_LAG", "lag_days": 5}],
)
ONLY_SMS = a_campaign("T_ONLY_SMS", "MUSIC_CLUB_PREMIUM", ["SMS"])
ONE_CALL = a_campaign(
    "T_ONE_CALL",
    "CRBT",
    ["OUTBOUND"],
    attempts={"OUTBOUND": 1},
    goal="RETAIN",
    waves=[{"wave_no": number, "channels": ["OUTBOUND"], "after_days": 5} for number in (1, 2)],
)
ALL = {campaign.campaign_id: campaign for campaign in (CRBT, CRBT_OTHER, CRBT_KEEP, NEWS, ONLY_SMS, ONE_CALL)}
