"""Ranks and cuts of the whole base, then every judgement of the rules on the joined facts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import Window, WindowSpec
from pyspark.sql import functions as F

from conf.segments import load_judgements, load_orientation, load_personality
from conf.view import load_view_rules
from jobs.rules import anomaly, influence, lifecycle_stage, orientation, stickiness, value_tier
from jobs.rules.crbt_lifecycle import crbt_lifecycle_state
from jobs.rules.personality import personality_segment
from jobs.rules.ranks import rank_above_zero, rank_of_all

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def ranks(facts: DataFrame) -> DataFrame:
    """Ranks 0-1 among live, marketable subscriptions; the others have none."""
    rule = load_judgements().influence
    people = facts.where("is_marketable").select(
        "subscription_id",
        "arpu_3m_fen",
        "discount_share_3m",
        "return_rate_3m",
        "reach_score",
        "adoption_rank",
        "vas_active_cnt",
        "vas_events_90d",
        "vas_fee_3m_fen",
        influence.diffusion_score(F.col("gift_cnt"), F.col("copied_cnt"), F.col("follower_cnt"), rule).alias(
            "diffusion"
        ),
    )
    active = [rank_above_zero(F.col(name)) for name in ("vas_active_cnt", "vas_events_90d", "vas_fee_3m_fen")]
    scored = people.select(
        "subscription_id",
        rank_above_zero(F.col("diffusion")).alias("influence_a"),
        ((active[0] + active[1] + active[2]) / 3.0).alias("activity"),
        rank_above_zero(F.col("reach_score")).alias("influence_c"),
        rank_of_all(F.col("arpu_3m_fen")).alias("arpu_rank"),
        rank_of_all(F.col("return_rate_3m")).alias("return_rank"),
        F.when(F.col("discount_share_3m").isNotNull(), rank_above_zero(F.col("discount_share_3m"))).alias(
            "discount_rank"
        ),
        F.when(F.col("adoption_rank").isNotNull(), rank_of_all(F.col("adoption_rank"))).alias("fashion_rank"),
        F.avg(F.col("adoption_rank").isNotNull().cast("double")).over(_everyone()).alias("adopter_share"),
    )
    # Those without any service stand below all others in rank_of_all; the rank among adopters starts after them.
    among_adopters = (F.col("fashion_rank") - (1.0 - F.col("adopter_share"))) / F.col("adopter_share")
    return scored.withColumns({"influence_b": rank_above_zero(F.col("activity")), "fashion_rank": among_adopters}).drop(
        "activity", "adopter_share"
    )


def _everyone() -> WindowSpec:
    return Window.partitionBy()


def city_cuts(facts: DataFrame) -> DataFrame:
    """Bills that separate LOW, MID and HIGH pay ability in each city."""
    rule = load_orientation().pay_ability
    cuts = F.percentile("arpu_3m_fen", [rule.mid_from, rule.high_from])
    by_city = facts.where("is_marketable").groupBy("city_code").agg(cuts.alias("cuts"))
    return by_city.select("city_code", F.col("cuts")[0].alias("pay_mid_from"), F.col("cuts")[1].alias("pay_high_from"))


def complexity_of() -> Column:
    """Complexity score of a row of facts (5.8)."""
    none = F.lit(0)
    used = F.lit(0)
    for name in load_view_rules().own_visits.self_service:
        used = used + F.when(F.coalesce(name, none) > 0, 1).otherwise(0)
    rule = load_orientation().learning_ability
    return orientation.complexity(
        F.col("vas_active_cnt"), used, F.col("crbt_settings_90d"), F.col("handset_changes_12m"), rule
    )


def complexity_cut(facts: DataFrame) -> DataFrame:
    """One row: complexity from which learning ability is HIGH."""
    share = load_orientation().learning_ability.high_from
    people = facts.where("is_marketable").select(complexity_of().alias("complexity"))
    return people.agg(F.percentile("complexity", share).alias("learning_high_from"))


def standings(facts: DataFrame) -> DataFrame:
    """One row a subscription: where it stands among all by each measure, its value, and the cuts it is held against.

    Whatever looks at everybody is here, on few columns: the wide row of the view is never sorted.
    """
    lines = facts.select("subscription_id", "is_marketable", "is_key_account", "city_code")
    ranked = lines.join(ranks(facts), "subscription_id", "left").withColumn("value_score", _value_score())
    ranked = ranked.withColumn("value_rank", _value_rank())
    cut = ranked.join(F.broadcast(city_cuts(facts)), "city_code", "left").crossJoin(F.broadcast(complexity_cut(facts)))
    return cut.drop("is_marketable", "is_key_account", "city_code")


def _value_score() -> Column:
    rule = load_judgements().value_tier
    score = value_tier.value_score(
        F.col("arpu_rank"), F.col("return_rank"), F.col("influence_c"), F.col("is_key_account"), rule
    )
    return F.when(F.col("is_marketable"), F.round(score, 6))


def _value_rank() -> Column:
    marketable = F.when(F.col("is_marketable"), F.col("value_score"))
    judged_cnt = F.count("value_score").over(_everyone())
    # Empty scores stand lowest in rank_of_all, so the rank among those judged is stretched over them.
    return F.lit(1.0) - (F.lit(1.0) - rank_of_all(marketable)) * F.count(F.lit(1)).over(_everyone()) / judged_cnt


def judge(facts: DataFrame, day: date) -> DataFrame:
    """The facts, with their standings, and all judgements as columns."""
    judged = facts.withColumns(_orientations() | _value_and_risk(day))
    return judged.withColumns(_tiers()).withColumns(_last_judgements(day))


def _orientations() -> dict[str, Column]:
    rules = load_orientation()
    sensitivity = orientation.price_sensitivity(
        F.col("discount_rank"),
        F.col("plan_changes_12m"),
        F.col("balance_enquiries_3m"),
        F.col("promotions_12m"),
        rules.value_orientation,
    )
    judged = F.col("is_marketable")
    return {
        "pay_ability": F.when(
            judged,
            orientation.pay_ability(
                F.col("arpu_3m_fen"),
                F.col("pay_mid_from"),
                F.col("pay_high_from"),
                F.col("device_price_class"),
                rules.pay_ability,
            ),
        ),
        "price_sensitivity": sensitivity,
        "value_orientation": orientation.value_orientation(sensitivity, rules.value_orientation),
        "fashion_orientation": F.when(
            judged, orientation.fashion_orientation(F.col("fashion_rank"), rules.fashion_orientation)
        ),
        "learning_ability": F.when(judged, orientation.learning_ability(complexity_of(), F.col("learning_high_from"))),
    }


def _value_and_risk(day: date) -> dict[str, Column]:
    rules = load_judgements()
    traits = (F.col("influence_a"), F.col("influence_b"), F.col("influence_c"))
    left = F.datediff("bundle_end_date", F.lit(day))
    return {
        "influence_formula": influence.influence_formula(*traits, rules.influence),
        "stickiness_score": F.round(
            stickiness.stickiness_score(
                F.col("shares_account"),
                F.col("vas_active_cnt"),
                F.col("is_vpn_member"),
                F.col("in_network_top10_share"),
                left,
                rules.stickiness,
            ),
            6,
        ),
        "anomaly_reasons": F.when(
            F.col("is_live"),
            anomaly.anomaly_reasons(
                F.col("mou_trend"),
                F.col("voice_mo_trend"),
                F.col("hotline_competitor_90d"),
                F.col("forward_other_network_30d"),
                F.col("balance_days_left"),
                F.col("topup_cnt_30d"),
                rules.anomaly,
            ),
        ).otherwise(F.array().cast("array<string>")),
        "crbt_lifecycle_state": crbt_lifecycle_state(
            F.lit(day),
            F.col("has_crbt"),
            F.col("crbt_open_date"),
            F.col("crbt_close_date"),
            F.col("crbt_trial_end_date"),
            F.col("crbt_last_event_date"),
            rules.crbt,
        ),
    }


def _tiers() -> dict[str, Column]:
    rules = load_judgements()
    return {
        "value_tier": value_tier.value_tier(F.when(F.col("is_marketable"), F.col("value_rank")), rules.value_tier),
        "stickiness_level": F.when(
            F.col("is_live"), stickiness.stickiness_level(F.col("stickiness_score"), rules.stickiness)
        ),
        "anomaly_level": anomaly.anomaly_level(F.col("anomaly_reasons")),
        "influence_index": F.round(
            influence.influence_index(
                F.col("influence_formula"),
                F.col("influence_a"),
                F.col("influence_b"),
                F.col("influence_c"),
                rules.influence,
            ),
            6,
        ),
        "personality_segment": personality_segment(
            load_personality(),
            F.col("pay_ability"),
            F.col("value_orientation"),
            F.col("fashion_orientation"),
            F.col("learning_ability"),
        ),
    }


def _last_judgements(day: date) -> dict[str, Column]:
    stage = lifecycle_stage.lifecycle_stage(
        F.col("is_live"),
        F.col("anomaly_level"),
        F.col("tenure_days"),
        F.col("arpu_slope_3m"),
        F.col("arpu_change_3m"),
        F.col("mou_trend"),
        F.datediff("bundle_end_date", F.lit(day)),
        F.col("termination_requested"),
        load_judgements().lifecycle,
    )
    return {"lifecycle_stage": stage}
