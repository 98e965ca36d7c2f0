"""How long rows stay: every contract says it, and nothing goes that somebody still reads."""

from __future__ import annotations

import pytest

from conf.feeds import load_feeds
from conf.models import load_models
from conf.policy import load_policy
from conf.responses import load_response_rules
from conf.settings import load_settings
from conf.tables import table_of

REPLAY = load_settings("demo").retention.replay_days
RULES, POLICY = load_response_rules(), load_policy()
YEAR = 366  # indicators count from the first of January
HALF_YEAR = 184


def _training_days() -> int:
    """Age of the oldest snapshot that trains: as many cut-offs as are used, apart, behind the label's days."""
    found = load_models()
    return found.label_days + found.cut_offs.count * found.cut_offs.gap_days


# What reads how far back from the newest night. A night of the last `replay_days` may be built again, so they are added.
WINDOWS = {
    "contact history": (
        RULES.history_days,
        [
            "gold.campaign_contact",
            "gold.control_group",
            "gold.control_share",
            "silver.campaign_execution",
            "silver.channel_result",
            "silver.product_order",
            "silver.usage_daily",
            "silver.vas_daily",
        ],
    ),
    "training: snapshots": (_training_days(), ["gold.customer_360"]),
    "training: labels": (
        _training_days(),
        [
            "silver.product_order",
            "silver.subscription_status",
            "silver.product_subscription",
            "silver.crbt_subscription",
        ],
    ),
    "training: circles": (_training_days() + 92, ["silver.contact_edge_month"]),
    "the view: ninety days": (
        90,
        ["silver.usage_daily", "silver.vas_daily", "silver.payment", "silver.complaint", "silver.cs_contact"],
    ),
    "the view: closed months": (4 * 31, ["silver.contact_edge_month", "silver.call_area_month"]),
    "the view: bills": (HALF_YEAR, ["silver.bill_month"]),
    "the view: newest list": (10, ["silver.balance", "silver.account_manager", "silver.list_member"]),
    "answers of six months": (RULES.preference.months * 31, ["silver.product_order", "gold.campaign_contact"]),
    "indicators": (YEAR, ["silver.vas_daily", "silver.product_subscription", "silver.crbt_subscription"]),
    "complaints": (RULES.complaint.b_months * 31, ["silver.complaint"]),
    "scores": (POLICY.score.max_age_days, ["gold.customer_score"]),
    "a month closed late": (2 * 31, ["bronze.cdr_voice", "bronze.cdr_sms", "bronze.crbt_tone_event"]),
    "withdrawn contacts": (RULES.history_days, ["ops.contact_withdrawal"]),
    "quarantine beside landing": (load_settings("demo").retention.landing.after_days - REPLAY, ["ops.quarantine"]),
}
FOR_GOOD = {  # a row counts however old it is
    "state": [
        "silver.subscription",
        "silver.subscription_status",
        "silver.customer",
        "silver.product_subscription",
        "silver.crbt_subscription",
        "silver.msisdn_assignment",
        "silver.agreement",
        "silver.device",
        "silver.tac_device",
        "silver.product_offering",
        "silver.corporate_customer",
    ],
    "wishes": ["silver.channel_result", "silver.complaint", "bronze.channel_result", "bronze.complaint"],
    "never twice": ["ops.file_ledger", "ops.export_ledger", "ops.published"],
}


@pytest.mark.parametrize("reader", WINDOWS)
def test_nothing_goes_that_a_reader_still_wants(reader):
    days, tables = WINDOWS[reader]
    kept = {name: table_of(name).retention_days for name in tables}
    assert {name: days for name, days_kept in kept.items() if days_kept and days_kept < days + REPLAY} == {}


def test_oldest_contact_history_that_stays_finds_the_contacts_it_looks_back_to():
    kept = table_of("gold.contact_history").retention_days or 0
    assert kept >= load_models().label_days + load_models().cut_offs.gap_days + REPLAY
    for name in WINDOWS["contact history"][1]:
        assert (table_of(name).retention_days or 9999) >= kept + RULES.history_days, name


@pytest.mark.parametrize("reason", FOR_GOOD)
def test_what_counts_however_old_it_is_stays(reason):
    assert [name for name in FOR_GOOD[reason] if table_of(name).keep is None] == []


@pytest.mark.parametrize("name", [f.feed for f in load_feeds().values() if f.content == "event" and f.retention_days])
def test_copies_are_known_as_long_as_their_rows_and_found_within_their_nights(name):
    feed = load_feeds()[name]
    assert feed.retention_days >= (feed.duplicate_days or 0) + REPLAY
    assert feed.retention_days <= (table_of("ops.duplicate_row").retention_days or 0)


def test_changes_and_wishes_of_the_sources_stay_for_good_and_records_of_calls_do_not():
    changes = [feed for feed in load_feeds().values() if feed.content == "delta" or feed.keeps_wishes]
    calls = ["bronze.cdr_voice", "bronze.cdr_sms", "bronze.cdr_gprs", "bronze.mms_event"]
    assert len(changes) >= 10
    assert [feed.feed for feed in changes if feed.keep is None] == []
    assert [name for name in calls if (table_of(name).retention_days or 9999) > 200] == []


def test_rebuild_of_a_replayed_night_finds_all_of_bronze():
    shortest = min(feed.retention_days for feed in load_feeds().values() if feed.retention_days)
    assert shortest >= REPLAY + max(feed.duplicate_days or 0 for feed in load_feeds().values()) + 2 * 31
