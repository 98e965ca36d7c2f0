"""The key's fill rates cover the 50 fields, and a view that is emptier or fuller than they say is told."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from deltalake import write_deltalake

from conf.tables import load_tables
from simulator import clock, fill_rates, key
from simulator.facts import load_facts
from simulator.verify_view import compare_fill_rates
from simulator.world import build_world
from tests.unit.simulator.conftest import small_settings

FACTS = load_facts()
FIRST, SECOND = date(2025, 8, 15), date(2025, 9, 14)
EMPTY_FOR_LIVE = {"churn_type", "churn_month", "previous_segment_id"}


@pytest.fixture
def wanted():
    number = clock.day_number(FIRST)
    return fill_rates.rates(build_world(FACTS, 400, 5, number, number + 30), FACTS, number, None)


def write_view(settings, day: date, wanted: pl.DataFrame, emptier: str = "") -> None:
    """A view filled as wanted, one field with a value less; ended lines do not count."""
    rows = wanted["rows"][0]
    columns = {
        row["field"]: pl.Series(["x"] * (row["fewest"] - (row["field"] == emptier)), dtype=pl.String).extend_constant(
            None, rows + 1 - row["fewest"] + (row["field"] == emptier)
        )
        for row in wanted.iter_rows(named=True)
    }
    view = pl.DataFrame(columns).with_columns(
        snapshot_date=pl.lit(day), is_live=pl.int_range(pl.len()) < rows, cust_name=pl.lit("x")
    )
    write_deltalake(settings.path("lake", "gold", "customer_360"), view.to_arrow(), mode="append")


def keep(settings, day: date, wanted: pl.DataFrame) -> None:
    key.save(wanted, settings.path("answer_key", "fill_rates", f"{day}.parquet"))


def test_every_field_of_the_contract_has_a_rate_and_only_churn_is_empty_at_first(wanted):
    contract = load_tables()["gold.customer_360"]
    numbered = [column.name for column in contract.columns if column.description.startswith("Field ")]
    assert sorted(wanted["field"]) == sorted(numbered)
    empty = set(wanted.filter(pl.col("most") == 0)["field"])
    assert empty >= EMPTY_FOR_LIVE
    assert wanted.filter(pl.col("most") > pl.col("fewest"))["reason"].str.len_chars().min() > 10


def test_a_view_as_the_key_says_agrees_and_one_value_less_is_told(wanted, tmp_path):
    settings = small_settings(tmp_path)
    keep(settings, FIRST, wanted)
    assert "not built" in compare_fill_rates(settings)[2][0]
    write_view(settings, FIRST, wanted)
    assert compare_fill_rates(settings)[1:] == ([], [])
    keep(settings, SECOND, wanted)
    write_view(settings, SECOND, wanted, emptier="sub_brand_code")
    (difference,) = compare_fill_rates(settings)[1]
    assert (difference.load_date, difference.what.split()[1]) == (str(SECOND), "sub_brand_code")


def test_a_kept_date_the_view_left_out_is_told(wanted, tmp_path):
    settings = small_settings(tmp_path)
    keep(settings, FIRST, wanted)
    keep(settings, SECOND, wanted)
    write_view(settings, SECOND, wanted)
    assert [difference.load_date for difference in compare_fill_rates(settings)[1]] == [str(FIRST)]
