"""The lists of a night: who is selected, who is kept out and why, who is contacted where; frozen once they are exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.dataset import field

from conf.campaigns import Campaign
from conf.channels import load_channels
from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.policy import Policy, load_policy
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.tables import Tables
from jobs.lakehouse.withheld import to_be_made
from jobs.targeting import control_shares, night_rows, sent
from jobs.targeting.allocate import Allocation, allocate
from jobs.targeting.decide import approved_campaigns, find_targets
from jobs.targeting.file_status import has_left
from jobs.targeting.inputs import contact_day_of
from jobs.targeting.night_problem import budget_left
from jobs.targeting.positions import positions, ranks
from jobs.targeting.readiness import require_fresh_suppression, require_inputs, require_previous_night
from jobs.targeting.tally import counts_by_reason, require_tally
from jobs.targeting.value import Evidence, read_evidence

STAGE = "targeting"
DECISION, CONTACT, CONTROL, RECOMMENDATION, SHARE = (
    "gold.campaign_decision",
    "gold.campaign_contact",
    "gold.control_group",
    "gold.recommendation",
    "gold.control_share",
)
Summary = dict[str, Any]


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """The lists of one night; a night that was exported is frozen for good and left as it is.

    Raises StaleSuppression, NightNotClosed or InputsMissing when the night may not make lists; nothing is written then.
    """
    business_date = dates.last
    if is_exported(tables.settings, business_date):
        detail = f"lists of {business_date} were exported: they stay as they are"
        return StagePlan((), summary={"status": "FROZEN", "detail": detail})
    _require_ready(tables, business_date)
    return StagePlan((dates,), summary={"status": "PUBLISHED"})


def lists_of_night(lake: Lake, dates: DateRange) -> dict[str, pa.Table]:
    """Decision log, lists, control groups and recommendations of one night, and the shares it fixes, by table."""
    business_date, policy = dates.last, load_policy()
    approved, refusals = approved_campaigns(lake, business_date)
    targets = find_targets(lake, approved, business_date)
    allocation = allocate_night(lake, lake.settings, targets, approved, policy, business_date)
    tables = rows_of_night(lake, targets, allocation, approved, policy, business_date)
    lake.summary.update(_summary(tables[DECISION], allocation, refusals))
    return tables


def is_exported(settings: Settings, business_date: date) -> bool:
    """Whether any file of the night may have left, recalled ones included; a restored lake with its lists may not know it."""
    if has_left(settings, business_date):
        return True
    noted = sent.notes_of_night(settings, business_date).values()
    return any(line["state"] != sent.TAKEN_BACK for line in noted) and is_published(settings, business_date)


def is_published(settings: Settings, business_date: date) -> bool:
    """Whether the lists of a night are frozen for readers."""
    filters = [("stage", "=", STAGE), ("business_date", "=", business_date)]
    return delta_rs.read(settings, "ops.published", filters=filters, columns=["stage"]).num_rows > 0


def _require_ready(tables: Tables, business_date: date) -> None:
    try:
        require_fresh_suppression(tables.settings, business_date)
        require_previous_night(tables.settings, business_date)
        require_inputs(tables, business_date)
    except ClosedLoopError as error:
        raise_alert(tables.settings, "LISTS_REFUSED", business_date, str(error))
        raise


def allocate_night(
    lake: Lake,
    settings: Settings,
    targets: pa.Table,
    campaigns: dict[str, Campaign],
    policy: Policy,
    business_date: date,
) -> Allocation:
    """Choose the contacts of the night and note bound, gap and shadow prices."""
    evidence = read_evidence(lake, business_date)
    left = budgets_left(lake, campaigns, business_date, evidence)
    allocation = allocate(
        targets, campaigns, policy, contact_day_of(business_date), left, settings.allocation, evidence
    )
    for name, value in allocation_metrics(allocation).items():
        lake.metric("allocate", "", name, value)
    plan = allocation.plan
    if plan is not None and not plan.gap <= settings.allocation.gap_target:
        raise_alert(
            settings,
            "ALLOCATION_GAP",
            business_date,
            f"gap {plan.gap:.4f}, wanted {settings.allocation.gap_target}: {plan.status}",
        )
    return allocation


def budgets_left(
    lake: Lake, campaigns: dict[str, Campaign], business_date: date, evidence: Evidence
) -> dict[str, float]:
    """Money in yuan of each campaign for tonight after the lists of earlier nights, charged by the contacts and gifts expected of them."""
    spent = np.zeros(len(campaigns))
    for batch in _listed_before(lake, list(campaigns), business_date):
        if not batch.num_rows:  # all of a file's rows can be filtered away
            continue
        rows = pa.Table.from_batches([batch])
        owner = positions(rows["campaign_id"], list(campaigns))
        np.add.at(spent, owner, _expected_costs_yuan(rows, campaigns, evidence))
    return {
        name: budget_left(campaign, float(amount))
        for (name, campaign), amount in zip(campaigns.items(), spent, strict=True)
    }


def _listed_before(lake: Lake, campaign_ids: list[str], business_date: date) -> Iterator[pa.RecordBatch]:
    """Rows of earlier lists of these campaigns, less those not to be made, in bounded memory."""
    is_charged = (field("business_date") < business_date) & field("campaign_id").isin(
        pa.array(campaign_ids, pa.string())
    )
    columns = ["campaign_id", "channel_code", "offer_id", "expected_value_yuan"]
    return lake.dataset(CONTACT).to_batches(columns=columns, filter=is_charged & to_be_made(lake.settings))


def _expected_costs_yuan(rows: pa.Table, campaigns: dict[str, Campaign], evidence: Evidence) -> np.ndarray:
    """What listed rows are expected to take of the budget: their contacts, and the gifts of the sales their expected values imply."""
    tasks = rows.select(["campaign_id", "channel_code", "offer_id"]).combine_chunks()
    coded = [ranks(tasks[name]) for name in tasks.column_names]
    key = coded[0][1]
    for size, codes in coded[1:]:
        key = key * size + codes
    _, firsts, kind = np.unique(key, return_index=True, return_inverse=True)
    rates = [_rates_of(task, campaigns, evidence) for task in tasks.take(pa.array(firsts)).to_pylist()]
    contacts, gift, gain = (np.asarray(each, dtype=np.float64)[kind] for each in zip(*rates, strict=True))
    value = rows["expected_value_yuan"].to_numpy()
    return contacts + gift * (np.maximum(0.0, value + contacts) / gain)


def _rates_of(
    task: Mapping[str, str], campaigns: dict[str, Campaign], evidence: Evidence
) -> tuple[float, float, float]:
    """Of a row of a task in yuan: cost of the contacts expected, cost of a gift, what a sale brings (1 without a gift to charge)."""
    channel = load_channels()[task["channel_code"]]
    contacts = evidence.use(channel) * channel.cost_yuan
    offers = campaigns[task["campaign_id"]].offers
    offer = next((offer for offer in offers if offer.offer_id == task["offer_id"]), None)
    if offer is None or offer.margin_yuan <= offer.cost_yuan:
        return contacts, 0.0, 1.0
    return contacts, offer.cost_yuan, offer.margin_yuan - offer.cost_yuan


def allocation_metrics(allocation: Allocation) -> dict[str, float]:
    """Objective, proven bound, gap, greedy value and the worth of one more unit of each rule."""
    plan = allocation.plan
    if plan is None:
        return {
            "allocation.objective": 0.0,
            "allocation.bound": 0.0,
            "allocation.gap": 0.0,
            "allocation.greedy": 0.0,
            "allocation.seconds": 0.0,
        }
    figures = {
        "allocation.objective": plan.objective,
        "allocation.bound": plan.bound,
        "allocation.gap": plan.gap,
        "allocation.greedy": plan.greedy_objective,
        "allocation.seconds": plan.seconds,
    }
    figures |= {f"allocation.shadow_price.{name}": price for name, price in plan.shadow_prices.items()}
    return figures | {f"allocation.violation.{name}": amount for name, amount in plan.violations.items() if amount}


def rows_of_night(
    lake: Lake,
    targets: pa.Table,
    allocation: Allocation,
    campaigns: dict[str, Campaign],
    policy: Policy,
    business_date: date,
) -> dict[str, pa.Table]:
    """Decision log, lists, control groups and recommendations of the night; that targeted adds up is checked first."""
    decisions = night_rows.decisions_of(targets, allocation, campaigns, policy, business_date)
    contacts = night_rows.contacts_of(targets, allocation, campaigns, business_date)
    require_tally(decisions, contacts)
    earlier = lake.arrow(
        CONTROL, filters=[("business_date", "<", business_date)], columns=["campaign_id", "subscription_id"]
    )
    tables = {
        DECISION: decisions,
        CONTACT: contacts,
        CONTROL: night_rows.control_rows_of(targets, decisions, earlier, business_date),
        RECOMMENDATION: night_rows.recommendations_of(contacts),
    }
    shares = control_shares.rows_to_fix(
        control_shares.fixed_shares(lake, business_date), targets, campaigns, policy, business_date
    )
    if shares.num_rows or lake.arrow(SHARE, filters=[("business_date", "=", business_date)]).num_rows:
        tables[SHARE] = shares  # most nights fix none, and none is no commit
    for (campaign_id, key), count in counts_by_reason(decisions).items():
        lake.metric("decide", campaign_id, key, count)
    return tables


def _summary(decisions: pa.Table, allocation: Allocation, refusals: list[str]) -> Summary:
    counts: dict[str, dict[str, int]] = {}
    for (campaign_id, key), count in sorted(counts_by_reason(decisions).items()):
        counts.setdefault(campaign_id, {})[key] = count
    chosen = decisions["channel_code"].drop_null().value_counts().to_pylist()
    return {
        "targeted": decisions.num_rows,
        "by_campaign": counts,
        "by_channel": {each["values"]: each["counts"] for each in sorted(chosen, key=lambda each: each["values"])},
        "refused_campaigns": refusals,
        **{k: v for k, v in allocation_metrics(allocation).items() if "shadow" not in k},
    }
