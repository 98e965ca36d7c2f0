"""Report rows from counts: the arithmetic of every campaign report. Plain rows in, plain rows out.

The job feeds them with counts of the tables; the acceptance tests feed them with the printed counts of the decks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from jobs.evaluation.lift import SAMPLE_RATIO_ALPHA, Interval, newcombe, sample_ratio_p_value
from jobs.evaluation.rates import funnel_of, maturity_text, ratio

Row = dict[str, object]


def funnel_rows(campaign_counts: Iterable[Mapping]) -> list[Row]:
    """Funnel of each campaign: customers at each step, rates 1 and 2, effective and overall rate."""
    rows = []
    for counts in campaign_counts:
        funnel, is_mature, is_effective_mature = funnel_of(counts)
        rows.append({
            "business_date": counts.get("business_date"), "campaign_id": counts["campaign_id"],
            "targeted": funnel.targeted, "contactable": funnel.contactable, "contacted": funnel.contacted,
            "accepted_so_far": counts["accepted_cnt"], "accepted": funnel.accepted, "effective": funnel.effective,
            "control": counts.get("control_cnt", 0),
            "contactable_rate": funnel.contactable_rate, "contact_rate": funnel.contact_rate,
            "success_rate_target": funnel.success_rate_target,
            "success_rate_contacted": funnel.success_rate_contacted,
            "effective_rate": funnel.effective_rate, "overall_rate": funnel.overall_rate,
            "is_mature": is_mature, "is_effective_mature": is_effective_mature,
            "acceptance_text": maturity_text(is_mature), "effective_text": maturity_text(is_effective_mature),
        })  # fmt: skip
    return rows


def channel_rows(channel_counts: Iterable[Mapping]) -> list[Row]:
    """Effect of each channel of a campaign with both rates; the basis of the next channel choice."""
    rows = []
    for counts in channel_counts:
        funnel, is_mature, _ = funnel_of(counts)
        rows.append({
            "business_date": counts.get("business_date"), "campaign_id": counts["campaign_id"],
            "channel_code": counts["channel_code"],
            "targeted": funnel.targeted, "contacted": funnel.contacted,
            "accepted_so_far": counts["accepted_cnt"], "accepted": funnel.accepted,
            "refused": counts.get("refused_cnt", 0), "considering": counts.get("considering_cnt", 0),
            "contact_rate": funnel.contact_rate, "success_rate_target": funnel.success_rate_target,
            "success_rate_contacted": funnel.success_rate_contacted,
            "is_mature": is_mature, "acceptance_text": maturity_text(is_mature),
        })  # fmt: skip
    return rows


def progress_rows(channel_counts: Iterable[Mapping]) -> list[Row]:
    """How far each channel of a campaign is: results in, delivered, failed, waiting; for mid-course correction."""
    rows = []
    for counts in channel_counts:
        planned, resulted = counts["planned_cnt"], counts["resulted_cnt"]
        rows.append({
            "business_date": counts.get("business_date"), "campaign_id": counts["campaign_id"],
            "channel_code": counts["channel_code"], "planned": planned, "resulted": resulted,
            "contacted": counts["contacted_cnt"], "failed": resulted - counts["contacted_cnt"],
            "waiting": planned - resulted, "open_answers": counts.get("open_answer_cnt", 0),
            "progress_rate": ratio(resulted, planned), "delivery_rate": ratio(counts["contacted_cnt"], resulted),
        })  # fmt: skip
    return rows


def model_rows(contact_counts: Iterable[Mapping]) -> list[Row]:
    """Field test of the model: those it chose against those chosen without it, with precision and recall.

    precision (hit rate) = accepted of contacted among the model's; recall = the model's share of all accepted;
    efficiency = precision / the others' rate ("save efficiency up about three times").
    """
    rows = []
    for (day, campaign), counts in _summed(contact_counts, ("business_date", "campaign_id"), split="is_model_selected"):
        chosen, others = counts[True], counts[False]
        is_mature = not (chosen["open_answer_cnt"] + others["open_answer_cnt"])
        precision = ratio(chosen["accepted_cnt"], chosen["contacted_cnt"]) if is_mature else None
        other_rate = ratio(others["accepted_cnt"], others["contacted_cnt"]) if is_mature else None
        accepted = chosen["accepted_cnt"] + others["accepted_cnt"]
        rows.append({
            "business_date": day, "campaign_id": campaign,
            "model_contacted": chosen["contacted_cnt"], "model_accepted_so_far": chosen["accepted_cnt"],
            "other_contacted": others["contacted_cnt"], "other_accepted_so_far": others["accepted_cnt"],
            "precision": precision, "other_rate": other_rate,
            "recall": ratio(chosen["accepted_cnt"], accepted) if is_mature else None,
            "efficiency": ratio(precision, other_rate), "is_mature": is_mature,
            "acceptance_text": maturity_text(is_mature),
        })  # fmt: skip
    return rows


def strategy_rows(contact_counts: Iterable[Mapping]) -> list[Row]:
    """Acceptance of each offer: shares of accept, consider and everything else among those contacted."""
    rows = []
    for (day, campaign, offer), counts in _summed(contact_counts, ("business_date", "campaign_id", "offer_id")):
        contacted, is_mature = counts["contacted_cnt"], not counts["open_answer_cnt"]
        accept = ratio(counts["accepted_cnt"], contacted) if is_mature else None
        consider = ratio(counts["considering_cnt"], contacted) if is_mature else None
        rows.append({
            "business_date": day, "campaign_id": campaign, "offer_id": offer or "-", "contacted": contacted,
            "accepted_so_far": counts["accepted_cnt"], "considering": counts["considering_cnt"],
            "refused": counts["refused_cnt"], "accept_share": accept, "consider_share": consider,
            "other_share": None if accept is None or consider is None else 1 - accept - consider,
            "is_mature": is_mature, "acceptance_text": maturity_text(is_mature),
        })  # fmt: skip
    return rows


def staff_rows(contact_counts: Iterable[Mapping]) -> list[Row]:
    """Recommendation ability of each person on each channel, and the distance to that channel's mean in points.

    Only final answers given to a person count; the spread between best and worst shows who can teach whom.
    """
    with_staff = [counts for counts in contact_counts if counts.get("staff_id")]
    keys = ("business_date", "channel_code")
    means = {key: ratio(counts["accepted_cnt"], counts["contacted_cnt"]) for key, counts in _summed(with_staff, keys)}
    rows = []
    for (day, channel, staff), counts in _summed(with_staff, (*keys, "staff_id")):
        rate = ratio(counts["accepted_cnt"], counts["contacted_cnt"])
        mean = means[day, channel]
        rows.append({
            "business_date": day, "channel_code": channel, "staff_id": staff, "contacted": counts["contacted_cnt"],
            "accepted": counts["accepted_cnt"], "considering": counts["considering_cnt"],
            "success_rate_contacted": rate, "channel_rate": mean,
            "points_to_mean": None if rate is None or mean is None else 100 * (rate - mean),
        })  # fmt: skip
    return rows


def lift_rows(arm_counts: Iterable[Mapping], expected_control_shares: Mapping[str, float]) -> list[Row]:
    """Difference in order rate between treated and control of each campaign, with a 95 % interval.

    Counts: treated_cnt, treated_order_cnt, control_cnt, control_order_cnt, open_cnt (members whose window is open).
    The sample ratio says whether the split is the one that was drawn; a lift on a broken split is not to be believed.
    """
    rows = []
    for counts in arm_counts:
        treated, control = counts["treated_cnt"], counts["control_cnt"]
        is_mature = not counts.get("open_cnt", 0)
        is_known = is_mature and treated > 0 and control > 0
        interval = (
            newcombe(counts["treated_order_cnt"], treated, counts["control_order_cnt"], control) if is_known else None
        )
        share = expected_control_shares.get(str(counts["campaign_id"]))
        p_value = None if share is None else sample_ratio_p_value(control, treated + control, share)
        rows.append({
            "business_date": counts.get("business_date"), "campaign_id": counts["campaign_id"],
            "treated": treated, "treated_orders": counts["treated_order_cnt"],
            "control": control, "control_orders": counts["control_order_cnt"],
            "treated_rate": ratio(counts["treated_order_cnt"], treated) if is_known else None,
            "control_rate": ratio(counts["control_order_cnt"], control) if is_known else None,
            "lift": interval.value if interval else None,
            "lift_low": interval.low if interval else None, "lift_high": interval.high if interval else None,
            "expected_control_share": share, "sample_ratio_p_value": p_value,
            "is_sample_ratio_ok": None if p_value is None else p_value >= SAMPLE_RATIO_ALPHA,
            "is_mature": is_mature, "lift_text": _lift_text(is_mature, interval, control),
        })  # fmt: skip
    return rows


def _lift_text(is_mature: bool, interval: Interval | None, control: int) -> str:
    if not is_mature:
        return maturity_text(False)
    if interval is None:
        return "no control group" if not control else "nobody treated"
    if interval.low > 0:
        return "positive"
    return "negative" if interval.high < 0 else "no effect shown"


_COUNTS = ("planned_cnt", "contacted_cnt", "accepted_cnt", "refused_cnt", "considering_cnt", "open_answer_cnt")


def _summed(contact_counts: Iterable[Mapping], keys: tuple[str, ...], split: str | None = None) -> list[tuple]:
    """Sum contact counts by keys, ordered; with `split`, a pair of sums for True and False of that column."""

    def empty() -> dict:
        return dict.fromkeys(_COUNTS, 0)

    sums: dict = defaultdict(lambda: {True: empty(), False: empty()} if split else empty())
    for counts in contact_counts:
        target = sums[tuple(counts.get(key) for key in keys)]
        if split:
            target = target[bool(counts.get(split))]
        for name in _COUNTS:
            target[name] += counts.get(name) or 0
    return sorted(sums.items(), key=lambda item: tuple(str(part or "") for part in item[0]))
