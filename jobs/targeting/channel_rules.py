"""Which channels stay open for a subscription in a campaign, as bit sets (bit of each channel: conf/channels.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.channels import Channel, load_channels
from conf.policy import Policy
from conf.products import load_products
from jobs.targeting.exclusion_rules import is_known
from jobs.targeting.reasons import Reason

if TYPE_CHECKING:
    from pyspark.sql import Column

NO_CHANNEL = 0
CLOSING_REASONS = (
    Reason.DEVICE_INCAPABLE,
    Reason.NO_ACCOUNT_MANAGER,
    Reason.CAP_CAMPAIGN_CHANNEL,
    Reason.BLACKOUT_DATE,
)


def bits_of(channel_codes: Iterable[str]) -> int:
    """Bit set of these channels."""
    channels = load_channels()
    return reduce(lambda bits, code: bits | 1 << channels[code].bit, channel_codes, NO_CHANNEL)


def channels_of(bits: int) -> list[Channel]:
    """Channels of a bit set, in the order of their bits."""
    return [channel for channel in load_channels().values() if bits >> channel.bit & 1]


def all_channels() -> int:
    """Bit set of every channel."""
    return bits_of(load_channels())


def passive_channels() -> int:
    """Bit set of the channels that wait for the customer."""
    return bits_of(code for code, channel in load_channels().items() if channel.is_passive)


def closed_where(condition: Column, channel_codes: Iterable[str]) -> Column:
    """Bit set of these channels where the condition is known to hold, else none."""
    return F.when(is_known(condition), F.lit(bits_of(channel_codes))).otherwise(F.lit(NO_CHANNEL)).cast("bigint")


def closed_by_device() -> Column:
    """DEVICE_INCAPABLE: channels, or the product on all of them, that the handset is known not to support."""
    closed = F.lit(NO_CHANNEL).cast("bigint")
    for ability in ("MMS", "GPRS", "JAVA", "FETION"):
        is_unable = ~F.col(f"device_supports_{ability.lower()}")
        needing = [code for code, channel in load_channels().items() if ability in channel.requires]
        products = [prod_id for prod_id, product in load_products().items() if ability in product.requires]
        if needing:
            closed = closed.bitwiseOR(closed_where(is_unable, needing))
        if products:
            closed = closed.bitwiseOR(closed_where(is_unable & F.col("product_id").isin(products), load_channels()))
    return closed


def closed_without_manager() -> Column:
    """NO_ACCOUNT_MANAGER: the account-manager channel for customers who have none."""
    needing = [code for code, channel in load_channels().items() if channel.needs_account_manager]
    return closed_where(F.col("account_manager_id").isNull(), needing)


def closed_by_channel_cap(policy: Policy) -> Column:
    """CAP_CAMPAIGN_CHANNEL: channels on which the campaign has used its contacts of the month."""
    mine = F.col("campaign_month_contacts")
    cap = policy.caps.cap_campaign_channel_month
    if cap == 0:
        return F.lit(all_channels()).cast("bigint")
    used_up = F.filter(mine, lambda c: F.size(F.filter(mine, lambda d: d.channel_bits == c.channel_bits)) >= cap)
    return F.aggregate(used_up, F.lit(NO_CHANNEL).cast("bigint"), lambda bits, c: bits.bitwiseOR(c.channel_bits))


def closed_on_blackout(policy: Policy, contact_day: date) -> Column:
    """BLACKOUT_DATE: on these days we go to nobody; who comes by himself still sees his recommendation."""
    is_blackout = contact_day in policy.sending.blackout_dates
    return F.lit(all_channels() & ~passive_channels() if is_blackout else NO_CHANNEL).cast("bigint")


def closed_channels(policy: Policy, contact_day: date) -> dict[Reason, Column]:
    """Bit sets of channels closed for other reasons than protection."""
    return {
        Reason.DEVICE_INCAPABLE: closed_by_device(),
        Reason.NO_ACCOUNT_MANAGER: closed_without_manager(),
        Reason.CAP_CAMPAIGN_CHANNEL: closed_by_channel_cap(policy),
        Reason.BLACKOUT_DATE: closed_on_blackout(policy, contact_day),
    }


def last_contact() -> Column:
    """The campaign's latest contact with the subscription: planned_date, wave_no, response_code, response_date; null if none."""
    return _latest_own(lambda c: F.lit(True))


def considered_contact(policy: Policy, contact_day: date) -> Column:
    """The campaign's latest contact answered with a CONSIDER that is still open, whatever was shown since; null if none."""
    oldest = F.date_sub(F.lit(contact_day), policy.stop.consider_days)
    return _latest_own(lambda c: is_known((c.response_code == "CONSIDER") & (c.response_date >= oldest)))


def _latest_own(condition: Callable[[Column], Column]) -> Column:
    own = F.filter("contacts", lambda c: (c.campaign_id == F.col("campaign_id")) & condition(c))
    return F.array_max(
        F.transform(own, lambda c: F.struct(c.planned_date, c.wave_no, c.response_code, c.response_date))
    )


def is_considering() -> Column:
    """A CONSIDER of this campaign is open."""
    return F.col("considered_contact").isNotNull()


def next_wave_no() -> Column:
    """Wave the next contact belongs to: one more than the last; what follows an open CONSIDER stays in its wave."""
    following = F.coalesce(F.col("last_contact.wave_no"), F.lit(0)) + 1
    return F.coalesce(F.col("considered_contact.wave_no"), following)


def is_follow_up_due(policy: Policy, contact_day: date) -> Column:
    """The one active contact after a CONSIDER: some days after the answer, and none was planned since (5.16)."""
    days_since_answer = F.datediff(F.lit(contact_day), F.col("considered_contact.response_date"))
    followed = F.exists(
        "contacts",
        lambda c: (
            (c.campaign_id == F.col("campaign_id"))
            & (c.channel_bits == bits_of([policy.stop.follow_up_channel]))
            & (c.planned_date > F.col("considered_contact.planned_date"))
        ),
    )
    return days_since_answer.between(policy.stop.follow_up_from_days, policy.stop.follow_up_to_days) & ~followed


def is_wave_finished() -> Column:
    """WAVES_FINISHED: all waves had their contact and no CONSIDER is open."""
    return (F.col("wave_no") > F.size("wave_channels")) & ~F.col("is_considering")


def channels_of_wave(policy: Policy, contact_day: date) -> Column:
    """Channels due for the next contact: those of the wave when it is due, or of the CONSIDER coordination (5.16)."""
    days_since_contact = F.datediff(F.lit(contact_day), F.col("last_contact.planned_date"))
    position = F.least(F.col("wave_no"), F.size("wave_channels"))
    is_due = F.col("last_contact").isNull() | (days_since_contact >= F.element_at("wave_after_days", position))
    follow_up = F.when(
        is_follow_up_due(policy, contact_day),
        F.lit(passive_channels() | bits_of([policy.stop.follow_up_channel])),
    ).otherwise(F.lit(passive_channels()))
    of_wave = F.when(is_known(is_due) & ~is_wave_finished(), F.element_at("wave_channels", position)).otherwise(
        F.lit(NO_CHANNEL)
    )
    due = F.when(F.col("is_considering"), follow_up.cast("bigint").bitwiseAND(F.col("campaign_channels")))
    return due.otherwise(of_wave.cast("bigint"))
