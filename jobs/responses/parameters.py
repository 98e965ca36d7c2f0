"""Business data of conf/ as the parameters that the queries of this stage bind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.policy import load_policy
from conf.responses import load_response_rules


def query_parameters(snapshots: Iterable[date]) -> dict[str, Any]:
    """All named parameters of the queries under jobs/responses and of the tables they feed; lists are joined by commas."""
    return {
        "snapshot_dates": ",".join(str(day) for day in snapshots),
        **_answer_parameters(),
        **_protection_parameters(),
        **_preference_parameters(),
    }


def _answer_parameters() -> dict[str, Any]:
    rules, policy = load_response_rules(), load_policy()
    return {
        "history_days": rules.history_days,
        "window_days": rules.attribution.window_days,
        "horizon_days": rules.lift.horizon_days,
        "use_days": rules.effective.use_days,
        "consider_days": policy.stop.consider_days,
        "count_failed": policy.caps.count_failed,
        "late_result_nights": _pairs({name: str(n) for name, n in policy.contacts.late_result_nights.items()}),
        "inferred_classes": ",".join(rules.attribution.inferred_classes),
        "contacted_codes": ",".join(rules.attribution.contacted_codes),
        "channel_classes": _pairs({code: channel.channel_class for code, channel in load_channels().items()}),
        "campaign_products": _pairs({name: campaign.product_id for name, campaign in load_campaigns().items()}),
        "retention_campaigns": ",".join(name for name, campaign in load_campaigns().items() if campaign.keeps_product),
        "qualifying_use": _pairs({product: "|".join(uses) for product, uses in rules.effective.qualifying_use.items()}),
    }


def _protection_parameters() -> dict[str, Any]:
    classes, protection = load_response_rules().complaint, load_response_rules().protection
    proactive = [channel for channel in load_channels().values() if not channel.is_passive]
    return {
        "proactive_channels": ",".join(channel.channel_code for channel in proactive),
        "unprotected_channels": ",".join(c.channel_code for c in proactive if not c.is_protected_channel),
        "passive_only_reasons": ",".join(load_policy().lists.grey_passive_only_reasons),
        "marketing_categories": ",".join(classes.marketing_categories),
        "released_complaints": _pairs(protection.released("COMPLAINT")),
        "released_opt_outs": _pairs(protection.released("OPT_OUT")),
        "complaint_months": classes.months,
        "professional_cnt": classes.professional_cnt,
        "repeated_cnt": classes.repeated_cnt,
        "complaint_b_months": classes.b_months,
        "complaint_c_months": classes.c_months,
        "complaint_d_days": classes.d_days,
    }


def _preference_parameters() -> dict[str, Any]:
    rules = load_response_rules()
    return {
        "preference_months": rules.preference.months,
        "preference_prior": rules.preference.prior_contacts,
        "brand_prior": rules.preference.brand_prior_contacts,
        "own_order_weight": rules.preference.own_order_weight,
        "self_order_channels": ",".join(rules.preference.self_order_channels),
        "affinity_months": rules.affinity.months,
        "affinity_prior": rules.affinity.prior_contacts,
    }


def _pairs(mapping: Mapping[str, object]) -> str:
    return ",".join(f"{key}={value}" for key, value in mapping.items())
