"""The exclusion rules as Columns over one row per selected subscription and campaign (the frame of jobs/targeting/candidates.py).

Default deny: what is unknown about being live, ordinary or reachable counts as not contactable. Rules over contacts read
the array `contacts` (own columns: campaign_id, product_id, channel_bits, planned_date, in_month, counts, state, is_passive,
response_code, response_date, wave_no); rules over protection read `suppressions` (reason_mask, product_id or null for all, closed_bits).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.policy import Policy
from jobs.rules.exclusion_reasons import Reason

if TYPE_CHECKING:
    from pyspark.sql import Column


# What became of an earlier contact (gold.contact_history, contact_state); a recalled one is neither.
MADE, OPEN, MISSED = "MADE", "OPEN", "MISSED"


def is_known(condition: Column) -> Column:
    """True only where the condition is known to hold."""
    return F.coalesce(condition, F.lit(False))


def is_not_live() -> Column:
    """NOT_LIVE: off network, or in no status in which the campaign's goal may contact (rule 2.3), or status unknown."""
    return ~is_known(F.col("is_live") & F.col("has_contactable_status"))


def is_test_number(policy: Policy) -> Column:
    """TEST_NUMBER: official free and test numbers, and every line whose type is not known to be ordinary."""
    return ~is_known(F.col("user_type").isin(*policy.contactable.user_types))


def has_invalid_msisdn(policy: Policy) -> Column:
    """INVALID_MSISDN: no number, or one that is no national mobile number."""
    return ~is_known(F.col("msisdn").isNotNull() & F.col("msisdn_class").isin(*policy.contactable.msisdn_classes))


def already_owns() -> Column:
    """ALREADY_OWNS: has the product, unless the campaign is for keeping it; unknown ownership counts as owned."""
    return ~F.col("keeps_product") & F.coalesce(F.col("owns_product"), F.lit(True))


def has_accepted(policy: Policy, contact_day: date) -> Column:
    """RESP_ACCEPTED: accepted this campaign, or the same product so recently that the view may not show it yet."""
    since = F.date_sub(F.lit(contact_day), policy.stop.accept_days)
    return F.exists(
        "contacts",
        lambda c: is_known(
            (c.response_code == "ACCEPT")
            & (
                (c.campaign_id == F.col("campaign_id"))
                | (~F.col("keeps_product") & (c.product_id == F.col("product_id")) & (c.response_date >= since))
            )
        ),
    )


def has_refused(policy: Policy, contact_day: date) -> Column:
    """RESP_REFUSED: refused this campaign on any channel, or the same product within `stop.refuse_months`."""
    since = F.add_months(F.lit(contact_day), -policy.stop.refuse_months)
    return F.exists(
        "contacts",
        lambda c: is_known(
            (c.response_code == "REFUSE")
            & (
                (c.campaign_id == F.col("campaign_id"))
                | ((c.product_id == F.col("product_id")) & (c.response_date >= since))
            )
        ),
    )


def is_in_recent_campaign(policy: Policy, contact_day: date) -> Column:
    """RECENT_CAMPAIGN: contacted for the product by another campaign in the last days, or may still be; CONSIDER follow-ups exempt."""
    since = F.date_sub(F.lit(contact_day), policy.suppress.recent_days)
    met = F.exists(
        "contacts",
        lambda c: is_known(
            c.state.isin(MADE, OPEN)
            & (c.product_id == F.col("product_id"))
            & (c.campaign_id != F.col("campaign_id"))
            & (c.planned_date >= since)
        ),
    )
    return met & ~F.col("is_considering")


def is_excluded_by_campaign(contact_day: date) -> Column:
    """CAMPAIGN_EXCLUSION: the set operations the campaign asks for: its rule, list colours, lists of earlier campaigns."""

    def since(campaign_id: Column) -> Column:
        """First planned day that still counts; null for a campaign that is not excluded."""
        place = F.array_position("excluded_campaigns", campaign_id).cast("int") - 1
        return F.date_sub(F.lit(contact_day), F.get("excluded_campaigns_days", place))

    in_campaign = F.exists("contacts", lambda c: is_known(c.planned_date >= since(c.campaign_id)))
    on_list = F.coalesce(F.arrays_overlap("list_colours", "excluded_colours"), F.lit(False))
    return ~F.col("passes_exclusions") | in_campaign | on_list


def exceeds_caps(policy: Policy) -> dict[Reason, Column]:
    """CAP_CUSTOMER, CAP_PRODUCT, CAP_CAMPAIGN: one more contact this month would be more than 3-2-2-5 allow."""
    month = F.col("month_contacts")
    of_product = F.filter(month, lambda c: is_known(c.product_id == F.col("product_id")))
    return {
        Reason.CAP_CUSTOMER: F.size(month) >= policy.caps.cap_customer_month,
        Reason.CAP_PRODUCT: F.size(of_product) >= policy.caps.cap_product_month,
        Reason.CAP_CAMPAIGN: F.size("campaign_month_contacts") >= policy.caps.cap_campaign_month,
    }


def month_contacts_of_campaign() -> Column:
    """Contacts of the campaign that count to the caps of the month."""
    return F.filter("month_contacts", lambda c: is_known(c.campaign_id == F.col("campaign_id")))


def counts_to_caps_this_month(contact: Column) -> Column:
    """Whether an earlier contact uses up one of the contacts of the calendar month of the contact day."""
    return is_known(contact.counts & contact.in_month)


def suppressions_of_product() -> Column:
    """Protection that concerns the campaign's product: all of it but rows for another product."""
    return F.filter("suppressions", lambda s: s.product_id.isNull() | (s.product_id == F.col("product_id")))


def closed_by_suppression() -> Column:
    """Bit set of the channels that protection closes for the campaign's product."""
    return F.aggregate("product_suppressions", F.lit(0).cast("bigint"), lambda bits, s: bits.bitwiseOR(s.closed_bits))


def reasons_of_suppression() -> Column:
    """Bit set of the reasons of protection that close any of the channels asked for (`asked_channels`)."""

    def _joined(bits: Column, s: Column) -> Column:
        concerns = s.closed_bits.bitwiseAND(F.col("asked_channels")) != 0
        return F.when(concerns, bits.bitwiseOR(s.reason_mask)).otherwise(bits)

    return F.aggregate("product_suppressions", F.lit(0).cast("bigint"), _joined)
