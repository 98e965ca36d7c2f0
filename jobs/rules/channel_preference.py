"""Channel preference (rule 5.31): Laplace-smoothed chance of an accept per customer and channel.

score = (accepts + strength x rate of the group) / (contacts + strength); the group's rate is smoothed the same way towards
the rate of all, so a customer without contacts has the group's rate and a group without contacts that of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

OWN_STRENGTH = 4.0  # a customer's answers count as much as the group's after four contacts
GROUP_STRENGTH = 50.0
PRIOR_ACCEPTS, PRIOR_CONTACTS = 1.0, 20.0  # what is assumed of a channel nobody was asked on


def smoothed(accepts: Column, contacts: Column, rate: Column, strength: float) -> Column:
    """Rate pulled towards a wider group's rate by `strength` imagined contacts."""
    return (accepts + F.lit(strength) * rate) / (contacts + F.lit(strength))


def preference_scores(answers: DataFrame, groups: DataFrame, channels: list[str]) -> DataFrame:
    """channel_preference_score (map) and preferred_channel for everyone in `groups` (subscription_id, segment).

    `answers` has subscription_id, channel_code, accepted, asked.
    """
    grouped = groups.join(answers, "subscription_id", "left")
    by_group = grouped.groupBy("segment").agg(*_totals(channels, "group"))
    overall = grouped.agg(*_totals(channels, "all"))
    own = answers.groupBy("subscription_id").agg(*_totals(channels, "own"))
    rates = groups.join(own, "subscription_id", "left").join(F.broadcast(by_group), "segment", "left").crossJoin(F.broadcast(overall))
    scores = [F.round(_score(channel), 6) for channel in channels]
    pairs = [part for channel, score in zip(channels, scores, strict=True) for part in (F.lit(channel), score)]
    best = F.greatest(*(F.struct(score.alias("score"), F.lit(-place).alias("place")) for place, score in enumerate(scores)))
    return rates.select(
        "subscription_id", F.create_map(*pairs).alias("channel_preference_score"),
        F.element_at(F.array(*map(F.lit, channels)), (1 - best["place"]).cast("int")).alias("preferred_channel"),
    )  # fmt: skip


def _totals(channels: list[str], prefix: str) -> list[Column]:
    return [
        F.coalesce(F.sum(F.when(F.col("channel_code") == channel, F.col(measure))), F.lit(0)).alias(f"{prefix}_{measure}_{channel}")
        for channel in channels
        for measure in ("accepted", "asked")
    ]


def _score(channel: str) -> Column:
    def number(prefix: str, measure: str) -> Column:
        return F.coalesce(F.col(f"{prefix}_{measure}_{channel}"), F.lit(0)).cast("double")

    everyone = (number("all", "accepted") + PRIOR_ACCEPTS) / (number("all", "asked") + PRIOR_CONTACTS)
    group = smoothed(number("group", "accepted"), number("group", "asked"), everyone, GROUP_STRENGTH)
    return smoothed(number("own", "accepted"), number("own", "asked"), group, OWN_STRENGTH)
