"""Who may be contacted, once more and in plain Python: the yardstick for the Columns of jobs/targeting. No project code but the data.

Written from the domain rules 4.3, 4.7, 4.8 and 5 (5.9, 5.13, 5.15, 5.16, 5.23), a loop and ifs over one subscription.
What happened (MADE) moves waves; what did not (MISSED) is tried again, so often; what may still happen (OPEN) is waited for.
"""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256

PASSIVE, DAY = {"STORE", "HOTLINE", "WEB"}, date(2026, 3, 11)
NEEDS = {"MMS": ["device_supports_mms"], "WAP_PUSH": ["device_supports_gprs"]}
PRODUCT_NEEDS = {"NEWSPAPER": "device_supports_mms"}
OWNED = {"CRBT": "has_crbt", "NEWSPAPER": "has_newspaper", "MUSIC_CLUB_PREMIUM": "is_music_club_premium"}


def hashed_below(salt: str, group: str, subscription: str, share: float) -> bool:
    """A stable draw of a share."""
    return int(sha256(f"{salt}:{group}:{subscription}".encode()).hexdigest()[:12], 16) % 1_000_000 < round(
        share * 1_000_000
    )


def judge(  # noqa: C901 (one page of ifs, to be read beside the domain rules)
    sub: dict, campaign, contacts: list[dict], protection: list[dict], policy
) -> tuple[set[str], set[str]]:
    """Reasons against a contact (names) and channels open (codes)."""
    me, product, reasons = sub["subscription_id"], campaign.product_id, set()
    contacts = [c for c in contacts if c["is_present_owner"]]
    mine = [c for c in contacts if c["campaign_id"] == campaign.campaign_id]
    month = [
        c
        for c in contacts
        if c["counts_to_cap"] and (c["planned_date"].year, c["planned_date"].month) == (DAY.year, DAY.month)
    ]
    made = [c for c in mine if c["contact_state"] == "MADE"]
    last = max(made, key=lambda c: c["planned_date"], default=None)
    asked = [c for c in mine if c["response_code"] == "CONSIDER" and (DAY - c["response_at"].date()).days <= 30]
    considered = max(asked, key=lambda c: c["planned_date"], default=None)  # whatever was shown since
    considering = considered is not None
    wave, since, tried = wave_to_try(campaign, mine, last, considered)
    finished = wave > len(campaign.waves) and not considering
    template = campaign.waves[min(wave, len(campaign.waves)) - 1]
    waits_for_result = any(c["contact_state"] == "OPEN" and c["channel_code"] not in PASSIVE for c in mine)
    if considering:
        later = [c for c in mine if c["planned_date"] > considered["planned_date"] and c["contact_state"] != "MISSED"]
        may_call = 3 <= (DAY - considered["response_at"].date()).days <= 7 and "OUTBOUND" not in tried
        may_call = may_call and "OUTBOUND" not in [c["channel_code"] for c in later]  # one call only
        due = {c for c in campaign.channel_codes if c in PASSIVE or (c == "OUTBOUND" and may_call)}
    elif finished or waits_for_result or (since and (DAY - since).days < template.after_days):
        due = set()
    else:
        due = set(template.channels) - tried
    contactable = {"ACTIVE", "SUSPENDED", "GRACE"} if campaign.goal == "RETAIN" else {"ACTIVE"}
    if sub["is_live"] is not True or sub["subscription_status"] not in contactable:
        reasons.add("NOT_LIVE")
    if sub["user_type"] != "1":
        reasons.add("TEST_NUMBER")
    if sub["msisdn"] is None or sub["msisdn_class"] != "NATIONAL_MOBILE":
        reasons.add("INVALID_MSISDN")
    keeps = campaign.goal == "RETAIN"
    if not keeps and sub[OWNED[product]] is not False:
        reasons.add("ALREADY_OWNS")
    for c in contacts:
        day = c["response_at"].date() if c["response_at"] else None
        same, own = c["product_id"] == product, c["campaign_id"] == campaign.campaign_id
        if c["response_code"] == "ACCEPT" and (own or (not keeps and same and day >= DAY - timedelta(days=31))):
            reasons.add("RESP_ACCEPTED")
        if c["response_code"] == "REFUSE" and (own or (same and day >= date(2025, 12, 11))):
            reasons.add("RESP_REFUSED")
        if (
            c["contact_state"] != "MISSED"
            and same
            and not own
            and not considering
            and c["planned_date"] >= DAY - timedelta(days=7)
        ):
            reasons.add("RECENT_CAMPAIGN")
        if c["campaign_id"] in campaign.exclusions.campaigns and c["planned_date"] >= DAY - timedelta(days=30):
            reasons.add("CAMPAIGN_EXCLUSION")
        for conflict in campaign.conflicts:
            days = (DAY - c["planned_date"]).days
            if c["campaign_id"] == conflict.campaign_id and days < conflict.lag_days:
                reasons.add("CAMPAIGN_EXCLUSION")
    if set(sub["list_colours"]) & set(campaign.exclusions.list_colours):
        reasons.add("CAMPAIGN_EXCLUSION")
    if not due:
        reasons.add("WAVES_FINISHED" if finished else "WAVE_NOT_DUE")
    salt = policy.control.salt
    drawn = hashed_below(salt, campaign.campaign_id, me, campaign.control_share) and not mine
    if drawn or hashed_below(salt, "GLOBAL", me, policy.control.global_share):
        reasons.add("CONTROL_GROUP")
    caps = policy.caps
    if len(month) >= caps.cap_customer_month:
        reasons.add("CAP_CUSTOMER")
    if sum(c["product_id"] == product for c in month) >= caps.cap_product_month:
        reasons.add("CAP_PRODUCT")
    own_month = [c for c in month if c["campaign_id"] == campaign.campaign_id]
    if len(own_month) >= caps.cap_campaign_month:
        reasons.add("CAP_CAMPAIGN")
    shut: dict[str, set[str]] = {}
    for channel in due or set(campaign.channel_codes):
        why = {
            s["reason"] for s in protection if s["valid_from"] <= DAY <= s["valid_to"] and closes(s, channel, product)
        }
        if (PRODUCT_NEEDS.get(product) and sub[PRODUCT_NEEDS[product]] is False) or any(
            sub[a] is False for a in NEEDS.get(channel, [])
        ):
            why.add("DEVICE_INCAPABLE")
        if channel == "ACCOUNT_MANAGER" and sub["account_manager_id"] is None:
            why.add("NO_ACCOUNT_MANAGER")
        if sum(c["channel_code"] == channel for c in own_month) >= caps.cap_campaign_channel_month:
            why.add("CAP_CAMPAIGN_CHANNEL")
        shut[channel] = why
    opened = {channel for channel in due if not shut[channel]}
    is_shut = all(shut.values())  # closed channels count against the customer only when none of those asked for is left
    return reasons | (set().union(*shut.values()) if is_shut else set()), opened


def wave_to_try(campaign, mine: list[dict], last: dict | None, considered: dict | None):
    """Wave of the next contact, the day its waiting time counts from (or None), and the channels used up in it."""
    begun = last["wave_no"] if last else 0
    since = last["planned_date"] if last else None
    if considered:
        wave = considered["wave_no"]
        return wave, since, used_up(campaign, [c for c in mine if c["planned_date"] > considered["planned_date"]], wave)
    tried = [c["wave_no"] for c in mine if c["contact_state"] != "MADE" and c["wave_no"] > begun]
    wave = max(tried, default=begun + 1)
    used = used_up(campaign, mine, wave)
    if wave <= len(campaign.waves) and set(campaign.waves[wave - 1].channels) <= used:
        days = [c["planned_date"] for c in mine if c["contact_state"] == "MISSED" and c["wave_no"] == wave]
        return wave + 1, max([*days, since or date.min]), set()
    return wave, since, used


def used_up(campaign, contacts: list[dict], wave: int) -> set[str]:
    """Channels on which a wave was tried in vain as often as it may be; passive ones never are."""
    limits = {"BROADCAST": 2, "ACTIVE": 3}
    classes = {
        "SMS": "BROADCAST",
        "MMS": "BROADCAST",
        "WAP_PUSH": "BROADCAST",
        "OUTBOUND": "ACTIVE",
        "IVR": "ACTIVE",
        "ACCOUNT_MANAGER": "ACTIVE",
    }
    missed = [c["channel_code"] for c in contacts if c["contact_state"] == "MISSED" and c["wave_no"] == wave]
    return {
        task.channel_code
        for task in campaign.tasks
        if task.channel_code in classes
        and missed.count(task.channel_code) >= (task.attempts or limits[classes[task.channel_code]])
    }


def closes(row: dict, channel: str, product: str) -> bool:
    """The table of 4.8: any contact by SYSTEM, channel c by CHANNEL c, product p by PRODUCT p."""
    return {"SYSTEM": True, "CHANNEL": row["scope_value"] == channel, "PRODUCT": row["scope_value"] == product}[
        row["scope_type"]
    ]
