"""The printed figures of the decks come out of the code that writes our own reports."""

from collections import Counter
from pathlib import Path

import pytest

from conf.reading import read_yaml
from jobs.evaluation.attainment import closing_from_averages, kpi_rows
from jobs.evaluation.reports import channel_rows, funnel_rows, model_rows, progress_rows, staff_rows, strategy_rows

FIGURES = Path(__file__).parents[2] / "data" / "deck_figures"
FUNNEL, CHANNEL, KPI, TEMPLATES = (
    read_yaml(FIGURES / f"{name}.yaml") for name in ("funnel", "channel", "kpi", "templates")
)


def counts(campaign="C", channel="SMS", targeted=None, contacted=0, accepted=0, **more):
    """Counts of one campaign and channel with nothing open."""
    base = {"campaign_id": campaign, "channel_code": channel, "targeted_cnt": targeted or contacted,
            "planned_cnt": targeted or contacted, "resulted_cnt": targeted or contacted,
            "contacted_cnt": contacted, "accepted_cnt": accepted}  # fmt: skip
    return base | more


def points(rate):
    return 100 * rate


@pytest.mark.parametrize("case", FUNNEL["cases"], ids=lambda case: case["id"])
def test_rate_2_equals_the_printed_one_given_fujian_pilot(case):
    (row,) = funnel_rows([counts(case["name"], contacted=case["contacted"], accepted=case["accepted"])])

    assert points(row["success_rate_contacted"]) == pytest.approx(case["rate_2"], abs=FUNNEL["tolerance_points"])


@pytest.mark.parametrize("case", CHANNEL["cases"], ids=lambda case: case["id"])
def test_channel_rates_equal_the_printed_ones_given_wuxi_campaign(case):
    (row,) = channel_rows(
        [counts(case["campaign"], case["channel"], case["targeted"], case["contacted"], case["accepted"])]
    )

    names = {"rate_2": "success_rate_contacted", "rate_1": "success_rate_target", "contact_rate": "contact_rate"}
    for printed, column in names.items():
        if printed in case:
            assert points(row[column]) == pytest.approx(case[printed], abs=CHANNEL["tolerance_points"]), printed


def test_outbound_rate_rises_given_nanjing_months():
    printed = CHANNEL["rising"]["rate_2"]
    rows = channel_rows(counts("N", "OUTBOUND", contacted=10_000, accepted=round(100 * rate)) for rate in printed)

    rates = [points(row["success_rate_contacted"]) for row in rows]
    assert rates == pytest.approx(printed, abs=0.005)
    assert rates == sorted(rates)


def test_projects_of_a_month_are_counted_given_j11():
    printed = CHANNEL["projects_a_month"]
    rows = funnel_rows(
        counts(f"{month}-{number}", contacted=1, business_date=month)
        for month, projects in zip(printed["months"], printed["counts"], strict=True)
        for number in range(projects)
    )

    reported = Counter(row["business_date"] for row in rows)
    assert [reported[month] for month in printed["months"]] == printed["counts"]
    assert len({row["campaign_id"] for row in rows}) == printed["sum"]


@pytest.mark.parametrize("case", CHANNEL["rates_by_campaign"], ids=lambda case: case["campaign"])
def test_rates_by_campaign_and_channel_equal_the_printed_ones_given_j13(case):
    printed = {channel: rate for channel, rate in case.items() if channel != "campaign"}
    rows = channel_rows(
        counts(case["campaign"], channel, contacted=10_000, accepted=round(100 * rate))
        for channel, rate in printed.items()
    )

    assert {row["channel_code"]: round(points(row["success_rate_contacted"]), 4) for row in rows} == printed


def test_campaign_beats_mere_recommendation_given_channel_benchmark_j14():
    for channel in ("STORE", "SMS"):
        printed = CHANNEL["benchmark_before"][channel]
        rows = channel_rows(counts("B", channel, contacted=1000, accepted=round(10 * rate)) for rate in printed)
        assert [points(row["success_rate_contacted"]) for row in rows] == pytest.approx(printed, abs=0.005)


def test_delivery_rate_is_92_percent_given_m3():
    sent, delivered = CHANNEL["delivery"]["sent"], CHANNEL["delivery"]["delivered"]
    (row,) = progress_rows([counts("M3", "SMS", sent, delivered)])

    assert points(row["delivery_rate"]) == pytest.approx(CHANNEL["delivery"]["rate"], abs=0.005)
    assert row["failed"] == sent - delivered


@pytest.mark.parametrize("series", KPI["series"], ids=lambda series: series["id"])
def test_attainment_equals_the_printed_one_given_fujian_series(series):
    first_months = _january_to_june(series)
    closings = dict(enumerate(first_months + series["closing"], start=1))
    rows = kpi_rows(series["kpi"], series["method"], series["annual_target"], closings)[6:]

    attained = [points(row["kpi_attainment"]) for row in rows]
    assert attained == pytest.approx(series["attainment"], abs=KPI["tolerance_points"])
    if "ytd_avg" in series:
        averages = [row["ytd_monthly_avg"] for row in rows]
        assert averages == pytest.approx(series["ytd_avg"], abs=series["avg_tolerance"])


@pytest.mark.parametrize("series", [s for s in KPI["series"] if "ytd_avg" in s], ids=lambda series: series["id"])
def test_closing_count_follows_from_two_averages_given_august_and_september(series):
    july, august, september = series["ytd_avg"]

    tolerance = series["avg_tolerance"]
    assert closing_from_averages(8, august, july) == pytest.approx(series["closing"][1], abs=tolerance)
    assert closing_from_averages(9, september, august) == pytest.approx(series["closing"][2], abs=tolerance)


def test_derived_figures_hold_given_kpi_series():
    by_id = {series["id"]: series for series in KPI["series"]}
    newspaper, paying, derived = by_id["K3"], by_id["K1"], KPI["derived"]

    assert newspaper["closing"][2] / newspaper["closing"][1] == pytest.approx(
        derived["newspaper_closing_ratio"], abs=5e-4
    )
    assert newspaper["attainment"][2] - newspaper["attainment"][1] == pytest.approx(
        derived["newspaper_attainment_points"], abs=0.005
    )
    assert paying["closing"][2] - paying["closing"][1] == pytest.approx(derived["crbt_paying_closing_gain"], abs=1e-9)
    growth = newspaper["ytd_avg"][2] / newspaper["ytd_avg"][1] - 1
    assert points(growth) == pytest.approx(derived["newspaper_avg_growth_percent"], abs=0.005)


def test_offer_shares_equal_the_printed_ones_given_strategy_template():
    printed = TEMPLATES["strategy"]
    (row,) = strategy_rows([counts(contacted=printed["contacted"], accepted=printed["accepted"],
                                   considering_cnt=printed["considering"], offer_id="O1")])  # fmt: skip

    shares = [points(row[f"{name}_share"]) for name in ("accept", "consider", "other")]
    assert shares == pytest.approx([printed["accept"], printed["consider"], printed["other"]], abs=0.005)


def test_model_is_three_times_as_efficient_given_model_template():
    printed = TEMPLATES["model"]
    rows = [
        counts(contacted=printed["model_contacted"], accepted=printed["model_accepted"], is_model_selected=True),
        counts(contacted=printed["other_contacted"], accepted=printed["other_accepted"], is_model_selected=False),
    ]
    (row,) = model_rows(rows)

    assert row["efficiency"] == pytest.approx(printed["efficiency"], abs=1e-9)
    assert row["recall"] == pytest.approx(345 / 460)


def test_spread_between_staff_is_seen_given_two_people():
    rows = staff_rows([
        counts(channel="OUTBOUND", contacted=100, accepted=40, staff_id="S1"),
        counts(channel="OUTBOUND", contacted=100, accepted=25, staff_id="S2"),
        counts(channel="SMS", contacted=100, accepted=1),  # no person: not in the table
    ])  # fmt: skip

    spread = max(row["points_to_mean"] for row in rows) - min(row["points_to_mean"] for row in rows)
    assert spread == pytest.approx(15.0)
    assert spread > TEMPLATES["staff_spread_over_points"]


def _january_to_june(series):
    """The deck prints July on; any six closing counts with the mean July implies do for the first half."""
    if "ytd_avg" not in series:
        return [series["closing"][0]] * 6
    return [(7 * series["ytd_avg"][0] - series["closing"][0]) / 6] * 6
