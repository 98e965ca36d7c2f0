"""Report rows from counts: the arithmetic of every campaign report. Plain rows in, plain rows out.

The job feeds them with counts of the tables; the acceptance tests feed them with the printed counts of the decks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from conf.responses import load_response_rules
from jobs.evaluation.lift import Interval, newcombe, same_share_p_value, sample_ratio_p_value
from jobs.evaluation.rates import funnel_of, has_mature, maturity_text, ratio

Row = dict[str, object]
UNKNOWN = "UNKNOWN"
VOID_SPLIT = "void: split not as drawn"
VOID_OTHERS = "void: other campaigns differ"


def funnel_rows(campaign_counts: Iterable[Mapping]) -> list[Row]:
    """Funnel of each campaign: customers at each step so far; rates over those whose window has passed."""
    rows = []
    for counts in campaign_counts:
        funnel, is_mature, is_effective_mature = funnel_of(counts)
        still_open, open_use = counts.get("open_cnt", 0), counts.get("open_effective_cnt", 0)
        rows.append(
            {
                "business_date": counts.get("business_date"),
                "campaign_id": counts["campaign_id"],
                "targeted": counts["targeted_cnt"],
                **_levels(counts),
                "contacted": counts["contacted_cnt"],
                "accepted_so_far": counts["accepted_cnt"],
                "still_open": still_open,
                "mature_targeted": funnel.targeted,
                "mature_contacted": funnel.contacted,
                "accepted": funnel.accepted,
                "effective": funnel.effective,
                "still_open_use": open_use,
                "control": counts.get("control_cnt", 0),
                "contactable_rate": ratio(counts.get("contactable_cnt"), counts["targeted_cnt"]),
                "contact_rate": ratio(counts["contacted_cnt"], counts["targeted_cnt"]),
                "success_rate_target": funnel.success_rate_target,
                "success_rate_contacted": funnel.success_rate_contacted,
                "effective_rate": funnel.effective_rate,
                "overall_rate": funnel.overall_rate,
                "is_mature": is_mature,
                "is_effective_mature": is_effective_mature,
                "acceptance_text": maturity_text(is_mature, still_open),
                "effective_text": maturity_text(is_effective_mature, open_use),
            }
        )
    return rows


def _levels(counts: Mapping) -> Row:
    """Where each targeted customer stands: targeted = suppressed + contactable, contactable = not chosen + chosen.

    The report repeats the sum of the levels, so that the gate can hold it against the targeted.
    """
    levels = {name: counts.get(f"{name}_cnt") for name in ("suppressed", "contactable", "not_chosen", "chosen")}
    parts = [levels[name] for name in ("suppressed", "not_chosen", "chosen")]
    return {**levels, "accounted_for": None if None in parts else sum(parts)}  # type: ignore[arg-type]


def channel_rows(channel_counts: Iterable[Mapping]) -> list[Row]:
    """Effect of each channel of a campaign with both rates; the basis of the next channel choice."""
    rows = []
    for counts in channel_counts:
        funnel, is_mature, _ = funnel_of(counts)
        still_open = counts.get("open_cnt", 0)
        rows.append(
            {
                "business_date": counts.get("business_date"),
                "campaign_id": counts["campaign_id"],
                "channel_code": counts["channel_code"],
                "targeted": counts["targeted_cnt"],
                "contacted": counts["contacted_cnt"],
                "accepted_so_far": counts["accepted_cnt"],
                "still_open": still_open,
                "mature_targeted": funnel.targeted,
                "mature_contacted": funnel.contacted,
                "accepted": funnel.accepted,
                "refused": counts.get("refused_cnt", 0),
                "considering": counts.get("considering_cnt", 0),
                "contact_rate": ratio(counts["contacted_cnt"], counts["targeted_cnt"]),
                "success_rate_target": funnel.success_rate_target,
                "success_rate_contacted": funnel.success_rate_contacted,
                "is_mature": is_mature,
                "acceptance_text": maturity_text(is_mature, still_open),
            }
        )
    return rows


def progress_rows(channel_counts: Iterable[Mapping]) -> list[Row]:
    """How far each channel of a campaign is: results in, delivered, failed, waiting; for mid-course correction."""
    rows = []
    for counts in channel_counts:
        planned, resulted = counts["planned_cnt"], counts["resulted_cnt"]
        rows.append(
            {
                "business_date": counts.get("business_date"),
                "campaign_id": counts["campaign_id"],
                "channel_code": counts["channel_code"],
                "planned": planned,
                "resulted": resulted,
                "contacted": counts["contacted_cnt"],
                "failed": resulted - counts["contacted_cnt"],
                "waiting": planned - resulted,
                "open_answers": counts.get("open_answer_cnt", 0),
                "progress_rate": ratio(resulted, planned),
                "delivery_rate": ratio(counts["contacted_cnt"], resulted),
            }
        )
    return rows


def model_rows(contact_counts: Iterable[Mapping]) -> list[Row]:
    """Field test of the model: those it chose against those chosen without it, with precision and recall.

    precision (hit rate) = accepted of contacted among the model's; recall = the model's share of all accepted;
    efficiency = precision / the others' rate ("save efficiency up about three times").
    """
    rows = []
    for (day, campaign), counts in _summed(contact_counts, ("business_date", "campaign_id"), split="is_model_selected"):
        chosen, others = counts[True], counts[False]
        still_open = chosen["open_cnt"] + others["open_cnt"]
        is_mature = has_mature(chosen["planned_cnt"] + others["planned_cnt"], still_open)
        found, found_otherwise = _mature(chosen, "accepted"), _mature(others, "accepted")
        precision = ratio(found, _mature(chosen, "contacted")) if is_mature else None
        other_rate = ratio(found_otherwise, _mature(others, "contacted")) if is_mature else None
        rows.append(
            {
                "business_date": day,
                "campaign_id": campaign,
                "model_contacted": chosen["contacted_cnt"],
                "model_accepted_so_far": chosen["accepted_cnt"],
                "other_contacted": others["contacted_cnt"],
                "other_accepted_so_far": others["accepted_cnt"],
                "still_open": still_open,
                "precision": precision,
                "other_rate": other_rate,
                "recall": ratio(found, found + found_otherwise) if is_mature else None,
                "efficiency": ratio(precision, other_rate),
                "is_mature": is_mature,
                "acceptance_text": maturity_text(is_mature, still_open),
            }
        )
    return rows


def strategy_rows(contact_counts: Iterable[Mapping]) -> list[Row]:
    """Acceptance of each offer: shares of accept, consider and everything else among those contacted, and why it was refused."""
    rows, keys = [], ("business_date", "campaign_id", "offer_id")
    contact_counts = list(contact_counts)
    reasons = _refusals_by_reason(contact_counts, keys)
    for (day, campaign, offer), counts in _summed(contact_counts, keys):
        contacted, still_open = _mature(counts, "contacted"), counts["open_cnt"]
        is_mature = has_mature(counts["planned_cnt"], still_open)
        accept = ratio(_mature(counts, "accepted"), contacted) if is_mature else None
        consider = ratio(_mature(counts, "considering"), contacted) if is_mature else None
        rows.append(
            {
                "business_date": day,
                "campaign_id": campaign,
                "offer_id": offer or "-",
                "contacted": counts["contacted_cnt"],
                "accepted_so_far": counts["accepted_cnt"],
                "considering": counts["considering_cnt"],
                "refused": counts["refused_cnt"],
                "still_open": still_open,
                "refuse_reasons": reasons[day, campaign, offer].most_common(),
                "accept_share": accept,
                "consider_share": consider,
                "other_share": None if accept is None or consider is None else 1 - accept - consider,
                "is_mature": is_mature,
                "acceptance_text": maturity_text(is_mature, still_open),
            }
        )
    return rows


def _refusals_by_reason(contact_counts: Iterable[Mapping], keys: tuple[str, ...]) -> dict[tuple, Counter[str]]:
    found: dict[tuple, Counter[str]] = defaultdict(Counter)
    for counts in contact_counts:
        if counts.get("refused_cnt"):
            found[tuple(counts.get(key) for key in keys)][counts.get("refuse_reason") or UNKNOWN] += counts[
                "refused_cnt"
            ]
    return found


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
        rows.append(
            {
                "business_date": day,
                "channel_code": channel,
                "staff_id": staff,
                "contacted": counts["contacted_cnt"],
                "accepted": counts["accepted_cnt"],
                "considering": counts["considering_cnt"],
                "success_rate_contacted": rate,
                "channel_rate": mean,
                "points_to_mean": None if rate is None or mean is None else 100 * (rate - mean),
            }
        )
    return rows


def lift_rows(cohort_counts: Iterable[Mapping], expected_share: Callable[[Mapping], float | None]) -> list[Row]:
    """Difference in success rate between treated and control of each campaign, with an interval (lift.confidence).

    One count a cohort: the members a night found first, both arms on the same clock (treated_cnt, treated_success_cnt,
    control_cnt, control_success_cnt, is_open while its days run), with those reached by other campaigns in the same days
    (treated_reached_cnt, control_reached_cnt) and apart the members held back from all campaigns (global_control_cnt).
    Rates are over the cohorts whose days have passed. The lift is void when the arms differ in more than the campaign: the
    split of all cohorts is not the one drawn, or other campaigns reached one arm more than the other (conf/responses.yaml).
    `expected_share` gives the share that was to be held back of a cohort, by the campaign or from all.
    """
    campaigns: dict[tuple, list[Mapping]] = defaultdict(list)
    for counts in cohort_counts:
        campaigns[counts.get("business_date"), counts["campaign_id"]].append(counts)
    return [
        {"business_date": day, "campaign_id": campaign, **_lift_row(cohorts, expected_share)}
        for (day, campaign), cohorts in campaigns.items()
    ]


def _lift_row(cohorts: list[Mapping], expected_share: Callable[[Mapping], float | None]) -> Row:
    passed = [counts for counts in cohorts if not counts["is_open"]]
    treated, control = _total(passed, "treated_cnt"), _total(passed, "control_cnt")
    successes, control_successes = _total(passed, "treated_success_cnt"), _total(passed, "control_success_cnt")
    members = _total(cohorts, "treated_cnt") + _total(cohorts, "control_cnt")
    still_open = members - treated - control
    is_mature = has_mature(members, still_open)
    split, others = _split(cohorts, expected_share), _other_contacts(passed)
    void = _why_void(split, others)
    confidence = load_response_rules().lift.confidence
    interval = newcombe(successes, treated, control_successes, control, confidence) if treated and control else None
    believed = None if void else interval
    return {
        "treated": _total(cohorts, "treated_cnt"),
        "control": _total(cohorts, "control_cnt"),
        "still_open": still_open,
        "mature_treated": treated,
        "treated_successes": successes,
        "mature_control": control,
        "control_successes": control_successes,
        "treated_rate": ratio(successes, treated) if interval else None,
        "control_rate": ratio(control_successes, control) if interval else None,
        "lift": believed.value if believed else None,
        "lift_low": believed.low if believed else None,
        "lift_high": believed.high if believed else None,
        **split,
        **others,
        "is_comparable": not void,
        "is_mature": is_mature,
        "lift_text": _lift_text(is_mature, interval, control, void),
    }


def _split(cohorts: list[Mapping], expected_share: Callable[[Mapping], float | None]) -> Row:
    # Members held back from all campaigns were drawn too, so they count here.
    nobody = _total(cohorts, "global_control_cnt")
    held_back = nobody + _total(cohorts, "control_cnt")
    sizes = [counts["treated_cnt"] + counts["control_cnt"] + counts.get("global_control_cnt", 0) for counts in cohorts]
    shares = [expected_share(counts) for counts in cohorts]
    share = p_value = None
    if sum(sizes) and None not in shares:
        share = sum(size * (wanted or 0.0) for size, wanted in zip(sizes, shares, strict=True)) / sum(sizes)
        p_value = sample_ratio_p_value(held_back, sum(sizes), share)
    is_ok = None if p_value is None else p_value >= load_response_rules().lift.sample_ratio_alpha
    return {
        "global_control": nobody,
        "expected_control_share": share,
        "sample_ratio_p_value": p_value,
        "is_sample_ratio_ok": is_ok,
    }


def _other_contacts(passed: list[Mapping]) -> Row:
    """What other campaigns did to the arms in the days that are measured, and how likely the difference is by chance."""
    reached, control_reached = _total(passed, "treated_reached_cnt"), _total(passed, "control_reached_cnt")
    p_value = same_share_p_value(reached, _total(passed, "treated_cnt"), control_reached, _total(passed, "control_cnt"))
    alpha = load_response_rules().lift.other_contacts_alpha
    return {
        "treated_other_contacts": _total(passed, "treated_other_cnt"),
        "treated_reached_by_others": reached,
        "control_other_contacts": _total(passed, "control_other_cnt"),
        "control_reached_by_others": control_reached,
        "other_contacts_p_value": p_value,
        "is_reached_alike": None if p_value is None else p_value >= alpha,
    }


def _total(cohorts: Iterable[Mapping], name: str) -> int:
    return sum(counts.get(name, 0) for counts in cohorts)


def _why_void(split: Row, others: Row) -> str:
    if split["is_sample_ratio_ok"] is False:
        return VOID_SPLIT
    return VOID_OTHERS if others["is_reached_alike"] is False else ""


def _lift_text(is_mature: bool, interval: Interval | None, control: int, void: str) -> str:
    if not is_mature:
        return maturity_text(False)
    if interval is None:
        return "no control group" if not control else "nobody treated"
    if void:
        return void
    if interval.low > 0:
        return "positive"
    return "negative" if interval.high < 0 else "no effect shown"


_COUNTS = (
    "planned_cnt",
    "contacted_cnt",
    "accepted_cnt",
    "refused_cnt",
    "considering_cnt",
    "open_cnt",
    "open_contacted_cnt",
    "open_accepted_cnt",
    "open_considering_cnt",
)


def _mature(counts: Mapping, name: str) -> int:
    # Contacts of one kind whose window has passed.
    return counts[f"{name}_cnt"] - counts[f"open_{name}_cnt"]


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
