"""Business data of conf/ as the parameters that the queries of this stage bind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.policy import load_policy
from conf.responses import load_response_rules


def query_parameters(snapshots: Iterable[date]) -> dict[str, Any]:
    """All named parameters of the queries under jobs/responses and of the tables they feed."""
    return {
        "snapshot_dates": list(snapshots),
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
        "late_result_nights": policy.contacts.late_result_nights,
        "inferred_classes": rules.attribution.inferred_classes,
        "contacted_codes": rules.attribution.contacted_codes,
        "channel_classes": {code: channel.channel_class for code, channel in load_channels().items()},
        "campaign_products": {name: campaign.product_id for name, campaign in load_campaigns().items()},
        "retention_campaigns": [name for name, campaign in load_campaigns().items() if campaign.keeps_product],
        "qualifying_use": rules.effective.qualifying_use,
    }


def _protection_parameters() -> dict[str, Any]:
    classes, protection = load_response_rules().complaint, load_response_rules().protection
    proactive = [channel for channel in load_channels().values() if not channel.is_passive]
    return {
        "proactive_channels": [channel.channel_code for channel in proactive],
        "unprotected_channels": [c.channel_code for c in proactive if not c.is_protected_channel],
        "passive_only_reasons": load_policy().lists.grey_passive_only_reasons,
        "marketing_categories": classes.marketing_categories,
        "released_complaints": protection.released("COMPLAINT"),
        "released_opt_outs": protection.released("OPT_OUT"),
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
        "self_order_channels": rules.preference.self_order_channels,
        "affinity_months": rules.affinity.months,
        "affinity_prior": rules.affinity.prior_contacts,
    }
