"""Which channels stay open for a subscription in a campaign, as bit sets (bit of each channel: conf/channels.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.campaigns import Campaign
from conf.channels import Channel, load_channels
from conf.policy import Policy
from conf.products import load_products
from conf.view import device_column, load_view_rules
from jobs.rules.exclusion_reasons import Reason
from jobs.targeting.exclusion_rules import MADE, MISSED, OPEN, is_known

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
    for ability in load_view_rules().device_abilities:
        is_unable = ~F.col(device_column(ability))
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


def own_contacts() -> Column:
    """Everything the campaign has planned for the subscription so far, in vain or not."""
    return F.filter("contacts", lambda c: c.campaign_id == F.col("campaign_id"))


def last_made() -> Column:
    """The campaign's latest contact that took place: planned_date, wave_no; null if none (of `own_contacts`)."""
    return _latest(lambda c: is_known(c.state == MADE))


def considered_contact(policy: Policy, contact_day: date) -> Column:
    """The campaign's latest contact answered with a CONSIDER that is still open, whatever was shown since; null if none."""
    oldest = F.date_sub(F.lit(contact_day), policy.stop.consider_days)
    return _latest(lambda c: is_known((c.response_code == "CONSIDER") & (c.response_date >= oldest)))


def _latest(condition: Callable[[Column], Column]) -> Column:
    contacts = F.filter("own_contacts", condition)
    return F.array_max(F.transform(contacts, lambda c: F.struct(c.planned_date, c.wave_no, c.response_date)))


def is_considering() -> Column:
    """A CONSIDER of this campaign is open."""
    return F.col("considered_contact").isNotNull()


def begun_wave() -> Column:
    """Wave in which the next contact is sought: the one tried in vain since the last contact that took place, else the next one.

    A contact that did not take place uses up no wave; what follows an open CONSIDER stays in its wave.
    """
    made = F.coalesce(F.col("last_made.wave_no"), F.lit(0))
    tried = F.filter("own_contacts", lambda c: is_known(c.state.isin(MISSED, OPEN) & (c.wave_no > made)))
    following = F.coalesce(F.array_max(F.transform(tried, lambda c: c.wave_no)), made + 1)
    return F.coalesce(F.col("considered_contact.wave_no"), following)


def missed_in_wave() -> Column:
    """Contacts of the begun wave that did not take place; while the customer considers, those planned since he said so."""
    since = F.col("considered_contact.planned_date")
    return F.filter(
        "own_contacts",
        lambda c: is_known(
            (c.state == MISSED) & (c.wave_no == F.col("begun_wave")) & (since.isNull() | (c.planned_date > since))
        ),
    )


def attempt_limits(campaign: Campaign, policy: Policy) -> Column:
    """Channels of a campaign that may be tried so often in a wave and no more: structs of channel_bits and attempts."""
    limits = [
        F.struct(F.lit(bits_of([code])).cast("bigint").alias("channel_bits"), F.lit(limit).alias("attempts"))
        for code in campaign.channel_codes
        if (limit := _attempts(campaign, code, policy)) is not None
    ]
    return F.array(*limits).cast("array<struct<channel_bits:bigint,attempts:int>>")


def _attempts(campaign: Campaign, channel_code: str, policy: Policy) -> int | None:
    task = campaign.task_of(channel_code)
    by_class = policy.contacts.attempts[task.contact_class or load_channels()[channel_code].channel_class]
    return by_class if task.attempts is None else task.attempts


def spent_channels() -> Column:
    """Bit set of the channels on which every attempt of the begun wave was in vain."""

    def _joined(bits: Column, limit: Column) -> Column:
        tried = F.size(F.filter("missed_in_wave", lambda c: c.channel_bits == limit.channel_bits))
        return F.when(tried >= limit.attempts, bits.bitwiseOR(limit.channel_bits)).otherwise(bits)

    return F.aggregate("attempt_limits", F.lit(NO_CHANNEL).cast("bigint"), _joined)


def is_wave_spent() -> Column:
    """Every channel of the begun wave was tried in vain as often as it may be: the next wave is to start."""
    left = _channels_at(F.col("begun_wave")).bitwiseAND(F.bitwise_not("spent_channels"))
    return (left == NO_CHANNEL) & (F.col("begun_wave") <= F.size("wave_channels")) & ~F.col("is_considering")


def _channels_at(wave_no: Column) -> Column:
    return F.element_at("wave_channels", F.least(wave_no, F.size("wave_channels")))


def next_wave_no() -> Column:
    """Wave the next contact belongs to: the begun one, or the one after it when that is spent."""
    return F.col("begun_wave") + F.col("is_wave_spent").cast("int")


def is_follow_up_due(policy: Policy, contact_day: date) -> Column:
    """The one active contact after a CONSIDER: some days after the answer, and none was made or is open since (5.16)."""
    days_since_answer = F.datediff(F.lit(contact_day), F.col("considered_contact.response_date"))
    channel = bits_of([policy.stop.follow_up_channel])
    followed = F.exists(
        "own_contacts",
        lambda c: is_known(
            (c.channel_bits == channel)
            & c.state.isin(MADE, OPEN)
            & (c.planned_date > F.col("considered_contact.planned_date"))
        ),
    )
    is_in_time = days_since_answer.between(policy.stop.follow_up_from_days, policy.stop.follow_up_to_days)
    return is_in_time & ~followed & (F.col("spent_channels").bitwiseAND(channel) == NO_CHANNEL)


def is_wave_finished() -> Column:
    """WAVES_FINISHED: all waves had their contact, or were tried in vain, and no CONSIDER is open."""
    return (F.col("wave_no") > F.size("wave_channels")) & ~F.col("is_considering")


def is_wave_due(contact_day: date) -> Column:
    """The days before the wave have passed since the last contact that took place, or was the last attempt of the wave before.

    While a proactive contact of the campaign is open nothing is due: it may have taken place.
    """
    attempts = F.array_max(F.transform("missed_in_wave", lambda c: c.planned_date))
    since = F.greatest(F.col("last_made.planned_date"), F.when(F.col("is_wave_spent"), attempts))
    waits = F.element_at("wave_after_days", F.least(F.col("wave_no"), F.size("wave_channels")))
    has_passed = since.isNull() | (F.datediff(F.lit(contact_day), since) >= waits)
    is_open = F.exists("own_contacts", lambda c: is_known((c.state == OPEN) & ~c.is_passive))
    return is_known(has_passed) & ~is_open


def channels_of_wave(policy: Policy, contact_day: date) -> Column:
    """Channels due for the next contact: those of the wave when it is due, or of the CONSIDER coordination (5.16)."""
    follow_up = F.when(
        is_follow_up_due(policy, contact_day),
        F.lit(passive_channels() | bits_of([policy.stop.follow_up_channel])),
    ).otherwise(F.lit(passive_channels()))
    spent = F.when(F.col("is_wave_spent"), F.lit(NO_CHANNEL)).otherwise(F.col("spent_channels"))
    of_wave = F.when(
        is_wave_due(contact_day) & ~is_wave_finished(),
        _channels_at(F.col("wave_no")).bitwiseAND(F.bitwise_not(spent)),
    ).otherwise(F.lit(NO_CHANNEL))
    due = F.when(F.col("is_considering"), follow_up.cast("bigint").bitwiseAND(F.col("campaign_channels")))
    return due.otherwise(of_wave.cast("bigint"))
