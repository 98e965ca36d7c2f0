"""The printed figures of the decks come out of the code that writes our own reports.

Only figures whose counts the decks print: a rate alone, turned into counts by ourselves, would only give itself back.
"""

from pathlib import Path

import pytest

from conf.reading import read_yaml
from jobs.evaluation.attainment import closing_from_averages, kpi_rows
from jobs.evaluation.reports import channel_rows, funnel_rows

FIGURES = Path(__file__).parents[2] / "data" / "deck_figures"
FUNNEL, CHANNEL, KPI = (read_yaml(FIGURES / f"{name}.yaml") for name in ("funnel", "channel", "kpi"))


def counts(campaign="C", channel="SMS", targeted=None, contacted=0, accepted=0, **more):
    """Counts of one campaign and channel with nothing open."""
    base = {
        "campaign_id": campaign,
        "channel_code": channel,
        "targeted_cnt": targeted or contacted,
        "planned_cnt": targeted or contacted,
        "resulted_cnt": targeted or contacted,
        "contacted_cnt": contacted,
        "accepted_cnt": accepted,
    }
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


@pytest.mark.parametrize("series", KPI["series"], ids=lambda series: series["id"])
def test_attainment_equals_the_printed_one_given_fujian_series(series):
    rows = _july_to_september(series)

    attained = [points(row["kpi_attainment"]) for row in rows]
    assert attained == pytest.approx(series["attainment"], abs=KPI["tolerance_points"])
    if "ytd_avg" in series:
        averages = [row["ytd_monthly_avg"] for row in rows]
        assert averages == pytest.approx(series["ytd_avg"], abs=series["avg_tolerance"])


@pytest.mark.parametrize("series", [s for s in KPI["series"] if "ytd_avg" in s], ids=lambda series: series["id"])
def test_closing_count_follows_from_two_averages_given_august_and_september(series):
    assert _closings_of_averages(series) == pytest.approx(series["closing"][1:], abs=series["avg_tolerance"])


def test_derived_figures_come_out_of_the_report_given_kpi_series():
    by_id = {series["id"]: series for series in KPI["series"]}
    newspaper, paying, derived = by_id["K3"], by_id["K1"], KPI["derived"]
    _, august, september = _july_to_september(newspaper)

    gained = points(september["kpi_attainment"] - august["kpi_attainment"])
    assert gained == pytest.approx(derived["newspaper_attainment_points"], abs=KPI["tolerance_points"])
    growth = points(september["ytd_monthly_avg"] / august["ytd_monthly_avg"] - 1)
    assert growth == pytest.approx(derived["newspaper_avg_growth_percent"], abs=KPI["tolerance_points"])
    before, after = _closings_of_averages(newspaper)
    assert after / before == pytest.approx(derived["newspaper_closing_ratio"], abs=5e-4)
    before, after = _closings_of_averages(paying)
    assert after - before == pytest.approx(derived["crbt_paying_closing_gain"], abs=2 * paying["avg_tolerance"])


def _july_to_september(series):
    """Report rows of the three printed months."""
    closings = dict(enumerate(_january_to_june(series) + series["closing"], start=1))
    return kpi_rows(series["kpi"], series["method"], series["annual_target"], closings)[6:]


def _closings_of_averages(series):
    """Closing counts of August and September as they follow from the printed averages."""
    july, august, september = series["ytd_avg"]
    return closing_from_averages(8, august, july), closing_from_averages(9, september, august)


def _january_to_june(series):
    """The deck prints July on; any six closing counts with the mean July implies do for the first half."""
    if "ytd_avg" not in series:
        return [series["closing"][0]] * 6
    return [(7 * series["ytd_avg"][0] - series["closing"][0]) / 6] * 6
